/* disk/quarantine: what the doctor does to files: nothing is deleted, and what is to be done is written down before. */
#ifndef DISK_QUARANTINE_H
#define DISK_QUARANTINE_H

#include "disk/disk.h"

/* Appends a line to state_dir/doctor.log; it is on disk when this returns. */
int disk_journal(struct disk *d, const char *line, struct err *e);
/* Moves state_dir/<path> to state_dir/quarantine/<stamp>/, its slashes replaced by '_'. Fine when it is gone already. */
int disk_quarantine(struct disk *d, const char *path, const char *stamp, struct err *e);
/* Takes rights from a file: its mode becomes what of it is in `mask`. ERR_NOT_FOUND. */
int disk_restrict(struct disk *d, const char *path, unsigned mask, struct err *e);

#endif
