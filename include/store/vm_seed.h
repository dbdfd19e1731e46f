/* store/vm_seed: what a VM's guest finds at its first boot; apart from the VM's row because it is large and secret. It goes with
 * the VM's row. */
#ifndef STORE_VM_SEED_H
#define STORE_VM_SEED_H

#include "model/vm.h"
#include "store/store.h"

int store_vm_seed_insert(struct txn *t, const struct vm_seed *s, struct err *e);
int store_vm_seed_get(struct txn *t, const char *vm, struct vm_seed **out, struct err *e); /* ERR_VM_NOT_FOUND */

#endif
