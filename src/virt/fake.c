/* The fake hypervisor: verbs that behave like libvirt's on domains that are files, for what reality cannot be made to show.
 * Here are power, reading and the table; definitions are fake_define.c's, surveys fake_survey.c's, connection and events
 * fake_world.c's, files fake_record.c's. */
#include "fake.h"

#include <unistd.h>

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

static bool is_missing(const char *path)
{
    return !path || access(path, F_OK) < 0;
}

static bool has_networks(struct fake *f, const json_t *record)
{
    size_t i;
    json_t *nic;

    json_array_foreach(json_object_get(record, "nics"), i, nic)
    {
        const char *network = fake_record_string(nic, "network");
        if (network && !fake_network_runs(f, network))
            return false;
    }
    return true;
}

static int power_up(struct fake *f, json_t *record, struct virt_state to, bool *is_changed, struct err *e)
{
    const char *seed = fake_record_string(record, "seed");

    if (is_active(record))
        return 0;
    if (is_missing(fake_record_string(record, "disk")) || (seed && is_missing(seed)))
        return refuse(e, "cannot access a disk");
    if (!has_networks(f, record))
        return refuse(e, "a network is not active");
    (void)json_object_del(record, "managed_save");
    return set_power(record, to.power, to.reason, is_changed, e);
}

static int change_start(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    return power_up(f, record, (struct virt_state){ VIRT_RUNNING, NULL }, is_changed, e);
}

static int change_start_paused(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    return power_up(f, record, (struct virt_state){ VIRT_PAUSED, "user" }, is_changed, e);
}

static int change_destroy(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    if (fake_check_disk(f, record, e) < 0)
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

static int change_suspend(struct fake *f, json_t *record, bool *is_changed, struct err *e)
{
    (void)f;
    if (power_of(record) == VIRT_SUSPENDED)
        return 0;
    if (!is_active(record))
        return err_set(e, ERR_INVALID_STATE, "the VM is off: there is nothing to suspend");
    if (json_object_set_new(record, "managed_save", json_true()) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return set_power(record, VIRT_STOPPED, NULL, is_changed, e);
}

static int change(struct fake *f, const char *id, change_fn *fn, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };
    bool is_changed = false;

    if (fake_take(f, id, &d, e) < 0)
        return -1;
    bool was_active = is_active(d.record);
    if (fn(f, d.record, &is_changed, e) < 0)
        return -1;
    if (!is_changed)
        return 0;
    if (fake_record_save(fake_dir(f), id, d.record, e) < 0)
        return -1;
    fake_notify(f, id, FAKE_CHANGED);
    if (!was_active && is_active(d.record) && fake_has_agent(f, id))
        fake_notify(f, id, FAKE_AGENT);
    return 0;
}

static int fake_start(void *self, const char *id, struct err *e)
{
    return change(self, id, change_start, e);
}

static int fake_start_paused(void *self, const char *id, struct err *e)
{
    return change(self, id, change_start_paused, e);
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

static int fake_suspend(void *self, const char *id, struct err *e)
{
    return change(self, id, change_suspend, e);
}

/* A guest that ignores the power button does not restart by it either; the reset button does not ask. */
static int restart(struct fake *f, const char *id, bool is_asked, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };

    if (fake_take(f, id, &d, e) < 0)
        return -1;
    if (!is_active(d.record))
        return refuse(e, "the domain is not running");
    if (!is_asked || !fake_record_flag(d.record, "ignores_shutdown"))
        fake_notify(f, id, FAKE_RESTARTED);
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

static int fake_state(void *self, const char *id, struct virt_state *out, struct err *e)
{
    struct virt_observation o;

    if (fake_gate(self, e) < 0 || fake_observe(self, id, &o, e) < 0)
        return -1;
    *out = o.state;
    return 0;
}

static int fake_agent_is_connected(void *self, const char *id, bool *out, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };

    if (fake_take(self, id, &d, e) < 0)
        return -1;
    *out = is_active(d.record) && fake_has_agent(self, id);
    return 0;
}

static int fake_description(void *self, const char *id, char **xml, bool *autostart, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };

    if (fake_take(self, id, &d, e) < 0)
        return -1;
    char *text = str_dup(fake_record_string(d.record, "xml"));
    if (!text)
        return err_set(e, ERR_HYPERVISOR, "the domain has no description");
    *xml = text;
    *autostart = fake_record_flag(d.record, "autostart");
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

    if (fake_record_load(fake_dir(t->f), id, &record, e) < 0 || !fake_is_tagged(record, id)) {
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
    .start_paused = fake_start_paused,
    .destroy = fake_destroy,
    .shutdown = fake_shutdown,
    .reboot = fake_reboot,
    .reset = fake_reset,
    .pause = fake_pause,
    .resume = fake_resume,
    .suspend = fake_suspend,
    .set_autostart = fake_set_autostart,
    .agent_is_connected = fake_agent_is_connected,
    .has_bridges = fake_has_bridges,
    .network_ensure = fake_network_ensure,
    .network_add_host = fake_network_add_host,
    .network_remove_host = fake_network_remove_host,
    .network_remove = fake_network_remove,
    .network_cidrs = fake_network_cidrs,
    .state = fake_state,
    .description = fake_description,
    .list_tagged = fake_list_tagged,
    .source = &fake_source,
    .source_context = fake_source_context,
};
