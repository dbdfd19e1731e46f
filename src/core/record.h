/* core/record: the traces of a change: its event and its audit line, in the change's own transaction. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "base/err.h"
#include "model/flavor.h"
#include "model/identity.h"
#include "model/image.h"
#include "model/vm.h"
#include "store/store.h"

/* "vm.created", "vm.deleted", "vm.started"…: payload {id, name, status}. */
int record_vm(struct txn *t, const char *type, const struct vm *vm, struct err *e);
/* "vm.status.changed" {id, old_status, new_status, reason}; nothing when they are equal. */
int record_vm_status(struct txn *t, const struct vm *vm, enum vm_status now, const char *reason, struct err *e);
int record_image(struct txn *t, const char *type, const struct image *i, struct err *e);
/* outcome: "accepted", "succeeded", "failed". */
struct subject {
    const char *type; /* "vm" */
    const char *id;
};
int record_audit(struct txn *t, const struct actor *who, const char *action, struct subject about, const char *outcome,
                 struct err *e);

#endif
