/* api/workspace/turn: a verb whose answer is the VM. */
#ifndef API_WORKSPACE_TURN_H
#define API_WORKSPACE_TURN_H

#include "../reply.h"
#include "asking.h"

struct turn {
    struct verb verb; /* first: the core gives its struct once back, which leads here */
    struct asking *asking;
    int status; /* of the answer */
};
/* In the name of who asks; an Idempotency-Key counts. No query parameters are let in. */
int turn_begin(struct turn *t, struct request *r, struct err *e);
static inline void cleanup_turn(struct turn *t)
{
    verb_done(&t->verb);
}
#define AUTO_TURN __attribute__((cleanup(cleanup_turn))) struct turn

#endif
