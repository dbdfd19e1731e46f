/* model/event: what happened, once and in order (event), and who did what (audit). Written in the transaction of the change
 * itself. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stddef.h>
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

/* An event as its row has it; owned strings. */
struct event_record {
    uint64_t seq;
    int64_t at_ms;
    char *type;
    hex32_text project;
    char *resource;
    char *payload; /* JSON object text */
};
void event_record_free(struct event_record *r);
DEFINE_AUTO(event_record, event_record_free)
DEFINE_LIST(event_record)

/* A line of the audit log as its row has it; owned strings. */
struct audit_line {
    uint64_t seq;
    int64_t at_ms;
    char *user;
    hex32_text user_id; /* "": the implicit administrator, local root, or nobody who is known */
    hex32_text project;
    char *action, *resource_type, *resource, *request_id, *address, *outcome; /* request_id and address may be NULL */
};
void audit_line_free(struct audit_line *l);
DEFINE_AUTO(audit_line, audit_line_free)
DEFINE_LIST(audit_line)

/* Which lines; strings borrowed, NULL: any. */
struct audit_query {
    const char *project;
    const char *user;     /* name or id */
    const char *action;   /* "vm:create", or "vm" for all of a noun */
    const char *resource; /* id */
    const char *outcome;  /* "refused:forbidden", or "refused" for all of them */
    const char *request_id;
    int64_t since_ms, until_ms; /* from, and before; 0: any */
    uint64_t before;            /* seq, the last of the page before; 0: from the newest on */
    uint32_t limit;
};

#endif
