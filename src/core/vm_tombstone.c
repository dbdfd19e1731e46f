/* core/vm_tombstone: what terminated VMs leave to read, until it is deleted or its time is over (housekeeping), and the way to a
 * VM for who has nothing but its id. */
#include "store/vm_tombstone.h"

#include "internal.h"

#include "base/str.h"
#include "core/identity.h"
#include "core/vm.h"
#include "store/audit.h"
#include "store/vm.h"

int vm_tombstone_get(struct core *c, const struct actor *who, const char *id, struct vm **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_vm_tombstone_get(t, actor_scope(who), id, out, e);
}

int vm_tombstone_delete(struct core *c, const struct actor *who, const char *id, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_vm_tombstone_get(t, actor_scope(who), id, &vm, e) < 0)
        return -1;
    const struct actor at = actor_in(who, vm->project);
    if (store_vm_tombstone_delete(t, vm->id, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "vm:delete", "vm", vm->id, "accepted" }, e) < 0)
        return -1;
    return txn_commit(t, e);
}

/* In whichever project it is. */
static int find(struct core *c, const char *id, struct vm **out, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_read(c->store, &t, e) < 0)
        return -1;
    if (store_vm_get(t, NULL, id, out, e) == 0)
        return 0;
    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    return store_vm_tombstone_get(t, NULL, id, out, e);
}

int vm_enter(struct core *c, struct actor *who, const char *id, struct err *e)
{
    AUTO(vm) vm = NULL;

    if (find(c, id, &vm, e) < 0)
        return -1;
    if (identity_enter(c, who, vm->project, e) == 0)
        return 0;
    return e->code == ERR_PROJECT_NOT_FOUND ? err_set(e, ERR_VM_NOT_FOUND, "there is no VM '%s'", id) : -1;
}
