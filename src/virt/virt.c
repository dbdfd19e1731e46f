/* The dispatching side: chooses the driver, gives it the hub and the readers, and stands before it with the failpoints that both
 * drivers have. What a verb means to a hypervisor is the driver's affair. */
#include "virt/virt.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "driver.h"

#include "base/clock.h"
#include "base/failpoint.h"

enum { POLL_MS = 1000 }; /* an event may be lost with the connection that it came by */

struct virt {
    const struct virt_driver *driver;
    void *self;
    struct hub *hub;
    struct surveyor *surveyor;
    struct virt_config config; /* its strings are ours */
};

static void free_config(struct virt_config *c)
{
    free((char *)c->uri);
    free((char *)c->template_dir);
    free((char *)c->state_dir);
}

static int copy_string(const char *from, const char **to)
{
    *to = str_dup(from);
    return from && !*to ? -1 : 0;
}

static int copy_config(const struct virt_config *from, struct virt_config *to, struct err *e)
{
    *to = *from;
    int rc = copy_string(from->uri ? from->uri : "", &to->uri);
    rc |= copy_string(from->template_dir, &to->template_dir);
    rc |= copy_string(from->state_dir, &to->state_dir);
    return rc < 0 ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

static int open_surveyor(struct virt *v, struct timer *timer, struct err *e)
{
    struct surveyor_config config = {
        .source = v->driver->source,
        .context = v->driver->source_context(v->self),
        .timer = timer,
        .readers = v->config.readers,
        .stamp = v->config.stamp,
        .arg = v->config.arg,
    };

    return surveyor_new(&config, &v->surveyor, e);
}

int virt_open(const struct virt_config *config, struct timer *timer, struct virt **out, struct err *e)
{
    AUTO(virt) v = calloc(1, sizeof(*v));

    if (!v)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (copy_config(config, &v->config, e) < 0)
        return -1;
    v->driver = str_starts_with(v->config.uri, "fake:") ? &virt_driver_fake : &virt_driver_libvirt;
    if (hub_new(config->on_event, config->arg, &v->hub, e) < 0)
        return -1;
    if (v->driver->open(&v->config, v->hub, &v->self, e) < 0 || open_surveyor(v, timer, e) < 0)
        return -1;
    *out = TAKE(v);
    return 0;
}

void virt_close(struct virt *v)
{
    if (!v)
        return;
    surveyor_close(v->surveyor);
    if (v->hub)
        hub_mute(v->hub);
    if (v->self)
        v->driver->close(v->self);
    hub_free(v->hub);
    free_config(&v->config);
    free(v);
}

const struct virt_driver *virt_driver_of(struct virt *v, void **self)
{
    *self = v->self;
    return v->driver;
}

bool virt_is_connected(struct virt *v)
{
    return v->driver->is_connected(v->self);
}

int virt_wait_connected(struct virt *v, int64_t timeout_ms, struct err *e)
{
    return v->driver->wait_connected(v->self, timeout_ms, e);
}

const char *virt_uri(struct virt *v)
{
    return v->driver->uri(v->self);
}

/* A service manager may keep /dev/kvm from us and not from libvirt. What is not seen may have changed, so that it is like nothing
 * that was seen before. */
static void add_kvm(struct buf *b)
{
    struct stat st;
    uuid_text unlike;

    if (stat("/dev/kvm", &st) == 0) {
        buf_addf(b, " kvm %o:%u:%u:%s", (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid, (unsigned)st.st_gid,
                 access("/dev/kvm", R_OK | W_OK) == 0 ? "rw" : "no");
    } else if (access("/sys/class/misc/kvm", F_OK) == 0) {
        id_uuid(unlike);
        buf_addf(b, " kvm unseen:%s", unlike);
    } else {
        buf_adds(b, " kvm none");
    }
}

int virt_host_fingerprint(struct virt *v, char **out, struct err *e)
{
    AUTO_BUF b = { 0 };
    struct utsname name;

    (void)uname(&name); /* fails for a bad address only */
    buf_addf(&b, "kernel %s", name.release);
    add_kvm(&b);
    if (v->driver->versions(v->self, &b, e) < 0)
        return -1;
    char *text = buf_take(&b);
    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = text;
    return 0;
}

const char *virt_type_to_string(enum virt_type t)
{
    static const char *const words[] = { [VIRT_TYPE_KVM] = "kvm", [VIRT_TYPE_QEMU] = "qemu" };

    return words[t];
}

int virt_probe(struct virt *v, const struct virt_accel *accel, int64_t timeout_ms, struct err *e)
{
    FAILPOINT(e, "virt.probe.before");
    if (v->driver->probe(v->self, accel, timeout_ms, e) < 0)
        return -1;
    FAILPOINT(e, "virt.probe.after");
    return 0;
}

int virt_define(struct virt *v, const struct virt_domain *d, struct err *e)
{
    FAILPOINT(e, "virt.define.before");
    if (v->driver->define(v->self, d, e) < 0)
        return -1;
    FAILPOINT(e, "virt.define.after");
    return 0;
}

int virt_rename(struct virt *v, const char *id, const char *name, struct err *e)
{
    FAILPOINT(e, "virt.rename.before");
    if (v->driver->rename(v->self, id, name, e) < 0)
        return -1;
    FAILPOINT(e, "virt.rename.after");
    return 0;
}

#define PLAIN_VERB(verb)                                                                                                         \
    int virt_##verb(struct virt *v, const char *id, struct err *e)                                                               \
    {                                                                                                                            \
        FAILPOINT(e, "virt." #verb ".before");                                                                                   \
        if (v->driver->verb(v->self, id, e) < 0)                                                                                 \
            return -1;                                                                                                           \
        FAILPOINT(e, "virt." #verb ".after");                                                                                    \
        return 0;                                                                                                                \
    }

PLAIN_VERB(undefine)
PLAIN_VERB(start)
PLAIN_VERB(start_paused)
PLAIN_VERB(destroy)
PLAIN_VERB(shutdown)
PLAIN_VERB(reboot)
PLAIN_VERB(reset)
PLAIN_VERB(pause)
PLAIN_VERB(resume)
PLAIN_VERB(suspend)

int virt_set_autostart(struct virt *v, const char *id, bool autostart, struct err *e)
{
    FAILPOINT(e, "virt.set_autostart.before");
    if (v->driver->set_autostart(v->self, id, autostart, e) < 0)
        return -1;
    FAILPOINT(e, "virt.set_autostart.after");
    return 0;
}

int virt_agent_is_connected(struct virt *v, const char *id, bool *out, struct err *e)
{
    return v->driver->agent_is_connected(v->self, id, out, e);
}

int virt_state(struct virt *v, const char *id, struct virt_state *out, struct err *e)
{
    return v->driver->state(v->self, id, out, e);
}

int virt_wait_power(struct virt *v, const char *id, enum virt_power want, int64_t timeout_ms, struct virt_state *out,
                    struct err *e)
{
    int64_t until = clock_boot_ms() + timeout_ms;
    AUTO(virt_watch) watch = NULL;

    if (virt_watch_begin(v, id, &watch, e) < 0)
        return -1;
    for (;;) {
        struct virt_state now;
        if (virt_state(v, id, &now, e) < 0)
            return -1;
        int64_t left = until - clock_boot_ms();
        if (now.power == want || now.power == VIRT_ABSENT || left <= 0) {
            *out = now;
            return 0;
        }
        hub_watch_wait(watch, left < POLL_MS ? left : POLL_MS);
    }
}

int virt_watch_begin(struct virt *v, const char *id, struct virt_watch **out, struct err *e)
{
    return hub_watch(v->hub, id, out, e);
}

int virt_list_tagged(struct virt *v, uuid_text **out, size_t *count, struct err *e)
{
    return v->driver->list_tagged(v->self, out, count, e);
}

void virt_survey_all(struct virt *v, int64_t deadline_ms, virt_survey_fn *fn, void *arg)
{
    surveyor_ask_all(v->surveyor, deadline_ms, fn, arg);
}

void virt_survey_each(struct virt *v, struct virt_survey *base, const uuid_text *ids, size_t count, int64_t deadline_ms,
                      virt_survey_fn *fn, void *arg)
{
    surveyor_ask_each(v->surveyor, &(struct survey_wish){ base, ids, count }, deadline_ms, fn, arg);
}

uint32_t virt_stuck_readers(struct virt *v)
{
    return surveyor_stuck(v->surveyor);
}
