/* model/event: what happened, once and in order (event), and who did what (audit). Written in the transaction of the change
 * itself. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdint.h>

#include "model/identity.h"

/* Borrowed strings: an event lives as long as the call that writes it. */
struct event {
    const char *type; /* "vm.created", "vm.status.changed", "operation.updated" */
    const char *project;
    const char *resource; /* id */
    const char *payload;  /* JSON object text */
    int64_t resource_created_at_ms;
};

struct audit {
    const struct actor *actor;
    const char *action;        /* the route's or job's: "vm:create" */
    const char *resource_type; /* "vm" */
    const char *resource;      /* id */
    const char *outcome;       /* "accepted", "succeeded", "failed", "refused:<code>" */
};

#endif
