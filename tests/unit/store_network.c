/* Rows of networks: every column, what is unique, states by compare-and-set, and that a network with ports stays. */
#include "store_lab.h"

#include "store/event.h"
#include "store/network.h"
#include "store/port.h"

static const char other_project[] = "00000000000000000000000000000001";
static const char job[] = "aaaaaaaa-0000-4000-8000-000000000000";

static struct network add(const char *name, const char *cidr)
{
    struct network n = lab_network(name, cidr);

    LAB_WRITE(store_network_insert(t, &n, &e));
    return n;
}

static struct network *get(const char *id)
{
    struct network *n = NULL;

    LAB_READ(store_network_get(t, project, id, &n, &e));
    return n;
}

START_TEST(every_column_comes_back)
{
    struct network n, *back;

    lab_open_memory();
    n = lab_network("lan", "10.77.3.0/24");
    n.kind = NETWORK_ISOLATED;
    n.is_default = true;
    n.status = NETWORK_ERROR;
    n.status_reason = (char *)"reason";
    (void)str_copy(n.job, sizeof(n.job), job);
    LAB_WRITE(store_network_insert(t, &n, &e));
    back = get(n.id);
    ck_assert_str_eq(back->id, n.id);
    ck_assert_str_eq(back->name, "lan");
    ck_assert_str_eq(back->project, project);
    ck_assert_int_eq(back->kind, NETWORK_ISOLATED);
    ck_assert_str_eq(back->cidr, "10.77.3.0/24");
    ck_assert_str_eq(back->bridge, "br-lan");
    ck_assert(back->is_default);
    ck_assert_int_eq(back->status, NETWORK_ERROR);
    ck_assert_str_eq(back->status_reason, "reason");
    ck_assert_str_eq(back->job, job);
    ck_assert_int_eq(back->created_at_ms, 3000);
    ck_assert_int_gt(back->updated_at_ms, 1000000);
    network_free(back);
    lab_done();
}
END_TEST

/* They have no addresses and no bridge, so two of them share none. */
START_TEST(user_networks_have_neither_cidr_nor_bridge)
{
    struct network first, second, *back;

    lab_open_memory();
    first = lab_network("a", "");
    second = lab_network("b", "");
    first.kind = second.kind = NETWORK_USER;
    first.bridge[0] = second.bridge[0] = '\0';
    LAB_WRITE(store_network_insert(t, &first, &e));
    LAB_WRITE(store_network_insert(t, &second, &e));
    back = get(second.id);
    ck_assert_str_eq(back->cidr, "");
    ck_assert_str_eq(back->bridge, "");
    network_free(back);
    lab_done();
}
END_TEST

START_TEST(what_is_unique_says_so)
{
    struct network n, twin;

    lab_open_file();
    lab_add_project(other_project);
    n = add("lan", "10.77.3.0/24");
    twin = lab_network("lan", "10.77.4.0/24");
    (void)str_copy(twin.bridge, sizeof(twin.bridge), "br-twin");
    LAB_FAILS(store_network_insert(t, &twin, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.msg, "the name 'lan' is taken");
    (void)str_copy(twin.project, sizeof(twin.project), other_project);
    (void)str_copy(twin.cidr, sizeof(twin.cidr), n.cidr);
    LAB_FAILS(store_network_insert(t, &twin, &e), ERR_CIDR_TAKEN);
    (void)str_copy(twin.cidr, sizeof(twin.cidr), "10.77.4.0/24");
    (void)str_copy(twin.bridge, sizeof(twin.bridge), n.bridge);
    LAB_FAILS(store_network_insert(t, &twin, &e), ERR_CONFLICT);
    (void)str_copy(twin.bridge, sizeof(twin.bridge), "br-twin");
    LAB_WRITE(store_network_insert(t, &twin, &e));
    lab_done();
}
END_TEST

START_TEST(a_project_has_one_default)
{
    struct network first, second, *found = NULL;

    lab_open_memory();
    (void)add("lan", "10.77.3.0/24");
    LAB_READ(store_network_find_default(t, project, &found, &e));
    ck_assert_ptr_null(found);
    first = lab_network("default", "10.77.4.0/24");
    second = lab_network("second", "10.77.5.0/24");
    first.is_default = second.is_default = true;
    LAB_WRITE(store_network_insert(t, &first, &e));
    LAB_FAILS(store_network_insert(t, &second, &e), ERR_CONFLICT);
    LAB_READ(store_network_find_default(t, project, &found, &e));
    ck_assert_str_eq(found->id, first.id);
    network_free(found);
    LAB_READ(store_network_find_default(t, other_project, &found, &e));
    ck_assert_ptr_null(found);
    lab_done();
}
END_TEST

START_TEST(resolves_by_id_and_name)
{
    struct network mine, theirs, *found = NULL;

    lab_open_file();
    lab_add_project(other_project);
    mine = add("lan", "10.77.3.0/24");
    theirs = lab_network("lan", "10.77.4.0/24");
    (void)str_copy(theirs.project, sizeof(theirs.project), other_project);
    (void)str_copy(theirs.bridge, sizeof(theirs.bridge), "br-theirs");
    LAB_WRITE(store_network_insert(t, &theirs, &e));
    LAB_READ(store_network_resolve(t, project, "lan", &found, &e));
    ck_assert_str_eq(found->id, mine.id);
    network_free(found);
    LAB_READ(store_network_resolve(t, NULL, theirs.id, &found, &e));
    ck_assert_str_eq(found->id, theirs.id);
    network_free(found);
    LAB_FAILS(store_network_resolve(t, NULL, "lan", &found, &e), ERR_NAME_AMBIGUOUS);
    LAB_FAILS(store_network_resolve(t, project, theirs.id, &found, &e), ERR_NETWORK_NOT_FOUND);
    LAB_FAILS(store_network_resolve(t, project, "wan", &found, &e), ERR_NETWORK_NOT_FOUND);
    lab_done();
}
END_TEST

static void assert_page(const char *marker, uint32_t limit, const char *names, bool has_more)
{
    AUTO_LIST(network) list = { 0 };
    struct buf text = { 0 };
    bool more = !has_more;

    LAB_READ(store_network_list(t, project, marker, limit, &list, &more, &e));
    buf_adds(&text, "");
    for (size_t i = 0; i < list.count; i++)
        buf_adds(&text, list.items[i]->name);
    ck_assert_str_eq(text.data, names);
    ck_assert_int_eq(more, has_more);
    buf_done(&text);
}

START_TEST(pages_are_in_order)
{
    static const char *const names[] = { "c", "b", "a" };
    static const char *const cidrs[] = { "10.77.3.0/24", "10.77.4.0/24", "10.77.5.0/24" };
    struct event deleted = { .type = "network.deleted", .project = project, .payload = "{}", .resource_created_at_ms = 20 };
    AUTO_LIST(network) all = { 0 };
    struct network n[3];

    lab_open_memory();
    for (int i = 0; i < 3; i++) {
        n[i] = lab_network(names[i], cidrs[i]);
        n[i].id[0] = names[i][0];
        n[i].created_at_ms = i == 2 ? 10 : 20;
        LAB_WRITE(store_network_insert(t, &n[i], &e));
    }
    LAB_READ(store_network_all(t, &all, &e));
    ck_assert_uint_eq(all.count, 3);
    ck_assert_str_eq(all.items[0]->name, "a");
    assert_page(NULL, 9, "abc", false);
    assert_page(NULL, 1, "a", true);
    assert_page(n[1].id, 9, "c", false);
    deleted.resource = n[1].id;
    LAB_WRITE(store_network_delete(t, n[1].id, &e));
    LAB_WRITE(store_event_add(t, &deleted, &e));
    assert_page(n[1].id, 9, "c", false);
    lab_done();
}
END_TEST

START_TEST(the_status_is_compared_and_set)
{
    struct network n, *back;

    lab_open_memory();
    n = lab_network("lan", "10.77.3.0/24");
    n.status = NETWORK_PENDING;
    LAB_WRITE(store_network_insert(t, &n, &e));
    LAB_WRITE(store_network_set_status(t, &n, NETWORK_ERROR, job, "reason", &e));
    LAB_FAILS(store_network_set_status(t, &n, NETWORK_ACTIVE, "", NULL, &e), ERR_CONFLICT);
    back = get(n.id);
    ck_assert_int_eq(back->status, NETWORK_ERROR);
    ck_assert_str_eq(back->status_reason, "reason");
    ck_assert_str_eq(back->job, job);
    LAB_WRITE(store_network_set_status(t, back, NETWORK_ACTIVE, "", NULL, &e));
    network_free(back);
    back = get(n.id);
    ck_assert_int_eq(back->status, NETWORK_ACTIVE);
    ck_assert_ptr_null(back->status_reason);
    ck_assert_str_eq(back->job, "");
    LAB_WRITE(store_network_delete(t, n.id, &e));
    LAB_FAILS(store_network_set_status(t, back, NETWORK_DELETING, job, NULL, &e), ERR_NETWORK_NOT_FOUND);
    network_free(back);
    lab_done();
}
END_TEST

START_TEST(a_network_with_ports_stays)
{
    struct network n;
    struct image image;
    struct port port;
    struct vm vm;

    lab_open_file();
    image = lab_image("tiny");
    vm = lab_vm(&image, "web");
    n = add("lan", "10.77.3.0/24");
    port = lab_port(&vm, &n, 0, 0x0a4d0302);
    LAB_WRITE(store_image_insert(t, &image, &e));
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    LAB_WRITE(store_port_insert(t, &port, &e));
    LAB_FAILS(store_network_delete(t, n.id, &e), ERR_IN_USE);
    ck_assert_str_eq(e.msg, "a VM uses the network");
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_ASK_EQ("SELECT count(*) FROM address_release", "1");
    LAB_WRITE(store_network_delete(t, n.id, &e));
    LAB_ASK_EQ("SELECT count(*) FROM address_release", "0");
    LAB_WRITE(store_network_delete(t, n.id, &e));
    lab_done();
}
END_TEST

UNIT_MAIN("store_network", every_column_comes_back, user_networks_have_neither_cidr_nor_bridge, what_is_unique_says_so,
          a_project_has_one_default, resolves_by_id_and_name, pages_are_in_order, the_status_is_compared_and_set,
          a_network_with_ports_stays)
