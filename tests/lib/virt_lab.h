/* virt_lab: one subject (a driver of virt), one daemon's worth of it, and what can be done to its domains behind virt's back.
 * One world a process. */
#ifndef TESTS_VIRT_LAB_H
#define TESTS_VIRT_LAB_H

#include <libvirt/libvirt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unit.h"

#include "base/str.h"
#include "base/thread.h"
#include "base/xml.h"
#include "virt/domain_xml.h"
#include "virt/virt.h"

#define TEMPLATES COMPUTED_SOURCE_DIR "/templates"
enum { CONNECT_MS = 20000, ANSWER_MS = 5000 };

/* What a driver cannot do is said here, so that a test that does not ask for it is no accident. */
struct subject {
    const char *name, *uri; /* a fake's uri is made per test */
    bool tells_resets;
    bool obeys_power_button;
    bool wants_disk;  /* and whatever else a guest needs: without it none starts */
    bool has_dac;     /* security model "dac": gives a guest's files to QEMU's user */
    bool has_filters; /* nwfilter */
};
enum { FAKE, TEST, QEMU };
static const struct subject subjects[] = {
    [FAKE] = { "fake", NULL, true, true, true, true, true },
    [TEST] = { "test", "test:///default", false, true, false, false, false },
    [QEMU] = { "qemu", "qemu:///system", true, false, true, true, true },
};
static const struct subject *subject;

/* One daemon's worth of virt: a state directory, a timer, and what the listener heard. */
struct world {
    char dir[PATH_MAX];
    char *uri, *disk, *image, *seed, *console, *fake_dir;
    bool refuses_user_network;
    struct timer *timer;
    virConnectPtr anchor; /* the test driver's world lasts as long as a connection does */
    struct virt *v;
    struct lock lock;
    struct cond heard;
    unsigned events, agents, connects, disconnects;
    uuid_text id;
    struct virt_domain d;
};
static struct world w;
static struct err e;

static inline void on_event(void *arg, enum virt_event_kind kind, const char *id)
{
    (void)arg;
    HOLD(&w.lock);
    w.connects += kind == VIRT_EVENT_CONNECTED;
    w.disconnects += kind == VIRT_EVENT_DISCONNECTED;
    if (kind == VIRT_EVENT_DOMAIN && strcmp(id, w.id) == 0)
        w.events++;
    w.agents += kind == VIRT_EVENT_AGENT && strcmp(id, w.id) == 0;
    cond_broadcast(&w.heard);
}

static inline void await(const unsigned *count, unsigned at_least)
{
    HOLD(&w.lock);
    while (*count < at_least)
        if (!cond_wait_ms(&w.heard, &w.lock, ANSWER_MS))
            ck_abort_msg("no event came");
}

static inline bool is(const char *name)
{
    return strcmp(subject->name, name) == 0;
}

static inline void __attribute__((format(printf, 1, 2))) run(const char *fmt, ...)
{
    char command[2 * PATH_MAX];
    va_list ap;

    va_start(ap, fmt);
    ck_assert_int_lt(vsnprintf(command, sizeof(command), fmt, ap), (int)sizeof(command));
    va_end(ap);
    ck_assert_int_eq(system(command), 0);
}

static inline void make_file(const char *path, mode_t mode)
{
    ck_assert_int_eq(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode)), 0);
}

/* A disk on an image that everybody may read and nobody write, as the daemon makes them. */
static inline void make_disks(void)
{
    if (!is("qemu")) {
        make_file(w.image, 0444);
        make_file(w.disk, 0600);
        return;
    }
    run("qemu-img create -q -f qcow2 '%s' 8M && chmod 0444 '%s'", w.image, w.image);
    run("qemu-img create -q -f qcow2 -F qcow2 -b '%s' '%s'", w.image, w.disk);
}

static inline void open_virt(const char *template_dir, const char *state_dir)
{
    struct virt_config config = { .uri = w.uri,
                                  .template_dir = template_dir,
                                  .state_dir = state_dir,
                                  .refuses_user_network = w.refuses_user_network,
                                  .readers = 2,
                                  .keepalive_interval_s = 5,
                                  .keepalive_count = 3,
                                  .on_event = on_event };

    unit_ok(virt_open(&config, w.timer, &w.v, &e));
    unit_ok(virt_wait_connected(w.v, CONNECT_MS, &e));
}

static inline void reopen_virt(const char *template_dir, const char *state_dir)
{
    virt_close(w.v);
    open_virt(template_dir, state_dir);
}

static inline void set_up(const struct subject *s)
{
    subject = s;
    xml_init();
    err_clear(&e);
    (void)str_copy(w.dir, sizeof(w.dir), "/var/tmp/computed-virt-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w.dir));
    ck_assert_int_eq(chmod(w.dir, 0711), 0);
    id_uuid(w.id);
    run("mkdir -m 711 -p '%s'/instances", w.dir);
    w.fake_dir = str_printf("%s/fake", w.dir);
    w.uri = subject->uri ? str_dup(subject->uri) : str_printf("fake://%s", w.fake_dir);
    w.disk = str_printf("%s/instances/disk.qcow2", w.dir);
    w.image = str_printf("%s/image.qcow2", w.dir);
    w.seed = str_printf("%s/instances/seed.iso", w.dir);
    w.console = str_printf("%s/instances/console.log", w.dir);
    w.d = (struct virt_domain){ .id = w.id,
                                .name = "名前 & <b>\"x\"</b>",
                                .project = "default",
                                .job = "job-1",
                                .vcpus = 1,
                                .memory_mib = 32,
                                .disk_path = w.disk,
                                .image_path = w.image,
                                .image_format = "qcow2",
                                .console_path = w.console,
                                .accel = { VIRT_TYPE_QEMU, "" } };
    make_disks();
    lock_init(&w.lock, RANK_LEAF);
    cond_init(&w.heard);
    unit_ok(timer_new(&w.timer, &e));
    open_virt(TEMPLATES, w.dir);
    w.anchor = subject->uri ? virConnectOpen(subject->uri) : NULL;
}

static inline void tear_down(void)
{
    (void)virt_destroy(w.v, w.id, &e);
    (void)virt_undefine(w.v, w.id, &e);
    if (w.anchor)
        (void)virConnectClose(w.anchor);
    virt_close(w.v);
    timer_free(w.timer);
    run("rm -rf '%s'", w.dir);
    cond_done(&w.heard);
    lock_done(&w.lock);
    free(w.uri);
    free(w.disk);
    free(w.image);
    free(w.seed);
    free(w.console);
    free(w.fake_dir);
}

static inline enum virt_power power(void)
{
    struct virt_state state;

    unit_ok(virt_state(w.v, w.id, &state, &e));
    return state.power;
}

static inline void define(void)
{
    unit_ok(virt_define(w.v, &w.d, &e));
}

static inline void define_and_start(void)
{
    define();
    unit_ok(virt_start(w.v, w.id, &e));
}

/* ---- surveys that a test waits for ---- */

struct answer {
    bool is_here;
    struct virt_survey *found;
};

static inline void on_survey(void *arg, struct virt_survey *s)
{
    struct answer *a = arg;
    HOLD(&w.lock);
    ck_assert(!a->is_here);
    a->is_here = true;
    a->found = s ? virt_survey_ref(s) : NULL;
    cond_broadcast(&w.heard);
}

static inline struct virt_survey *answer_of(struct answer *a)
{
    HOLD(&w.lock);
    while (!a->is_here)
        cond_wait(&w.heard, &w.lock);
    return a->found;
}

static inline struct virt_survey *survey_all(void)
{
    struct answer a = { 0 };

    virt_survey_all(w.v, ANSWER_MS, on_survey, &a);
    return answer_of(&a);
}

static inline struct virt_survey *survey_each(struct virt_survey *base, const uuid_text *ids, size_t count)
{
    struct answer a = { 0 };

    virt_survey_each(w.v, base, ids, count, ANSWER_MS, on_survey, &a);
    return answer_of(&a);
}

static inline enum virt_power surveyed_power(void)
{
    AUTO(virt_survey) s = survey_all();

    ck_assert_ptr_nonnull(s);
    const struct virt_observation *o = virt_survey_find(s, w.id);
    return o ? o->state.power : VIRT_ABSENT;
}

/* ---- what is behind virt's back ---- */

static inline virDomainPtr raw_domain(virConnectPtr *connect)
{
    *connect = virConnectOpen(subject->uri);
    ck_assert_ptr_nonnull(*connect);
    virDomainPtr domain = virDomainLookupByUUIDString(*connect, w.id);
    ck_assert_ptr_nonnull(domain);
    return domain;
}

static inline void raw_close(virConnectPtr connect, virDomainPtr domain)
{
    (void)virDomainFree(domain);
    (void)virConnectClose(connect);
}

/* The domain's XML; the caller's to free. */
static inline char *definition(void)
{
    virConnectPtr connect;
    AUTO_BUF text = { 0 };
    char chunk[4096];
    size_t len;

    if (!is("fake")) {
        virDomainPtr domain = raw_domain(&connect);
        char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
        raw_close(connect, domain);
        return xml;
    }
    AUTO_FREE char *path = str_printf("%s/%s.json", w.fake_dir, w.id);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while ((len = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&text, chunk, len);
    (void)fclose(f);
    return buf_take(&text);
}

static inline void edit_fake(const char *from, const char *to)
{
    run("sed -i 's/%s/%s/' '%s/%s.json'", from, to, w.fake_dir, w.id);
}

static inline void save_behind_our_back(void)
{
    virConnectPtr connect;

    if (is("fake")) {
        edit_fake("\"state\":\"running\"", "\"state\":\"stopped\",\"managed_save\":true");
        return;
    }
    virDomainPtr domain = raw_domain(&connect);
    ck_assert_int_eq(virDomainManagedSave(domain, 0), 0);
    raw_close(connect, domain);
}

static inline bool starts_by_itself(void)
{
    virConnectPtr connect;
    int is_set;

    if (is("fake")) {
        AUTO_FREE char *record = definition();
        return strstr(record, "\"autostart\":true") != NULL;
    }
    virDomainPtr domain = raw_domain(&connect);
    ck_assert_int_eq(virDomainGetAutostart(domain, &is_set), 0);
    raw_close(connect, domain);
    return is_set != 0;
}

static inline void drop_tag_behind_our_back(void)
{
    virConnectPtr connect;

    if (is("fake")) {
        edit_fake("\"tag\":", "\"was\":");
        return;
    }
    virDomainPtr domain = raw_domain(&connect);
    ck_assert_int_eq(
        virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NULL, "computed", VIRT_METADATA_NS, VIR_DOMAIN_AFFECT_CONFIG),
        0);
    raw_close(connect, domain);
}

static inline void remove_behind_our_back(void)
{
    virConnectPtr connect;

    if (is("fake")) {
        run("rm '%s'/*.json", w.fake_dir);
        return;
    }
    virDomainPtr domain = raw_domain(&connect);
    ck_assert_int_eq(virDomainUndefine(domain), 0);
    raw_close(connect, domain);
}

/* ---- the program ---- */

static inline void set_up_on_fake(void)
{
    set_up(&subjects[FAKE]);
}

static inline void set_up_on_test(void)
{
    set_up(&subjects[TEST]);
}

static inline void set_up_on_qemu(void)
{
    set_up(&subjects[QEMU]);
}

/* Without arguments what runs anywhere, with "qemu" what runs on qemu:///system. */
static inline int virt_lab_main(int argc, char **argv, Suite *(*here)(void), Suite *(*on_qemu)(void))
{
    bool is_qemu = argc == 2 && strcmp(argv[1], "qemu") == 0;

    if (argc > 1 && !is_qemu)
        return EXIT_FAILURE;
    SRunner *runner = srunner_create(is_qemu ? on_qemu() : here());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
