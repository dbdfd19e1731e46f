/* core/sidecar: from rows to files. How a record is written is sidecar_record's, where it lies is disk's. */
#include "sidecar.h"

#include "sidecar_record.h"

#include "base/log.h"
#include "base/str.h"
#include "store/image.h"
#include "store/keypair.h"
#include "store/network.h"
#include "store/port.h"
#include "store/project.h"
#include "store/vm.h"
#include "store/vm_seed.h"

enum { LIST_LIMIT = 1000 };

/* ---- the rows ---- */

/* A row that is gone, or going, has no sidecar: *is_kept is false then. */
static int forgive(struct err *e, enum err_code gone, bool *is_kept)
{
    if (e->code != gone)
        return -1;
    err_clear(e);
    *is_kept = false;
    return 0;
}

static int load_seed(struct txn *t, const char *id, struct sidecar *s, struct err *e)
{
    bool ignored;

    return store_vm_seed_get(t, id, &s->seed, e) < 0 ? forgive(e, ERR_VM_NOT_FOUND, &ignored) : 0;
}

static int load_vm(struct txn *t, const char *id, struct sidecar *s, bool *is_kept, struct err *e)
{
    if (store_vm_get(t, NULL, id, &s->vm, e) < 0)
        return forgive(e, ERR_VM_NOT_FOUND, is_kept);
    *is_kept = s->vm->task != VM_TASK_DELETE;
    return store_port_list_by_vm(t, id, &s->vm->ports, e) < 0 ? -1 : load_seed(t, id, s, e);
}

static int load_image(struct txn *t, const char *id, struct sidecar *s, bool *is_kept, struct err *e)
{
    if (store_image_get(t, NULL, id, &s->image, e) < 0)
        return forgive(e, ERR_IMAGE_NOT_FOUND, is_kept);
    *is_kept = s->image->status != IMAGE_DELETING;
    return 0;
}

static int load_network(struct txn *t, const char *id, struct sidecar *s, bool *is_kept, struct err *e)
{
    if (store_network_get(t, NULL, id, &s->network, e) < 0)
        return forgive(e, ERR_NETWORK_NOT_FOUND, is_kept);
    *is_kept = s->network->status != NETWORK_DELETING;
    return 0;
}

static int load_keypair(struct txn *t, const char *id, struct sidecar *s, bool *is_kept, struct err *e)
{
    *is_kept = true;
    return store_keypair_resolve(t, NULL, id, &s->keypair, e) < 0 ? forgive(e, ERR_KEYPAIR_NOT_FOUND, is_kept) : 0;
}

typedef int load_fn(struct txn *t, const char *id, struct sidecar *s, bool *is_kept, struct err *e);
static const struct noun {
    load_fn *load;
    const struct job_kind *record_kind;
} nouns[SIDECAR_NOUN_COUNT] = {
    [SIDECAR_VM] = { load_vm, &vm_record_kind },
    [SIDECAR_IMAGE] = { load_image, &image_record_kind },
    [SIDECAR_NETWORK] = { load_network, &network_record_kind },
    [SIDECAR_KEYPAIR] = { load_keypair, &keypair_record_kind },
};

static int load(struct core *c, const char *id, struct sidecar *s, bool *is_kept, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_read(c->store, &t, e) < 0 || nouns[s->noun].load(t, id, s, is_kept, e) < 0)
        return -1;
    return *is_kept ? store_project_name(t, sidecar_project(s), &s->project_name, e) : 0;
}

/* ---- the files ---- */

static int write_file(struct core *c, const struct sidecar *s, const char *id, struct err *e)
{
    AUTO_FREE char *text = NULL;

    if (sidecar_write(s, &text, e) < 0)
        return -1;
    if (disk_sidecar_write(c->disk, s->noun, id, text, e) == 0)
        return 0;
    if (e->code != ERR_DISK_MISSING)
        return -1;
    err_clear(e);
    return 0;
}

static void seal(struct image *i, const struct image_facts *facts)
{
    i->status = IMAGE_ACTIVE;
    i->size_bytes = facts->size_bytes;
    i->virtual_size_bytes = facts->virtual_size_bytes;
    (void)str_copy(i->sha256, sizeof i->sha256, facts->sha256);
}

/* facts may be NULL. Under the lock. */
static int sync_locked(struct core *c, struct sidecar *s, const char *id, const struct image_facts *facts, struct err *e)
{
    bool is_kept = true;

    if (load(c, id, s, &is_kept, e) < 0)
        return -1;
    if (!is_kept)
        return disk_sidecar_remove(c->disk, s->noun, id, e);
    if (facts)
        seal(s->image, facts);
    return write_file(c, s, id, e);
}

int sidecar_sync(struct core *c, enum sidecar_noun noun, const char *id, struct err *e)
{
    AUTO_SIDECAR s = { .noun = noun };
    HOLD(&c->sidecars);

    return sync_locked(c, &s, id, NULL, e);
}

int sidecar_sync_image(struct core *c, const char *id, const struct image_facts *facts, struct err *e)
{
    AUTO_SIDECAR s = { .noun = SIDECAR_IMAGE };
    HOLD(&c->sidecars);

    return sync_locked(c, &s, id, facts, e);
}

int sidecar_ensure(struct core *c, enum sidecar_noun noun, const char *id, struct err *e)
{
    AUTO_SIDECAR s = { .noun = noun };
    bool is_there = false;
    HOLD(&c->sidecars); /* or what a job writes meanwhile would be replaced by what the row says before that job ends */

    if (disk_sidecar_exists(c->disk, noun, id, &is_there, e) < 0)
        return -1;
    return is_there ? 0 : sync_locked(c, &s, id, NULL, e);
}

/* ---- steps and jobs ---- */

#define STEP_AND_KIND(noun, NOUN)                                                                                                \
    int sidecar_##noun##_step(struct job_run *r, struct err *e)                                                                  \
    {                                                                                                                            \
        return sidecar_sync(r->user, NOUN, r->job->target, e);                                                                   \
    }                                                                                                                            \
    static const struct job_step noun##_steps[] = { { "sidecar", sidecar_##noun##_step, NULL, 100 } };                           \
    const struct job_kind noun##_record_kind = {                                                                                 \
        .name = #noun ".record",                                                                                                 \
        .steps = noun##_steps,                                                                                                   \
        .step_count = ARRAY_LEN(noun##_steps),                                                                                   \
        .policy = JOB_RETRY,                                                                                                     \
    }
static int sidecar_keypair_step(struct job_run *r, struct err *e);
STEP_AND_KIND(vm, SIDECAR_VM);
STEP_AND_KIND(image, SIDECAR_IMAGE);
STEP_AND_KIND(network, SIDECAR_NETWORK);
STEP_AND_KIND(keypair, SIDECAR_KEYPAIR);

int sidecar_submit(const struct change *ch, enum sidecar_noun noun, const char *id, struct err *e)
{
    AUTO(job) job = NULL;

    return core_submit(ch, &(struct job_request){ .kind = nouns[noun].record_kind->name, .target = id }, &job, e);
}

int sidecar_submit_behind(const struct job_run *r, struct txn *t, enum sidecar_noun noun, const char *id, struct err *e)
{
    return sidecar_submit(&(struct change){ r->user, &r->job->actor, t }, noun, id, e);
}

/* ---- what has none ---- */

static int catch_up_one(struct core *c, enum sidecar_noun noun, const char *id, struct err *e)
{
    if (reconciler_is_stopping(c->reconciler))
        return err_set(e, ERR_UNAVAILABLE, "the daemon stops");
    return sidecar_ensure(c, noun, id, e);
}

/* Those that a job works on are that job's affair. */
static int catch_up_vms(struct core *c, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_FREE struct vm_state *states = NULL;
    size_t count = 0;

    if (txn_read(c->store, &t, e) < 0 || store_vm_states(t, &states, &count, e) < 0)
        return -1;
    txn_free(TAKE(t));
    for (size_t i = 0; i < count; i++)
        if (states[i].task == VM_TASK_NONE && catch_up_one(c, SIDECAR_VM, states[i].id, e) < 0)
            return -1;
    return 0;
}

static int catch_up_networks(struct core *c, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_LIST(network) all = { 0 };

    if (txn_read(c->store, &t, e) < 0 || store_network_all(t, &all, e) < 0)
        return -1;
    txn_free(TAKE(t));
    for (size_t i = 0; i < all.count; i++)
        if (!all.items[i]->job[0] && catch_up_one(c, SIDECAR_NETWORK, all.items[i]->id, e) < 0)
            return -1;
    return 0;
}

/* One page from behind `marker`, which becomes its last; false in *has_more at the end. */
static int catch_up_image_page(struct core *c, uuid_text marker, bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_LIST(image) list = { 0 };

    if (txn_read(c->store, &t, e) < 0 || store_image_list(t, NULL, marker[0] ? marker : NULL, LIST_LIMIT, &list, has_more, e) < 0)
        return -1;
    txn_free(TAKE(t));
    for (size_t i = 0; i < list.count; i++) {
        (void)str_copy(marker, sizeof(uuid_text), list.items[i]->id);
        if (!list.items[i]->job[0] && catch_up_one(c, SIDECAR_IMAGE, marker, e) < 0)
            return -1;
    }
    return 0;
}

static int catch_up_keypair_page(struct core *c, uuid_text marker, bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_LIST(keypair) list = { 0 };

    if (txn_read(c->store, &t, e) < 0 ||
        store_keypair_list(t, NULL, marker[0] ? marker : NULL, LIST_LIMIT, &list, has_more, e) < 0)
        return -1;
    txn_free(TAKE(t));
    for (size_t i = 0; i < list.count; i++) {
        (void)str_copy(marker, sizeof(uuid_text), list.items[i]->id);
        if (catch_up_one(c, SIDECAR_KEYPAIR, marker, e) < 0)
            return -1;
    }
    return 0;
}

static int catch_up_pages(struct core *c, int (*page)(struct core *c, uuid_text marker, bool *has_more, struct err *e),
                          struct err *e)
{
    uuid_text marker = "";
    bool has_more = true;

    while (has_more)
        if (page(c, marker, &has_more, e) < 0)
            return -1;
    return 0;
}

int sidecar_catch_up(struct core *c, struct err *e)
{
    if (catch_up_networks(c, e) < 0 || catch_up_pages(c, catch_up_image_page, e) < 0 ||
        catch_up_pages(c, catch_up_keypair_page, e) < 0)
        return -1;
    return catch_up_vms(c, e);
}
