/* Counters of creates: when they count, and that their number has an end. */
#include <stdio.h>

#include "../../src/core/created.h"
#include "unit.h"

#include "base/str.h"
#include "store/store.h"

static struct err e = ERR_INIT;
static struct store *store;
static struct created *created;

static void open_all(void)
{
    unit_ok(store_open(":memory:", &store, &e));
    unit_ok(created_new(&created, &e));
}

static void close_all(void)
{
    created_free(created);
    store_free(store);
}

struct sought {
    const char *flavor;
    uint64_t count, size;
    bool is_found;
};

static void look(void *arg, const char *flavor, uint64_t count)
{
    struct sought *s = arg;

    s->size++;
    if (!str_equal(flavor, s->flavor))
        return;
    s->is_found = true;
    s->count = count;
}

static struct sought find(const char *flavor)
{
    struct sought s = { .flavor = flavor };

    created_each(created, look, &s);
    return s;
}

static void create(const char *flavor, bool is_committed)
{
    AUTO(txn) t = NULL;

    unit_ok(txn_write(store, &t, &e));
    unit_ok(created_count_after(created, t, flavor, &e));
    if (is_committed)
        unit_ok(txn_commit(t, &e));
}

START_TEST(what_is_committed_counts)
{
    open_all();
    create("small", true);
    create("small", true);
    create(NULL, true);
    create("small", false);
    create("large", false);
    ck_assert_uint_eq(find("small").count, 2);
    ck_assert_uint_eq(find("").count, 1);
    ck_assert_uint_eq(find("large").count, 0);
    close_all();
}
END_TEST

START_TEST(what_is_expected_is_read_as_nothing)
{
    open_all();
    ck_assert(!find("small").is_found);
    unit_ok(created_expect(created, "small", &e));
    ck_assert(find("small").is_found);
    ck_assert_uint_eq(find("small").count, 0);
    create("small", true);
    unit_ok(created_expect(created, "small", &e));
    ck_assert_uint_eq(find("small").count, 1);
    close_all();
}
END_TEST

START_TEST(there_is_an_end_to_the_names)
{
    char flavor[16];

    open_all();
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(flavor, sizeof flavor, "f%d", i);
        unit_ok(created_expect(created, flavor, &e));
    }
    ck_assert_uint_eq(find("").size, 1001);
    create("f0", true);
    create("f2999", true);
    ck_assert_uint_eq(find("f0").count, 1);
    ck_assert_uint_eq(find("other").count, 1);
    ck_assert_uint_eq(find("").size, 1001);
    close_all();
}
END_TEST

UNIT_MAIN("core_created", what_is_committed_counts, what_is_expected_is_read_as_nothing, there_is_an_end_to_the_names)
