/* core/rebuild_domains: VMs that have a domain of ours and no sidecar: tag, sizes and interfaces from the domain, the image from
 * the disk's header. What only a row knew (metadata, tags, keypair, seed, times) is lost, and that is said. */
#include <stdlib.h>
#include <string.h>

#include "hostname.h"
#include "rebuild.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/network.h"
#include "store/project.h"
#include "store/vm.h"
#include "virt/describe.h"

#define GIB (UINT64_C(1) << 30)

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- ports ---- */

/* The address that goes with the MAC (model/network.h, port_mac); 0: it is none of this network's. */
static uint32_t address_of(const struct network *n, const char *mac)
{
    struct network_range range;
    mac_text made;

    if (network_range(n, &range) < 0)
        return 0;
    for (uint32_t a = range.first; a <= range.last; a++) {
        port_mac(n->id, a, made);
        if (str_equal(made, mac))
            return a;
    }
    return 0;
}

static int add_port(struct vm *vm, const struct network *n, const char *mac, struct err *e)
{
    struct port *p = calloc(1, sizeof *p);

    if (!p)
        return out_of_memory(e);
    id_uuid(p->id);
    (void)str_copy(p->vm, sizeof p->vm, vm->id);
    (void)str_copy(p->network, sizeof p->network, n->id);
    (void)str_copy(p->mac, sizeof p->mac, mac);
    p->ipv4 = address_of(n, mac);
    p->ordinal = (uint32_t)vm->ports.count;
    p->created_at_ms = vm->created_at_ms;
    vm->ports.items[vm->ports.count++] = p;
    return 0;
}

/* An interface on a network that is not known any more is left out: the domain keeps it. */
static int add_ports(struct txn *t, const struct virt_description *d, struct vm *vm, struct err *e)
{
    vm->ports.items = calloc(d->nic_count + 1, sizeof(struct port *));
    if (!vm->ports.items)
        return out_of_memory(e);
    for (size_t i = 0; i < d->nic_count; i++) {
        AUTO(network) n = NULL;

        if (store_network_get(t, NULL, d->nics[i].network, &n, e) < 0) {
            if (e->code != ERR_NETWORK_NOT_FOUND)
                return -1;
            err_clear(e);
            continue;
        }
        if (add_port(vm, n, d->nics[i].mac, e) < 0)
            return -1;
    }
    return 0;
}

/* ---- the VM ---- */

static int name_project(struct txn *t, const struct vm *vm, char **out, struct err *e)
{
    AUTO_FREE char *known = NULL;

    if (store_project_name(t, vm->project, &known, e) == 0) {
        *out = TAKE(known);
        return 0;
    }
    if (e->code != ERR_NOT_FOUND)
        return -1;
    err_clear(e);
    /* The first there is: until there are more, it is the default one. */
    if (store_project_restore(t, vm->project, "default", e) == 0) {
        *out = str_dup("default");
    } else {
        err_clear(e);
        *out = str_printf("project-%.8s", vm->project);
    }
    return *out ? 0 : out_of_memory(e);
}

static int fill_vm(const struct rebuild *r, const struct virt_description *d, struct vm *vm, struct err *e)
{
    struct disk_overlay_base base;

    if (!str_is_hex(d->project, HEX32_LEN))
        return err_set(e, ERR_FOREIGN_DOMAIN, "the domain's tag names no project");
    if (disk_overlay_read(r->disk, vm->id, &base, e) < 0)
        return -1;
    (void)str_copy(vm->project, sizeof vm->project, d->project);
    (void)str_copy(vm->image, sizeof vm->image, base.image);
    vm->name = str_dup(d->name);
    vm->image_name = str_dup("image");
    vm->metadata = str_dup("{}");
    vm->tags = str_dup("[]");
    vm->vcpus = d->vcpus;
    vm->memory_mib = d->memory_mib;
    vm->disk_gib = (base.size_bytes + GIB - 1) / GIB;
    vm->autostart = d->autostart;
    vm->created_at_ms = vm->updated_at_ms = clock_wall_ms();
    return vm->name && vm->image_name && vm->metadata && vm->tags ? 0 : out_of_memory(e);
}

/* What only the other rows can say. */
static int complete(const struct rebuilding *b, const struct virt_description *d, struct sidecar *s, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(b->store, &t, e) < 0 || name_project(t, s->vm, &s->project_name, e) < 0 || hostname_choose(t, s->vm, e) < 0 ||
        add_ports(t, d, s->vm, e) < 0)
        return -1;
    return txn_commit(t, e);
}

static int make(const struct rebuilding *b, const char *id, struct err *e)
{
    AUTO_VIRT_DESCRIPTION d = { .name = NULL };
    AUTO_SIDECAR s = { .noun = SIDECAR_VM };

    s.vm = calloc(1, sizeof *s.vm);
    if (!s.vm)
        return out_of_memory(e);
    (void)str_copy(s.vm->id, sizeof s.vm->id, id);
    if (virt_describe(b->run->virt, id, &d, e) < 0 || fill_vm(b->run, &d, s.vm, e) < 0 || complete(b, &d, &s, e) < 0 ||
        rebuild_insert(b, &s, e) < 0)
        return -1;
    rebuild_made(b, SIDECAR_VM, id, "of its domain alone: metadata, tags, keypair and first-boot data are lost");
    return 0;
}

static int is_made(const struct rebuilding *b, const char *id, bool *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_read(b->store, &t, e) < 0)
        return -1;
    *out = store_vm_get(t, NULL, id, &vm, e) == 0;
    if (!*out && e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    return 0;
}

int rebuild_from_domains(const struct rebuilding *b, struct err *e)
{
    AUTO_FREE uuid_text *ids = NULL;
    size_t count = 0;

    if (virt_list_tagged(b->run->virt, &ids, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        bool is_there = false;

        if (is_made(b, ids[i], &is_there, e) < 0)
            return -1;
        if (is_there || make(b, ids[i], e) == 0)
            continue;
        if (e->code == ERR_DISK_FULL || e->code == ERR_NO_MEMORY)
            return -1;
        rebuild_left(b, SIDECAR_VM, ids[i], e);
        err_clear(e);
    }
    return 0;
}
