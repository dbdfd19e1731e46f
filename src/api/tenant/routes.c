/* The tenant door's table of routes. Nothing is decided here. */
#include "tenant.h"

#include "base/cleanup.h"

static const struct route routes[] = {
    { "GET", "/api/v1/compute/flavors", "flavor:list-public", .handle = tenant_flavors_list,
      .flags = ROUTE_PUBLIC | ROUTE_NO_BODY },
    { "GET", INSTANCES_PATH, "vm:list", .handle = instances_list, .flags = ROUTE_NO_BODY },
    { "POST", INSTANCES_PATH, "vm:create", .handle = instances_create },
    { "GET", INSTANCES_PATH "/{id}", "vm:read", .handle = instances_show, .flags = ROUTE_NO_BODY },
    { "DELETE", INSTANCES_PATH "/{id}", "vm:delete", .handle = instances_delete, .flags = ROUTE_NO_BODY },
    { "POST", INSTANCES_PATH "/{id}/stop", "vm:stop", .handle = instances_stop },
    { "POST", INSTANCES_PATH "/{id}/start", "vm:start", .handle = instances_start },
    { "POST", INSTANCES_PATH "/{id}/restart", "vm:reboot", .handle = instances_restart },
};

const struct door tenant_door = {
    .prefix = "/api/v1/compute",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .error = tenant_error,
    .project_header = TENANT_HEADER,
};
