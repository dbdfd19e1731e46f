/* store/keypair: rows of public ssh keys, by name within a project. */
#include "store/keypair.h"

#include "noun.h"
#include "txn.h"

#define KEYPAIR_COLUMNS "id, name, project, type, public_key, fingerprint_sha256, fingerprint_md5, created_at_ms"

static const struct column keypair_columns[] = {
    COLUMN(COLUMN_CHARS, keypair, id),
    COLUMN(COLUMN_STRING, keypair, name),
    COLUMN(COLUMN_CHARS, keypair, project),
    COLUMN(COLUMN_STRING, keypair, type),
    COLUMN(COLUMN_STRING, keypair, public_key),
    COLUMN(COLUMN_STRING, keypair, fingerprint_sha256),
    COLUMN(COLUMN_STRING, keypair, fingerprint_md5),
    COLUMN(COLUMN_I64, keypair, created_at_ms),
};

DEFINE_ROW_TYPE(keypair);

enum { KEYPAIR_INSERT, KEYPAIR_GET, KEYPAIR_BY_NAME, KEYPAIR_MARKER, KEYPAIR_LIST, KEYPAIR_DELETE, KEYPAIR_STMT_COUNT };

static const char *const keypair_sql[KEYPAIR_STMT_COUNT] = {
    [KEYPAIR_INSERT] = "INSERT INTO keypair (" KEYPAIR_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [KEYPAIR_GET] = "SELECT " KEYPAIR_COLUMNS " FROM keypair WHERE id = lower(?1) AND (?2 IS NULL OR project = ?2)",
    [KEYPAIR_BY_NAME] = "SELECT " KEYPAIR_COLUMNS " FROM keypair WHERE name = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 2",
    [KEYPAIR_MARKER] = "SELECT created_at_ms FROM keypair WHERE id = ?1 AND (?2 IS NULL OR project = ?2)"
                       " UNION ALL SELECT resource_created_at_ms FROM event"
                       " WHERE type = 'keypair.deleted' AND resource = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 1",
    [KEYPAIR_LIST] = "SELECT " KEYPAIR_COLUMNS " FROM keypair WHERE (created_at_ms, id) > (?1, ?3)"
                     " AND (?2 IS NULL OR project = ?2) ORDER BY created_at_ms, id LIMIT ?4",
    [KEYPAIR_DELETE] = "DELETE FROM keypair WHERE id = ?1",
};
const struct stmt_table keypair_statements = { keypair_sql, KEYPAIR_STMT_COUNT };

static const struct noun keypair_noun = {
    .word = "keypair",
    .not_found = ERR_KEYPAIR_NOT_FOUND,
    .type = &keypair_type,
    .module = STMT_KEYPAIR,
    .get = KEYPAIR_GET,
    .by_name = KEYPAIR_BY_NAME,
    .marker = KEYPAIR_MARKER,
    .list = KEYPAIR_LIST,
    .remove = KEYPAIR_DELETE,
};

static int insert(struct txn *t, const struct keypair *k, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_KEYPAIR, KEYPAIR_INSERT);

    row_bind(st, &keypair_type, k);
    return stmt_run_named(st, k->name, e);
}

int store_keypair_insert(struct txn *t, const struct keypair *k, struct err *e)
{
    FAILPOINT(e, "store.keypair_insert.before");
    if (insert(t, k, e) < 0)
        return -1;
    FAILPOINT(e, "store.keypair_insert.after");
    return 0;
}

int store_keypair_resolve(struct txn *t, const char *project, const char *id_or_name, struct keypair **out, struct err *e)
{
    struct keypair *k = noun_resolve(t, &keypair_noun, project, id_or_name, e);

    if (!k)
        return -1;
    *out = k;
    return 0;
}

int store_keypair_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct keypair_list *out,
                       bool *has_more, struct err *e)
{
    struct page page;

    if (noun_list(t, &keypair_noun, &(struct page_query){ project, marker, limit }, &page, e) < 0)
        return -1;
    *out = (struct keypair_list){ (struct keypair **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

int store_keypair_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.keypair_delete.before");
    if (noun_delete(t, &keypair_noun, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.keypair_delete.after");
    return 0;
}
