/* disk/inspect_foreign: image formats that we neither keep nor trust: recognised, looked through, and then converted. */
#ifndef DISK_INSPECT_FOREIGN_H
#define DISK_INSPECT_FOREIGN_H

#include "base/err.h"

enum foreign_format { FOREIGN_NONE, FOREIGN_VMDK, FOREIGN_VDI, FOREIGN_VHD, FOREIGN_VHDX, FOREIGN_COUNT };
const char *foreign_driver(enum foreign_format f); /* QEMU's name for it; NULL for none */

/* By the bytes alone. FOREIGN_NONE: it is for inspect_image to judge, texts that name other files among them. */
int foreign_detect(int fd, enum foreign_format *out, struct err *e);
/* Refuses (ERR_IMAGE_REFUSED, the reason in msg) what leads to another file (extents, parents, differencing disks), what
 * contradicts itself, tables outside the file, and a virtual size over 64 TiB. Stricter than QEMU: what is odd is refused. */
int foreign_inspect(int fd, enum foreign_format f, struct err *e);

/* inspect_vmdk.c's half. */
int vmdk_inspect(int fd, struct err *e);

#endif
