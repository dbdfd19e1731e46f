/* store/user: rows of users, by name within their domain. */
#include "store/user.h"

#include "noun.h"
#include "txn.h"

#include "base/str.h"

#define USER_COLUMNS "id, domain, name, description, is_enabled, password_hash, created_at_ms"

static const struct column user_columns[] = {
    COLUMN(COLUMN_CHARS, user, id),           COLUMN(COLUMN_CHARS, user, domain),    COLUMN(COLUMN_STRING, user, name),
    COLUMN(COLUMN_STRING, user, description), COLUMN(COLUMN_BOOL, user, is_enabled), COLUMN(COLUMN_STRING, user, password_hash),
    COLUMN(COLUMN_I64, user, created_at_ms),
};

DEFINE_ROW_TYPE(user);

enum { DOMAIN_DEFAULT, USER_INSERT, USER_BY_ID, USER_BY_NAME, USER_MARKER, USER_LIST, USER_CHANGE, USER_DELETE, USER_STMT_COUNT };

static const char *const user_sql[USER_STMT_COUNT] = {
    [DOMAIN_DEFAULT] = "SELECT id FROM domain WHERE name = 'Default'",
    [USER_INSERT] = "INSERT INTO user (" USER_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)",
    [USER_BY_ID] = "SELECT " USER_COLUMNS " FROM user WHERE id = ?1",
    [USER_BY_NAME] = "SELECT " USER_COLUMNS " FROM user"
                     " WHERE domain = (SELECT id FROM domain WHERE name = 'Default') AND name = ?1",
    [USER_MARKER] = "SELECT created_at_ms FROM user WHERE id = ?1 AND (?2 IS NULL OR id = ?2)",
    [USER_LIST] = "SELECT " USER_COLUMNS " FROM user WHERE (created_at_ms, id) > (?1, ?3)"
                  " AND (?2 IS NULL OR id = ?2) ORDER BY created_at_ms, id LIMIT ?4",
    [USER_CHANGE] = "UPDATE user SET name = ?2, description = ?3, is_enabled = ?4, password_hash = ?5 WHERE id = ?1",
    [USER_DELETE] = "DELETE FROM user WHERE id = ?1",
};
const struct stmt_table user_statements = { user_sql, USER_STMT_COUNT };

static const struct noun user_noun = {
    .word = "user",
    .not_found = ERR_USER_NOT_FOUND,
    .type = &user_type,
    .module = STMT_USER,
    .marker = USER_MARKER,
    .list = USER_LIST,
    .remove = USER_DELETE,
};

int store_domain_default(struct txn *t, hex32_text out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_USER, DOMAIN_DEFAULT);
    int rc = stmt_row(st, e);

    if (rc < 0)
        return -1;
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "the database has no default domain");
    (void)str_copy(out, sizeof(hex32_text), (const char *)sqlite3_column_text(st, 0));
    return 0;
}

static int insert(struct txn *t, const struct user *u, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_USER, USER_INSERT);

    row_bind(st, &user_type, u);
    return stmt_run_named(st, u->name, e);
}

int store_user_insert(struct txn *t, const struct user *u, struct err *e)
{
    FAILPOINT(e, "store.user_insert.before");
    if (insert(t, u, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.user_insert.after");
    return 0;
}

int store_user_find(struct txn *t, const char *id_or_name, struct user **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_USER, str_is_hex(id_or_name, HEX32_LEN) ? USER_BY_ID : USER_BY_NAME);
    struct user *u = NULL;
    int rc;

    BIND(st, value_text(id_or_name));
    rc = stmt_row(st, e);
    if (rc < 0 || (rc > 0 && !(u = row_new(st, &user_type, e))))
        return -1;
    *out = u;
    return 0;
}

int store_user_get(struct txn *t, const char *id_or_name, struct user **out, struct err *e)
{
    struct user *u = NULL;

    if (store_user_find(t, id_or_name, &u, e) < 0)
        return -1;
    if (!u)
        return noun_not_found(&user_noun, id_or_name, e);
    *out = u;
    return 0;
}

int store_user_list(struct txn *t, const char *only, const char *marker, uint32_t limit, struct user_list *out, bool *has_more,
                    struct err *e)
{
    struct page page;

    if (noun_list(t, &user_noun, &(struct page_query){ only, marker, limit }, &page, e) < 0)
        return -1;
    *out = (struct user_list){ (struct user **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

static int change(struct txn *t, const struct user *u, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_USER, USER_CHANGE);

    BIND(st, value_text(u->id), value_text(u->name), value_text(u->description), value_int(u->is_enabled),
         value_text(u->password_hash));
    if (stmt_run_named(st, u->name, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : noun_not_found(&user_noun, u->id, e);
}

int store_user_change(struct txn *t, const struct user *u, struct err *e)
{
    FAILPOINT(e, "store.user_change.before");
    if (change(t, u, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.user_change.after");
    return 0;
}

int store_user_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.user_delete.before");
    if (noun_delete(t, &user_noun, id, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.user_delete.after");
    return 0;
}
