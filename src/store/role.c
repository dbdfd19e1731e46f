/* store/role: roles, and who has which of them where. */
#include "store/role.h"

#include "row.h"
#include "txn.h"

#include "base/str.h"

DEFINE_WORDS(role);

static const struct column record_columns[] = {
    COLUMN(COLUMN_CHARS, role_record, id),
    COLUMN_OF_WORDS(role_words, role_record, role),
};
static const struct row_type record_type = { record_columns, (int)ARRAY_LEN(record_columns), sizeof(struct role_record), free };

static const struct column role_assignment_columns[] = {
    COLUMN(COLUMN_CHARS, role_assignment, user),          COLUMN(COLUMN_CHARS, role_assignment, project),
    COLUMN_OF_WORDS(role_words, role_assignment, role),   COLUMN(COLUMN_STRING, role_assignment, user_name),
    COLUMN(COLUMN_STRING, role_assignment, project_name),
};

DEFINE_ROW_TYPE(role_assignment);
DEFINE_READ_ALL(role_assignment)

enum { ROLE_LIST, ROLE_GRANT, ROLE_REVOKE, ROLE_MASK, ROLE_ASSIGNMENTS, ROLE_COUNT_ADMINISTRATORS, ROLE_STMT_COUNT };

/* The numbers are those of enum role. */
#define BIT_OF_ROLE "CASE r.name WHEN 'reader' THEN 1 WHEN 'member' THEN 2 ELSE 4 END"
static const char *const role_sql[ROLE_STMT_COUNT] = {
    [ROLE_LIST] = "SELECT r.id, r.name FROM role r ORDER BY " BIT_OF_ROLE,
    [ROLE_GRANT] = "INSERT INTO role_assignment (user, project, role) SELECT ?1, ?2, id FROM role WHERE name = ?3"
                   " ON CONFLICT DO NOTHING",
    [ROLE_REVOKE] = "DELETE FROM role_assignment"
                    " WHERE user = ?1 AND project = ?2 AND role = (SELECT id FROM role WHERE name = ?3)",
    [ROLE_MASK] = "SELECT coalesce(sum(" BIT_OF_ROLE "), 0) FROM role_assignment a JOIN role r ON r.id = a.role"
                  " WHERE a.user = ?1 AND a.project = ?2",
    [ROLE_ASSIGNMENTS] = "SELECT a.user, a.project, r.name, u.name, p.name FROM role_assignment a JOIN role r ON r.id = a.role"
                         " JOIN user u ON u.id = a.user JOIN project p ON p.id = a.project"
                         " WHERE (?1 IS NULL OR a.user = ?1) AND (?2 IS NULL OR a.project = ?2)"
                         " ORDER BY p.name, p.id, u.name, u.id, " BIT_OF_ROLE,
    [ROLE_COUNT_ADMINISTRATORS] =
        "SELECT count(DISTINCT u.id) FROM role_assignment a JOIN role r ON r.id = a.role JOIN user u ON u.id = a.user"
        " JOIN project p ON p.id = a.project"
        " WHERE r.name = 'admin' AND u.is_enabled AND u.password_hash IS NOT NULL AND p.is_enabled",
};
const struct stmt_table role_statements = { role_sql, ROLE_STMT_COUNT };

int store_role_list(struct txn *t, struct role_record out[ROLE_COUNT], struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_ROLE, ROLE_LIST);

    for (int i = 0; i < ROLE_COUNT; i++) {
        int rc = stmt_row(st, e);

        if (rc < 0)
            return -1;
        if (rc == 0)
            return err_set(e, ERR_INTERNAL, "the database lacks a role");
        if (row_read(st, &record_type, &out[i], e) < 0)
            return -1;
    }
    return 0;
}

/* Runs one of the two statements that make or end an assignment. */
static int assign(struct txn *t, int index, const struct role_assignment *a, bool *has_changed, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_ROLE, index);

    BIND(st, value_text(a->user), value_text(a->project), value_text(role_to_string(a->role)));
    if (stmt_run(st, e) < 0)
        return -1;
    *has_changed = stmt_changes(st) > 0;
    if (*has_changed)
        txn_touch_identity(t);
    return 0;
}

int store_role_grant(struct txn *t, const struct role_assignment *a, bool *has_changed, struct err *e)
{
    FAILPOINT(e, "store.role_grant.before");
    if (assign(t, ROLE_GRANT, a, has_changed, e) < 0)
        return -1;
    FAILPOINT(e, "store.role_grant.after");
    return 0;
}

int store_role_revoke(struct txn *t, const struct role_assignment *a, bool *has_changed, struct err *e)
{
    FAILPOINT(e, "store.role_revoke.before");
    if (assign(t, ROLE_REVOKE, a, has_changed, e) < 0)
        return -1;
    FAILPOINT(e, "store.role_revoke.after");
    return 0;
}

int store_role_mask(struct txn *t, const char *user, const char *project, unsigned *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_ROLE, ROLE_MASK);

    BIND(st, value_text(user), value_text(project));
    if (stmt_row(st, e) < 0)
        return -1;
    *out = (unsigned)sqlite3_column_int(st, 0);
    return 0;
}

int store_role_assignments(struct txn *t, const char *user, const char *project, struct role_assignment_list *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_ROLE, ROLE_ASSIGNMENTS);

    BIND(st, value_text(user), value_text(project));
    return role_assignment_read_all(st, out, e);
}

int store_role_count_administrators(struct txn *t, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_ROLE, ROLE_COUNT_ADMINISTRATORS);

    return stmt_number(st, out, e);
}
