/* The workspace door's table of routes. Nothing is decided here. */
#include "workspace.h"

#include "base/cleanup.h"

static const struct route routes[] = {
    { "GET", WORKSPACE_VMS_PATH, "vm:list", .handle = workspace_list, .flags = ROUTE_NO_BODY },
    { "POST", WORKSPACE_VMS_PATH, "vm:create", .handle = workspace_create },
    { "GET", WORKSPACE_VMS_PATH "/{id}", "vm:read", .handle = workspace_show, .flags = ROUTE_NO_BODY },
    { "PUT", WORKSPACE_VMS_PATH "/{id}", "vm:update", .handle = workspace_change },
    { "DELETE", WORKSPACE_VMS_PATH "/{id}", "vm:delete", .handle = workspace_delete, .flags = ROUTE_NO_BODY },
    { "POST", WORKSPACE_VMS_PATH "/{id}/start", "vm:start", .handle = workspace_start },
    { "POST", WORKSPACE_VMS_PATH "/{id}/stop", "vm:stop", .handle = workspace_stop },
    { "POST", WORKSPACE_VMS_PATH "/{id}/restart", "vm:reboot", .handle = workspace_restart },
    { "POST", WORKSPACE_VMS_PATH "/{id}/terminate", "vm:delete", .handle = workspace_terminate },
};

const struct door workspace_door = {
    .prefix = WORKSPACE_VMS_PATH, .routes = routes, .route_count = ARRAY_LEN(routes), .error = workspace_error
};
