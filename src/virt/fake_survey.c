/* The fake's surveys: a reader is the fake itself, and looks at its files. */
#include <string.h>

#include "fake.h"

int fake_observe(struct fake *f, const char *id, struct virt_observation *out, struct err *e)
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

    if (fake_observe(all->f, id, &o, e) < 0)
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
    return fake_gate(reader, e) < 0 ? -1 : fake_observe(reader, id, out, e);
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
