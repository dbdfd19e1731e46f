/* core/doctor_rules_network: networks and ports: against libvirt, and against each other. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doctor_rules.h"

#include "base/str.h"
#include "model/network.h"
#include "virt/network_xml.h"

#define RESTART "systemctl restart computed"

static bool is_judged(const struct exam *x, const struct fact_network *n)
{
    return str_equal(n->status, "active") && !str_equal(n->kind, "user") && !exam_is_busy(x, n->id);
}

static int range_of(const struct fact_network *n, struct network_range *out)
{
    struct cidr c;

    return n->cidr && cidr_parse(n->cidr, &c) == 0 ? network_range_of_cidr(c, out) : -1;
}

/* ---- in libvirt ---- */

static void missing(struct exam *x)
{
    for (size_t i = 0; x->virt->has_networks && i < x->store->network_count; i++) {
        const struct fact_network *n = x->store->networks[i];

        if (is_judged(x, n) && !virt_facts_network(x->virt, n->id))
            exam_suggest(exam_report(x, "network", n->id,
                                     "network '%s' is active, and libvirt does not have it: the next start of a VM in it "
                                     "makes it again",
                                     n->name),
                         "computectl vm start NAME");
    }
}

static void inactive(struct exam *x)
{
    for (size_t i = 0; i < x->store->network_count; i++) {
        const struct fact_network *n = x->store->networks[i];
        const struct fact_bridge *b = virt_facts_network(x->virt, n->id);

        if (b && is_judged(x, n) && b->has_tag && !b->is_active)
            exam_suggest(exam_report(x, "network", n->id, "network '%s' is active, and libvirt has it turned off", n->name),
                         "virsh -c %s net-start %s", x->virt->uri, b->name);
    }
}

static void untagged(struct exam *x)
{
    for (size_t i = 0; i < x->virt->network_count; i++) {
        const struct fact_bridge *b = &x->virt->networks[i];

        if (!b->has_tag && exam_network(x, b->id) && !exam_is_busy(x, b->id))
            exam_suggest(exam_report(x, "bridge", b->id,
                                     "libvirt's network '%s' has the UUID of one of ours and not our tag; it is left alone",
                                     b->name),
                         "virsh -c %s net-dumpxml %s", x->virt->uri, b->id);
    }
}

static void copied_tags(struct exam *x)
{
    for (size_t i = 0; i < x->virt->network_count; i++) {
        const struct fact_bridge *b = &x->virt->networks[i];

        if (b->has_tag && !str_equal(b->tag, b->id))
            exam_suggest(exam_report(x, "bridge", b->id,
                                     "libvirt's network '%s' carries the tag of another (%s); it is left alone", b->name, b->tag),
                         "virsh -c %s net-dumpxml %s", x->virt->uri, b->id);
    }
}

static void without_rows(struct exam *x)
{
    for (size_t i = 0; i < x->virt->network_count; i++) {
        const struct fact_bridge *b = &x->virt->networks[i];

        if (b->has_tag && str_equal(b->tag, b->id) && !exam_network(x, b->id) && !exam_is_busy(x, b->id))
            exam_suggest(exam_report(x, "bridge", b->id,
                                     "libvirt's network '%s' carries our tag, and no network has a row for it; it is left "
                                     "alone",
                                     b->name),
                         "computed doctor --rebuild");
    }
}

static void different_bridges(struct exam *x)
{
    for (size_t i = 0; i < x->store->network_count; i++) {
        const struct fact_network *n = x->store->networks[i];
        const struct fact_bridge *b = virt_facts_network(x->virt, n->id);

        if (b && b->has_tag && is_judged(x, n) && !str_equal(b->bridge, n->bridge))
            exam_suggest(exam_report(x, "network", n->id, "network '%s' is on bridge %s, and in libvirt on %s", n->name,
                                     n->bridge, b->bridge ? b->bridge : "none"),
                         "virsh -c %s net-edit %s", x->virt->uri, b->id);
    }
}

static bool has_filter(const struct exam *x)
{
    for (size_t i = 0; i < x->virt->filters.count; i++)
        if (str_equal(x->virt->filters.items[i], VIRT_FILTER_NAME))
            return true;
    return false;
}

/* Each network of ours in libvirt was made together with the filter. */
static void missing_filter(struct exam *x)
{
    if (!x->virt->has_filters || has_filter(x))
        return;
    for (size_t i = 0; i < x->store->network_count; i++)
        if (is_judged(x, x->store->networks[i]) && virt_facts_network(x->virt, x->store->networks[i]->id)) {
            exam_suggest(exam_report(x, "filter", VIRT_FILTER_NAME, "the filter that keeps guests to their addresses is gone"),
                         "computectl vm start NAME");
            return;
        }
}

/* ---- entries ---- */

static bool has_entry(const struct fact_entries *l, const char *key, const char *value)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcasecmp(l->items[i].key, key) == 0 && (!value || str_equal(l->items[i].value, value)))
            return true;
    return false;
}

static void missing_entries(struct exam *x)
{
    for (size_t i = 0; i < x->store->port_count; i++) {
        const struct fact_port *p = x->store->ports[i];
        const struct fact_vm *vm = exam_vm(x, p->vm);
        const struct fact_network *n = exam_network(x, p->network);
        const struct fact_bridge *b = virt_facts_network(x->virt, p->network);
        ipv4_text address;

        if (!vm || !n || !b || !is_judged(x, n) || exam_is_busy(x, vm->id) || str_equal(vm->status, "error") || p->ipv4 == 0)
            continue;
        ipv4_format(p->ipv4, address);
        if (!has_entry(&b->dhcp, p->mac, address) || !has_entry(&b->dns, address, NULL))
            exam_suggest(exam_report(x, "port", p->id, "VM '%s' has %s in network '%s', whose DHCP or DNS does not know it",
                                     vm->name, address, n->name),
                         "computectl vm stop %s --wait && computectl vm start %s", vm->id, vm->id);
    }
}

static bool is_a_ports(const struct exam *x, const char *network, uint32_t ipv4)
{
    for (size_t i = 0; i < x->store->port_count; i++)
        if (x->store->ports[i]->ipv4 == ipv4 && str_equal(x->store->ports[i]->network, network))
            return true;
    return false;
}

/* Names of addresses that guests may have; others are the administrator's. */
static void orphan_entries(struct exam *x)
{
    for (size_t i = 0; i < x->store->network_count; i++) {
        const struct fact_network *n = x->store->networks[i];
        const struct fact_bridge *b = virt_facts_network(x->virt, n->id);
        struct network_range r;
        uint32_t ipv4;

        if (!b || !b->has_tag || !is_judged(x, n) || range_of(n, &r) < 0)
            continue;
        for (size_t j = 0; j < b->dns.count; j++)
            if (ipv4_parse(b->dns.items[j].key, &ipv4) == 0 && ipv4 >= r.first && ipv4 <= r.last && !is_a_ports(x, n->id, ipv4))
                exam_suggest(exam_report(x, "entry", b->dns.items[j].key, "network '%s' still knows %s, whose VM is gone",
                                         n->name, b->dns.items[j].value),
                             "virsh -c %s net-update %s delete dns-host \"<host ip='%s'/>\" --live --config", x->virt->uri,
                             b->name, b->dns.items[j].key);
    }
}

/* ---- rows against rows ---- */

static void twice_default(struct exam *x)
{
    for (size_t i = 0; i < x->store->network_count; i++)
        for (size_t j = i + 1; j < x->store->network_count; j++) {
            const struct fact_network *a = x->store->networks[i], *b = x->store->networks[j];

            if (a->is_default && b->is_default && str_equal(a->project, b->project))
                exam_suggest(
                    exam_report(x, "network", b->id, "network '%s' is its project's default, and so is '%s'", b->name, a->name),
                    "computectl network delete %s", b->id);
        }
}

static void overlapping(struct exam *x)
{
    struct network_range a, b;

    for (size_t i = 0; i < x->store->network_count; i++)
        for (size_t j = i + 1; j < x->store->network_count; j++)
            if (range_of(x->store->networks[i], &a) == 0 && range_of(x->store->networks[j], &b) == 0 &&
                cidr_overlaps(a.cidr, b.cidr))
                exam_suggest(exam_report(x, "network", x->store->networks[j]->id, "networks '%s' and '%s' use the same addresses",
                                         x->store->networks[i]->name, x->store->networks[j]->name),
                             "computectl network delete %s", x->store->networks[j]->id);
}

static void outside(struct exam *x)
{
    for (size_t i = 0; i < x->store->port_count; i++) {
        const struct fact_port *p = x->store->ports[i];
        const struct fact_network *n = exam_network(x, p->network);
        struct network_range r;
        ipv4_text address;

        if (!n || range_of(n, &r) < 0 || (p->ipv4 >= r.first && p->ipv4 <= r.last))
            continue;
        ipv4_format(p->ipv4, address);
        exam_suggest(
            exam_report(x, "port", p->id, "a port in network '%s' has %s, which guests of it cannot have", n->name, address),
            "computectl vm delete %s", p->vm);
    }
}

static void wrong_macs(struct exam *x)
{
    for (size_t i = 0; i < x->store->port_count; i++) {
        const struct fact_port *p = x->store->ports[i];
        mac_text mac;

        if (p->ipv4 == 0)
            continue;
        port_mac(p->network, p->ipv4, mac);
        if (!str_equal(p->mac, mac))
            exam_suggest(exam_report(x, "port", p->id,
                                     "a port has the MAC address %s, and its network answers its address to %s only", p->mac,
                                     mac),
                         "computectl vm delete %s", p->vm);
    }
}

static int compare_ports(const void *a, const void *b)
{
    const struct fact_port *p = *(struct fact_port *const *)a, *q = *(struct fact_port *const *)b;
    int by_vm = strcmp(p->vm, q->vm);

    return by_vm ? by_vm : (p->ordinal > q->ordinal) - (p->ordinal < q->ordinal);
}

/* A VM's interfaces are numbered from 0. */
static void gaps(struct exam *x)
{
    size_t count = x->store->port_count;
    AUTO_FREE struct fact_port **ports = calloc(count + 1, sizeof(struct fact_port *));

    x->is_failed = x->is_failed || !ports;
    if (!ports || count == 0)
        return;
    memcpy(ports, x->store->ports, count * sizeof(*ports));
    qsort(ports, count, sizeof(struct fact_port *), compare_ports);
    for (size_t i = 0; i < count; i++) {
        bool is_first = i == 0 || !str_equal(ports[i - 1]->vm, ports[i]->vm);

        if (ports[i]->ordinal != (is_first ? 0 : ports[i - 1]->ordinal + 1))
            exam_suggest(exam_report(x, "port", ports[i]->id, "it is interface %u of its VM, and the one before it is missing",
                                     ports[i]->ordinal),
                         "computectl vm delete %s", ports[i]->vm);
    }
}

static void free_and_taken(struct exam *x)
{
    for (size_t i = 0; i < x->store->release_count; i++) {
        const struct fact_release *r = x->store->releases[i];
        ipv4_text address;

        if (!is_a_ports(x, r->network, r->ipv4))
            continue;
        AUTO_FREE char *target = NULL;
        ipv4_format(r->ipv4, address);
        target = str_printf("%s %s", r->network, address);
        struct finding *f = exam_report(x, "address", address, "it counts as free, and a port has it");
        exam_suggest(f, "computed doctor --fix");
        exam_mend(f, DOCTOR_MEND_RELEASE, target);
    }
}

static int compare_addresses(const void *a, const void *b)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;

    return (p > q) - (p < q);
}

/* How many addresses of the network below `next` are a port's or free again: each of them once was given out. */
static size_t known_below(struct exam *x, const struct fact_network *n, uint32_t first)
{
    size_t count = 0, distinct = 0;
    AUTO_FREE uint32_t *all = calloc(x->store->port_count + x->store->release_count + 1, sizeof(*all));

    x->is_failed = x->is_failed || !all;
    if (!all)
        return SIZE_MAX;
    for (size_t i = 0; i < x->store->port_count; i++)
        if (str_equal(x->store->ports[i]->network, n->id))
            all[count++] = x->store->ports[i]->ipv4;
    for (size_t i = 0; i < x->store->release_count; i++)
        if (str_equal(x->store->releases[i]->network, n->id))
            all[count++] = x->store->releases[i]->ipv4;
    qsort(all, count, sizeof(*all), compare_addresses);
    for (size_t i = 0; i < count; i++)
        distinct += all[i] >= first && all[i] < n->next_ipv4 && (i == 0 || all[i] != all[i - 1]);
    return distinct;
}

static void forgotten_addresses(struct exam *x)
{
    for (size_t i = 0; i < x->store->network_count; i++) {
        const struct fact_network *n = x->store->networks[i];
        struct network_range r;

        if (range_of(n, &r) < 0 || n->next_ipv4 <= r.first)
            continue;
        size_t given = n->next_ipv4 - r.first, known = known_below(x, n, r.first);
        if (known < given)
            exam_suggest(exam_report(x, "network", n->id,
                                     "network '%s' has given out %zu addresses, and knows what became of %zu only", n->name,
                                     given, known),
                         "computed doctor --rebuild");
    }
}

#define IN_LIBVIRT (NEEDS_STORE | NEEDS_VIRT)
const struct doctor_rule network_rules[] = {
    { "network_missing", DOCTOR_ERROR, false, IN_LIBVIRT, missing },
    { "network_inactive", DOCTOR_ERROR, false, IN_LIBVIRT, inactive },
    { "network_untagged", DOCTOR_ERROR, false, IN_LIBVIRT, untagged },
    { "network_tag_copied", DOCTOR_ERROR, false, NEEDS_VIRT, copied_tags },
    { "network_without_row", DOCTOR_ERROR, false, IN_LIBVIRT, without_rows },
    { "network_bridge_differs", DOCTOR_ERROR, false, IN_LIBVIRT, different_bridges },
    { "network_filter_missing", DOCTOR_ERROR, false, IN_LIBVIRT, missing_filter },
    { "network_entry_missing", DOCTOR_WARNING, false, IN_LIBVIRT, missing_entries },
    { "network_entry_orphan", DOCTOR_WARNING, false, IN_LIBVIRT, orphan_entries },
    { "network_default_twice", DOCTOR_ERROR, false, NEEDS_STORE, twice_default },
    { "network_overlap", DOCTOR_ERROR, false, NEEDS_STORE, overlapping },
    { "network_addresses_forgotten", DOCTOR_WARNING, false, NEEDS_STORE, forgotten_addresses },
    { "port_outside", DOCTOR_ERROR, false, NEEDS_STORE, outside },
    { "port_mac_wrong", DOCTOR_ERROR, false, NEEDS_STORE, wrong_macs },
    { "port_missing", DOCTOR_ERROR, false, NEEDS_STORE, gaps },
    { "address_free_and_taken", DOCTOR_ERROR, true, NEEDS_STORE, free_and_taken },
    { 0 },
};
