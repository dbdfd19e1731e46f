/* store/vm: rows of virtual machines. `project` NULL means all projects: for administrators and for the daemon itself. */
#ifndef STORE_VM_H
#define STORE_VM_H

#include <stdint.h>

#include "model/vm.h"
#include "store/store.h"

/* ERR_NAME_TAKEN: by the unique index on (project, name) of names that are unique, and, for a unique one, by any VM that bears
 * it. */
int store_vm_insert(struct txn *t, const struct vm *vm, struct err *e);
int store_vm_get(struct txn *t, const char *project, const char *id, struct vm **out, struct err *e); /* ERR_VM_NOT_FOUND */
/* By id when it looks like one, else by name: ERR_VM_NOT_FOUND, ERR_NAME_AMBIGUOUS. */
int store_vm_resolve(struct txn *t, const char *project, const char *id_or_name, struct vm **out, struct err *e);

struct vm_filter {
    const char *project;          /* NULL: all */
    const char *name;             /* NULL: any */
    const enum vm_status *status; /* NULL: any */
    const char *marker; /* NULL, or the id of the last VM seen (it may be deleted by now): ERR_INVALID_FIELD "marker" when never
                           heard of */
    uint32_t limit;     /* 1..1000 */
};
/* Ordered by creation time, then id. *has_more tells whether a further page exists. */
int store_vm_list(struct txn *t, const struct vm_filter *f, struct vm_list *out, bool *has_more, struct err *e);

/* Just what reconciling needs, of every VM, ordered by id. */
struct vm_state {
    uuid_text id;
    enum vm_status status;
    enum vm_task task;
    int64_t row_version;
    char reason[48];     /* status_reason; "" for none */
    char fault_code[48]; /* "" for none */
};
int store_vm_states(struct txn *t, struct vm_state **out, size_t *count, struct err *e); /* caller frees *out with free() */

/* Takes the VM for a task by compare-and-set: task must be none and row_version unchanged; sets task, its status and job.
 * ERR_VM_BUSY. It and all that change a row below, but for delete, fail with ERR_VM_NOT_FOUND when the VM is gone. */
int store_vm_take(struct txn *t, const struct vm *vm, enum vm_task task, const char *job, struct err *e);
/* The same, for delete: takes it from whatever task holds it. */
int store_vm_take_over(struct txn *t, const struct vm *vm, enum vm_task task, const char *job, struct err *e);

/* What a VM is when nothing is being done to it. Borrowed strings. */
struct vm_settled {
    enum vm_status status;
    const char *reason;     /* NULL */
    const char *fault_code; /* NULL unless status is VM_ERROR */
    const char *fault_message;
    const char *fault_detail;
    int64_t observed_at_ms; /* wall time of libvirt's word on it; 0: libvirt has not been asked */
    bool gives_up_restore;  /* whoever cancels a start does not want it after the host's next start either */
};
/* Ends the task that `job` holds. ERR_CONFLICT when the VM is held by another job. */
int store_vm_settle(struct txn *t, const char *id, const char *job, const struct vm_settled *now, struct err *e);
/* Writes what libvirt said; only when no task holds the VM and row_version is as read. ERR_CONFLICT otherwise: not a failure,
 * read again. */
int store_vm_observe(struct txn *t, const char *id, int64_t row_version, const struct vm_settled *now, struct err *e);
int store_vm_change(struct txn *t, const struct vm *vm, const struct vm_change *change,
                    struct err *e); /* ERR_NAME_TAKEN, ERR_CONFLICT */
/* Its ports and seed go too; their addresses are remembered as released now. Fine when already gone. */
int store_vm_delete(struct txn *t, const char *id, struct err *e);
/* Marks. They change updated_at and the version; ERR_VM_NOT_FOUND. */
int store_vm_set_locked(struct txn *t, const char *id, bool is_locked, struct err *e);
/* *is_first is false when it was ready already: nothing is written then. */
int store_vm_set_ready(struct txn *t, const char *id, int64_t at_ms, bool *is_first, struct err *e);
int store_vm_set_restore(struct txn *t, const char *id, enum vm_restore to, struct err *e);

/* Those that the host's shutdown and start are about, in batches that a short transaction can work on. */
enum { VM_BATCH_MAX = 64 };
struct vm_place { /* in the order of age */
    int64_t created_at_ms;
    uuid_text id;
};
struct vm_batch {
    struct vm_list list;
    bool has_more;
};
static inline void vm_batch_done(struct vm_batch *b)
{
    vm_list_done(&b->list);
}
#define AUTO_VM_BATCH __attribute__((cleanup(vm_batch_done))) struct vm_batch
/* VMs that are on, or may be when their task ends, and that no delete holds; newest first. behind NULL: from the beginning. */
int store_vm_list_on(struct txn *t, const struct vm_place *behind, struct vm_batch *out, struct err *e);
/* Those that have something to get back, and that no delete holds; oldest first. */
int store_vm_list_to_restore(struct txn *t, const struct vm_place *behind, struct vm_batch *out, struct err *e);
/* The ids of running VMs that are not ready and were created after since_ms, at most `max`; caller frees *out with free(). */
int store_vm_list_unready(struct txn *t, int64_t since_ms, size_t max, uuid_text **out, size_t *count, struct err *e);
/* The VM that expires next and that no lock and no delete holds; *out is NULL when none does. */
int store_vm_next_expiring(struct txn *t, struct vm **out, struct err *e);
int store_vm_has_hostname(struct txn *t, const char *project, const char *hostname, bool *out, struct err *e);
/* What all VMs together were promised, those with status error and a failed create included: they may be started again. */
struct vm_promises {
    uint64_t vms, vcpus, memory_mib, disk_gib;
};
int store_vm_promises(struct txn *t, struct vm_promises *out, struct err *e);
/* Every VM, with no more than names it, ordered by id: for who counts them. */
struct vm_line {
    uuid_text id;
    hex32_text project;
    char *name;
    enum vm_status status;
};
void vm_line_free(struct vm_line *l);
DEFINE_LIST(vm_line)
int store_vm_lines(struct txn *t, struct vm_line_list *out, struct err *e);
int store_vm_count_by_image(struct txn *t, const char *image, uint64_t *out, struct err *e);

#endif
