/* core/rebuild: the order of things: the old database is judged, the new one is filled beside it, then they change places. Each
 * record is a transaction: one that cannot be made takes nothing else with it. */
#include "rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "disk/sidecar.h"
#include "store/backup.h"
#include "store/image.h"
#include "store/keypair.h"
#include "store/network.h"
#include "store/vm.h"

/* ---- telling ---- */

void rebuild_made(const struct rebuilding *b, enum sidecar_noun noun, const char *id, const char *what)
{
    (void)fprintf(b->run->out, "made  %-8s %s %s\n", sidecar_noun_to_string(noun), id, what ? what : "");
    b->run->made++;
}

void rebuild_left(const struct rebuilding *b, enum sidecar_noun noun, const char *id, const struct err *why)
{
    (void)fprintf(b->run->out, "left  %-8s %s %s%s%s\n", sidecar_noun_to_string(noun), id, why->msg, why->detail[0] ? ": " : "",
                  why->detail);
    b->run->left++;
}

/* ---- the sidecars ---- */

struct reading {
    const struct rebuilding *b;
    enum sidecar_noun noun;
};

static const char *name_of(const struct sidecar *s)
{
    switch (s->noun) {
    case SIDECAR_VM:
        return s->vm->name;
    case SIDECAR_IMAGE:
        return s->image->name;
    case SIDECAR_NETWORK:
        return s->network->name;
    case SIDECAR_KEYPAIR:
        return s->keypair->name;
    case SIDECAR_NOUN_COUNT:
        break;
    }
    return NULL;
}

static int make_one(const struct rebuilding *b, enum sidecar_noun noun, const char *id, struct err *e)
{
    AUTO_SIDECAR s = { .noun = noun };
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    if (disk_sidecar_read(b->run->disk, noun, id, &text, &len, e) < 0 || sidecar_parse(noun, id, text, &s, e) < 0 ||
        rebuild_insert(b, &s, e) < 0)
        return -1;
    rebuild_made(b, noun, id, name_of(&s));
    return 0;
}

/* What is wrong with the new database or this machine ends it all; what is wrong with one record is told. */
static bool ends_all(const struct err *e)
{
    return e->code == ERR_DISK_FULL || e->code == ERR_NO_MEMORY || e->code == ERR_UNAVAILABLE || e->code == ERR_INTERNAL;
}

static int visit(void *arg, const char *id, struct err *e)
{
    const struct reading *r = arg;

    if (make_one(r->b, r->noun, id, e) == 0)
        return 0;
    if (ends_all(e))
        return -1;
    rebuild_left(r->b, r->noun, id, e);
    err_clear(e);
    return 0;
}

/* What others refer to comes first. */
static int fill(const struct rebuilding *b, struct err *e)
{
    static const enum sidecar_noun order[] = { SIDECAR_KEYPAIR, SIDECAR_NETWORK, SIDECAR_IMAGE, SIDECAR_VM };

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct reading r = { b, order[i] };

        if (disk_sidecar_each(b->run->disk, order[i], visit, &r, e) < 0)
            return -1;
    }
    return b->run->virt ? rebuild_from_domains(b, e) : 0;
}

/* ---- the old one ---- */

static int has_records(struct store *s, bool *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_LIST(image) images = { 0 };
    AUTO_LIST(network) networks = { 0 };
    AUTO_LIST(keypair) keypairs = { 0 };
    struct vm_promises vms = { 0 };
    bool has_more;

    if (txn_read(s, &t, e) < 0 || store_vm_promises(t, &vms, e) < 0 ||
        store_image_list(t, NULL, NULL, 1, &images, &has_more, e) < 0 || store_network_all(t, &networks, e) < 0 ||
        store_keypair_list(t, NULL, NULL, 1, &keypairs, &has_more, e) < 0)
        return -1;
    *out = vms.vms > 0 || images.count > 0 || networks.count > 0 || keypairs.count > 0;
    return 0;
}

static int refuse_records(const char *path, struct err *e)
{
    AUTO(store) s = NULL;
    bool has = false;

    if (store_open(path, &s, e) < 0 || has_records(s, &has, e) < 0)
        return -1;
    return has ? err_set(e, ERR_CONFLICT, "the database is there, can be read and has records in it: nothing has to be made anew")
               : 0;
}

/* *word: as what it is to be kept. */
static int judge_old(const struct rebuild *r, const char *path, const char **word, struct err *e)
{
    struct err why = ERR_INIT;
    enum store_verdict verdict;

    if (store_judge(path, &verdict, &why, e) < 0)
        return -1;
    switch (verdict) {
    case STORE_ABSENT:
        break;
    case STORE_SOUND:
        if (refuse_records(path, e) < 0)
            return -1;
        *word = "replaced";
        break;
    case STORE_BROKEN:
        (void)fprintf(r->out, "the database cannot be read: %s%s%s\n", why.msg, why.detail[0] ? ": " : "", why.detail);
        *word = "broken";
        break;
    }
    return 0;
}

static int change_places(const struct rebuild *r, const char *path, const char *word, struct err *e)
{
    AUTO_FREE char *aside = NULL;

    if (store_set_aside(path, word, &aside, e) < 0)
        return -1;
    if (aside)
        (void)fprintf(r->out, "the old database is kept as %s\n", aside);
    return store_adopt_new(path, e);
}

static int fill_new(struct rebuild *r, const char *path, struct err *e)
{
    AUTO_FREE char *new = NULL;
    AUTO(store) s = NULL;

    if (store_prepare_new(path, &new, e) < 0 || store_open(new, &s, e) < 0)
        return -1;
    return fill(&(struct rebuilding){ r, s }, e);
}

int rebuild_run(struct rebuild *r, struct err *e)
{
    AUTO_FREE char *path = disk_database_path(disk_state_dir(r->disk));
    AUTO_FREE char *unfinished = NULL;
    const char *word = "replaced";
    struct err dropped = ERR_INIT;

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    r->made = r->left = 0;
    if (judge_old(r, path, &word, e) < 0)
        return -1;
    if (fill_new(r, path, e) == 0)
        return change_places(r, path, word, e);
    (void)store_prepare_new(path, &unfinished, &dropped);
    return -1;
}
