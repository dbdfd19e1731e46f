/* disk/facts: every entry below state_dir, for the doctor: read anew, through no object of the daemon's. Nothing is changed. Any
 * thread; what vanishes meanwhile is left out. */
#ifndef DISK_FACTS_H
#define DISK_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"

enum fact_file_kind { FILE_REGULAR, FILE_FOLDER, FILE_OTHER /* a link, a socket … */ };

struct fact_file {
    char *path; /* relative to state_dir */
    enum fact_file_kind kind;
    bool is_known;   /* a name and a kind that this program makes there */
    uuid_text owner; /* the id in its path: of a VM, an image, a network or a keypair; "" */
    mode_t mode;
    uint64_t size_bytes;
    int64_t mtime_ms;
    /* Of a qcow2 file that may be read: */
    bool is_qcow2;
    char *unreadable;                    /* why its header is none; NULL */
    bool is_marked_bad;                  /* by QEMU: dirty or corrupt */
    char *backing_file, *backing_format; /* NULL: not named */
    uint64_t virtual_size_bytes;
};

struct disk_facts {
    char *root;              /* state_dir, absolute, without symlinks */
    struct fact_file *files; /* ordered by path */
    size_t count;
};

/* ERR_NOT_FOUND: there is no such folder. */
int disk_facts_read(const char *state_dir, struct disk_facts **out, struct err *e);
void disk_facts_free(struct disk_facts *f);
DEFINE_AUTO(disk_facts, disk_facts_free)
const struct fact_file *disk_facts_find(const struct disk_facts *f, const char *path); /* NULL: not there */

/* The sha256 of a file of the facts; slow. ERR_NOT_FOUND when it is gone. */
int disk_facts_hash(const struct disk_facts *f, const char *path, sha256_text out, struct err *e);
/* qemu-img's check of a VM's overlay that no guest uses; slow. ERR_IMAGE_REFUSED: its tables contradict each other. */
int disk_facts_check(const struct disk_facts *f, const struct fact_file *overlay, int64_t timeout_ms, struct err *e);

#endif
