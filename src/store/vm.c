/* store/vm: rows of virtual machines: reading, paging, and the compare-and-set by which one task at a time holds a VM.
 * Which status a task may start from is core's rule, not this file's. */
#include "store/vm.h"

#include <string.h>

#include "noun.h"
#include "txn.h"
#include "vm_row.h"

#include "base/str.h"

DEFINE_WORDS(vm_status);
DEFINE_WORDS(vm_task);
DEFINE_WORDS(vm_restore);

static const struct column vm_columns[] = {
    COLUMN(COLUMN_CHARS, vm, id),
    COLUMN(COLUMN_STRING, vm, name),
    COLUMN(COLUMN_CHARS, vm, hostname),
    COLUMN(COLUMN_CHARS, vm, project),
    COLUMN_OF_WORDS(vm_status_words, vm, status),
    COLUMN(COLUMN_STRING, vm, status_reason),
    COLUMN_OF_WORDS(vm_task_words, vm, task),
    COLUMN(COLUMN_CHARS, vm, job),
    COLUMN(COLUMN_STRING, vm, flavor),
    COLUMN(COLUMN_U32, vm, vcpus),
    COLUMN(COLUMN_I64, vm, memory_mib),
    COLUMN(COLUMN_I64, vm, disk_gib),
    COLUMN(COLUMN_CHARS, vm, image),
    COLUMN(COLUMN_STRING, vm, image_name),
    COLUMN(COLUMN_STRING, vm, image_ref),
    COLUMN(COLUMN_STRING, vm, metadata),
    COLUMN(COLUMN_STRING, vm, tags),
    COLUMN(COLUMN_STRING, vm, keypair),
    COLUMN(COLUMN_BOOL, vm, autostart),
    COLUMN(COLUMN_BOOL, vm, is_locked),
    COLUMN(COLUMN_BOOL, vm, is_name_unique),
    COLUMN(COLUMN_I64, vm, expires_at_ms),
    COLUMN(COLUMN_I64, vm, ready_at_ms),
    COLUMN_OF_WORDS(vm_restore_words, vm, restores_to),
    COLUMN(COLUMN_STRING, vm, fault.code),
    COLUMN(COLUMN_STRING, vm, fault.message),
    COLUMN(COLUMN_STRING, vm, fault.detail),
    COLUMN(COLUMN_I64, vm, observed_at_ms),
    COLUMN(COLUMN_I64, vm, created_at_ms),
    COLUMN(COLUMN_I64, vm, updated_at_ms),
    COLUMN(COLUMN_I64, vm, row_version),
};

DEFINE_ROW_TYPE(vm);
const struct row_type *const vm_row_type = &vm_type;

enum {
    VM_INSERT,
    VM_NAME_IS_BORNE,
    VM_EXISTS,
    VM_GET,
    VM_BY_NAME,
    VM_MARKER,
    VM_LIST,
    VM_LIST_BY_NAME,
    VM_STATES,
    VM_LINES,
    VM_TAKE,
    VM_TAKE_OVER,
    VM_SETTLE,
    VM_OBSERVE,
    VM_CHANGE,
    VM_RELEASE_ADDRESSES,
    VM_DELETE,
    VM_SET_LOCKED,
    VM_SET_READY,
    VM_SET_RESTORE,
    VM_LIST_ON,
    VM_LIST_TO_RESTORE,
    VM_LIST_UNREADY,
    VM_NEXT_EXPIRING,
    VM_HAS_HOSTNAME,
    VM_PROMISES,
    VM_COUNT_BY_IMAGE,
    VM_STMT_COUNT
};

#define VM_PAGE                                                                                                                  \
    " AND (?1 IS NULL OR project = ?1) AND (?3 IS NULL OR status = ?3) AND (created_at_ms, id) > (?4, ?5)"                       \
    " ORDER BY created_at_ms, id LIMIT ?6"
/* A guest that is on has got back what the host's shutdown took. */
#define VM_KEEPS(is_given_up) "iif(?3 IN ('running', 'paused') OR " is_given_up ", NULL, restores_to)"
#define VM_CHANGED            "row_version = next_vm_version(), updated_at_ms = "

static const char *const vm_sql[VM_STMT_COUNT] = {
    [VM_INSERT] = "INSERT INTO vm (" VM_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [VM_NAME_IS_BORNE] = "SELECT 1 FROM vm WHERE name = ?1 AND project = ?2 AND id <> ?3 LIMIT 1",
    [VM_EXISTS] = "SELECT 1 FROM vm WHERE id = ?1",
    [VM_GET] = "SELECT " VM_COLUMNS " FROM vm WHERE id = lower(?1) AND (?2 IS NULL OR project = ?2)",
    [VM_BY_NAME] = "SELECT " VM_COLUMNS " FROM vm WHERE name = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 2",
    [VM_MARKER] = "SELECT created_at_ms FROM vm WHERE id = ?1 AND (?2 IS NULL OR project = ?2)"
                  " UNION ALL SELECT resource_created_at_ms FROM event"
                  " WHERE type = 'vm.deleted' AND resource = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 1",
    [VM_LIST] = "SELECT " VM_COLUMNS " FROM vm WHERE ?2 IS NULL" VM_PAGE,
    [VM_LIST_BY_NAME] = "SELECT " VM_COLUMNS " FROM vm WHERE name = ?2" VM_PAGE,
    [VM_STATES] = "SELECT id, status, task, row_version, status_reason, fault_code FROM vm ORDER BY id",
    [VM_LINES] = "SELECT id, project, name, status FROM vm ORDER BY id",
    [VM_TAKE] = "UPDATE vm SET task = ?3, status = ?4, job = ?5, " VM_CHANGED "?6"
                " WHERE id = ?1 AND row_version = ?2 AND task IS NULL",
    [VM_TAKE_OVER] = "UPDATE vm SET task = ?3, status = ?4, job = ?5, " VM_CHANGED "?6 WHERE id = ?1 AND row_version = ?2",
    [VM_SETTLE] = "UPDATE vm SET task = NULL, job = NULL, status = ?3, status_reason = ?4, fault_code = ?5, fault_message = ?6,"
                  " fault_detail = ?7, observed_at_ms = max(observed_at_ms, ?9), restores_to = " VM_KEEPS(
                      "?10") ", " VM_CHANGED "?8 WHERE id = ?1 AND job = ?2",
    [VM_OBSERVE] = "UPDATE vm SET status = ?3, status_reason = ?4, fault_code = ?5, fault_message = ?6, fault_detail = ?7,"
                   " observed_at_ms = max(observed_at_ms, ?9), restores_to = " VM_KEEPS(
                       "?10") ", " VM_CHANGED "?8 WHERE id = ?1 AND row_version = ?2 AND task IS NULL",
    [VM_CHANGE] = "UPDATE vm SET name = coalesce(?3, name), metadata = coalesce(?4, metadata), tags = coalesce(?5, tags),"
                  " autostart = coalesce(?7, autostart), expires_at_ms = coalesce(?8, expires_at_ms), " VM_CHANGED
                  "?6 WHERE id = ?1 AND row_version = ?2",
    [VM_RELEASE_ADDRESSES] = "INSERT OR REPLACE INTO address_release (network, ipv4, released_at_ms)"
                             " SELECT network, ipv4, ?2 FROM port WHERE vm = ?1 AND ipv4 IS NOT NULL",
    [VM_DELETE] = "DELETE FROM vm WHERE id = ?1",
    [VM_SET_LOCKED] = "UPDATE vm SET is_locked = ?2, " VM_CHANGED "?3 WHERE id = ?1",
    [VM_SET_READY] = "UPDATE vm SET ready_at_ms = ?2, " VM_CHANGED "?3 WHERE id = ?1 AND ready_at_ms = 0",
    [VM_SET_RESTORE] = "UPDATE vm SET restores_to = ?2, " VM_CHANGED "?3 WHERE id = ?1",
    [VM_LIST_ON] = "SELECT " VM_COLUMNS " FROM vm WHERE (status IN ('running', 'paused', 'pending', 'starting', 'stopping',"
                   " 'rebooting') OR task = 'vm.resume') AND (created_at_ms, id) < (?1, ?2)"
                   " ORDER BY created_at_ms DESC, id DESC LIMIT ?3",
    [VM_LIST_TO_RESTORE] = "SELECT " VM_COLUMNS " FROM vm WHERE restores_to IS NOT NULL AND status <> 'deleting'"
                           " AND (created_at_ms, id) > (?1, ?2) ORDER BY created_at_ms, id LIMIT ?3",
    /* The youngest first: a guest that never says a word is not to keep the others from being heard. */
    [VM_LIST_UNREADY] = "SELECT id FROM vm WHERE created_at_ms > ?1 AND status = 'running' AND ready_at_ms = 0"
                        " ORDER BY created_at_ms DESC, id DESC LIMIT ?2",
    [VM_NEXT_EXPIRING] = "SELECT " VM_COLUMNS " FROM vm WHERE expires_at_ms > 0 AND is_locked = 0 AND task IS NOT 'vm.delete'"
                         " ORDER BY expires_at_ms LIMIT 1",
    [VM_HAS_HOSTNAME] = "SELECT 1 FROM vm WHERE project = ?1 AND hostname = ?2",
    [VM_PROMISES] = "SELECT count(*), coalesce(sum(vcpus), 0), coalesce(sum(memory_mib), 0), coalesce(sum(disk_gib), 0) FROM vm",
    [VM_COUNT_BY_IMAGE] = "SELECT count(*) FROM vm WHERE image = ?1",
};
const struct stmt_table vm_statements = { vm_sql, VM_STMT_COUNT };

static const struct noun vm_noun = {
    .word = "VM",
    .not_found = ERR_VM_NOT_FOUND,
    .type = &vm_type,
    .module = STMT_VM,
    .get = VM_GET,
    .by_name = VM_BY_NAME,
    .marker = VM_MARKER,
    .exists = VM_EXISTS,
};

/* Twins may bear a name that the unique index does not hold; inside a write transaction the answer stays true. */
static int check_name_is_free(struct txn *t, const struct vm *vm, const char *name, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_NAME_IS_BORNE);
    int rc;

    BIND(st, value_text(name), value_text(vm->project), value_text(vm->id));
    rc = stmt_row(st, e);
    return rc > 0 ? stmt_name_taken(name, e) : rc;
}

static const struct unique_rule unique_hostname[] = {
    { "vm.project, vm.hostname", ERR_CONFLICT, "another VM of the project has this host name" },
    { NULL, ERR_NONE, NULL },
};

static int insert(struct txn *t, const struct vm *vm, struct err *e)
{
    struct vm row = *vm;
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_INSERT);

    row.updated_at_ms = clock_wall_ms();
    row.row_version = txn_next_vm_version(t);
    row_bind(st, &vm_type, &row);
    if (stmt_run_unique(st, unique_hostname, e) == 0)
        return 0;
    if (e->code == ERR_NAME_TAKEN)
        return stmt_name_taken(vm->name, e);
    if (e->code == ERR_IN_USE)
        return err_set_field(e, ERR_IMAGE_NOT_FOUND, "image", "there is no image '%s'", vm->image);
    return -1;
}

int store_vm_insert(struct txn *t, const struct vm *vm, struct err *e)
{
    FAILPOINT(e, "store.vm_insert.before");
    if (vm->is_name_unique && check_name_is_free(t, vm, vm->name, e) < 0)
        return -1;
    if (insert(t, vm, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_insert.after");
    return 0;
}

/* Why a compare-and-set changed no row. */
static int lost(struct txn *t, const char *id, enum err_code code, const char *msg, struct err *e)
{
    return noun_check_exists(t, &vm_noun, id, e) < 0 ? -1 : err_set(e, code, "%s", msg);
}

int store_vm_get(struct txn *t, const char *project, const char *id, struct vm **out, struct err *e)
{
    struct vm *vm = noun_get(t, &vm_noun, project, id, e);

    if (!vm)
        return -1;
    *out = vm;
    return 0;
}

int store_vm_resolve(struct txn *t, const char *project, const char *id_or_name, struct vm **out, struct err *e)
{
    struct vm *vm = noun_resolve(t, &vm_noun, project, id_or_name, e);

    if (!vm)
        return -1;
    *out = vm;
    return 0;
}

int store_vm_list(struct txn *t, const struct vm_filter *f, struct vm_list *out, bool *has_more, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, f->name ? VM_LIST_BY_NAME : VM_LIST);
    struct page_key key;
    struct page page;

    if (noun_page_key(t, &vm_noun, &(struct page_query){ f->project, f->marker, f->limit }, &key, e) < 0)
        return -1;
    BIND(st, value_text(f->project), value_text(f->name), value_text(f->status ? vm_status_to_string(*f->status) : NULL),
         value_int(key.created_at_ms), value_text(key.id), page_limit(f->limit));
    if (page_read(st, &vm_type, f->limit, &page, e) < 0)
        return -1;
    *out = (struct vm_list){ (struct vm **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

static const struct column state_columns[] = {
    COLUMN(COLUMN_CHARS, vm_state, id),
    COLUMN_OF_WORDS(vm_status_words, vm_state, status),
    COLUMN_OF_WORDS(vm_task_words, vm_state, task),
    COLUMN(COLUMN_I64, vm_state, row_version),
    COLUMN(COLUMN_CHARS, vm_state, reason),
    COLUMN(COLUMN_CHARS, vm_state, fault_code),
};
static const struct row_type state_type = { state_columns, (int)ARRAY_LEN(state_columns), sizeof(struct vm_state), free };

int store_vm_states(struct txn *t, struct vm_state **out, size_t *count, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_STATES);
    AUTO_FREE struct vm_state *states = NULL;
    size_t used = 0;
    int rc;

    while ((rc = stmt_row(st, e)) > 0) {
        struct vm_state *more = row_array_grow(states, used, sizeof(*states), e);

        if (!more)
            return -1;
        states = more;
        states[used] = (struct vm_state){ 0 };
        if (row_read(st, &state_type, &states[used], e) < 0)
            return -1;
        used++;
    }
    if (rc < 0)
        return -1;
    *out = TAKE(states);
    *count = used;
    return 0;
}

static const struct column vm_line_columns[] = {
    COLUMN(COLUMN_CHARS, vm_line, id),
    COLUMN(COLUMN_CHARS, vm_line, project),
    COLUMN(COLUMN_STRING, vm_line, name),
    COLUMN_OF_WORDS(vm_status_words, vm_line, status),
};

void vm_line_free(struct vm_line *l)
{
    if (!l)
        return;
    free(l->name);
    free(l);
}

DEFINE_ROW_TYPE(vm_line);
DEFINE_READ_ALL(vm_line)

int store_vm_lines(struct txn *t, struct vm_line_list *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_LINES);

    return vm_line_read_all(st, out, e);
}

/* Both ways of taking: `index` tells whether the VM must be free. */
static int take(struct txn *t, int index, const struct vm *vm, enum vm_task task, const char *job, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, index);

    BIND(st, value_text(vm->id), value_int(vm->row_version), value_text(vm_task_to_string(task)),
         value_text(vm_status_to_string(vm_task_status(task, vm->status))), value_id(job), value_int(clock_wall_ms()));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : lost(t, vm->id, ERR_VM_BUSY, "something else is being done to the VM; try again", e);
}

int store_vm_take(struct txn *t, const struct vm *vm, enum vm_task task, const char *job, struct err *e)
{
    FAILPOINT(e, "store.vm_take.before");
    if (take(t, VM_TAKE, vm, task, job, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_take.after");
    return 0;
}

int store_vm_take_over(struct txn *t, const struct vm *vm, enum vm_task task, const char *job, struct err *e)
{
    FAILPOINT(e, "store.vm_take_over.before");
    if (take(t, VM_TAKE_OVER, vm, task, job, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_take_over.after");
    return 0;
}

/* Writes *now to the row that id and `holder`, a job or a row_version, single out. */
static int write_settled(struct txn *t, int index, const char *id, struct value holder, const struct vm_settled *now,
                         struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, index);

    BIND(st, value_text(id), holder, value_text(vm_status_to_string(now->status)), value_text(now->reason),
         value_text(now->fault_code), value_text(now->fault_message), value_text(now->fault_detail), value_int(clock_wall_ms()),
         value_int(now->observed_at_ms), value_int(now->gives_up_restore));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : lost(t, id, ERR_CONFLICT, "the VM has changed meanwhile", e);
}

int store_vm_settle(struct txn *t, const char *id, const char *job, const struct vm_settled *now, struct err *e)
{
    FAILPOINT(e, "store.vm_settle.before");
    if (write_settled(t, VM_SETTLE, id, value_text(job), now, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_settle.after");
    return 0;
}

int store_vm_observe(struct txn *t, const char *id, int64_t row_version, const struct vm_settled *now, struct err *e)
{
    FAILPOINT(e, "store.vm_observe.before");
    if (write_settled(t, VM_OBSERVE, id, value_int(row_version), now, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_observe.after");
    return 0;
}

static int change_row(struct txn *t, const struct vm *vm, const struct vm_change *change, struct err *e)
{
    const uint64_t autostart = change->autostart && *change->autostart;
    const uint64_t ttl_ms = change->ttl_seconds ? *change->ttl_seconds * 1000 : 0;
    const uint64_t expires_at_ms = ttl_ms ? (uint64_t)clock_wall_ms() + ttl_ms : 0;
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_CHANGE);

    BIND(st, value_text(vm->id), value_int(vm->row_version), value_text(change->name), value_text(change->metadata),
         value_text(change->tags), value_int(clock_wall_ms()), value_int_or_null(change->autostart ? &autostart : NULL),
         value_int_or_null(change->ttl_seconds ? &expires_at_ms : NULL));
    if (stmt_run_named(st, change->name ? change->name : vm->name, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : lost(t, vm->id, ERR_CONFLICT, "the VM has changed meanwhile; read it again", e);
}

int store_vm_change(struct txn *t, const struct vm *vm, const struct vm_change *change, struct err *e)
{
    FAILPOINT(e, "store.vm_change.before");
    if (change->name && vm->is_name_unique && check_name_is_free(t, vm, change->name, e) < 0)
        return -1;
    if (change_row(t, vm, change, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_change.after");
    return 0;
}

/* The row's end takes its ports along; their addresses are to be remembered first. */
static int release_addresses(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_RELEASE_ADDRESSES);

    BIND(st, value_text(id), value_int(clock_wall_ms()));
    return stmt_run(st, e);
}

static int delete_row(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_DELETE);

    BIND(st, value_text(id));
    return stmt_run(st, e);
}

int store_vm_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.vm_delete.before");
    if (release_addresses(t, id, e) < 0 || delete_row(t, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_delete.after");
    return 0;
}

/* A mark of its own, whatever holds the VM. 1: changed; 0: the VM bears it already. */
static int mark(struct txn *t, int index, const char *id, int64_t value, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, index);

    BIND(st, value_text(id), value_int(value), value_int(clock_wall_ms()));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 1 : noun_check_exists(t, &vm_noun, id, e);
}

int store_vm_set_locked(struct txn *t, const char *id, bool is_locked, struct err *e)
{
    FAILPOINT(e, "store.vm_set_locked.before");
    if (mark(t, VM_SET_LOCKED, id, is_locked, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_set_locked.after");
    return 0;
}

int store_vm_set_ready(struct txn *t, const char *id, int64_t at_ms, bool *is_first, struct err *e)
{
    int rc;

    FAILPOINT(e, "store.vm_set_ready.before");
    rc = mark(t, VM_SET_READY, id, at_ms, e);
    if (rc < 0)
        return -1;
    FAILPOINT(e, "store.vm_set_ready.after");
    *is_first = rc == 1;
    return 0;
}

static int set_restore(struct txn *t, const char *id, enum vm_restore to, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_SET_RESTORE);

    BIND(st, value_text(id), value_text(vm_restore_to_string(to)), value_int(clock_wall_ms()));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : noun_not_found(&vm_noun, id, e);
}

int store_vm_set_restore(struct txn *t, const char *id, enum vm_restore to, struct err *e)
{
    FAILPOINT(e, "store.vm_set_restore.before");
    if (set_restore(t, id, to, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_set_restore.after");
    return 0;
}

static int list_behind(struct txn *t, int index, const struct vm_place *behind, struct vm_batch *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, index);
    struct page page;

    BIND(st, value_int(behind->created_at_ms), value_text(behind->id), page_limit(VM_BATCH_MAX));
    if (page_read(st, &vm_type, VM_BATCH_MAX, &page, e) < 0)
        return -1;
    *out = (struct vm_batch){ .list = { (struct vm **)page.items, page.count }, .has_more = page.has_more };
    return 0;
}

int store_vm_list_on(struct txn *t, const struct vm_place *behind, struct vm_batch *out, struct err *e)
{
    static const struct vm_place beginning = { .created_at_ms = INT64_MAX };

    return list_behind(t, VM_LIST_ON, behind ? behind : &beginning, out, e);
}

int store_vm_list_to_restore(struct txn *t, const struct vm_place *behind, struct vm_batch *out, struct err *e)
{
    static const struct vm_place beginning = { .created_at_ms = INT64_MIN };

    return list_behind(t, VM_LIST_TO_RESTORE, behind ? behind : &beginning, out, e);
}

int store_vm_list_unready(struct txn *t, int64_t since_ms, size_t max, uuid_text **out, size_t *count, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_LIST_UNREADY);
    AUTO_FREE uuid_text *ids = NULL;
    size_t used = 0;
    int rc;

    BIND(st, value_int(since_ms), value_int(stmt_count(max)));
    while ((rc = stmt_row(st, e)) > 0) {
        uuid_text *more = row_array_grow(ids, used, sizeof(*ids), e);

        if (!more)
            return -1;
        ids = more;
        (void)str_copy(ids[used++], sizeof(*ids), (const char *)sqlite3_column_text(st, 0));
    }
    if (rc < 0)
        return -1;
    *out = TAKE(ids);
    *count = used;
    return 0;
}

int store_vm_next_expiring(struct txn *t, struct vm **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_NEXT_EXPIRING);
    struct vm *vm = NULL;
    int rc = stmt_row(st, e);

    if (rc < 0 || (rc > 0 && !(vm = row_new(st, &vm_type, e))))
        return -1;
    *out = vm;
    return 0;
}

int store_vm_has_hostname(struct txn *t, const char *project, const char *hostname, bool *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_HAS_HOSTNAME);
    int rc;

    BIND(st, value_text(project), value_text(hostname));
    rc = stmt_row(st, e);
    if (rc < 0)
        return -1;
    *out = rc > 0;
    return 0;
}

int store_vm_promises(struct txn *t, struct vm_promises *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_PROMISES);

    if (stmt_row(st, e) < 0)
        return -1;
    *out = (struct vm_promises){ .vms = (uint64_t)sqlite3_column_int64(st, 0),
                                 .vcpus = (uint64_t)sqlite3_column_int64(st, 1),
                                 .memory_mib = (uint64_t)sqlite3_column_int64(st, 2),
                                 .disk_gib = (uint64_t)sqlite3_column_int64(st, 3) };
    return 0;
}

int store_vm_count_by_image(struct txn *t, const char *image, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM, VM_COUNT_BY_IMAGE);

    BIND(st, value_text(image));
    return stmt_number(st, out, e);
}
