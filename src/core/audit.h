/* core/audit: the thread that writes the audit lines of what changes nothing. */
#ifndef CORE_AUDIT_PRIVATE_H
#define CORE_AUDIT_PRIVATE_H

#include "core/audit.h"
#include "store/store.h"

struct audit_writer;
/* Borrows both. Until it is started, and once it is stopped, lines wait in the queue. */
int audit_writer_new(struct store *store, const char *project, struct audit_writer **out, struct err *e);
int audit_writer_start(struct audit_writer *w, struct err *e);
/* Everything that waits is written. */
void audit_writer_stop(struct audit_writer *w);
void audit_writer_free(struct audit_writer *w);
/* Refusals that came to it since the start, and those of them that no line of their own tells of: the queue was full. */
void audit_writer_counts(struct audit_writer *w, uint64_t *refusals, uint64_t *left_out);

#endif
