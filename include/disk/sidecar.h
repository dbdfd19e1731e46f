/* disk/sidecar: what a row says, once more as a JSON file beside what it is about, so that a lost database can be made anew. The
 * text is core's. Readable for its owner alone: a VM's holds user data and a token. */
#ifndef DISK_SIDECAR_H
#define DISK_SIDECAR_H

#include "base/id.h"
#include "disk/disk.h"

enum sidecar_noun {
    SIDECAR_VM,      /* instances/<id>/vm.json */
    SIDECAR_IMAGE,   /* images/<id>.json */
    SIDECAR_NETWORK, /* networks/<id>.json */
    SIDECAR_KEYPAIR, /* keypairs/<id>.json */
    SIDECAR_NOUN_COUNT
};
const char *sidecar_noun_to_string(enum sidecar_noun n); /* "vm", … */

/* Replaces the file as a whole; durable on return. One thread at a time for each file. ERR_DISK_MISSING: the VM's folder is gone;
 * ERR_DISK_FULL. */
int disk_sidecar_write(struct disk *d, enum sidecar_noun noun, const char *id, const char *text, struct err *e);
int disk_sidecar_remove(struct disk *d, enum sidecar_noun noun, const char *id, struct err *e); /* fine when gone */
int disk_sidecar_exists(struct disk *d, enum sidecar_noun noun, const char *id, bool *out, struct err *e);
/* Caller frees *text. ERR_NOT_FOUND; ERR_TOO_LARGE: nothing of ours. */
int disk_sidecar_read(struct disk *d, enum sidecar_noun noun, const char *id, char **text, size_t *len, struct err *e);
/* Calls fn for each id that has a sidecar, in no order; ends at the first that fails. */
typedef int disk_id_fn(void *arg, const char *id, struct err *e);
int disk_sidecar_each(struct disk *d, enum sidecar_noun noun, disk_id_fn *fn, void *arg, struct err *e);
/* The same for each VM that has a folder. */
int disk_instance_each(struct disk *d, disk_id_fn *fn, void *arg, struct err *e);

#endif
