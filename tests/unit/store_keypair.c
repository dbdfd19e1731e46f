/* Rows of keypairs: every column, names within a project, pages. */
#include "store_lab.h"

#include "store/event.h"
#include "store/keypair.h"

static const char other_project[] = "00000000000000000000000000000001";
static const char nobody[] = "00000000-0000-4000-8000-000000000000";

static struct keypair make(const char *name, int64_t created_at_ms)
{
    struct keypair k = { .name = (char *)name,
                         .type = (char *)"ssh-ed25519",
                         .public_key = (char *)"ssh-ed25519 AAAA me@here",
                         .fingerprint_sha256 = (char *)"SHA256:abc",
                         .fingerprint_md5 = (char *)"aa:bb",
                         .created_at_ms = created_at_ms };

    id_uuid(k.id);
    k.id[0] = name[0];
    (void)str_copy(k.project, sizeof(k.project), project);
    return k;
}

static struct keypair add(const char *name, int64_t created_at_ms)
{
    struct keypair k = make(name, created_at_ms);

    LAB_WRITE(store_keypair_insert(t, &k, &e));
    return k;
}

START_TEST(every_column_comes_back)
{
    struct keypair k, *back = NULL;

    lab_open_memory();
    k = add("abc", 7);
    LAB_READ(store_keypair_resolve(t, project, k.id, &back, &e));
    ck_assert_str_eq(back->id, k.id);
    ck_assert_str_eq(back->name, "abc");
    ck_assert_str_eq(back->project, project);
    ck_assert_str_eq(back->type, "ssh-ed25519");
    ck_assert_str_eq(back->public_key, "ssh-ed25519 AAAA me@here");
    ck_assert_str_eq(back->fingerprint_sha256, "SHA256:abc");
    ck_assert_str_eq(back->fingerprint_md5, "aa:bb");
    ck_assert_int_eq(back->created_at_ms, 7);
    keypair_free(back);
    lab_done();
}
END_TEST

START_TEST(a_name_is_one_in_its_project)
{
    struct keypair mine, twin, *back = NULL;

    lab_open_file();
    lab_add_project(other_project);
    mine = add("a", 1);
    twin = make("a", 2);
    LAB_FAILS(store_keypair_insert(t, &twin, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    (void)str_copy(twin.project, sizeof(twin.project), other_project);
    LAB_WRITE(store_keypair_insert(t, &twin, &e));
    LAB_READ(store_keypair_resolve(t, project, "a", &back, &e));
    ck_assert_str_eq(back->id, mine.id);
    keypair_free(back);
    LAB_FAILS(store_keypair_resolve(t, NULL, "a", &back, &e), ERR_NAME_AMBIGUOUS);
    LAB_FAILS(store_keypair_resolve(t, project, twin.id, &back, &e), ERR_KEYPAIR_NOT_FOUND);
    LAB_FAILS(store_keypair_resolve(t, project, "b", &back, &e), ERR_KEYPAIR_NOT_FOUND);
    lab_done();
}
END_TEST

static void assert_page(const char *marker, uint32_t limit, const char *names, bool has_more)
{
    AUTO_LIST(keypair) list = { 0 };
    struct buf text = { 0 };
    bool more = !has_more;

    LAB_READ(store_keypair_list(t, project, marker, limit, &list, &more, &e));
    buf_adds(&text, "");
    for (size_t i = 0; i < list.count; i++)
        buf_adds(&text, list.items[i]->name);
    ck_assert_str_eq(text.data, names);
    ck_assert_int_eq(more, has_more);
    buf_done(&text);
}

START_TEST(pages_are_in_order)
{
    struct keypair b;
    AUTO_LIST(keypair) list = { 0 };
    bool more;

    lab_open_memory();
    assert_page(NULL, 9, "", false);
    (void)add("c", 20);
    b = add("b", 20);
    (void)add("a", 10);
    assert_page(NULL, 9, "abc", false);
    assert_page(NULL, 2, "ab", true);
    assert_page(b.id, 2, "c", false);
    LAB_FAILS(store_keypair_list(t, project, nobody, 2, &list, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    LAB_FAILS(store_keypair_list(t, project, NULL, 0, &list, &more, &e), ERR_INVALID_FIELD);
    lab_done();
}
END_TEST

START_TEST(a_marker_outlives_its_keypair)
{
    struct event deleted = { .type = "keypair.deleted", .project = project, .payload = "{}", .resource_created_at_ms = 10 };
    struct keypair a;

    lab_open_memory();
    a = add("a", 10);
    (void)add("b", 20);
    deleted.resource = a.id;
    LAB_WRITE(store_keypair_delete(t, a.id, &e));
    LAB_WRITE(store_event_add(t, &deleted, &e));
    assert_page(a.id, 9, "b", false);
    LAB_FAILS(store_keypair_delete(t, a.id, &e), ERR_KEYPAIR_NOT_FOUND);
    lab_done();
}
END_TEST

UNIT_MAIN("store_keypair", every_column_comes_back, a_name_is_one_in_its_project, pages_are_in_order,
          a_marker_outlives_its_keypair)
