/* core/vm_network: a VM's ports. The first half runs in the transaction that makes the VM: what is promised there holds. The
 * second makes it true in libvirt, as often as it is asked. */
#include "vm_network.h"

#include <stdio.h>
#include <stdlib.h>

#include "hostname.h"
#include "network.h"
#include "sidecar.h"
#include "vm_job.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/network.h"
#include "store/port.h"

enum { MAC_TRIES = 16 };

/* ---- choosing ---- */

/* A VM under construction. */
struct plan {
    const struct change *change;
    struct vm *vm;
};

static int in_networks(struct err *e)
{
    (void)str_copy(e->field, sizeof e->field, "networks");
    return -1;
}

static bool has_mac(const struct vm *vm, const char *mac)
{
    for (size_t i = 0; i < vm->ports.count; i++)
        if (str_equal(vm->ports.items[i]->mac, mac))
            return true;
    return false;
}

/* For user networking. Locally administered, with the prefix that everybody takes for a virtual machine's. */
static int choose_random_mac(const struct plan *p, mac_text out, struct err *e)
{
    for (int i = 0; i < MAC_TRIES; i++) {
        hex32_text random;
        bool is_taken = false;

        id_hex32(random);
        (void)snprintf(out, MAC_LEN + 1, "52:54:00:%.2s:%.2s:%.2s", random, random + 2, random + 4);
        if (store_port_has_mac(p->change->txn, out, &is_taken, e) < 0)
            return -1;
        if (!is_taken && !has_mac(p->vm, out))
            return 0;
    }
    return err_set(e, ERR_CONFLICT, "no free MAC address was found; try again");
}

/* An address and its MAC are a pair for the network's life: libvirt has the DHCP entry already. */
static int choose_mac(const struct plan *p, const struct network *n, uint32_t ipv4, mac_text out, struct err *e)
{
    if (n->kind == NETWORK_USER)
        return choose_random_mac(p, out, e);
    port_mac(n->id, ipv4, out);
    return 0;
}

static int fix_address(const char *text, const struct network_range *range, uint32_t *out, struct err *e)
{
    ipv4_text first, last;
    uint32_t address;

    if (ipv4_parse(text, &address) == 0 && address >= range->first && address <= range->last) {
        *out = address;
        return 0;
    }
    ipv4_format(range->first, first);
    ipv4_format(range->last, last);
    return err_set_field(e, ERR_INVALID_FIELD, "networks", "fixed_ip must be an address from %s to %s", first, last);
}

static int choose_address(const struct plan *p, const struct network *n, const char *fixed_ip, uint32_t *out, struct err *e)
{
    struct network_range range;
    struct address_wish wish = { .network = n->id, .released_before_ms = clock_wall_ms() - VIRT_LEASE_S * 1000LL };
    uint32_t address = 0;

    if (network_range(n, &range) < 0) {
        if (fixed_ip)
            return err_set_field(e, ERR_INVALID_FIELD, "networks", "network '%s' has no addresses to choose from", n->name);
        *out = 0;
        return 0;
    }
    wish.first = range.first;
    wish.last = range.last;
    if (fixed_ip) {
        if (fix_address(fixed_ip, &range, &address, e) < 0)
            return -1;
        wish.first = wish.last = address;
    }
    if ((fixed_ip ? store_port_check_address(p->change->txn, &wish, e)
                  : store_port_pick_address(p->change->txn, &wish, &address, e)) < 0)
        return in_networks(e);
    *out = address;
    return 0;
}

/* Takes the port over. */
static int append(struct vm *vm, struct port *port, struct err *e)
{
    AUTO(port) owned = port;
    struct port **items = realloc(vm->ports.items, (vm->ports.count + 1) * sizeof(struct port *));

    if (!items)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    vm->ports.items = items;
    items[vm->ports.count++] = TAKE(owned);
    return 0;
}

static int add_port(const struct plan *p, const struct network *n, const char *fixed_ip, struct err *e)
{
    AUTO(port) port = calloc(1, sizeof *port);

    if (!port)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (network_check_join(p->change->core, n, e) < 0 || choose_address(p, n, fixed_ip, &port->ipv4, e) < 0 ||
        choose_mac(p, n, port->ipv4, port->mac, e) < 0)
        return -1;
    id_uuid(port->id);
    (void)str_copy(port->vm, sizeof port->vm, p->vm->id);
    (void)str_copy(port->network, sizeof port->network, n->id);
    port->network_name = str_dup(n->name);
    if (!port->network_name)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    port->kind = n->kind;
    port->is_default = n->is_default;
    port->ordinal = (uint32_t)p->vm->ports.count;
    port->created_at_ms = clock_wall_ms();
    return append(p->vm, TAKE(port), e);
}

/* For those who ask for no network by name: where it would be refused, they get none. */
static int add_default_port(const struct plan *p, struct err *e)
{
    const struct core *c = p->change->core;
    AUTO(network) n = NULL;

    if (c->config.refuses_user_network && !virt_has_bridges(c->virt))
        return 0;
    return network_default(p->change, &n, e) < 0 ? -1 : add_port(p, n, NULL, e);
}

static int refuse_twin(const struct vm *vm, const struct network *n, struct err *e)
{
    for (size_t i = 0; i < vm->ports.count; i++)
        if (str_equal(vm->ports.items[i]->network, n->id))
            return err_set_field(e, ERR_INVALID_FIELD, "networks", "network '%s' is named twice", n->name);
    return 0;
}

/* Asking for the default network by its name is using it: it is made then, too. */
static int find_asked(const struct plan *p, const char *name, struct network **out, struct err *e)
{
    if (store_network_resolve(p->change->txn, p->change->who->project, name, out, e) == 0)
        return 0;
    if (e->code != ERR_NETWORK_NOT_FOUND || !str_equal(name, NETWORK_DEFAULT_NAME))
        return in_networks(e);
    err_clear(e);
    return network_default(p->change, out, e);
}

static int add_asked_port(const struct plan *p, const struct nic_spec *nic, struct err *e)
{
    AUTO(network) n = NULL;

    if (find_asked(p, nic->network, &n, e) < 0)
        return -1;
    return refuse_twin(p->vm, n, e) < 0 ? -1 : add_port(p, n, nic->fixed_ip, e);
}

int vm_network_plan(const struct change *ch, const struct vm_spec *spec, struct vm *vm, struct err *e)
{
    struct plan p = { ch, vm };

    if (hostname_choose(ch->txn, vm, e) < 0)
        return -1;
    if (!spec->has_networks)
        return add_default_port(&p, e);
    if (spec->nic_count > VM_NETWORKS_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "networks", "networks must be at most %d", VM_NETWORKS_MAX);
    for (size_t i = 0; i < spec->nic_count; i++)
        if (add_asked_port(&p, &spec->nics[i], e) < 0)
            return -1;
    return 0;
}

int vm_network_insert(struct txn *t, const struct vm *vm, struct err *e)
{
    for (size_t i = 0; i < vm->ports.count; i++)
        if (store_port_insert(t, vm->ports.items[i], e) < 0)
            return -1;
    return 0;
}

/* ---- what a job works on ---- */

void vm_links_done(struct vm_links *l)
{
    port_list_done(&l->ports);
    network_list_done(&l->networks);
}

static int load_links(struct txn *t, const char *vm, struct vm_links *l, struct err *e)
{
    if (store_port_list_by_vm(t, vm, &l->ports, e) < 0)
        return -1;
    l->networks.items = calloc(l->ports.count + 1, sizeof(struct network *));
    if (!l->networks.items)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < l->ports.count; i++, l->networks.count++)
        if (store_network_get(t, NULL, l->ports.items[i]->network, &l->networks.items[i], e) < 0)
            return -1;
    return 0;
}

int vm_links_load(struct core *c, const char *vm, struct vm_links *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_VM_LINKS l = { .ports = { 0 } };

    if (txn_read(c->store, &t, e) < 0 || load_links(t, vm, &l, e) < 0)
        return -1;
    *out = l;
    l = (struct vm_links){ .ports = { 0 } };
    return 0;
}

void vm_links_nics(const struct vm_links *l, struct vm_nics *out)
{
    for (out->count = 0; out->count < l->ports.count && out->count < VM_NETWORKS_MAX; out->count++) {
        const struct port *p = l->ports.items[out->count];
        bool has_address = p->kind != NETWORK_USER;

        ipv4_format(p->ipv4, out->addresses[out->count]);
        out->items[out->count] = (struct virt_nic){
            .network = has_address ? p->network : NULL,
            .mac = p->mac,
            .ipv4 = has_address ? out->addresses[out->count] : NULL,
        };
    }
}

/* ---- steps ---- */

/* `address` is room for the lease's text. */
static struct virt_lease lease_of(const struct vm *vm, const struct port *p, ipv4_text address)
{
    ipv4_format(p->ipv4, address);
    return (struct virt_lease){ .mac = p->mac, .ipv4 = address, .hostname = vm->hostname };
}

static int link_port(struct core *c, const struct vm *vm, const struct port *p, const struct network *n, struct err *e)
{
    ipv4_text address;
    struct virt_lease lease = lease_of(vm, p, address);

    if (p->kind == NETWORK_USER)
        return 0;
    if (network_make(c, n, e) < 0 || network_activate(c, n, e) < 0)
        return -1;
    return virt_network_add_host(c->virt, n->id, &lease, e);
}

int vm_job_link(struct job_run *r, struct err *e)
{
    struct core *c = vm_job_core(r);
    const struct vm *vm = NULL;
    AUTO_VM_LINKS l = { .ports = { 0 } };

    if (vm_job_vm(r, &vm, e) < 0 || vm_links_load(c, vm->id, &l, e) < 0)
        return -1;
    for (size_t i = 0; i < l.ports.count; i++)
        if (link_port(c, vm, l.ports.items[i], l.networks.items[i], e) < 0 ||
            sidecar_ensure(c, SIDECAR_NETWORK, l.networks.items[i]->id, e) < 0)
            return -1;
    return 0;
}

int vm_job_unlink(struct job_run *r, struct err *e)
{
    struct core *c = vm_job_core(r);
    const struct vm *vm = vm_job_of(r)->vm;
    AUTO_VM_LINKS l = { .ports = { 0 } };

    if (!vm)
        return 0;
    if (vm_links_load(c, vm->id, &l, e) < 0)
        return -1;
    for (size_t i = 0; i < l.ports.count; i++) {
        ipv4_text address;
        struct virt_lease lease = lease_of(vm, l.ports.items[i], address);

        if (l.ports.items[i]->kind != NETWORK_USER && virt_network_remove_host(c->virt, l.networks.items[i]->id, &lease, e) < 0)
            return -1;
    }
    return 0;
}
