/* store/keypair: rows of public ssh keys, by name within a project. */
#include "store/keypair.h"

#include "row.h"
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

static void free_keypair(void *record)
{
    keypair_free(record);
}

static const struct row_type keypair_type = { keypair_columns, (int)ARRAY_LEN(keypair_columns), sizeof(struct keypair),
                                              free_keypair };

enum { KEYPAIR_INSERT, KEYPAIR_GET, KEYPAIR_FIND_BY_NAME, KEYPAIR_MARKER, KEYPAIR_LIST, KEYPAIR_DELETE, KEYPAIR_STMT_COUNT };

static const char *const keypair_sql[KEYPAIR_STMT_COUNT] = {
    [KEYPAIR_INSERT] = "INSERT INTO keypair (" KEYPAIR_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [KEYPAIR_GET] = "SELECT " KEYPAIR_COLUMNS " FROM keypair WHERE id = lower(?1) AND (?2 IS NULL OR project = ?2)",
    [KEYPAIR_FIND_BY_NAME] = "SELECT " KEYPAIR_COLUMNS " FROM keypair WHERE name = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 2",
    [KEYPAIR_MARKER] = "SELECT created_at_ms FROM keypair WHERE id = ?1 AND (?2 IS NULL OR project = ?2)"
                       " UNION ALL SELECT resource_created_at_ms FROM event"
                       " WHERE type = 'keypair.deleted' AND resource = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 1",
    [KEYPAIR_LIST] = "SELECT " KEYPAIR_COLUMNS " FROM keypair WHERE (?1 IS NULL OR project = ?1)"
                     " AND (created_at_ms, id) > (?2, ?3) ORDER BY created_at_ms, id LIMIT ?4",
    [KEYPAIR_DELETE] = "DELETE FROM keypair WHERE id = ?1",
};
const struct stmt_table keypair_statements = { keypair_sql, KEYPAIR_STMT_COUNT };

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

static int not_found(const char *id_or_name, struct err *e)
{
    return err_set(e, ERR_KEYPAIR_NOT_FOUND, "there is no keypair '%s'", id_or_name);
}

int store_keypair_resolve(struct txn *t, const char *project, const char *id_or_name, struct keypair **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_KEYPAIR, id_looks_like_uuid(id_or_name) ? KEYPAIR_GET : KEYPAIR_FIND_BY_NAME);
    AUTO(keypair) k = NULL;
    int rc;

    BIND(st, value_text(id_or_name), value_text(project));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : not_found(id_or_name, e);
    k = row_new(st, &keypair_type, e);
    if (!k || (rc = stmt_row(st, e)) < 0)
        return -1;
    if (rc > 0)
        return err_set(e, ERR_NAME_AMBIGUOUS, "more than one keypair is named '%s'; use the id", id_or_name);
    *out = TAKE(k);
    return 0;
}

static int key_of(struct txn *t, const char *project, const char *marker, struct page_key *key, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_KEYPAIR, KEYPAIR_MARKER);

    *key = (struct page_key){ INT64_MIN, "" };
    if (!marker)
        return 0;
    BIND(st, value_text(marker), value_text(project));
    return page_key_of(st, marker, key, e);
}

int store_keypair_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct keypair_list *out,
                       bool *has_more, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_KEYPAIR, KEYPAIR_LIST);
    struct page_key key;
    struct page page;

    if (page_check_limit(limit, e) < 0 || key_of(t, project, marker, &key, e) < 0)
        return -1;
    BIND(st, value_text(project), value_int(key.created_at_ms), value_text(key.id), page_limit(limit));
    if (page_read(st, &keypair_type, limit, &page, e) < 0)
        return -1;
    *out = (struct keypair_list){ (struct keypair **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

static int delete_row(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_KEYPAIR, KEYPAIR_DELETE);

    BIND(st, value_text(id));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : not_found(id, e);
}

int store_keypair_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.keypair_delete.before");
    if (delete_row(t, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.keypair_delete.after");
    return 0;
}
