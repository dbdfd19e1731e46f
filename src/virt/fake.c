/* The fake hypervisor: verbs that behave like libvirt's on domains that are files, for what reality cannot be made to show.
 * Its connection and events are fake_world.c's, its files fake_record.c's. */
#include "fake.h"

#include <string.h>
#include <unistd.h>

#include "fake_record.h"
#include "paths.h"

#include "base/thread.h"
#include "virt/domain_xml.h"

static void cleanup_files(struct fake **f)
{
    fake_unlock(*f);
}
#define HOLD_FILES(f) __attribute__((cleanup(cleanup_files), unused)) struct fake *held_files = (fake_lock(f), f)

static bool is_tagged(const json_t *record, const char *id)
{
    return str_equal(fake_record_string(record, "tag"), id);
}

static int foreign(struct err *e)
{
    return err_set(e, ERR_FOREIGN_DOMAIN, "the domain of this id was not made here, and is not touched");
}

static int load_ours(struct fake *f, const char *id, json_t **record, struct err *e)
{
    if (fake_record_load(fake_dir(f), id, record, e) < 0)
        return -1;
    return is_tagged(*record, id) ? 0 : foreign(e);
}

/* ---- define, rename, undefine ---- */

static int set_string(json_t *record, const char *key, const char *value)
{
    return json_object_set_new(record, key, json_string_or_null(value));
}

static int describe(json_t *record, const struct virt_domain *d, const char *xml, struct err *e)
{
    AUTO_FREE char *name = domain_xml_name(d->id);
    int rc = name ? 0 : -1;

    rc |= set_string(record, "tag", d->id) | set_string(record, "name", name) | set_string(record, "title", d->name);
    rc |= set_string(record, "disk", d->disk_path) | set_string(record, "xml", xml);
    rc |= json_object_set_new(record, "memory_mib", json_integer((json_int_t)d->memory_mib));
    rc |= json_object_set_new(record, "autostart", json_boolean(d->autostart));
    return rc < 0 ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

static int load_or_new(struct fake *f, const char *id, json_t **record, struct err *e)
{
    if (load_ours(f, id, record, e) == 0)
        return 0;
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    *record = json_object();
    return *record ? fake_record_set_state(*record, VIRT_STOPPED, NULL, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* As on qemu:///system, which the fake stands for. */
static int build(const struct virt_config *config, const struct virt_domain *d, char **xml, struct err *e)
{
    struct domain_xml_host host = {
        .template_dir = config->template_dir,
        .domain_type = virt_type_to_string(d->accel.type),
        .has_dac = true,
        .refuses_user_network = config->refuses_user_network,
    };

    return domain_xml_build(&host, d, xml, e);
}

static int fake_define(void *self, const struct virt_domain *d, struct err *e)
{
    struct fake *f = self;
    AUTO_FREE char *xml = NULL;
    AUTO_JSON record = NULL;

    if (fake_gate(f, e) < 0)
        return -1;
    if (build(fake_config(f), d, &xml, e) < 0)
        return -1;
    HOLD_FILES(f);
    if (load_or_new(f, d->id, &record, e) < 0 || describe(record, d, xml, e) < 0)
        return -1;
    if (fake_record_save(fake_dir(f), d->id, record, e) < 0)
        return -1;
    fake_notify(f, d->id, false);
    return 0;
}

static int fake_rename(void *self, const char *id, const char *name, struct err *e)
{
    struct fake *f = self;
    AUTO_JSON record = NULL;

    if (fake_gate(f, e) < 0)
        return -1;
    HOLD_FILES(f);
    if (load_ours(f, id, &record, e) < 0)
        return -1;
    if (set_string(record, "title", name) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return fake_record_save(fake_dir(f), id, record, e);
}

static int check_disk(struct fake *f, const json_t *record, struct err *e)
{
    return path_is_instance(fake_config(f)->state_dir, fake_record_string(record, "disk")) ? 0 : foreign(e);
}

/* Unlike libvirt's, a domain that runs is gone at once. */
static int fake_undefine(void *self, const char *id, struct err *e)
{
    struct fake *f = self;
    AUTO_JSON record = NULL;

    if (fake_gate(f, e) < 0)
        return -1;
    HOLD_FILES(f);
    if (load_ours(f, id, &record, e) < 0) {
        if (e->code != ERR_DOMAIN_MISSING)
            return -1;
        err_clear(e);
        return 0;
    }
    if (check_disk(f, record, e) < 0 || fake_record_remove(fake_dir(f), id, e) < 0)
        return -1;
    fake_notify(f, id, false);
    return 0;
}

/* ---- power ---- */

/* What one verb does to a record; *is_changed says whether it is to be written. */
typedef int change_fn(struct fake *f, json_t *record, bool *is_changed, struct err *e);

static int set_power(json_t *record, enum virt_power power, const char *reason, bool *is_changed, struct err *e)
{
    *is_changed = true;
    return fake_record_set_state(record, power, reason, e);
}

static int refuse(struct err *e, const char *words)
{
    (void)err_set(e, ERR_HYPERVISOR, "the hypervisor refused");
    return err_detail(e, "fake: %s", words);
}

static enum virt_power power_of(const json_t *record)
{
    return fake_record_state(record).power;
}

static bool is_active(const json_t *record)
{
    return power_of(record) == VIRT_RUNNING || power_of(record) == VIRT_PAUSED;
}

static int change_start(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    const char *disk = fake_record_string(record, "disk");

    (void)f;
    if (is_active(record))
        return 0;
    if (!disk || access(disk, F_OK) < 0)
        return refuse(e, "cannot access the disk");
    (void)json_object_del(record, "managed_save");
    return set_power(record, VIRT_RUNNING, NULL, is_changed, e);
}

static int change_destroy(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    if (check_disk(f, record, e) < 0)
        return -1;
    return is_active(record) ? set_power(record, VIRT_STOPPED, NULL, is_changed, e) : 0;
}

static int change_shutdown(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    (void)f;
    if (power_of(record) != VIRT_RUNNING || fake_record_flag(record, "ignores_shutdown"))
        return 0;
    return set_power(record, VIRT_STOPPED, NULL, is_changed, e);
}

static int change_pause(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    (void)f;
    if (!is_active(record))
        return refuse(e, "the domain is not running");
    return power_of(record) == VIRT_PAUSED ? 0 : set_power(record, VIRT_PAUSED, "user", is_changed, e);
}

static int change_resume(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    (void)f;
    if (!is_active(record))
        return refuse(e, "the domain is not running");
    return power_of(record) == VIRT_RUNNING ? 0 : set_power(record, VIRT_RUNNING, NULL, is_changed, e);
}

static int change(struct fake *f, const char *id, change_fn *fn, struct err *e)
{
    AUTO_JSON record = NULL;
    bool is_changed = false;

    if (fake_gate(f, e) < 0)
        return -1;
    HOLD_FILES(f);
    if (load_ours(f, id, &record, e) < 0 || fn(f, record, &is_changed, e) < 0)
        return -1;
    if (!is_changed)
        return 0;
    if (fake_record_save(fake_dir(f), id, record, e) < 0)
        return -1;
    fake_notify(f, id, false);
    return 0;
}

static int fake_start(void *self, const char *id, struct err *e)
{
    return change(self, id, change_start, e);
}

static int fake_destroy(void *self, const char *id, struct err *e)
{
    if (change(self, id, change_destroy, e) == 0)
        return 0;
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    return 0;
}

static int fake_shutdown(void *self, const char *id, struct err *e)
{
    return change(self, id, change_shutdown, e);
}

static int fake_pause(void *self, const char *id, struct err *e)
{
    return change(self, id, change_pause, e);
}

static int fake_resume(void *self, const char *id, struct err *e)
{
    return change(self, id, change_resume, e);
}

/* A guest that ignores the power button does not restart by it either; the reset button does not ask. */
static int restart(struct fake *f, const char *id, bool is_asked, struct err *e)
{
    AUTO_JSON record = NULL;

    if (fake_gate(f, e) < 0)
        return -1;
    HOLD_FILES(f);
    if (load_ours(f, id, &record, e) < 0)
        return -1;
    if (!is_active(record))
        return refuse(e, "the domain is not running");
    if (!is_asked || !fake_record_flag(record, "ignores_shutdown"))
        fake_notify(f, id, true);
    return 0;
}

static int fake_reboot(void *self, const char *id, struct err *e)
{
    return restart(self, id, true, e);
}

static int fake_reset(void *self, const char *id, struct err *e)
{
    return restart(self, id, false, e);
}

/* ---- reading ---- */

static int observe(struct fake *f, const char *id, struct virt_observation *out, struct err *e)
{
    AUTO_JSON record = NULL;
    HOLD_FILES(f);

    *out = (struct virt_observation){ .state = { VIRT_ABSENT, NULL } };
    (void)str_copy(out->id, sizeof(out->id), id);
    if (fake_record_load(fake_dir(f), id, &record, e) == 0) {
        fake_record_observe(record, out);
        return 0;
    }
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    return 0;
}

static int fake_state(void *self, const char *id, struct virt_state *out, struct err *e)
{
    struct virt_observation o;

    if (fake_gate(self, e) < 0 || observe(self, id, &o, e) < 0)
        return -1;
    *out = o.state;
    return 0;
}

struct tagged {
    struct fake *f;
    uuid_text *ids;
    size_t count;
};

static int add_tagged(void *arg, const char *id, struct err *e)
{
    struct tagged *t = arg;
    AUTO_JSON record = NULL;

    if (fake_record_load(fake_dir(t->f), id, &record, e) < 0 || !is_tagged(record, id)) {
        err_clear(e);
        return 0;
    }
    uuid_text *ids = reallocarray(t->ids, t->count + 1, sizeof(*ids));
    if (!ids)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    t->ids = ids;
    (void)str_copy(ids[t->count++], sizeof(*ids), id);
    return 0;
}

static int fake_list_tagged(void *self, uuid_text **out, size_t *count, struct err *e)
{
    struct tagged t = { .f = self };

    if (fake_gate(self, e) < 0)
        return -1;
    if (fake_record_each(fake_dir(t.f), add_tagged, &t, e) < 0) {
        free(t.ids);
        return -1;
    }
    *out = t.ids;
    *count = t.count;
    return 0;
}

static int fake_versions(void *self, struct buf *out, struct err *e)
{
    buf_adds(out, " fake 1");
    return fake_gate(self, e);
}

static int fake_probe(void *self, const struct virt_accel *accel, int64_t timeout_ms, struct err *e)
{
    (void)accel, (void)timeout_ms;
    return fake_gate(self, e);
}

/* ---- surveys: a reader is the fake itself ---- */

static bool source_is_down(void *context)
{
    return !fake_is_connected(context);
}

static int source_open(void *context, void **reader, struct err *e)
{
    if (fake_gate(context, e) < 0)
        return -1;
    *reader = context;
    return 0;
}

static bool source_is_alive(void *reader)
{
    (void)reader;
    return true;
}

static void source_close(void *reader)
{
    (void)reader;
}

struct all {
    struct fake *f;
    struct virt_survey *into;
};

/* A file may vanish between listing and reading. */
static int add_observed(void *arg, const char *id, struct err *e)
{
    struct all *all = arg;
    struct virt_observation o;

    if (observe(all->f, id, &o, e) < 0)
        return -1;
    o.has_usage = false;
    return o.state.power == VIRT_ABSENT ? 0 : survey_add(all->into, &o, NULL, e);
}

static int source_read_all(void *reader, struct virt_survey *into, struct err *e)
{
    struct all all = { reader, into };

    if (fake_gate(reader, e) < 0 || fake_record_each(fake_dir(reader), add_observed, &all, e) < 0)
        return -1;
    survey_sort(into);
    return 0;
}

static int source_read_one(void *reader, void *handle, struct virt_observation *out, struct err *e)
{
    uuid_text id;

    (void)handle;
    memcpy(id, out->id, sizeof(id));
    return fake_gate(reader, e) < 0 ? -1 : observe(reader, id, out, e);
}

const struct survey_source fake_source = {
    .ref = fake_ref,
    .unref = fake_unref,
    .is_down = source_is_down,
    .open = source_open,
    .is_alive = source_is_alive,
    .close = source_close,
    .read_all = source_read_all,
    .read_one = source_read_one,
};

static void *fake_source_context(void *self)
{
    return self;
}

const struct virt_driver virt_driver_fake = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .is_connected = fake_is_connected,
    .wait_connected = fake_wait_connected,
    .uri = fake_uri,
    .versions = fake_versions,
    .probe = fake_probe,
    .define = fake_define,
    .rename = fake_rename,
    .undefine = fake_undefine,
    .start = fake_start,
    .destroy = fake_destroy,
    .shutdown = fake_shutdown,
    .reboot = fake_reboot,
    .reset = fake_reset,
    .pause = fake_pause,
    .resume = fake_resume,
    .state = fake_state,
    .list_tagged = fake_list_tagged,
    .source = &fake_source,
    .source_context = fake_source_context,
};
