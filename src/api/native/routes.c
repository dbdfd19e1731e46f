/* The native door's table of routes. Nothing is decided here. */
#include "native.h"

#include "base/cleanup.h"

static const struct route routes[] = {
    { "GET", "/health", "health:read", .handle = health_show, .flags = ROUTE_PUBLIC | ROUTE_NO_BODY },
    { "GET", "/metrics", "metrics:show", .handle = metrics_show, .flags = ROUTE_NO_BODY },
    { "GET", "/openapi.json", "api:describe", .handle = openapi_show, .flags = ROUTE_PUBLIC | ROUTE_NO_BODY },

    { "GET", "/v1/vms", "vm:list", .handle = vms_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/vms", "vm:create", .handle = vms_create },
    { "GET", "/v1/vms/{ref}", "vm:read", .handle = vms_show, .flags = ROUTE_NO_BODY },
    { "PATCH", "/v1/vms/{ref}", "vm:update", .handle = vms_change },
    { "DELETE", "/v1/vms/{ref}", "vm:delete", .handle = vms_delete, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/vms/{ref}/start", "vm:start", .handle = vms_start },
    { "POST", "/v1/vms/{ref}/stop", "vm:stop", .handle = vms_stop },
    { "POST", "/v1/vms/{ref}/reboot", "vm:reboot", .handle = vms_reboot },
    { "POST", "/v1/vms/{ref}/pause", "vm:pause", .handle = vms_pause },
    { "POST", "/v1/vms/{ref}/resume", "vm:resume", .handle = vms_resume },
    { "POST", "/v1/vms/{ref}/suspend", "vm:suspend", .handle = vms_suspend },
    { "POST", "/v1/vms/{ref}/lock", "vm:lock", .handle = vms_lock },
    { "POST", "/v1/vms/{ref}/unlock", "vm:unlock", .handle = vms_unlock },
    { "POST", "/v1/vms/{ref}/image", "vm:image", .handle = vms_capture },
    { "GET", "/v1/vms/{ref}/console-log", "vm:console-log", .handle = vms_console_log, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/images", "image:list", .handle = images_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/images", "image:create", .handle = images_create },
    { "POST", "/v1/images/import", "image:import", .handle = images_import },
    { "GET", "/v1/images/{ref}", "image:read", .handle = images_show, .flags = ROUTE_NO_BODY },
    { "PATCH", "/v1/images/{ref}", "image:update", .handle = images_change },
    { "DELETE", "/v1/images/{ref}", "image:delete", .handle = images_delete, .flags = ROUTE_NO_BODY },
    { "PUT", "/v1/images/{ref}/file", "image:upload", .handle = images_upload_end, .begin = images_upload_begin,
      .chunk = images_upload_chunk },
    { "GET", "/v1/images/{ref}/data", "image:download", .handle = images_download, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/keypairs", "keypair:list", .handle = keypairs_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/keypairs", "keypair:create", .handle = keypairs_create },
    { "GET", "/v1/keypairs/{ref}", "keypair:read", .handle = keypairs_show, .flags = ROUTE_NO_BODY },
    { "DELETE", "/v1/keypairs/{ref}", "keypair:delete", .handle = keypairs_delete, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/networks", "network:list", .handle = networks_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/networks", "network:create", .handle = networks_create },
    { "GET", "/v1/networks/{ref}", "network:read", .handle = networks_show, .flags = ROUTE_NO_BODY },
    { "DELETE", "/v1/networks/{ref}", "network:delete", .handle = networks_delete, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/flavors", "flavor:list", .handle = flavors_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/flavors", "flavor:create", .handle = flavors_create },
    { "GET", "/v1/flavors/{ref}", "flavor:read", .handle = flavors_show, .flags = ROUTE_NO_BODY },
    { "DELETE", "/v1/flavors/{ref}", "flavor:delete", .handle = flavors_delete, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/users", "user:list", .handle = users_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/users", "user:create", .handle = users_create },
    { "GET", "/v1/users/{ref}", "user:read", .handle = users_show, .flags = ROUTE_NO_BODY },
    { "PATCH", "/v1/users/{ref}", "user:update", .handle = users_change },
    { "DELETE", "/v1/users/{ref}", "user:delete", .handle = users_delete, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/projects", "project:list", .handle = projects_list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/projects", "project:create", .handle = projects_create },
    { "GET", "/v1/projects/{ref}", "project:read", .handle = projects_show, .flags = ROUTE_NO_BODY },
    { "PATCH", "/v1/projects/{ref}", "project:update", .handle = projects_change },
    { "DELETE", "/v1/projects/{ref}", "project:delete", .handle = projects_delete, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/roles", "role:list", .handle = roles_list, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/role-assignments", "role:list-assignments", .handle = role_assignments_list, .flags = ROUTE_NO_BODY },
    { "PUT", "/v1/projects/{ref}/users/{user}/roles/{role}", "role:grant", .handle = roles_grant, .flags = ROUTE_NO_BODY },
    { "DELETE", "/v1/projects/{ref}/users/{user}/roles/{role}", "role:revoke", .handle = roles_revoke, .flags = ROUTE_NO_BODY },

    { "POST", "/v1/tokens", "token:create", .handle = tokens_create, .flags = ROUTE_PUBLIC },
    { "GET", "/v1/tokens", "token:list", .handle = tokens_list, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/tokens/{id}", "token:read", .handle = tokens_show, .flags = ROUTE_NO_BODY },
    { "DELETE", "/v1/tokens/{id}", "token:revoke", .handle = tokens_revoke, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/me", "me:read", .handle = me_show, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/quota", "quota:read", .handle = quota_show_own, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/projects/{ref}/quota", "quota:read", .handle = quota_show, .flags = ROUTE_NO_BODY },
    { "PUT", "/v1/projects/{ref}/quota", "quota:update", .handle = quota_change },
    { "GET", "/v1/audit", "audit:list", .handle = audit_show, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/events", "event:list", .handle = events_show, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/host", "host:read", .handle = host_show, .flags = ROUTE_NO_BODY },
    { "PUT", "/v1/host/maintenance", "host:maintenance", .handle = host_maintenance_begin },
    { "DELETE", "/v1/host/maintenance", "host:maintenance", .handle = host_maintenance_end, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/host/stop-guests", "host:guests", .handle = host_guests_stop },
    { "POST", "/v1/host/start-guests", "host:guests", .handle = host_guests_start },
    { "GET", "/v1/doctor", "doctor:read", .handle = doctor_show, .flags = ROUTE_NO_BODY },

    { "GET", "/v1/operations", "operation:list", .handle = operations_list, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/operations/{id}", "operation:read", .handle = operations_show, .flags = ROUTE_NO_BODY },
    { "DELETE", "/v1/operations/{id}", "operation:cancel", .handle = operations_cancel, .flags = ROUTE_NO_BODY },
};

static const char *const parameters[] = { "project", NULL };

/* The empty prefix: what no other door knows is answered in this door's shape. */
const struct door native_door = {
    .prefix = "", .routes = routes, .route_count = ARRAY_LEN(routes), .error = problem_reply, .parameters = parameters
};
