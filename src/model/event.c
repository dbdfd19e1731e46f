/* model/event: the ends of records. */
#include "model/event.h"

void event_record_free(struct event_record *r)
{
    if (!r)
        return;
    free(r->type);
    free(r->resource);
    free(r->payload);
    free(r);
}

void audit_line_free(struct audit_line *l)
{
    if (!l)
        return;
    free(l->user);
    free(l->action);
    free(l->resource_type);
    free(l->resource);
    free(l->request_id);
    free(l->address);
    free(l->outcome);
    free(l);
}
