/* store/vm_tombstone: records of terminated VMs, which read like VMs that are being deleted, and pages by offset of both. */
#include "store/vm_tombstone.h"

#include "txn.h"
#include "vm_row.h"

#include "base/str.h"
#include "store/vm.h"

enum {
    TOMBSTONE_INSERT,
    TOMBSTONE_GET,
    TOMBSTONE_DELETE,
    TOMBSTONE_PRUNE,
    PAGE_OF_ALL,
    PAGE_OF_PROJECT,
    COUNT_OF_ALL,
    COUNT_OF_PROJECT,
    TOMBSTONE_STMT_COUNT
};

/* In the place of VM_COLUMNS. */
#define AS_VM                                                                                                                    \
    "id, name, NULL, project, 'deleting', NULL, NULL, NULL, flavor, vcpus, memory_mib, disk_gib, image, NULL, NULL, metadata, "  \
    "'[]', NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, created_at_ms, terminated_at_ms, 0"
#define IS_GONE "NOT EXISTS (SELECT 1 FROM vm WHERE vm.id = vm_tombstone.id)"
/* The two halves of a page; either index, on (created_at_ms, id) or on (project, created_at_ms, id), has its half in order. */
#define LIVING(which) " FROM vm WHERE " which " AND (?2 IS NULL OR instr(?2, ' ' || status || ' ') > 0)"
#define GONE(which)   " FROM vm_tombstone WHERE " which " AND (?2 IS NULL OR instr(?2, ' deleting ') > 0) AND " IS_GONE
#define BY_OFFSET     " ORDER BY created_at_ms, id LIMIT ?3 OFFSET ?4"
#define OF_ALL        "?1 IS NULL"
#define OF_PROJECT    "project = ?1"

static const char *const tombstone_sql[TOMBSTONE_STMT_COUNT] = {
    [TOMBSTONE_INSERT] = "INSERT OR IGNORE INTO vm_tombstone (id, project, name, flavor, vcpus, memory_mib, disk_gib, image,"
                         " metadata, created_at_ms, terminated_at_ms)"
                         " SELECT id, project, name, flavor, vcpus, memory_mib, disk_gib, image, metadata, created_at_ms, ?2"
                         " FROM vm WHERE id = ?1",
    [TOMBSTONE_GET] = "SELECT " AS_VM " FROM vm_tombstone WHERE id = lower(?1) AND (?2 IS NULL OR project = ?2) AND " IS_GONE,
    [TOMBSTONE_DELETE] = "DELETE FROM vm_tombstone WHERE id = lower(?1)",
    [TOMBSTONE_PRUNE] = "DELETE FROM vm_tombstone WHERE terminated_at_ms < ?1",
    [PAGE_OF_ALL] = "SELECT " VM_COLUMNS LIVING(OF_ALL) " UNION ALL SELECT " AS_VM GONE(OF_ALL) BY_OFFSET,
    [PAGE_OF_PROJECT] = "SELECT " VM_COLUMNS LIVING(OF_PROJECT) " UNION ALL SELECT " AS_VM GONE(OF_PROJECT) BY_OFFSET,
    [COUNT_OF_ALL] = "SELECT (SELECT count(*)" LIVING(OF_ALL) ") + (SELECT count(*)" GONE(OF_ALL) ")",
    [COUNT_OF_PROJECT] = "SELECT (SELECT count(*)" LIVING(OF_PROJECT) ") + (SELECT count(*)" GONE(OF_PROJECT) ")",
};
const struct stmt_table vm_tombstone_statements = { tombstone_sql, TOMBSTONE_STMT_COUNT };

static int insert(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_TOMBSTONE, TOMBSTONE_INSERT);

    BIND(st, value_text(id), value_int(clock_wall_ms()));
    return stmt_run(st, e);
}

int store_vm_tombstone_insert(struct txn *t, const struct vm *vm, struct err *e)
{
    FAILPOINT(e, "store.vm_tombstone_insert.before");
    if (insert(t, vm->id, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_tombstone_insert.after");
    return 0;
}

int store_vm_tombstone_get(struct txn *t, const char *project, const char *id, struct vm **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_TOMBSTONE, TOMBSTONE_GET);
    struct vm *vm;
    int rc;

    BIND(st, value_text(id), value_text(project));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_VM_NOT_FOUND, "there is no VM '%s'", id);
    vm = row_new(st, vm_row_type, e);
    if (!vm)
        return -1;
    *out = vm;
    return 0;
}

static int delete_row(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_TOMBSTONE, TOMBSTONE_DELETE);

    BIND(st, value_text(id));
    return stmt_run(st, e);
}

int store_vm_tombstone_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.vm_tombstone_delete.before");
    if (delete_row(t, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_tombstone_delete.after");
    return 0;
}

static int prune(struct txn *t, int64_t before_ms, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_TOMBSTONE, TOMBSTONE_PRUNE);

    BIND(st, value_int(before_ms));
    return stmt_run(st, e);
}

int store_vm_tombstone_prune(struct txn *t, int64_t before_ms, struct err *e)
{
    FAILPOINT(e, "store.vm_tombstone_prune.before");
    if (prune(t, before_ms, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_tombstone_prune.after");
    return 0;
}

/* ---- pages ---- */

/* " running paused ": words between spaces, as HAS_STATUS looks for them; nothing when every status will do. */
static void add_words(struct buf *b, unsigned statuses)
{
    for (int s = 0; s < VM_STATUS_COUNT; s++)
        if (statuses & (1u << s))
            buf_addf(b, " %s ", vm_status_to_string((enum vm_status)s));
}

static int count(struct txn *t, const char *project, const char *words, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_TOMBSTONE, project ? COUNT_OF_PROJECT : COUNT_OF_ALL);

    BIND(st, value_text(project), value_text(words));
    return stmt_number(st, out, e);
}

int store_vm_page(struct txn *t, const struct vm_page_filter *f, struct vm_list *out, uint64_t *total, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_TOMBSTONE, f->project ? PAGE_OF_PROJECT : PAGE_OF_ALL);
    AUTO_BUF words = { 0 };
    struct page page;

    add_words(&words, f->statuses);
    if (words.failed)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (page_check_limit(f->limit, e) < 0 || count(t, f->project, words.data, total, e) < 0)
        return -1;
    BIND(st, value_text(f->project), value_text(words.data), page_limit(f->limit), value_int(stmt_count(f->offset)));
    if (page_read(st, vm_row_type, f->limit, &page, e) < 0)
        return -1;
    *out = (struct vm_list){ (struct vm **)page.items, page.count };
    return 0;
}
