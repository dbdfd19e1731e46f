/* disk/file: the system calls of this room with their traps closed: no symlink is followed, EINTR is retried, lengths are whole.
 */
#ifndef DISK_FILE_H
#define DISK_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* The descriptor of a regular file, for reading, or -1 with errno. A symlink is ELOOP and so is what is no regular file:
 * a name in our folders that somebody else put there. */
int file_open_at(int dir, const char *name);
/* Short only at the end of the file; -1 with errno. */
ssize_t file_read_at(int fd, void *buf, size_t len, uint64_t offset);
int file_write_at(int fd, const void *buf, size_t len, uint64_t offset);

/* This process's user may read the file whoever comes to own it: libvirt gives a guest's disk to QEMU's user, and does not on
 * every file system give it back. Nothing where there are no access lists, and for root. -1 with errno. */
int file_keep_readable(int fd);

/* -1 with errno. */
int dir_open_at(int dir, const char *name);
/* Makes the folder unless it is there, lets others pass through it (0711: QEMU runs as a user of its own) and opens it. Does not
 * fsync. */
int dir_make_at(int dir, const char *name, int *out, struct err *e);
/* Calls fn for each entry but "." and ".."; ends at the first that fails. fn may unlink the entry. */
typedef int dir_entry_fn(void *arg, int dir, const char *name, struct err *e);
int dir_each(int dir, dir_entry_fn *fn, void *arg, struct err *e);

#endif
