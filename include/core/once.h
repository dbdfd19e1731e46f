/* core/once: an answer given in the transaction that it tells about. A front door says how the answer to a change is made; the
 * core calls it just before the commit and, when the client sent an Idempotency-Key, keeps the answer with the change: the same
 * request again gets it again. */
#ifndef CORE_ONCE_H
#define CORE_ONCE_H

#include "base/err.h"
#include "base/hash.h"
#include "model/identity.h"

enum { IDEMPOTENCY_KEY_MAX = 255 };

struct once {
    /* From the front door. */
    const char *key;     /* the header; NULL: none. It is the actor's own, in the project that it works in */
    const char *request; /* "POST /v1/vms/…": method and path as sent */
    sha256_text body_sha256;
    /* Makes status, body and location (malloc'ed; location may stay NULL) from the record that the verb is about. */
    int (*answer)(struct once *o, const void *record, struct err *e);
    /* The front door's own rule: refuses the record as it is before the change, in the transaction that would change it. NULL:
     * none but the core's. Asked where a verb says so. */
    int (*accept)(struct once *o, const void *record, struct err *e);
    const struct actor *actor;
    /* For the front door, after the verb's success. */
    int status;
    char *body;
    char *location;
};
void once_done(struct once *o);
static inline void cleanup_once(struct once *o)
{
    once_done(o);
}
#define AUTO_ONCE __attribute__((cleanup(cleanup_once))) struct once

#endif
