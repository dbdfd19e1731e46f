/* store/flavor: rows of flavors. The first ones are made by the schema. */
#include "store/flavor.h"

#include "noun.h"
#include "txn.h"

#define FLAVOR_COLUMNS "id, name, vcpus, memory_mib, disk_gib, description, created_at_ms"

static const struct column flavor_columns[] = {
    COLUMN(COLUMN_CHARS, flavor, id),          COLUMN(COLUMN_STRING, flavor, name),  COLUMN(COLUMN_U32, flavor, vcpus),
    COLUMN(COLUMN_I64, flavor, memory_mib),    COLUMN(COLUMN_I64, flavor, disk_gib), COLUMN(COLUMN_STRING, flavor, description),
    COLUMN(COLUMN_I64, flavor, created_at_ms),
};

DEFINE_ROW_TYPE(flavor);
DEFINE_READ_ALL(flavor)

enum { FLAVOR_INSERT, FLAVOR_RESOLVE, FLAVOR_LIST, FLAVOR_DELETE, FLAVOR_STMT_COUNT };

static const char *const flavor_sql[FLAVOR_STMT_COUNT] = {
    [FLAVOR_INSERT] = "INSERT INTO flavor (" FLAVOR_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)",
    [FLAVOR_RESOLVE] = "SELECT " FLAVOR_COLUMNS " FROM flavor WHERE id = lower(?1) OR name = ?1",
    [FLAVOR_LIST] = "SELECT " FLAVOR_COLUMNS " FROM flavor ORDER BY vcpus, memory_mib, name",
    [FLAVOR_DELETE] = "DELETE FROM flavor WHERE id = ?1",
};
const struct stmt_table flavor_statements = { flavor_sql, FLAVOR_STMT_COUNT };

static const struct noun flavor_noun = {
    .word = "flavor",
    .not_found = ERR_FLAVOR_NOT_FOUND,
    .type = &flavor_type,
    .module = STMT_FLAVOR,
    .remove = FLAVOR_DELETE,
};

static int insert(struct txn *t, const struct flavor *f, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_FLAVOR, FLAVOR_INSERT);

    row_bind(st, &flavor_type, f);
    return stmt_run_named(st, f->name, e);
}

int store_flavor_insert(struct txn *t, const struct flavor *f, struct err *e)
{
    FAILPOINT(e, "store.flavor_insert.before");
    if (insert(t, f, e) < 0)
        return -1;
    FAILPOINT(e, "store.flavor_insert.after");
    return 0;
}

int store_flavor_resolve(struct txn *t, const char *id_or_name, struct flavor **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_FLAVOR, FLAVOR_RESOLVE);
    struct flavor *flavor;

    BIND(st, value_text(id_or_name));
    flavor = noun_read(&flavor_noun, st, id_or_name, e);
    if (!flavor)
        return -1;
    *out = flavor;
    return 0;
}

int store_flavor_list(struct txn *t, struct flavor_list *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_FLAVOR, FLAVOR_LIST);

    return flavor_read_all(st, out, e);
}

int store_flavor_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.flavor_delete.before");
    if (noun_delete(t, &flavor_noun, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.flavor_delete.after");
    return 0;
}
