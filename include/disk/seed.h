/* disk/seed: the first-boot disk of a guest: an ISO 9660 image in the VM's folder, written by libarchive. Readable for its owner
 * alone (libvirt lends it to QEMU's user while the guest runs). */
#ifndef DISK_SEED_H
#define DISK_SEED_H

#include "disk/disk.h"

struct seed_file {
    const char *path; /* in the image: "meta-data", "openstack/latest/meta_data.json" */
    const void *data;
    size_t len;
};
struct seed_image {
    const char *vm_id;
    const char *label; /* "cidata", "config-2" */
    const struct seed_file *files;
    size_t file_count;
};
/* Writes or replaces instances/<vm id>/seed.iso; the folder must be there. ERR_DISK_FULL. */
int disk_seed_write(struct disk *d, const struct seed_image *s, struct err *e);
char *disk_seed_path(const struct disk *d, const char *vm_id); /* absolute; caller frees; NULL: no memory */

#endif
