/* core/rebuild: the parts of it: where the records come from. */
#ifndef CORE_REBUILD_PRIVATE_H
#define CORE_REBUILD_PRIVATE_H

#include "sidecar_record.h"

#include "core/rebuild.h"
#include "store/store.h"

/* A rebuild under way: the database is being filled. */
struct rebuilding {
    struct rebuild *run;
    struct store *store;
};

/* A line, and the count. `what` is the record's name and what else there is to say; may be NULL. */
void rebuild_made(const struct rebuilding *b, enum sidecar_noun noun, const char *id, const char *what);
void rebuild_left(const struct rebuilding *b, enum sidecar_noun noun, const char *id, const struct err *why);

/* The rows of one sidecar, in a transaction of their own. */
int rebuild_insert(const struct rebuilding *b, struct sidecar *s, struct err *e);
/* VMs without a sidecar, whose domain says what it can. One that cannot be made is a line, no failure. */
int rebuild_from_domains(const struct rebuilding *b, struct err *e);

#endif
