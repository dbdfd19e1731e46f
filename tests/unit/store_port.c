/* Rows of ports, and which address is whose: the lowest fresh one, then the one released longest ago. */
#include "store_lab.h"

#include "store/network.h"
#include "store/port.h"

enum { FIRST = 0x0a4d0302, LAST = FIRST + 3 }; /* room for four */

static struct image image;
static struct network lan;

static void open_with_network(void (*open_lab)(void))
{
    open_lab();
    image = lab_image("tiny");
    lan = lab_network("lan", "10.77.3.0/24");
    LAB_WRITE(store_image_insert(t, &image, &e));
    LAB_WRITE(store_network_insert(t, &lan, &e));
}

static struct vm add_vm(const char *name, int64_t created_at_ms)
{
    struct vm vm = lab_vm(&image, name);

    vm.created_at_ms = created_at_ms;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    return vm;
}

static struct port add_port(const struct vm *vm, const struct network *n, uint32_t ordinal, uint32_t ipv4)
{
    struct port p = lab_port(vm, n, ordinal, ipv4);

    LAB_WRITE(store_port_insert(t, &p, &e));
    return p;
}

/* A VM whose name is as good as any, with this address. */
static struct vm add_holder(uint32_t ipv4)
{
    struct vm vm = lab_vm(&image, "x");

    vm.is_name_unique = false;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    (void)add_port(&vm, &lan, 0, ipv4);
    return vm;
}

static struct address_wish wish(int64_t released_before_ms)
{
    return (struct address_wish){ lan.id, FIRST, LAST, released_before_ms };
}

static uint32_t pick(int64_t released_before_ms)
{
    const struct address_wish w = wish(released_before_ms);
    uint32_t ipv4 = 0;

    LAB_WRITE(store_port_pick_address(t, &w, &ipv4, &e));
    return ipv4;
}

START_TEST(every_column_comes_back)
{
    AUTO_LIST(port) list = { 0 };
    struct network user;
    struct vm vm;
    struct port p;

    open_with_network(lab_open_memory);
    user = lab_network("slirp", "");
    user.kind = NETWORK_USER;
    user.bridge[0] = '\0';
    LAB_WRITE(store_network_insert(t, &user, &e));
    vm = add_vm("web", 1);
    (void)add_port(&vm, &user, 1, 0);
    p = add_port(&vm, &lan, 0, 0xfffffffe);
    LAB_READ(store_port_list_by_vm(t, vm.id, &list, &e));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.items[0]->id, p.id);
    ck_assert_str_eq(list.items[0]->vm, vm.id);
    ck_assert_str_eq(list.items[0]->network, lan.id);
    ck_assert_str_eq(list.items[0]->network_name, "lan");
    ck_assert_int_eq(list.items[0]->kind, NETWORK_NAT);
    ck_assert_uint_eq(list.items[0]->ordinal, 0);
    ck_assert_str_eq(list.items[0]->mac, p.mac);
    ck_assert_uint_eq(list.items[0]->ipv4, 0xfffffffe);
    ck_assert_int_eq(list.items[0]->created_at_ms, 4000);
    ck_assert_str_eq(list.items[1]->network_name, "slirp");
    ck_assert_int_eq(list.items[1]->kind, NETWORK_USER);
    ck_assert_uint_eq(list.items[1]->ipv4, 0);
    lab_done();
}
END_TEST

START_TEST(a_network_s_ports_are_by_address)
{
    AUTO_LIST(port) list = { 0 };
    uint64_t count = 0;

    open_with_network(lab_open_memory);
    (void)add_holder(FIRST + 1);
    (void)add_holder(FIRST);
    LAB_READ(store_port_list_by_network(t, lan.id, &list, &e));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(list.items[0]->ipv4, FIRST);
    ck_assert_uint_eq(list.items[1]->ipv4, FIRST + 1);
    LAB_READ(store_port_count_by_network(t, lan.id, &count, &e));
    ck_assert_uint_eq(count, 2);
    lab_done();
}
END_TEST

START_TEST(what_is_unique_says_so)
{
    struct network other;
    struct vm vm, second;
    struct port p, twin;
    bool has = false;

    open_with_network(lab_open_memory);
    other = lab_network("other", "10.77.4.0/24");
    LAB_WRITE(store_network_insert(t, &other, &e));
    vm = add_vm("web", 1);
    second = add_vm("db", 2);
    p = add_port(&vm, &lan, 0, FIRST);
    twin = lab_port(&second, &lan, 1, FIRST);
    LAB_FAILS(store_port_insert(t, &twin, &e), ERR_ADDRESS_TAKEN);
    twin = lab_port(&second, &lan, 0, FIRST + 1);
    memcpy(twin.mac, p.mac, sizeof(twin.mac));
    LAB_FAILS(store_port_insert(t, &twin, &e), ERR_CONFLICT);
    ck_assert_str_eq(e.msg, "another port has this MAC address");
    twin = lab_port(&vm, &lan, 1, FIRST + 1);
    LAB_FAILS(store_port_insert(t, &twin, &e), ERR_CONFLICT);
    ck_assert_str_eq(e.msg, "the VM is in this network already");
    twin = lab_port(&vm, &other, 0, FIRST + 1);
    LAB_FAILS(store_port_insert(t, &twin, &e), ERR_CONFLICT);
    ck_assert_str_eq(e.msg, "the VM has such an interface already");
    twin = lab_port(&second, &lan, 0, FIRST + 1);
    id_uuid(twin.network);
    LAB_FAILS(store_port_insert(t, &twin, &e), ERR_NETWORK_NOT_FOUND);
    LAB_READ(store_port_has_mac(t, p.mac, &has, &e));
    ck_assert(has);
    LAB_READ(store_port_has_mac(t, twin.mac, &has, &e));
    ck_assert(!has);
    lab_done();
}
END_TEST

START_TEST(a_page_gets_its_ports)
{
    AUTO_LIST(vm) list = { 0 };
    struct vm_filter filter = { .name = "in", .limit = 9 };
    struct vm first, second;
    struct network other;
    bool more;

    open_with_network(lab_open_memory);
    other = lab_network("other", "10.77.4.0/24");
    LAB_WRITE(store_network_insert(t, &other, &e));
    first = lab_vm(&image, "in");
    second = lab_vm(&image, "in");
    first.is_name_unique = second.is_name_unique = false;
    first.created_at_ms = 1;
    second.created_at_ms = 9;
    LAB_WRITE(store_vm_insert(t, &first, &e));
    LAB_WRITE(store_vm_insert(t, &second, &e));
    (void)add_port(&second, &other, 1, FIRST + 7);
    (void)add_port(&second, &lan, 0, FIRST);
    (void)add_holder(FIRST + 1); /* between them in time, not in the page */
    LAB_READ(store_vm_list(t, &filter, &list, &more, &e));
    ck_assert_uint_eq(list.count, 2);
    LAB_READ(store_port_attach(t, &list, &e));
    ck_assert_uint_eq(list.items[0]->ports.count, 0);
    ck_assert_uint_eq(list.items[1]->ports.count, 2);
    ck_assert_str_eq(list.items[1]->ports.items[0]->network_name, "lan");
    ck_assert_str_eq(list.items[1]->ports.items[1]->network_name, "other");
    lab_done();
}
END_TEST

START_TEST(an_empty_page_has_none)
{
    struct vm_list list = { 0 };

    lab_open_memory();
    LAB_READ(store_port_attach(t, &list, &e));
    ck_assert_uint_eq(list.count, 0);
    lab_done();
}
END_TEST

START_TEST(the_lowest_fresh_address_comes_first)
{
    struct vm vm;

    open_with_network(lab_open_memory);
    ck_assert_uint_eq(pick(INT64_MAX), FIRST);
    ck_assert_uint_eq(pick(INT64_MAX), FIRST);
    vm = add_holder(FIRST);
    (void)add_holder(FIRST + 1); /* chosen by hand */
    ck_assert_uint_eq(pick(INT64_MAX), FIRST + 2);
    /* One that was used is not fresh any more, though it is free. */
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    ck_assert_uint_eq(pick(INT64_MAX), FIRST + 2);
    (void)add_holder(FIRST + 2);
    ck_assert_uint_eq(pick(INT64_MAX), FIRST + 3);
    lab_done();
}
END_TEST

START_TEST(a_fresh_address_that_was_rolled_back_comes_again)
{
    const struct address_wish w = { lan.id, FIRST, LAST, 0 };
    uint32_t ipv4 = 0;
    struct txn *t;

    open_with_network(lab_open_memory);
    (void)add_holder(FIRST);
    t = lab_write();
    unit_ok(store_port_pick_address(t, &w, &ipv4, &e));
    txn_free(t);
    ck_assert_uint_eq(ipv4, FIRST + 1);
    ck_assert_uint_eq(pick(0), FIRST + 1);
    lab_done();
}
END_TEST

static void set_released(uint32_t ipv4, int64_t at_ms)
{
    AUTO_FREE char *sql = str_printf("UPDATE address_release SET released_at_ms = %lld WHERE ipv4 = %u", (long long)at_ms, ipv4);

    lab_exec(sql);
}

START_TEST(then_the_one_released_longest_ago)
{
    const struct address_wish early = { lan.id, FIRST, LAST, 15 };
    struct vm vms[4];
    uint32_t ipv4;

    open_with_network(lab_open_file);
    for (uint32_t i = 0; i < 4; i++)
        vms[i] = add_holder(FIRST + i);
    LAB_FAILS(store_port_pick_address(t, &early, &ipv4, &e), ERR_NO_CAPACITY);
    ck_assert_str_eq(e.msg, "the network has no free address; 0 of deleted VMs become free later");
    LAB_WRITE(store_vm_delete(t, vms[1].id, &e));
    LAB_WRITE(store_vm_delete(t, vms[3].id, &e));
    /* Just now: an old lease may live. */
    LAB_FAILS(store_port_pick_address(t, &early, &ipv4, &e), ERR_NO_CAPACITY);
    ck_assert_str_eq(e.msg, "the network has no free address; 2 of deleted VMs become free later");
    set_released(FIRST + 1, 20);
    set_released(FIRST + 3, 10);
    ck_assert_uint_eq(pick(15), FIRST + 3);
    ck_assert_uint_eq(pick(INT64_MAX), FIRST + 3);
    (void)add_holder(FIRST + 3);
    ck_assert_uint_eq(pick(INT64_MAX), FIRST + 1);
    /* What is given again is not remembered as released. */
    LAB_ASK_EQ("SELECT ipv4 FROM address_release", "172819203");
    lab_done();
}
END_TEST

START_TEST(an_address_by_hand_is_checked)
{
    const struct address_wish now = { lan.id, FIRST, FIRST, 0 }, later = { lan.id, FIRST, FIRST, INT64_MAX };
    struct vm vm;

    open_with_network(lab_open_memory);
    LAB_READ(store_port_check_address(t, &now, &e));
    vm = add_holder(FIRST);
    LAB_FAILS(store_port_check_address(t, &later, &e), ERR_ADDRESS_TAKEN);
    ck_assert_str_eq(e.msg, "the address 10.77.3.2 is taken");
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_FAILS(store_port_check_address(t, &now, &e), ERR_ADDRESS_TAKEN);
    LAB_READ(store_port_check_address(t, &later, &e));
    lab_done();
}
END_TEST

START_TEST(a_missing_network_has_no_addresses)
{
    const struct address_wish w = { "00000000-0000-4000-8000-000000000000", FIRST, LAST, 0 };
    uint32_t ipv4;

    lab_open_memory();
    LAB_FAILS(store_port_pick_address(t, &w, &ipv4, &e), ERR_NETWORK_NOT_FOUND);
    lab_done();
}
END_TEST

/* The whole of a /16 was given out: what a pick reads does not grow with it. */
START_TEST(a_full_network_is_quick)
{
    enum { PICKS = 2000, PATIENCE_MS = 2000, BASE = 0x0a4e0000, TOP = BASE + 65534 };
    const struct address_wish w = { lan.id, BASE + 2, TOP, 500 };
    int64_t began_ms;
    uint32_t ipv4 = 0;

    open_with_network(lab_open_file);
    AUTO_FREE char *sql = str_printf("WITH RECURSIVE n(ip) AS (SELECT %u UNION ALL SELECT ip + 1 FROM n WHERE ip < %u)"
                                     " INSERT INTO address_release SELECT '%s', ip, 1000 FROM n WHERE ip <> %u AND ip <> %u;"
                                     "INSERT INTO address_release VALUES ('%s', %u, 400)",
                                     BASE + 2, TOP, lan.id, BASE + 40000, BASE + 50000, lan.id, BASE + 40000);
    lab_exec(sql);
    LAB_WRITE(store_port_pick_address(t, &w, &ipv4, &e)); /* steps over what was put there by hand, once */
    ck_assert_uint_eq(ipv4, BASE + 50000);
    began_ms = clock_boot_ms();
    for (int i = 0; i < PICKS; i++)
        LAB_WRITE(store_port_pick_address(t, &w, &ipv4, &e));
    ck_assert_int_lt(clock_boot_ms() - began_ms, PATIENCE_MS);
    (void)add_holder(BASE + 50000);
    LAB_WRITE(store_port_pick_address(t, &w, &ipv4, &e));
    ck_assert_uint_eq(ipv4, BASE + 40000);
    lab_done();
}
END_TEST

UNIT_MAIN("store_port", every_column_comes_back, a_network_s_ports_are_by_address, what_is_unique_says_so, a_page_gets_its_ports,
          an_empty_page_has_none, the_lowest_fresh_address_comes_first, a_fresh_address_that_was_rolled_back_comes_again,
          then_the_one_released_longest_ago, an_address_by_hand_is_checked, a_missing_network_has_no_addresses,
          a_full_network_is_quick)
