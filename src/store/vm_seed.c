/* store/vm_seed: rows of what a VM's guest finds at its first boot. By hand, not by a table of columns: the one blob of the
 * schema is here. */
#include "store/vm_seed.h"

#include <string.h>

#include "row.h"
#include "txn.h"

#include "base/str.h"

enum { VM_SEED_INSERT, VM_SEED_GET, VM_SEED_STMT_COUNT };

static const char *const vm_seed_sql[VM_SEED_STMT_COUNT] = {
    [VM_SEED_INSERT] = "INSERT INTO vm_seed (vm, is_config_drive, ssh_keys, user_data, token) VALUES (?1, ?2, ?3, ?4, ?5)",
    [VM_SEED_GET] = "SELECT is_config_drive, ssh_keys, token, user_data FROM vm_seed WHERE vm = ?1",
};
const struct stmt_table vm_seed_statements = { vm_seed_sql, VM_SEED_STMT_COUNT };

static int not_found(const char *vm, struct err *e)
{
    return err_set(e, ERR_VM_NOT_FOUND, "there is no VM '%s'", vm);
}

static int insert(struct txn *t, const struct vm_seed *s, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_SEED, VM_SEED_INSERT);

    BIND(st, value_text(s->vm), value_int(s->is_config_drive), value_text(s->ssh_keys),
         value_blob(s->user_data, s->user_data_len), value_id(s->token));
    if (stmt_run(st, e) == 0)
        return 0;
    return e->code == ERR_IN_USE ? not_found(s->vm, e) : -1;
}

int store_vm_seed_insert(struct txn *t, const struct vm_seed *s, struct err *e)
{
    FAILPOINT(e, "store.vm_seed_insert.before");
    if (insert(t, s, e) < 0)
        return -1;
    FAILPOINT(e, "store.vm_seed_insert.after");
    return 0;
}

/* An empty one is kept apart from none. */
static int read_user_data(sqlite3_stmt *st, int column, struct vm_seed *s, struct err *e)
{
    const void *data = sqlite3_column_blob(st, column);
    size_t len = (size_t)sqlite3_column_bytes(st, column);

    if (sqlite3_column_type(st, column) == SQLITE_NULL)
        return 0;
    s->user_data = malloc(len + 1);
    if (!s->user_data)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (len > 0)
        memcpy(s->user_data, data, len);
    s->user_data_len = len;
    return 0;
}

static int read_seed(sqlite3_stmt *st, const char *vm, struct vm_seed *s, struct err *e)
{
    const char *token = (const char *)sqlite3_column_text(st, 2);

    (void)str_copy(s->vm, sizeof(s->vm), vm);
    s->is_config_drive = sqlite3_column_int(st, 0) != 0;
    (void)str_copy(s->token, sizeof(s->token), token ? token : "");
    s->ssh_keys = str_dup((const char *)sqlite3_column_text(st, 1));
    if (!s->ssh_keys)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return read_user_data(st, 3, s, e);
}

int store_vm_seed_get(struct txn *t, const char *vm, struct vm_seed **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_VM_SEED, VM_SEED_GET);
    AUTO(vm_seed) s = NULL;
    int rc;

    BIND(st, value_text(vm));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : not_found(vm, e);
    s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (read_seed(st, vm, s, e) < 0)
        return -1;
    *out = TAKE(s);
    return 0;
}
