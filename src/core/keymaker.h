/* core/keymaker: the thread that makes key pairs: arithmetic that would hold up requests. One at a time, in the order they came.
 */
#ifndef CORE_KEYMAKER_H
#define CORE_KEYMAKER_H

#include "ssh_key.h"

struct keymaker;
/* One pair to be made. The maker writes the last three and calls done(arg), once; until then it is not to be touched. */
struct key_order {
    enum ssh_key_kind kind;
    const char *comment;
    void (*done)(void *arg);
    void *arg;
    struct keypair *keypair; /* what ssh_key_make fills */
    char *private_key;
    struct err err; /* why there is none */
    struct key_order *next;
};

int keymaker_new(struct keymaker **out, struct err *e);
int keymaker_start(struct keymaker *m, struct err *e);
/* What waits is refused (ERR_UNAVAILABLE); what is being made is finished. */
void keymaker_stop(struct keymaker *m);
void keymaker_free(struct keymaker *m);
/* ERR_UNAVAILABLE: too many wait, or the service is stopping. done is not called then. */
int keymaker_submit(struct keymaker *m, struct key_order *o, struct err *e);

#endif
