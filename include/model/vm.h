/* model/vm: the virtual machine as rows and front doors know it. Plain records; no I/O. */
#ifndef MODEL_VM_H
#define MODEL_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "model/name.h"

enum vm_status {
    VM_PENDING,
    VM_RUNNING,
    VM_STOPPING,
    VM_STOPPED,
    VM_STARTING,
    VM_REBOOTING,
    VM_PAUSED,
    VM_SUSPENDED,
    VM_DELETING,
    VM_ERROR,
    VM_STATUS_COUNT
};
const char *vm_status_to_string(enum vm_status s);
int vm_status_from_string(const char *s, enum vm_status *out); /* -1 when unknown */

/* What is being done to a VM. A VM has one task at most; its row is the lock. */
enum vm_task {
    VM_TASK_NONE,
    VM_TASK_CREATE,
    VM_TASK_DELETE,
    VM_TASK_START,
    VM_TASK_STOP,
    VM_TASK_REBOOT,
    VM_TASK_PAUSE,
    VM_TASK_RESUME,
    VM_TASK_COUNT
};
const char *vm_task_to_string(enum vm_task t);             /* the operation's kind: "vm.create"; NULL for none */
int vm_task_from_string(const char *s, enum vm_task *out); /* NULL is VM_TASK_NONE; -1 when unknown */
enum vm_status vm_task_status(
    enum vm_task t, enum vm_status now); /* the transient status that the task shows; `now` for pause, resume and none */

/* Why a VM is in error and what a person can do. */
struct fault {
    char *code;    /* a word of err_code_word(); NULL: no fault */
    char *message; /* for the owner */
    char *detail;  /* for administrators; may be NULL */
};
void fault_done(struct fault *f); /* frees the strings; no fault again */

struct vm {
    uuid_text id; /* also the domain's UUID */
    char *name;
    hex32_text project;
    enum vm_status status;
    char *status_reason; /* why it is paused or in error; NULL */
    enum vm_task task;
    uuid_text job; /* the operation that holds the task; "" */
    char *flavor;  /* name; NULL when sizes were given */
    uint32_t vcpus;
    uint64_t memory_mib;
    uint64_t disk_gib; /* the overlay's virtual size, rounded up */
    uuid_text image;
    char *image_name;
    char *metadata; /* JSON object text, never NULL */
    char *tags;     /* JSON array text, never NULL */
    bool autostart;
    bool is_name_unique; /* made by a front door whose names are unique */
    struct fault fault;
    int64_t observed_at_ms; /* wall time of the last word from libvirt; 0: never */
    int64_t created_at_ms;
    int64_t updated_at_ms;
    int64_t row_version; /* the number of the row's last change, counted over all VMs */
};
void vm_free(struct vm *vm);
DEFINE_AUTO(vm, vm_free)

struct vm_list {
    struct vm **items; /* owned */
    size_t count;
};
void vm_list_done(struct vm_list *l);
static inline void cleanup_vm_list(struct vm_list *l)
{
    vm_list_done(l);
}
#define AUTO_VM_LIST __attribute__((cleanup(cleanup_vm_list))) struct vm_list

/* What a create asks for, whichever door it came through. Strings are owned. */
struct vm_spec {
    char *name;
    enum name_rule name_rule;
    bool is_name_unique;
    char *image;    /* id or name */
    char *flavor;   /* id or name; NULL when sizes are given */
    uint64_t vcpus; /* 0: by flavor */
    uint64_t memory_mib;
    uint64_t disk_gib;
    bool start;
    bool autostart;
    char *metadata; /* JSON object text; NULL: {} */
    char *tags;     /* JSON array text; NULL: [] */
};
void vm_spec_done(struct vm_spec *s);
static inline void cleanup_vm_spec(struct vm_spec *s)
{
    vm_spec_done(s);
}
#define AUTO_VM_SPEC __attribute__((cleanup(cleanup_vm_spec))) struct vm_spec

/* What PATCH changes; a NULL member stays as it is. Borrowed strings. */
struct vm_change {
    const char *name;
    enum name_rule name_rule;
    const char *metadata;
    const char *tags;
};

enum {
    VM_VCPUS_MAX = 256,
    VM_MEMORY_MIB_MIN = 16,
    VM_MEMORY_MIB_MAX = 4u << 20,
    VM_DISK_GIB_MAX = 64u << 10,
    VM_METADATA_MAX = 128,
    VM_TAGS_MAX = 64
};

#endif
