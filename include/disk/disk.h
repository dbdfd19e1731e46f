/* disk: all files under state_dir but the database: images/<id>.<suffix>, instances/<vm id>/…, sidecars, the lock. Any thread
 * unless said otherwise. Every write is fsynced (file and folder) before success is returned. Unknown files are reported, never
 * touched. */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "model/image.h"

struct disk;

/* Makes state_dir and its folders (0711) when missing and takes the lock: ERR_CONFLICT when another daemon holds it. */
int disk_open(const char *state_dir, struct disk **out, struct err *e);
void disk_close(struct disk *d); /* every upload is freed before */
static inline void disk_free(struct disk *d)
{
    disk_close(d);
}
DEFINE_AUTO(disk, disk_free)
int disk_is_empty(struct disk *d, bool *out, struct err *e); /* no entry in any of its folders */
const char *disk_state_dir(const struct disk *d);            /* borrowed, absolute */
char *disk_database_path(const char *state_dir);             /* where store opens it; caller frees; NULL: no memory */
/* Calls fn for each entry of state_dir and its folders whose name this program does not make: path relative to state_dir.
 */
typedef void disk_unknown_fn(void *arg, const char *path);
int disk_scan_unknown(struct disk *d, disk_unknown_fn *fn, void *arg, struct err *e);
struct disk_space {
    uint64_t total_bytes, free_bytes; /* of the file system that state_dir lies on; free for us */
};
int disk_space(struct disk *d, struct disk_space *out, struct err *e);

/* Paths for libvirt; absolute; caller frees; NULL: no memory. */
char *disk_image_path(const struct disk *d, const char *image_id, enum disk_format f);
char *disk_overlay_path(const struct disk *d, const char *vm_id);
char *disk_console_path(const struct disk *d, const char *vm_id);

/* ---- a VM's folder ---- */
struct disk_overlay {
    const char *vm_id;
    const char *image_id;
    enum disk_format image_format;
    uint64_t size_bytes; /* virtual size; at least the image's */
};
/* Makes instances/<vm id>/ and disk.qcow2 in it, a copy-on-write overlay with backing file and format named, and an empty
 * console.log that stays readable for us. Fine when it exists already with the same header; ERR_CONFLICT when with another one.
 * ERR_INVALID: smaller than the image. ERR_DISK_FULL, ERR_IMAGE_NOT_FOUND (the image's file is gone). */
int disk_overlay_create(struct disk *d, const struct disk_overlay *o, struct err *e);
/* Checks that the overlay is there and names an image that is there too: ERR_DISK_MISSING. One that we may not read (QEMU has it)
 * passes. */
int disk_overlay_check(struct disk *d, const char *vm_id, struct err *e);
/* What the overlay lies on, by its header. ERR_DISK_MISSING as above, and when it may not be read. */
struct disk_overlay_base {
    uuid_text image;
    enum disk_format format;
    uint64_t size_bytes; /* the overlay's virtual size */
};
int disk_overlay_read(struct disk *d, const char *vm_id, struct disk_overlay_base *out, struct err *e);
/* What the console log holds beyond `*offset` (at most max_bytes of it, the newest), the current file only: for watchers. *offset
 * becomes the file's end; a file that was rotated begins anew. Caller frees *out; *len 0: nothing new. */
int disk_console_follow(struct disk *d, const char *vm_id, uint64_t *offset, size_t max_bytes, char **out, size_t *len,
                        struct err *e);
/* Removes what this program and libvirt made in the folder (disk, console logs), then the folder. Fine when gone. A file of
 * unknown name stays, and the folder with it; *left (may be NULL) counts them. */
int disk_instance_remove(struct disk *d, const char *vm_id, uint32_t *left, struct err *e);
/* The last `lines` lines (0: all) of the console log, rotated files joined, at most max_bytes from the end. Caller frees *out. An
 * absent log is empty. The bytes are the guest's, unchanged; a NUL follows them. ERR_FORBIDDEN when there are logs and none of
 * them may be read. */
int disk_console_read(struct disk *d, const char *vm_id, uint32_t lines, size_t max_bytes, char **out, size_t *len,
                      struct err *e);

/* ---- images ---- */
struct disk_upload;
/* images/<id>.part, empty. ERR_CONFLICT when an upload of this image is under way or it is sealed. One thread at a time per
 * upload. */
int disk_upload_begin(struct disk *d, const char *image_id, struct disk_upload **out, struct err *e);
int disk_upload_write(struct disk_upload *u, const void *data, size_t len, struct err *e); /* to the page cache; ERR_DISK_FULL */
/* Closes the file and leaves it to disk_image_seal. Without it disk_upload_free removes the file. */
int disk_upload_finish(struct disk_upload *u, struct err *e);
void disk_upload_free(struct disk_upload *u);
DEFINE_AUTO(disk_upload, disk_upload_free)

struct image_facts {
    uint64_t size_bytes, virtual_size_bytes;
    sha256_text sha256;
};
/* Hashes, inspects (disk/inspect.h), fsyncs, makes read-only (0444) and renames images/<id>.part to images/<id>.<suffix>. Fine
 * when that has happened already. ERR_IMAGE_REFUSED (the .part stays), ERR_IMAGE_NOT_FOUND (no bytes), ERR_CONFLICT (still
 * uploading); slow (reads the whole file). is_cancelled(arg) is asked now and then, may be NULL: ERR_CANCELLED. */
int disk_image_seal(struct disk *d, const char *image_id, enum disk_format f, bool (*is_cancelled)(void *arg), void *arg,
                    struct image_facts *out, struct err *e);
/* The sealed file, open for reading; the caller closes *fd. ERR_IMAGE_NOT_FOUND. */
int disk_image_open(struct disk *d, const char *image_id, enum disk_format f, int *fd, uint64_t *size_bytes, struct err *e);
int disk_image_remove(struct disk *d, const char *image_id, struct err *e); /* the .part too; fine when gone */

#endif
