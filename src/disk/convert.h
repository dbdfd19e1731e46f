/* disk/convert: qemu-img convert in a child (child.h), told the driver and the file of everything that it may open. */
#ifndef DISK_CONVERT_H
#define DISK_CONVERT_H

#include "inspect_foreign.h"
#include "state.h"

#include "disk/transfer.h"

/* Makes images/<id>.part, a qcow2 file, anew. It stays when that fails. `deadline_ms` is on clock_boot_ms. */
struct conversion {
    struct disk *disk;
    const char *image_id;
    const struct transfer_terms *terms;
    int64_t deadline_ms;
    int source; /* the file to convert */
    int base;   /* convert_overlay: the file of its backing image; else -1 */
};
/* From an inspected image. ERR_IMAGE_REFUSED when qemu-img does not make it. */
int convert_foreign(const struct conversion *c, enum foreign_format f, struct err *e);
/* From an overlay, whose header says nothing that is not said here. */
int convert_overlay(const struct conversion *c, enum disk_format base_format, uint64_t size_bytes, struct err *e);

/* qemu-img check of an overlay by itself: what it stands on is not opened. ERR_IMAGE_REFUSED: corrupt, with qemu-img's words in
 * detail. Clusters that are only leaked cost space and nothing else: fine. */
int convert_check(int overlay, const char *vm_id, int64_t deadline_ms, struct err *e);

#endif
