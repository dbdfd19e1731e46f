/* core/rebuild_rows: a sidecar's record as rows. What it says of files is held against the files. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rebuild.h"

#include "base/str.h"
#include "store/image.h"
#include "store/keypair.h"
#include "store/network.h"
#include "store/port.h"
#include "store/project.h"
#include "store/vm.h"
#include "store/vm_seed.h"

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- images ---- */

/* Takes reason over. */
static int turn_bad(struct image *i, char *reason, struct err *e)
{
    if (!reason)
        return out_of_memory(e);
    free(i->status_reason);
    i->status_reason = reason;
    i->status = IMAGE_ERROR;
    return 0;
}

static int check_hash(struct disk *d, struct image *i, struct err *e)
{
    struct image_facts facts = { 0 };

    if (disk_image_seal(d, i->id, i->disk_format, NULL, NULL, &facts, e) < 0)
        return -1;
    return str_equal(facts.sha256, i->sha256) ? 0 : turn_bad(i, str_dup("its bytes are not those that were saved"), e);
}

/* An active image is its bytes: read-only ones, so their number tells nearly all. */
static int check_bytes(const struct rebuild *r, struct image *i, struct err *e)
{
    AUTO_CLOSE int fd = -1;
    uint64_t size_bytes = 0;

    if (i->status != IMAGE_ACTIVE)
        return 0;
    if (disk_image_open(r->disk, i->id, i->disk_format, &fd, &size_bytes, e) < 0) {
        if (e->code != ERR_IMAGE_NOT_FOUND)
            return -1;
        err_clear(e);
        return turn_bad(i, str_dup("its file is gone"), e);
    }
    if (size_bytes != i->size_bytes)
        return turn_bad(i, str_printf("its file has %" PRIu64 " bytes, not %" PRIu64, size_bytes, i->size_bytes), e);
    return r->checks_hashes ? check_hash(r->disk, i, e) : 0;
}

static int insert_image(const struct rebuilding *b, struct txn *t, struct sidecar *s, struct err *e)
{
    return check_bytes(b->run, s->image, e) < 0 ? -1 : store_image_insert(t, s->image, e);
}

/* ---- networks, keypairs ---- */

/* A step of its own makes a pending network true, and nobody knows what became of that. Active is what the next VM's job makes
 * it; user networking is nothing but a row. */
static int insert_network(const struct rebuilding *b, struct txn *t, struct sidecar *s, struct err *e)
{
    (void)b;
    if (s->network->status == NETWORK_PENDING && s->network->kind != NETWORK_USER)
        s->network->status = NETWORK_ACTIVE;
    return store_network_insert(t, s->network, e);
}

static int insert_keypair(const struct rebuilding *b, struct txn *t, struct sidecar *s, struct err *e)
{
    (void)b;
    return store_keypair_insert(t, s->keypair, e);
}

/* ---- VMs ---- */

static int set_fault(struct vm *vm, const struct err *why, struct err *e)
{
    vm->status = VM_ERROR;
    vm->status_reason = str_dup(err_code_word(why->code));
    vm->fault.code = str_dup(err_code_word(why->code));
    vm->fault.message = str_dup(why->msg);
    return vm->status_reason && vm->fault.code && vm->fault.message ? 0 : out_of_memory(e);
}

/* Stopped until libvirt is asked. */
static int judge_disk(const struct rebuild *r, struct vm *vm, struct err *e)
{
    struct err why = ERR_INIT;

    vm->status = VM_STOPPED;
    if (disk_overlay_check(r->disk, vm->id, &why) == 0)
        return 0;
    if (why.code == ERR_DISK_MISSING)
        return set_fault(vm, &why, e);
    *e = why;
    return -1;
}

/* The image's own sidecar is lost: its bytes and what the VM knows of it have to do. */
static int insert_lost_image(const struct rebuilding *b, struct txn *t, const struct vm *vm, struct err *e)
{
    struct image i = { .status = IMAGE_ACTIVE, .properties = (char *)"{}", .created_at_ms = vm->created_at_ms };
    AUTO_FREE char *name = str_printf("%s-%.8s", vm->image_name, vm->image);
    struct image_facts facts = { 0 };

    if (!name)
        return out_of_memory(e);
    i.name = name;
    (void)str_copy(i.id, sizeof i.id, vm->image);
    (void)str_copy(i.project, sizeof i.project, vm->project);
    if (disk_image_seal(b->run->disk, i.id, i.disk_format, NULL, NULL, &facts, e) < 0) {
        err_clear(e);
        i.disk_format = DISK_FORMAT_RAW;
        if (disk_image_seal(b->run->disk, i.id, i.disk_format, NULL, NULL, &facts, e) < 0)
            return -1;
    }
    i.size_bytes = facts.size_bytes;
    i.virtual_size_bytes = facts.virtual_size_bytes;
    (void)str_copy(i.sha256, sizeof i.sha256, facts.sha256);
    if (store_image_insert(t, &i, e) < 0)
        return -1;
    rebuild_made(b, SIDECAR_IMAGE, i.id, "of its file alone: visibility and properties are lost");
    return 0;
}

static int ensure_image(const struct rebuilding *b, struct txn *t, const struct vm *vm, struct err *e)
{
    AUTO(image) image = NULL;

    if (store_image_get(t, NULL, vm->image, &image, e) == 0)
        return 0;
    if (e->code != ERR_IMAGE_NOT_FOUND)
        return -1;
    err_clear(e);
    return insert_lost_image(b, t, vm, e);
}

static int insert_vm(const struct rebuilding *b, struct txn *t, struct sidecar *s, struct err *e)
{
    struct vm *vm = s->vm;

    if (judge_disk(b->run, vm, e) < 0 || ensure_image(b, t, vm, e) < 0 || store_vm_insert(t, vm, e) < 0)
        return -1;
    for (size_t i = 0; i < vm->ports.count; i++)
        if (store_port_insert(t, vm->ports.items[i], e) < 0)
            return -1;
    return s->seed ? store_vm_seed_insert(t, s->seed, e) : 0;
}

/* ---- one sidecar ---- */

static int ensure_project(struct txn *t, const struct sidecar *s, struct err *e)
{
    AUTO_FREE char *name = NULL;

    if (store_project_name(t, sidecar_project(s), &name, e) == 0)
        return 0;
    if (e->code != ERR_NOT_FOUND)
        return -1;
    err_clear(e);
    return store_project_restore(t, sidecar_project(s), s->project_name, e);
}

typedef int insert_fn(const struct rebuilding *b, struct txn *t, struct sidecar *s, struct err *e);
static insert_fn *const inserts[SIDECAR_NOUN_COUNT] = {
    [SIDECAR_VM] = insert_vm,
    [SIDECAR_IMAGE] = insert_image,
    [SIDECAR_NETWORK] = insert_network,
    [SIDECAR_KEYPAIR] = insert_keypair,
};

int rebuild_insert(const struct rebuilding *b, struct sidecar *s, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(b->store, &t, e) < 0 || ensure_project(t, s, e) < 0 || inserts[s->noun](b, t, s, e) < 0)
        return -1;
    return txn_commit(t, e);
}
