/* store/vm_tombstone: what is left to read of VMs that were terminated, and pages of VMs that count them in. */
#ifndef STORE_VM_TOMBSTONE_H
#define STORE_VM_TOMBSTONE_H

#include "model/vm.h"
#include "store/store.h"

/* Written while the VM's row is still there; as long as it is, the row is what is read. Fine when it is written already. */
int store_vm_tombstone_insert(struct txn *t, const struct vm *vm, struct err *e);
/* As a VM that is VM_DELETING for ever, its end its updated_at; what no tombstone keeps is empty. project: NULL: any.
 * ERR_VM_NOT_FOUND also while the row is still there. */
int store_vm_tombstone_get(struct txn *t, const char *project, const char *id, struct vm **out, struct err *e);
int store_vm_tombstone_delete(struct txn *t, const char *id, struct err *e); /* fine when there is none */
int store_vm_tombstone_prune(struct txn *t, int64_t before_ms, struct err *e);

struct vm_page_filter {
    const char *project; /* NULL: all */
    unsigned statuses;   /* bits 1 << enum vm_status; 0: any. A tombstone's is VM_DELETING */
    uint64_t offset;
    uint32_t limit; /* 1..1000 */
};
/* VMs and tombstones, ordered by creation time, then id; *total is how many the filter lets in, whatever the page. */
int store_vm_page(struct txn *t, const struct vm_page_filter *f, struct vm_list *out, uint64_t *total, struct err *e);

#endif
