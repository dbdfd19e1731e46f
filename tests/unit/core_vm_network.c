/* Which names, networks and addresses a VM is given in the transaction that makes it: on a real store, beside the fake. */
#include "../../src/core/vm_network.h"
#include "core_lab.h"

#include "store/port.h"

/* ---- VMs; what each was given stays in .hostname and .ports ---- */

static struct vm_spec spec_of(struct nic_spec *nics, size_t count)
{
    return (struct vm_spec){ .has_networks = true, .nics = nics, .nic_count = count };
}

static const struct vm_spec anything = { .has_networks = false };

static int plan(struct txn *t, const struct vm_spec *spec, struct vm *vm)
{
    return vm_network_plan(&(struct change){ core, &who, t }, spec, vm, &e);
}

static struct vm make(const char *name, const struct vm_spec *spec)
{
    struct vm vm = lab_vm(&image, name);
    struct txn *t = lab_write();

    unit_ok(plan(t, spec, &vm));
    unit_ok(store_vm_insert(t, &vm, &e));
    unit_ok(vm_network_insert(t, &vm, &e));
    lab_commit(t);
    return vm;
}

static void refused(const struct vm_spec *spec, enum err_code code)
{
    struct vm vm = lab_vm(&image, "refused");
    struct txn *t = lab_write();

    err_clear(&e);
    unit_fails(plan(t, spec, &vm), code);
    ck_assert_str_eq(e.field, "networks");
    txn_free(t);
    port_list_done(&vm.ports);
}

/* A pair with the address; user networking knows none. */
static void expect_mac(const struct port *p)
{
    mac_text mac;

    if (p->kind == NETWORK_USER) {
        ck_assert_int_eq(mac_check(p->mac), 0);
        ck_assert_int_eq(strncmp(p->mac, "52:54:00:", 9), 0);
        return;
    }
    port_mac(p->network, p->ipv4, mac);
    ck_assert_str_eq(p->mac, mac);
}

static void expect_port(const struct vm *vm, size_t i, const char *network, const char *address)
{
    ipv4_text text;

    ck_assert_uint_gt(vm->ports.count, i);
    ipv4_format(vm->ports.items[i]->ipv4, text);
    ck_assert_str_eq(text, address);
    ck_assert_str_eq(vm->ports.items[i]->network_name, network);
    ck_assert_str_eq(vm->ports.items[i]->vm, vm->id);
    ck_assert_uint_eq(vm->ports.items[i]->ordinal, i);
    expect_mac(vm->ports.items[i]);
}

static size_t network_count(void)
{
    struct network_list all = { 0 };
    size_t count;

    LAB_READ(store_network_all(t, &all, &e));
    count = all.count;
    network_list_done(&all);
    return count;
}

/* ---- the default network ---- */

START_TEST(the_first_vm_makes_the_default_network)
{
    struct vm one, two;
    struct network *n = NULL;

    core_lab_set_up();
    one = make("web", &anything);
    two = make("Web.2", &anything);
    ck_assert_uint_eq(network_count(), 1);
    expect_port(&one, 0, "default", "203.0.113.2");
    expect_port(&two, 0, "default", "203.0.113.3");
    ck_assert_str_ne(one.ports.items[0]->mac, two.ports.items[0]->mac);
    ck_assert_str_eq(two.hostname, "web-2");
    LAB_READ(store_network_find_default(t, project, &n, &e));
    ck_assert_int_eq(n->status, NETWORK_PENDING);
    ck_assert_int_eq(n->kind, NETWORK_NAT);
    ck_assert_str_eq(n->cidr, "203.0.113.0/28");
    network_free(n);
    port_list_done(&one.ports);
    port_list_done(&two.ports);
    core_lab_tear_down();
}
END_TEST

START_TEST(asking_for_it_by_name_makes_it_too)
{
    struct nic_spec nic = { .network = (char *)"default", .fixed_ip = (char *)"203.0.113.9" };
    struct vm_spec spec = spec_of(&nic, 1);
    struct vm vm;

    core_lab_set_up();
    vm = make("web", &spec);
    expect_port(&vm, 0, "default", "203.0.113.9");
    port_list_done(&vm.ports);
    core_lab_tear_down();
}
END_TEST

START_TEST(its_name_may_be_taken)
{
    struct network *n = NULL;
    struct vm vm;

    core_lab_set_up();
    lab_add_network("default", "203.0.113.0/28", NETWORK_ACTIVE);
    vm = make("web", &anything);
    LAB_READ(store_network_find_default(t, project, &n, &e));
    ck_assert_int_eq(strncmp(n->name, "default-", 8), 0);
    expect_port(&vm, 0, n->name, "203.0.113.18"); /* and its addresses are taken as well */
    network_free(n);
    port_list_done(&vm.ports);
    core_lab_tear_down();
}
END_TEST

START_TEST(it_keeps_clear_of_what_libvirt_has)
{
    struct virt_network foreign = { .id = "11111111-2222-4333-8444-555555555555",
                                    .name = "x",
                                    .project = project,
                                    .bridge = "br9",
                                    .cidr = { 0xcb007100, 27 },
                                    .gateway = 0xcb007101 };
    struct vm vm;

    core_lab_set_up();
    unit_ok(virt_network_ensure(virt, &foreign, &e));
    vm = make("web", &anything);
    expect_port(&vm, 0, "default", "203.0.113.34");
    port_list_done(&vm.ports);
    core_lab_tear_down();
}
END_TEST

/* ---- others ---- */

START_TEST(several_networks_in_the_order_asked_for)
{
    struct nic_spec nics[] = { { .network = (char *)"back" }, { .network = (char *)"front", .fixed_ip = (char *)"10.6.0.14" } };
    struct vm_spec spec = spec_of(nics, 2), none = spec_of(NULL, 0);
    struct vm vm, bare;

    core_lab_set_up();
    lab_add_network("back", "10.5.0.0/29", NETWORK_ACTIVE);
    lab_add_network("front", "10.6.0.0/28", NETWORK_PENDING);
    vm = make("web", &spec);
    expect_port(&vm, 0, "back", "10.5.0.2");
    expect_port(&vm, 1, "front", "10.6.0.14");
    bare = make("bare", &none);
    ck_assert_uint_eq(bare.ports.count, 0);
    ck_assert_uint_eq(network_count(), 2);
    port_list_done(&vm.ports);
    core_lab_tear_down();
}
END_TEST

START_TEST(what_cannot_be_joined_is_refused)
{
    static const struct {
        const char *network, *fixed_ip;
        enum err_code code;
    } table[] = {
        { "no-such", NULL, ERR_NETWORK_NOT_FOUND }, { "../etc", NULL, ERR_NETWORK_NOT_FOUND },
        { "broken", NULL, ERR_CONFLICT },           { "going", NULL, ERR_CONFLICT },
        { "back", "10.5.0.1", ERR_INVALID_FIELD }, /* the gateway's */
        { "back", "10.5.0.7", ERR_INVALID_FIELD }, /* broadcast */
        { "back", "10.5.0.0", ERR_INVALID_FIELD },  { "back", "10.5.1.2", ERR_INVALID_FIELD },
        { "back", "10.5.0.02", ERR_INVALID_FIELD }, { "back", "nonsense", ERR_INVALID_FIELD },
        { "back", "10.5.0.2", ERR_ADDRESS_TAKEN },
    };
    struct nic_spec nic = { .network = (char *)"back" }, twice[] = { nic, nic }, many[VM_NETWORKS_MAX + 1];
    struct vm_spec spec = spec_of(&nic, 1);
    struct vm vm;

    core_lab_set_up();
    lab_add_network("back", "10.5.0.0/29", NETWORK_ACTIVE);
    lab_add_network("broken", "10.5.1.0/29", NETWORK_ERROR);
    lab_add_network("going", "10.5.2.0/29", NETWORK_DELETING);
    vm = make("web", &spec);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        nic = (struct nic_spec){ (char *)table[i].network, (char *)table[i].fixed_ip };
        refused(&spec, table[i].code);
    }
    spec = spec_of(twice, 2);
    refused(&spec, ERR_INVALID_FIELD);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = twice[0];
    spec = spec_of(many, ARRAY_LEN(many));
    refused(&spec, ERR_INVALID_FIELD);
    port_list_done(&vm.ports);
    core_lab_tear_down();
}
END_TEST

START_TEST(a_full_network_says_so)
{
    struct nic_spec nic = { .network = (char *)"back" };
    struct vm_spec spec = spec_of(&nic, 1);

    core_lab_set_up();
    lab_add_network("back", "10.5.0.0/29", NETWORK_ACTIVE);
    for (int i = 0; i < 5; i++) {
        AUTO_FREE char *name = str_printf("vm-%d", i);
        struct vm vm = make(name, &spec);

        port_list_done(&vm.ports);
    }
    refused(&spec, ERR_NO_CAPACITY);
    core_lab_tear_down();
}
END_TEST

/* ---- without bridges ---- */

START_TEST(session_mode_gives_user_networking)
{
    struct nic_spec nic = { .network = (char *)"back" };
    struct vm_spec spec = spec_of(&nic, 1);
    struct vm_nics nics;
    struct vm_links links;
    struct vm vm;

    core_lab_set_up();
    lab_add_network("back", "10.5.0.0/29", NETWORK_ACTIVE);
    lab_take_bridges();
    vm = make("web", &anything);
    expect_port(&vm, 0, "default", "0.0.0.0");
    ck_assert_int_eq(vm.ports.items[0]->kind, NETWORK_USER);
    unit_ok(vm_links_load(core, vm.id, &links, &e));
    vm_links_nics(&links, &nics);
    ck_assert_uint_eq(nics.count, 1);
    ck_assert_ptr_null(nics.items[0].network);
    ck_assert_ptr_null(nics.items[0].ipv4);
    ck_assert_str_eq(nics.items[0].mac, vm.ports.items[0]->mac);
    vm_links_done(&links);
    refused(&spec, ERR_NOT_SUPPORTED);
    nic = (struct nic_spec){ (char *)"default", (char *)"10.0.2.15" };
    refused(&spec, ERR_INVALID_FIELD);
    port_list_done(&vm.ports);
    core_lab_tear_down();
}
END_TEST

START_TEST(where_user_networking_is_refused_there_is_none)
{
    struct nic_spec nic = { .network = (char *)"default" };
    struct vm_spec spec = spec_of(&nic, 1);
    struct vm vm;

    core_lab_set_up();
    lab_take_bridges();
    core->config.refuses_user_network = true;
    vm = make("web", &anything);
    ck_assert_uint_eq(vm.ports.count, 0);
    refused(&spec, ERR_NOT_SUPPORTED);
    ck_assert_uint_eq(network_count(), 0);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_vm_network", the_first_vm_makes_the_default_network, asking_for_it_by_name_makes_it_too, its_name_may_be_taken,
          it_keeps_clear_of_what_libvirt_has, several_networks_in_the_order_asked_for, what_cannot_be_joined_is_refused,
          a_full_network_says_so, session_mode_gives_user_networking, where_user_networking_is_refused_there_is_none)
