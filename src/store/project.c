/* store/project: rows of projects, by name within their domain. */
#include "store/project.h"

#include "noun.h"
#include "txn.h"

#include "base/str.h"

#define PROJECT_COLUMNS "id, domain, name, description, is_enabled, created_at_ms"

static const struct column project_columns[] = {
    COLUMN(COLUMN_CHARS, project, id),        COLUMN(COLUMN_CHARS, project, domain),
    COLUMN(COLUMN_STRING, project, name),     COLUMN(COLUMN_STRING, project, description),
    COLUMN(COLUMN_BOOL, project, is_enabled), COLUMN(COLUMN_I64, project, created_at_ms),
};

DEFINE_ROW_TYPE(project);

enum {
    PROJECT_DEFAULT,
    PROJECT_NAME,
    PROJECT_RESTORE,
    PROJECT_INSERT,
    PROJECT_BY_ID,
    PROJECT_BY_NAME,
    PROJECT_MARKER,
    PROJECT_LIST,
    PROJECT_CHANGE,
    PROJECT_DELETE,
    PROJECT_CONTENTS,
    PROJECT_COUNT,
    PROJECT_STMT_COUNT
};

#define OF_MEMBER "(?2 IS NULL OR id IN (SELECT project FROM role_assignment WHERE user = ?2))"

static const char *const project_sql[PROJECT_STMT_COUNT] = {
    [PROJECT_DEFAULT] =
        "SELECT p.id FROM domain d JOIN project p ON p.domain = d.id WHERE d.name = 'Default' AND p.name = 'default'",
    [PROJECT_NAME] = "SELECT name FROM project WHERE id = ?1",
    [PROJECT_RESTORE] = "INSERT INTO project (" PROJECT_COLUMNS ")"
                        " SELECT ?1, id, ?2, '', 1, ?3 FROM domain WHERE name = 'Default'"
                        " ON CONFLICT (domain, name) DO UPDATE SET id = excluded.id",
    [PROJECT_INSERT] = "INSERT INTO project (" PROJECT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)",
    [PROJECT_BY_ID] = "SELECT " PROJECT_COLUMNS " FROM project WHERE id = ?1 AND " OF_MEMBER,
    [PROJECT_BY_NAME] = "SELECT " PROJECT_COLUMNS " FROM project"
                        " WHERE domain = (SELECT id FROM domain WHERE name = 'Default') AND name = ?1 AND " OF_MEMBER,
    [PROJECT_MARKER] = "SELECT created_at_ms FROM project WHERE id = ?1 AND " OF_MEMBER,
    [PROJECT_LIST] = "SELECT " PROJECT_COLUMNS " FROM project WHERE (created_at_ms, id) > (?1, ?3) AND " OF_MEMBER
                     " ORDER BY created_at_ms, id LIMIT ?4",
    [PROJECT_CHANGE] = "UPDATE project SET name = ?2, description = ?3, is_enabled = ?4 WHERE id = ?1",
    [PROJECT_DELETE] = "DELETE FROM project WHERE id = ?1",
    [PROJECT_CONTENTS] = "SELECT (SELECT count(*) FROM vm WHERE project = ?1), (SELECT count(*) FROM image WHERE project = ?1),"
                         " (SELECT count(*) FROM network WHERE project = ?1), (SELECT count(*) FROM keypair WHERE project = ?1)",
    [PROJECT_COUNT] = "SELECT count(*) FROM project",
};
const struct stmt_table project_statements = { project_sql, PROJECT_STMT_COUNT };

static const struct noun project_noun = {
    .word = "project",
    .not_found = ERR_PROJECT_NOT_FOUND,
    .type = &project_type,
    .module = STMT_PROJECT,
    .marker = PROJECT_MARKER,
    .list = PROJECT_LIST,
    .remove = PROJECT_DELETE,
};

int store_project_default(struct txn *t, hex32_text out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_DEFAULT);
    int rc = stmt_row(st, e);

    if (rc < 0)
        return -1;
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "the database has no default project");
    (void)str_copy(out, sizeof(hex32_text), (const char *)sqlite3_column_text(st, 0));
    return 0;
}

int store_project_name(struct txn *t, const char *id, char **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_NAME);
    char *name;
    int rc;

    BIND(st, value_text(id));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NOT_FOUND, "there is no project '%s'", id);
    name = str_dup((const char *)sqlite3_column_text(st, 0));
    if (!name)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = name;
    return 0;
}

static int restore(struct txn *t, const char *id, const char *name, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_RESTORE);

    BIND(st, value_text(id), value_text(name), value_int(clock_wall_ms()));
    return stmt_run(st, e);
}

int store_project_restore(struct txn *t, const char *id, const char *name, struct err *e)
{
    FAILPOINT(e, "store.project_restore.before");
    if (restore(t, id, name, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.project_restore.after");
    return 0;
}

static int insert(struct txn *t, const struct project *p, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_INSERT);

    row_bind(st, &project_type, p);
    return stmt_run_named(st, p->name, e);
}

int store_project_insert(struct txn *t, const struct project *p, struct err *e)
{
    FAILPOINT(e, "store.project_insert.before");
    if (insert(t, p, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.project_insert.after");
    return 0;
}

int store_project_get(struct txn *t, const char *member, const char *id_or_name, struct project **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, str_is_hex(id_or_name, HEX32_LEN) ? PROJECT_BY_ID : PROJECT_BY_NAME);
    struct project *p;

    BIND(st, value_text(id_or_name), value_text(member));
    p = noun_read(&project_noun, st, id_or_name, e);
    if (!p)
        return -1;
    *out = p;
    return 0;
}

int store_project_list(struct txn *t, const char *member, const char *marker, uint32_t limit, struct project_list *out,
                       bool *has_more, struct err *e)
{
    struct page page;

    if (noun_list(t, &project_noun, &(struct page_query){ member, marker, limit }, &page, e) < 0)
        return -1;
    *out = (struct project_list){ (struct project **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

static int change(struct txn *t, const struct project *p, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_CHANGE);

    BIND(st, value_text(p->id), value_text(p->name), value_text(p->description), value_int(p->is_enabled));
    if (stmt_run_named(st, p->name, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : noun_not_found(&project_noun, p->id, e);
}

int store_project_change(struct txn *t, const struct project *p, struct err *e)
{
    FAILPOINT(e, "store.project_change.before");
    if (change(t, p, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.project_change.after");
    return 0;
}

int store_project_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.project_delete.before");
    if (noun_delete(t, &project_noun, id, e) < 0)
        return -1;
    txn_touch_identity(t);
    FAILPOINT(e, "store.project_delete.after");
    return 0;
}

int store_project_contents(struct txn *t, const char *id, struct project_contents *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_CONTENTS);

    BIND(st, value_text(id));
    if (stmt_row(st, e) < 0)
        return -1;
    *out = (struct project_contents){
        .vms = (uint64_t)sqlite3_column_int64(st, 0),
        .images = (uint64_t)sqlite3_column_int64(st, 1),
        .networks = (uint64_t)sqlite3_column_int64(st, 2),
        .keypairs = (uint64_t)sqlite3_column_int64(st, 3),
    };
    return 0;
}

int store_project_count(struct txn *t, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PROJECT, PROJECT_COUNT);

    return stmt_number(st, out, e);
}
