/* model/vm: the virtual machine as rows and front doors know it. Plain records; no I/O. */
#ifndef MODEL_VM_H
#define MODEL_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "model/list.h"
#include "model/name.h"

enum { HOSTNAME_LEN = 63 };

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
    VM_TASK_SUSPEND,
    VM_TASK_IMAGE, /* an image is being made of its disk */
    VM_TASK_COUNT
};
const char *vm_task_to_string(enum vm_task t);             /* the operation's kind: "vm.create"; NULL for none */
int vm_task_from_string(const char *s, enum vm_task *out); /* NULL is VM_TASK_NONE; -1 when unknown */
enum vm_status vm_task_status(
    enum vm_task t,
    enum vm_status now); /* the transient status that the task shows; `now` for pause, resume, suspend, image and none */

/* What the host's shutdown took from a VM, and is to be given back to it. Ends as soon as the guest is on again. */
enum vm_restore { VM_RESTORE_NONE, VM_RESTORE_RUNNING, VM_RESTORE_PAUSED, VM_RESTORE_COUNT };
const char *vm_restore_to_string(enum vm_restore r);             /* "running"; NULL for none */
int vm_restore_from_string(const char *s, enum vm_restore *out); /* NULL is VM_RESTORE_NONE; -1 when unknown */

/* Why a VM is in error and what a person can do. */
struct fault {
    char *code;    /* a word of err_code_word(); NULL: no fault */
    char *message; /* for the owner */
    char *detail;  /* for administrators; may be NULL */
};
void fault_done(struct fault *f); /* frees the strings; no fault again */

/* A VM's ports (model/network.h), in the order of the guest's interfaces. */
struct port;
void port_free(struct port *p);
DEFINE_LIST(port)

struct vm {
    uuid_text id; /* also the domain's UUID */
    char *name;
    char hostname[HOSTNAME_LEN + 1]; /* made from the name; unique in the project */
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
    char *image_ref;       /* what the create called it: id or name; NULL: not known any more */
    char *metadata;        /* JSON object text, never NULL */
    char *tags;            /* JSON array text, never NULL */
    char *keypair;         /* the name it had at creation; NULL */
    bool autostart;        /* started with the host, by libvirt itself */
    bool is_locked;        /* no verb but unlock */
    bool is_name_unique;   /* made by a front door whose names are unique */
    int64_t expires_at_ms; /* wall time at which it deletes itself; 0: never */
    int64_t ready_at_ms;   /* when the guest first said that it is up; 0: not yet */
    enum vm_restore restores_to;
    struct fault fault;
    int64_t observed_at_ms; /* wall time of the last word from libvirt; 0: never */
    int64_t created_at_ms;
    int64_t updated_at_ms;
    int64_t row_version;    /* the number of the row's last change, counted over all VMs */
    struct port_list ports; /* filled by store_port_attach and by who plans them; no column */
};
void vm_free(struct vm *vm);
DEFINE_AUTO(vm, vm_free)
DEFINE_LIST(vm)

/* What the guest finds when it boots first: written to the seed. Kept as long as the VM: it may be rebuilt. */
struct vm_seed {
    uuid_text vm;
    bool is_config_drive; /* the layout: OpenStack's config drive, else NoCloud */
    char *ssh_keys;       /* JSON array text of authorized_keys lines; never NULL */
    void *user_data;      /* bytes as given; NULL: none */
    size_t user_data_len;
    hex32_text token; /* what the guest shows when it phones home; a secret */
};
void vm_seed_free(struct vm_seed *s);
DEFINE_AUTO(vm_seed, vm_seed_free)

/* One interface that a create asks for. Strings are owned. */
struct nic_spec {
    char *network;  /* id or name */
    char *fixed_ip; /* NULL: any */
};

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
    char *keypair;  /* name; NULL: none */
    char *ssh_keys; /* JSON array text of further public keys; NULL: [] */
    void *user_data;
    size_t user_data_len; /* at most VM_USER_DATA_MAX */
    bool is_config_drive;
    bool has_networks; /* false: the project's default network */
    struct nic_spec *nics;
    size_t nic_count;     /* 0 with has_networks: none */
    uint64_t ttl_seconds; /* 0: for ever */
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
    const bool *autostart;
    const uint64_t *ttl_seconds; /* from now; 0: for ever */
};

enum {
    VM_VCPUS_MAX = 256,
    VM_MEMORY_MIB_MIN = 16,
    VM_MEMORY_MIB_MAX = 4u << 20,
    VM_DISK_GIB_MAX = 64u << 10,
    VM_METADATA_MAX = 128,
    VM_TAGS_MAX = 64,
    VM_USER_DATA_MAX = 64 << 10,
    VM_TTL_MAX_S = 3650u * 24 * 3600
};

#endif
