/* core/record: the events that tell of a change, in the change's own transaction. Other audit lines than a job's end
 * are store_audit_add's. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "base/err.h"
#include "core/maintenance.h"
#include "job/job.h"
#include "model/flavor.h"
#include "model/identity.h"
#include "model/image.h"
#include "model/keypair.h"
#include "model/network.h"
#include "model/vm.h"
#include "store/store.h"

/* "vm.created", "vm.deleted", "vm.started"…: payload {id, name, status}. */
int record_vm(struct txn *t, const char *type, const struct vm *vm, struct err *e);
/* "vm.status.changed" {id, old_status, new_status, reason}; nothing when they are equal. */
int record_vm_status(struct txn *t, const struct vm *vm, enum vm_status now, const char *reason, struct err *e);
/* "vm.ready" {id, name, by}. */
int record_vm_ready(struct txn *t, const struct vm *vm, const char *by, struct err *e);
/* "keypair.created", "keypair.deleted": payload {id, name, fingerprint}. */
int record_keypair(struct txn *t, const char *type, const struct keypair *k, struct err *e);
/* The audit line of a job's end. outcome NULL: it succeeded. */
int record_end(const struct job_run *r, struct txn *t, const char *resource_type, const struct err *outcome, struct err *e);
/* "network.created", "network.active"…: payload {id, name, status}. */
int record_network(struct txn *t, const char *type, const struct network *n, struct err *e);
/* "host.maintenance.on", "host.maintenance.off": payload {reason, by}. An event of `project`: the host is in none. */
int record_maintenance(struct txn *t, const char *type, const char *project, const struct maintenance *m, struct err *e);
int record_image(struct txn *t, const char *type, const struct image *i, struct err *e);

#endif
