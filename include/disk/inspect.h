/* disk/inspect: which images are let in. A guest-made or hostile file must not make QEMU open anything but itself. */
#ifndef DISK_INSPECT_H
#define DISK_INSPECT_H

#include <stdint.h>

#include "base/err.h"
#include "model/image.h"

/* Refuses (ERR_IMAGE_REFUSED, the reason in msg): an empty file; qcow2 with a backing file, an external data file, encryption,
 * unknown incompatible feature bits, a dirty or corrupt mark, internal snapshots, tables outside the file, a virtual size over 64
 * TiB; a declared format that its bytes deny (raw that is qcow2, qcow, VMDK, VDI, VHD, VHDX, LUKS, QED, Parallels, Bochs, cloop,
 * DMG, compressed or an archive). Boot sectors, partition tables, ISO 9660 and file systems are raw. A raw size is rounded up to
 * 512. */
int inspect_image(int fd, enum disk_format declared, uint64_t *virtual_size_bytes, struct err *e);

#endif
