/* state: opening what lies in state_dir. Private to main and app. */
#ifndef STATE_H
#define STATE_H

#include "base/err.h"
#include "disk/disk.h"
#include "store/store.h"

/* Takes the lock of state_dir, as the user whom it belongs to (owner.h), which root then is for good. ERR_CONFLICT: another
 * process has the lock. Before the first thread starts. */
int state_lock(const char *state_dir, struct disk **disk, struct err *e);
/* Takes the lock likewise, then opens or makes the database. ERR_CONFIG: there are files, but the database that knew them is
 * missing. */
int state_open(const char *state_dir, struct disk **disk, struct store **store, struct err *e);

#endif
