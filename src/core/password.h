/* core/password: passwords are hashed by argon2id (libsodium), on one thread of their own: each takes 64 MiB and a tenth of a
 * second. What was right is cheap for a while: a keyed hash of it is remembered, in memory alone, for five minutes. */
#ifndef CORE_PASSWORD_H
#define CORE_PASSWORD_H

#include <stdbool.h>

#include "lane.h"

#include "base/id.h"

struct passwords;
int passwords_new(struct passwords **out, struct err *e);
int passwords_start(struct passwords *p, struct err *e);
void passwords_stop(struct passwords *p); /* who waits gets ERR_UNAVAILABLE */
void passwords_free(struct passwords *p);

/* A password to be verified, or one to be hashed, or both: then the second only when the first is right. Strings are owned. */
struct password_work {
    struct lane_task task; /* done and arg are the asker's; err: why nothing came of it */
    struct passwords *room;
    hex32_text user; /* whose */
    char *given;     /* NULL: nothing to verify */
    char *hash;      /* to hold it against; NULL: nobody's, which takes as long and never fits */
    char *wanted;    /* NULL: nothing to hash */
    bool is_right;   /* given is */
    char *made;      /* the hash of wanted */
};
/* The asker's done(arg) is called once, perhaps before this returns. ERR_UNAVAILABLE: too many wait; done is not called then. */
int password_begin(struct passwords *p, struct password_work *w, struct err *e);
void password_work_done(struct password_work *w); /* wipes */

/* Here and now. Caller frees *out. */
int password_hash(const char *password, char **out, struct err *e);
/* ERR_INVALID_FIELD naming `field`. */
int password_check(const char *password, const char *field, struct err *e);

#endif
