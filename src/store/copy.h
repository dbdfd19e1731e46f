/* store/copy: a database copied to a file of its own, in one moment. Private to the room. */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include <sqlite3.h>

#include "base/err.h"

/* Makes `file` (0600, which must not be there): one file that needs no log beside it, durable but for its name. Writers are not
 * kept waiting. */
int copy_database(sqlite3 *from, const char *file, struct err *e);
/* Makes the names in the folder of `path` durable. */
int copy_sync_folder(const char *path, struct err *e);

#endif
