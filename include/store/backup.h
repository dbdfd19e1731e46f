/* store/backup: the database as a file: copied while it is in use, judged, put in another's place. A path is the database's own;
 * beside it lie "-wal" and "-shm". All but store_backup want the daemon down: whoever calls holds the lock on state_dir. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "base/err.h"

enum store_verdict {
    STORE_ABSENT,
    STORE_SOUND,  /* whole, ours, and of a version that this program knows */
    STORE_BROKEN, /* damaged, or no database at all */
};
/* Reads the whole file. *why, for STORE_BROKEN, says what is wrong. ERR_CONFIG: it is another program's, or of a newer version of
 * this one. */
int store_judge(const char *path, enum store_verdict *out, struct err *why, struct err *e);

/* A copy of the database as it is at one moment, under a temporary name until it is whole; `file` must not be there:
 * ERR_CONFLICT. Writers are not kept waiting. ERR_NOT_FOUND: there is no database. */
int store_backup(const char *path, const char *file, struct err *e);

/* Where a database is made before it takes its place: "<path>.new". What a failure left there is removed. Caller frees *out. */
int store_prepare_new(const char *path, char **out, struct err *e);
/* Fills "<path>.new" from a backup and judges it. ERR_NOT_FOUND; ERR_CONFIG: damaged, or not ours, or newer. */
int store_copy_backup(const char *path, const char *file, struct err *e);
/* Moves the database aside (its log is folded into it by store_judge), with what belongs to it, to "<path>.<word>-<seconds>":
 * *out is that name, NULL when there was no database; caller frees. */
int store_set_aside(const char *path, const char *word, char **out, struct err *e);
/* Gives "<path>.new", closed before, the database's name. ERR_CONFLICT when a database is in the way. */
int store_adopt_new(const char *path, struct err *e);

#endif
