/* store/token: rows of tokens, and the one statement that says what a token is good for. */
#include "store/token.h"

#include "noun.h"
#include "txn.h"

#include "base/str.h"

#define TOKEN_COLUMNS "id, sha256, user, project, roles, name, expires_at_ms, created_at_ms"

static const struct column token_columns[] = {
    COLUMN(COLUMN_CHARS, token, id),          COLUMN(COLUMN_CHARS, token, sha256),      COLUMN(COLUMN_CHARS, token, user),
    COLUMN(COLUMN_CHARS, token, project),     COLUMN(COLUMN_U32, token, roles),         COLUMN(COLUMN_STRING, token, name),
    COLUMN(COLUMN_I64, token, expires_at_ms), COLUMN(COLUMN_I64, token, created_at_ms),
};

DEFINE_ROW_TYPE(token);

static const struct column grant_columns[] = {
    COLUMN(COLUMN_CHARS, token_grant, token),       COLUMN(COLUMN_CHARS, token_grant, user),
    COLUMN(COLUMN_CHARS, token_grant, project),     COLUMN(COLUMN_STRING, token_grant, user_name),
    COLUMN(COLUMN_U32, token_grant, roles),         COLUMN(COLUMN_U32, token_grant, assigned),
    COLUMN(COLUMN_I64, token_grant, expires_at_ms),
};
/* Read into the caller's record, never freed by the room. */
static const struct row_type grant_type = { grant_columns, (int)ARRAY_LEN(grant_columns), sizeof(struct token_grant), NULL };

enum {
    TOKEN_INSERT,
    TOKEN_GET,
    TOKEN_MARKER,
    TOKEN_LIST,
    TOKEN_DELETE,
    TOKEN_DELETE_OTHERS,
    TOKEN_PRUNE,
    TOKEN_GRANT_BY_HASH,
    TOKEN_GRANT_BY_ID,
    TOKEN_STMT_COUNT
};

/* No row: good for nothing. The numbers of the roles are those of enum role. */
#define GRANT                                                                                                                    \
    "SELECT k.id, k.user, k.project, u.name, k.roles,"                                                                           \
    "  sum(CASE r.name WHEN 'reader' THEN 1 WHEN 'member' THEN 2 ELSE 4 END), k.expires_at_ms"                                   \
    " FROM token k JOIN user u ON u.id = k.user JOIN domain ud ON ud.id = u.domain"                                              \
    " JOIN project p ON p.id = k.project JOIN domain pd ON pd.id = p.domain"                                                     \
    " JOIN role_assignment a ON a.user = k.user AND a.project = k.project JOIN role r ON r.id = a.role"                          \
    " WHERE k.expires_at_ms > ?2 AND u.is_enabled AND ud.is_enabled AND p.is_enabled AND pd.is_enabled"

static const char *const token_sql[TOKEN_STMT_COUNT] = {
    [TOKEN_INSERT] = "INSERT INTO token (" TOKEN_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [TOKEN_GET] = "SELECT " TOKEN_COLUMNS " FROM token WHERE id = ?1 AND (?2 IS NULL OR user = ?2) AND expires_at_ms > ?3",
    [TOKEN_MARKER] = "SELECT created_at_ms FROM token WHERE id = ?1 AND (?2 IS NULL OR user = ?2)",
    [TOKEN_LIST] = "SELECT " TOKEN_COLUMNS " FROM token WHERE (?1 IS NULL OR user = ?1) AND expires_at_ms > ?2"
                   " AND (created_at_ms, id) > (?3, ?4) ORDER BY created_at_ms, id LIMIT ?5",
    [TOKEN_DELETE] = "DELETE FROM token WHERE id = ?1",
    [TOKEN_DELETE_OTHERS] = "DELETE FROM token WHERE user = ?1 AND id <> ?2",
    [TOKEN_PRUNE] = "DELETE FROM token WHERE expires_at_ms > 0 AND expires_at_ms <= ?1",
    [TOKEN_GRANT_BY_HASH] = GRANT " AND k.sha256 = ?1 GROUP BY k.id",
    [TOKEN_GRANT_BY_ID] = GRANT " AND k.id = ?1 GROUP BY k.id",
};
const struct stmt_table token_statements = { token_sql, TOKEN_STMT_COUNT };

static const struct noun token_noun = {
    .word = "token",
    .not_found = ERR_TOKEN_NOT_FOUND,
    .type = &token_type,
    .module = STMT_TOKEN,
    .marker = TOKEN_MARKER,
    .remove = TOKEN_DELETE,
};

void token_grant_done(struct token_grant *g)
{
    free(g->user_name);
    *g = (struct token_grant){ 0 };
}

static int insert(struct txn *t, const struct token *k, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_INSERT);

    row_bind(st, &token_type, k);
    return stmt_run(st, e);
}

int store_token_insert(struct txn *t, const struct token *k, struct err *e)
{
    FAILPOINT(e, "store.token_insert.before");
    if (insert(t, k, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.token_insert.after");
    return 0;
}

int store_token_get(struct txn *t, const char *user, const char *id, int64_t now_ms, struct token **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_GET);
    struct token *k;

    BIND(st, value_text(id), value_text(user), value_int(now_ms));
    k = noun_read(&token_noun, st, id, e);
    if (!k)
        return -1;
    *out = k;
    return 0;
}

int store_token_list(struct txn *t, const struct token_filter *f, struct token_list *out, bool *has_more, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_LIST);
    struct page_key key;
    struct page page;

    if (noun_page_key(t, &token_noun, &(struct page_query){ f->user, f->marker, f->limit }, &key, e) < 0)
        return -1;
    BIND(st, value_text(f->user), value_int(f->now_ms), value_int(key.created_at_ms), value_text(key.id), page_limit(f->limit));
    if (page_read(st, &token_type, f->limit, &page, e) < 0)
        return -1;
    *out = (struct token_list){ (struct token **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

int store_token_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.token_delete.before");
    if (noun_delete(t, &token_noun, id, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.token_delete.after");
    return 0;
}

static int delete_others(struct txn *t, const char *user, const char *keep, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_DELETE_OTHERS);

    BIND(st, value_text(user), value_text(keep));
    return stmt_run(st, e);
}

int store_token_delete_others(struct txn *t, const char *user, const char *keep, struct err *e)
{
    FAILPOINT(e, "store.token_delete_others.before");
    if (delete_others(t, user, keep, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.token_delete_others.after");
    return 0;
}

static int prune(struct txn *t, int64_t now_ms, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_PRUNE);

    BIND(st, value_int(now_ms));
    return stmt_run(st, e);
}

/* Nobody loses anything by it that was not lost: the identity's version stays. */
int store_token_prune(struct txn *t, int64_t now_ms, struct err *e)
{
    FAILPOINT(e, "store.token_prune.before");
    if (prune(t, now_ms, e) < 0)
        return -1;
    FAILPOINT(e, "store.token_prune.after");
    return 0;
}

static int find_grant(sqlite3_stmt *st, struct token_grant *out, bool *is_found, struct err *e)
{
    AUTO_TOKEN_GRANT g = { 0 };
    int rc = stmt_row(st, e);

    if (rc < 0 || (rc > 0 && row_read(st, &grant_type, &g, e) < 0))
        return -1;
    *is_found = rc > 0;
    *out = g;
    g.user_name = NULL; /* it is the caller's now */
    return 0;
}

int store_token_grant(struct txn *t, const sha256_text sha256, int64_t now_ms, struct token_grant *out, bool *is_found,
                      struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_GRANT_BY_HASH);

    BIND(st, value_text(sha256), value_int(now_ms));
    return find_grant(st, out, is_found, e);
}

int store_token_grant_by_id(struct txn *t, const char *id, int64_t now_ms, struct token_grant *out, bool *is_found, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_TOKEN, TOKEN_GRANT_BY_ID);

    BIND(st, value_text(id), value_int(now_ms));
    return find_grant(st, out, is_found, e);
}
