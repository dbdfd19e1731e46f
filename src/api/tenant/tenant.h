/* api/tenant: the front door /api/v1/compute: instances of tenants, which are projects named by the header X-Tenant-ID. */
#ifndef API_TENANT_TENANT_H
#define API_TENANT_TENANT_H

#include "http/http.h"

extern const struct door tenant_door;

#define TENANT_HEADER  "X-Tenant-ID"
#define INSTANCES_PATH "/api/v1/compute/instances"

/* ---- handlers, for the table in routes.c ---- */
request_fn tenant_flavors_list;
request_fn instances_list, instances_create, instances_show, instances_delete;
request_fn instances_stop, instances_start, instances_restart;

/* The door's shape of errors. */
void tenant_error(struct request *r, const struct err *cause);

#endif
