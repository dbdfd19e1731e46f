/* core/maintenance: while the host is in maintenance nothing new comes to be on it: no VM, no image, no network. What is there
 * goes on: verbs, deletes, expiries, and creates that were accepted before. */
#ifndef CORE_MAINTENANCE_H
#define CORE_MAINTENANCE_H

#include <stdbool.h>

#include "core/core.h"
#include "model/identity.h"

enum { MAINTENANCE_REASON_MAX = 200 }; /* bytes: it is part of an error's text */

struct maintenance {
    int64_t since_ms; /* 0: it is off */
    char *reason;     /* for users to read */
    char *by;         /* who turned it on, or changed the reason; "" when nobody is known */
};
void maintenance_done(struct maintenance *m);
#define AUTO_MAINTENANCE __attribute__((cleanup(maintenance_done))) struct maintenance
static inline bool maintenance_is_on(const struct maintenance *m)
{
    return m->since_ms != 0;
}

/* Turns it on, or changes its reason; *out is what is so now. ERR_INVALID_FIELD "reason". */
int maintenance_begin(struct core *c, const struct actor *who, const char *reason, struct maintenance *out, struct err *e);
/* Fine when it is off. */
int maintenance_end(struct core *c, const struct actor *who, struct err *e);

#endif
