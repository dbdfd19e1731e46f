/* Rows of projects: every column, who finds them, what keeps them. */
#include "store_lab.h"

#include "store/project.h"
#include "store/role.h"
#include "store/user.h"

static struct project make(const char *name, int64_t created_at_ms)
{
    struct project p = { .name = (char *)name, .description = (char *)"", .is_enabled = true, .created_at_ms = created_at_ms };

    id_hex32(p.id);
    LAB_READ(store_domain_default(t, p.domain, &e));
    return p;
}

static struct project add(const char *name, int64_t created_at_ms)
{
    struct project p = make(name, created_at_ms);

    LAB_WRITE(store_project_insert(t, &p, &e));
    return p;
}

/* A new user who is a reader there. */
static struct user add_reader(const struct project *p)
{
    struct user u = { .name = (char *)"ann", .description = (char *)"", .is_enabled = true, .created_at_ms = 1 };
    struct role_assignment a = { .role = ROLE_READER };
    bool has_changed = false;

    id_hex32(u.id);
    (void)str_copy(u.domain, sizeof u.domain, p->domain);
    (void)str_copy(a.user, sizeof a.user, u.id);
    (void)str_copy(a.project, sizeof a.project, p->id);
    LAB_WRITE(store_user_insert(t, &u, &e));
    LAB_WRITE(store_role_grant(t, &a, &has_changed, &e));
    ck_assert(has_changed);
    return u;
}

START_TEST(every_column_comes_back)
{
    struct project p;
    AUTO(project) back = NULL;

    lab_open_memory();
    p = make("north", 7);
    p.description = (char *)"cold";
    p.is_enabled = false;
    LAB_WRITE(store_project_insert(t, &p, &e));
    LAB_READ(store_project_get(t, NULL, "north", &back, &e));
    ck_assert_str_eq(back->id, p.id);
    ck_assert_str_eq(back->domain, p.domain);
    ck_assert_str_eq(back->name, "north");
    ck_assert_str_eq(back->description, "cold");
    ck_assert(!back->is_enabled);
    ck_assert_int_eq(back->created_at_ms, 7);
    lab_done();
}
END_TEST

START_TEST(a_name_is_one_project)
{
    struct project north, south;

    lab_open_memory();
    (void)add("north", 1);
    south = make("north", 2);
    LAB_FAILS(store_project_insert(t, &south, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    south = add("south", 2);
    south.name = (char *)"north";
    LAB_FAILS(store_project_change(t, &south, &e), ERR_NAME_TAKEN);
    north = make("west", 3);
    LAB_FAILS(store_project_change(t, &north, &e), ERR_PROJECT_NOT_FOUND);
    LAB_FAILS(store_project_delete(t, north.id, &e), ERR_PROJECT_NOT_FOUND);
    lab_done();
}
END_TEST

static void assert_page(const char *member, const char *marker, uint32_t limit, const char *names, bool has_more)
{
    AUTO_LIST(project) list = { 0 };
    AUTO_BUF text = { 0 };
    bool more = !has_more;

    LAB_READ(store_project_list(t, member, marker, limit, &list, &more, &e));
    buf_adds(&text, "");
    for (size_t i = 0; i < list.count; i++)
        buf_adds(&text, list.items[i]->name);
    ck_assert_str_eq(text.data, names);
    ck_assert_int_eq(more, has_more);
}

START_TEST(a_member_finds_its_own)
{
    struct project a, b;
    struct user ann;
    AUTO(project) back = NULL;
    AUTO_LIST(project) list = { 0 };
    bool more;

    lab_open_memory();
    b = add("b", 20);
    a = add("a", 10);
    ann = add_reader(&b);
    assert_page(NULL, NULL, 9, "abdefault", false);
    assert_page(NULL, a.id, 1, "b", true);
    assert_page(ann.id, NULL, 9, "b", false);
    LAB_READ(store_project_get(t, ann.id, "b", &back, &e));
    LAB_FAILS(store_project_get(t, ann.id, "a", &back, &e), ERR_PROJECT_NOT_FOUND);
    LAB_FAILS(store_project_get(t, ann.id, a.id, &back, &e), ERR_PROJECT_NOT_FOUND);
    LAB_FAILS(store_project_list(t, ann.id, a.id, 9, &list, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    lab_done();
}
END_TEST

START_TEST(what_is_in_it_keeps_it)
{
    struct project_contents has = { 0 };
    struct image image;
    struct vm vm;
    struct project empty;

    lab_open_memory();
    image = lab_image("tiny");
    vm = lab_vm(&image, "a");
    LAB_WRITE(store_image_insert(t, &image, &e));
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    LAB_READ(store_project_contents(t, project, &has, &e));
    ck_assert_uint_eq(has.vms, 1);
    ck_assert_uint_eq(has.images, 1);
    ck_assert_uint_eq(has.networks, 0);
    ck_assert_uint_eq(has.keypairs, 0);
    LAB_FAILS(store_project_delete(t, project, &e), ERR_IN_USE);
    empty = add("empty", 1);
    (void)add_reader(&empty);
    LAB_READ(store_project_contents(t, empty.id, &has, &e));
    ck_assert_uint_eq(has.vms + has.images + has.networks + has.keypairs, 0);
    LAB_WRITE(store_project_delete(t, empty.id, &e));
    lab_done();
}
END_TEST

UNIT_MAIN("store_project", every_column_comes_back, a_name_is_one_project, a_member_finds_its_own, what_is_in_it_keeps_it)
