/* store/facts: one table of queries that carry rows away, and one of flaws that SQL finds where they are too many. Not the
 * daemon's statements: what those assume is to be checked here. What the facts mean is core's affair. */
#include "store/facts.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "connection.h"
#include "migrate.h"
#include "row.h"

#include "base/str.h"

/* ---- rows ---- */

#define TEXT(record, member)   COLUMN(COLUMN_STRING, record, member)
#define CHARS(record, member)  COLUMN(COLUMN_CHARS, record, member)
#define NUMBER(record, member) COLUMN(COLUMN_I64, record, member)
#define SMALL(record, member)  COLUMN(COLUMN_U32, record, member)
#define FLAG(record, member)   COLUMN(COLUMN_BOOL, record, member)

static const struct column vm_columns[] = {
    CHARS(fact_vm, id),        TEXT(fact_vm, name),          CHARS(fact_vm, project),   TEXT(fact_vm, hostname),
    TEXT(fact_vm, status),     TEXT(fact_vm, task),          CHARS(fact_vm, job),       CHARS(fact_vm, image),
    TEXT(fact_vm, fault_code), TEXT(fact_vm, fault_message), NUMBER(fact_vm, disk_gib), NUMBER(fact_vm, row_version),
    FLAG(fact_vm, autostart),
};
static const struct column image_columns[] = {
    CHARS(fact_image, id),  TEXT(fact_image, name),         TEXT(fact_image, status),          TEXT(fact_image, disk_format),
    CHARS(fact_image, job), NUMBER(fact_image, size_bytes), NUMBER(fact_image, updated_at_ms), CHARS(fact_image, sha256),
};
static const struct column network_columns[] = {
    CHARS(fact_network, id),        TEXT(fact_network, name),       CHARS(fact_network, project), TEXT(fact_network, kind),
    TEXT(fact_network, status),     CHARS(fact_network, job),       TEXT(fact_network, cidr),     TEXT(fact_network, bridge),
    FLAG(fact_network, is_default), SMALL(fact_network, next_ipv4),
};
static const struct column port_columns[] = {
    CHARS(fact_port, id),      CHARS(fact_port, vm),   CHARS(fact_port, network),
    SMALL(fact_port, ordinal), SMALL(fact_port, ipv4), TEXT(fact_port, mac),
};
static const struct column keypair_columns[] = { CHARS(fact_keypair, id), TEXT(fact_keypair, name) };
static const struct column job_columns[] = {
    CHARS(fact_job, id),
    TEXT(fact_job, kind),
    CHARS(fact_job, target),
    NUMBER(fact_job, deadline_boot_ms),
    CHARS(fact_job, deadline_boot_id),
};
static const struct column release_columns[] = { CHARS(fact_release, network), SMALL(fact_release, ipv4) };
static const struct column flaw_columns[] = { TEXT(fact_flaw, kind), CHARS(fact_flaw, resource), TEXT(fact_flaw, detail) };

static void record_free(void *record, const struct column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (columns[i].kind == COLUMN_STRING)
            free(*(char **)((char *)record + columns[i].offset));
    free(record);
}

#define RECORD(name)                                                                                                             \
    static void free_##name(void *record)                                                                                        \
    {                                                                                                                            \
        record_free(record, name##_columns, ARRAY_LEN(name##_columns));                                                          \
    }                                                                                                                            \
    static const struct row_type name##_type = { name##_columns, (int)ARRAY_LEN(name##_columns), sizeof(struct fact_##name),     \
                                                 free_##name }
RECORD(vm);
RECORD(image);
RECORD(network);
RECORD(port);
RECORD(keypair);
RECORD(job);
RECORD(release);
RECORD(flaw);

#define LIST(name) offsetof(struct store_facts, name##s), offsetof(struct store_facts, name##_count)
static const struct query {
    const struct row_type *type;
    size_t items, count; /* where in struct store_facts */
    const char *sql;
} queries[] = {
    { &vm_type, LIST(vm),
      "SELECT id, name, project, hostname, status, task, job, image, fault_code, fault_message, disk_gib, row_version, autostart"
      " FROM vm ORDER BY id" },
    { &image_type, LIST(image),
      "SELECT id, name, status, disk_format, job, size_bytes, updated_at_ms, sha256 FROM image ORDER BY id" },
    { &network_type, LIST(network),
      "SELECT id, name, project, kind, status, job, cidr, bridge, is_default, next_ipv4 FROM network ORDER BY id" },
    { &port_type, LIST(port), "SELECT id, vm, network, ordinal, ipv4, mac FROM port ORDER BY id" },
    { &keypair_type, LIST(keypair), "SELECT id, name FROM keypair ORDER BY id" },
    { &job_type, LIST(job),
      "SELECT id, kind, target, deadline_boot_ms, deadline_boot_id FROM job WHERE status NOT IN ('succeeded', 'failed')"
      " ORDER BY id" },
    { &release_type, LIST(release), "SELECT network, ipv4 FROM address_release ORDER BY network, ipv4" },
};

/* ---- flaws ---- */

/* Each yields kind, resource, detail. Rows are taken for what they are: one that is no JSON ends the look with the reason. */
#define IS_LIFE "type LIKE '%.created' OR type LIKE '%.deleted'"
#define ROWS                                                                                                                     \
    "(SELECT id, 'vm' AS noun FROM vm UNION ALL SELECT id, 'image' FROM image UNION ALL SELECT id, 'network' FROM network"       \
    " UNION ALL SELECT id, 'keypair' FROM keypair)"
/* What each event says the VM's status has become, and what it was. */
#define STATUSES                                                                                                                 \
    "(SELECT seq, resource, payload ->> 'old_status' AS was, coalesce(payload ->> 'new_status', payload ->> 'status') AS is_now" \
    " FROM event WHERE type IN ('vm.created', 'vm.status.changed'))"
static const char *const flaw_sql[] = {
    "SELECT 'hole', NULL, a.seq + 1 FROM event AS a WHERE a.seq < (SELECT max(seq) FROM event)"
    " AND NOT EXISTS (SELECT 1 FROM event AS b WHERE b.seq = a.seq + 1) LIMIT 20",
    "SELECT 'unborn', NULL, max(event.seq) FROM event, sqlite_sequence AS s WHERE s.name = 'event'"
    " GROUP BY s.seq HAVING max(event.seq) > s.seq",
    "SELECT 'twin', resource, type FROM event WHERE " IS_LIFE " GROUP BY resource, type HAVING count(*) > 1",
    /* Announced, and neither there nor announced to be gone. */
    "SELECT 'lost', e.resource, e.type FROM event AS e WHERE e.type LIKE '%.created'"
    " AND NOT EXISTS (SELECT 1 FROM " ROWS " AS r WHERE r.id = e.resource)"
    " AND e.resource NOT IN (SELECT resource FROM event WHERE type LIKE '%.deleted')", /* read once: events are many */
    "SELECT 'returned', e.resource, e.type FROM event AS e JOIN " ROWS " AS r ON r.id = e.resource WHERE e.type LIKE '%.deleted'",
    "SELECT 'chain', resource, was || ' after ' || before FROM (SELECT resource, was, lag(is_now) OVER"
    " (PARTITION BY resource ORDER BY seq) AS before FROM " STATUSES ") WHERE was IS NOT NULL AND before <> was",
    "SELECT 'untold', id, status || ' after ' || is_now FROM (SELECT resource, max(seq), is_now FROM " STATUSES
    " GROUP BY resource) JOIN vm ON vm.id = resource WHERE status <> is_now",
    "SELECT 'reference', NULL, \"table\" || ' ' || coalesce(rowid, '') || ' names no ' || parent FROM pragma_foreign_key_check"
    " LIMIT 20",
};

/* ---- reading ---- */

struct reader {
    sqlite3 *db;
    struct store_facts *facts;
};

static int refused(sqlite3 *db, int rc, const char *sql, struct err *e)
{
    stmt_failed(db, rc, e);
    return err_detail(e, "SQLite %d: %s in: %s", rc, sqlite3_errmsg(db), sql);
}

static void statement_end(sqlite3_stmt **st)
{
    (void)sqlite3_finalize(*st);
}
#define STATEMENT __attribute__((cleanup(statement_end))) sqlite3_stmt *

static int run(sqlite3 *db, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : refused(db, rc, sql, e);
}

static int read_list(struct reader *r, const struct query *q, struct err *e)
{
    STATEMENT st = NULL;
    struct page page;
    int rc = sqlite3_prepare_v2(r->db, q->sql, -1, &st, NULL);

    if (rc != SQLITE_OK)
        return refused(r->db, rc, q->sql, e);
    if (page_read(st, q->type, PAGE_ALL, &page, e) < 0)
        return -1;
    memcpy((char *)r->facts + q->items, &page.items, sizeof(page.items));
    memcpy((char *)r->facts + q->count, &page.count, sizeof(page.count));
    return 0;
}

static int add_flaw(struct reader *r, struct fact_flaw *flaw, struct err *e)
{
    struct fact_flaw **more = row_array_grow(r->facts->flaws, r->facts->flaw_count, sizeof(*more), e);

    if (!more) {
        free_flaw(flaw);
        return -1;
    }
    r->facts->flaws = more;
    more[r->facts->flaw_count++] = flaw;
    return 0;
}

static int read_flaws(struct reader *r, const char *sql, struct err *e)
{
    STATEMENT st = NULL;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &st, NULL);

    if (rc != SQLITE_OK)
        return refused(r->db, rc, sql, e);
    while ((rc = stmt_row(st, e)) > 0) {
        struct fact_flaw *flaw = row_new(st, &flaw_type, e);

        if (!flaw || add_flaw(r, flaw, e) < 0)
            return -1;
    }
    return rc;
}

/* The contents of indexes against their tables only when asked: it takes as long as the database is large. */
static int read_soundness(struct reader *r, bool is_deep, struct err *e)
{
    const char *sql = is_deep
                          ? "SELECT 'damage', NULL, integrity_check FROM pragma_integrity_check(20) WHERE integrity_check <> 'ok'"
                          : "SELECT 'damage', NULL, quick_check FROM pragma_quick_check(20) WHERE quick_check <> 'ok'";

    return read_flaws(r, sql, e);
}

static int read_rows(struct reader *r, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        if (read_list(r, &queries[i], e) < 0)
            return -1;
    for (size_t i = 0; i < ARRAY_LEN(flaw_sql); i++)
        if (read_flaws(r, flaw_sql[i], e) < 0)
            return -1;
    return 0;
}

static int number_of(sqlite3 *db, const char *sql, int64_t *out, struct err *e)
{
    STATEMENT st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc != SQLITE_ROW)
        return refused(db, rc, sql, e);
    *out = sqlite3_column_int64(st, 0);
    return 0;
}

static int check_ours(sqlite3 *db, struct err *e)
{
    int64_t application = 0, version = 0;

    if (number_of(db, "PRAGMA application_id", &application, e) < 0 || number_of(db, "PRAGMA user_version", &version, e) < 0)
        return -1;
    if (application != STORE_APPLICATION_ID)
        return err_set(e, ERR_CONFIG, "the database file belongs to another program");
    if (version == store_migrations.count)
        return 0;
    return err_set(e, ERR_CONFIG, "the database is of version %lld, and this program looks at version %d: %s", (long long)version,
                   store_migrations.count, version < store_migrations.count ? "start the daemon once" : "use the newer program");
}

/* A connection that reads. It leaves the WAL as it was, so that what a crash has left stays to be seen. */
static int open_reader(const char *path, sqlite3 **out, struct err *e)
{
    AUTO_FREE char *wal = str_printf("%s-wal", path);
    struct stat st;
    bool has_wal;
    int rc;

    if (!wal)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (stat(path, &st) < 0)
        return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "there is no database")
                               : err_errno(e, errno, "the database cannot be read");
    has_wal = stat(wal, &st) == 0 && st.st_size > 0;
    rc = sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return refused(*out, rc, "open", e);
    (void)sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_wal, NULL);
    return run(*out, "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF", e);
}

static int read_sound(struct reader *r, bool is_deep, struct err *e)
{
    if (check_ours(r->db, e) < 0 || run(r->db, "BEGIN", e) < 0 || read_soundness(r, is_deep, e) < 0)
        return -1;
    return read_rows(r, e);
}

static int tell_damage(struct reader *r, struct err *e)
{
    struct fact_flaw *flaw = calloc(1, sizeof(*flaw));

    err_clear(e);
    if (!flaw)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    flaw->kind = str_dup("damage");
    flaw->detail = str_dup(sqlite3_errmsg(r->db));
    return add_flaw(r, flaw, e);
}

static int read_all(struct reader *r, const char *path, bool is_deep, struct err *e)
{
    int rc;

    if (open_reader(path, &r->db, e) < 0)
        return -1;
    r->facts->is_complete = read_sound(r, is_deep, e) == 0;
    if (r->facts->is_complete)
        return 0;
    rc = sqlite3_errcode(r->db) & 0xff;
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? tell_damage(r, e) : -1;
}

int store_facts_read(const char *path, bool is_deep, struct store_facts **out, struct err *e)
{
    AUTO(store_facts) facts = calloc(1, sizeof(*facts));
    struct reader r = { .facts = facts };

    if (!facts)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    int rc = read_all(&r, path, is_deep, e);
    (void)sqlite3_close(r.db);
    if (rc < 0)
        return -1;
    *out = TAKE(facts);
    return 0;
}

static void list_free(void *items, size_t count, void (*free_item)(void *))
{
    for (size_t i = 0; i < count; i++)
        free_item(((void **)items)[i]);
    free(items);
}

void store_facts_free(struct store_facts *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        void *items;
        size_t count;

        memcpy(&items, (char *)f + queries[i].items, sizeof(items));
        memcpy(&count, (char *)f + queries[i].count, sizeof(count));
        list_free(items, count, queries[i].type->free);
    }
    list_free(f->flaws, f->flaw_count, free_flaw);
    free(f);
}

static int compare_id(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

void *fact_find(void *items, size_t count, const char *id)
{
    void **found = count > 0 ? bsearch(id, items, count, sizeof(void *), compare_id) : NULL;

    return found ? *found : NULL;
}
