/* core/rebuild: a lost or unreadable database, made anew from the sidecars and, for VMs that have none, from domains. Only while
 * the daemon is down. */
#ifndef CORE_REBUILD_H
#define CORE_REBUILD_H

#include <stdio.h>

#include "disk/disk.h"
#include "virt/virt.h"

struct rebuild {
    struct disk *disk;   /* holds the lock */
    struct virt *virt;   /* connected; NULL: no domain is looked at */
    bool checks_hashes;  /* of images: slow */
    FILE *out;           /* a line for each record: what was made, and what could not be, and why */
    uint32_t made, left; /* results: `left` counts what could not be made */
};
/* Refuses a database that can be read and has records in it (ERR_CONFLICT), and one of a newer program (ERR_CONFIG). One that
 * cannot be read is kept as computed.db.broken-<seconds>. The new one takes its place as a whole; after a failure nothing has
 * changed. What VMs do now, the daemon asks libvirt at its next start. */
int rebuild_run(struct rebuild *r, struct err *e);

#endif
