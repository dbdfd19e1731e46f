/* api/native: the front door /v1, and the daemon's own pages beside it. */
#ifndef API_NATIVE_NATIVE_H
#define API_NATIVE_NATIVE_H

#include "http/http.h"

extern const struct door native_door;

/* ---- handlers, for the table in routes.c ---- */
request_fn health_show;
request_fn metrics_show;
request_fn openapi_show;

request_fn vms_list, vms_show, vms_change, vms_console_log;
request_fn vms_create, vms_delete, vms_start, vms_stop, vms_reboot, vms_pause, vms_resume, vms_suspend;
request_fn vms_lock, vms_unlock, vms_capture;

request_fn images_list, images_show, images_create, images_import, images_change, images_delete, images_download;
request_fn images_upload_begin, images_upload_end;
request_chunk_fn images_upload_chunk;

request_fn keypairs_list, keypairs_show, keypairs_create, keypairs_delete;
request_fn networks_list, networks_show, networks_create, networks_delete;
request_fn users_list, users_show, users_create, users_change, users_delete;
request_fn projects_list, projects_show, projects_create, projects_change, projects_delete;
request_fn roles_list, role_assignments_list, roles_grant, roles_revoke;
request_fn tokens_list, tokens_show, tokens_create, tokens_revoke;
request_fn me_show;
request_fn quota_show_own, quota_show, quota_change;
request_fn audit_show;
request_fn events_show;
request_fn host_show, host_maintenance_begin, host_maintenance_end, host_guests_stop, host_guests_start;
request_fn doctor_show;

request_fn flavors_list, flavors_show, flavors_create, flavors_delete;
request_fn operations_list, operations_show, operations_cancel;

/* The door's shape of errors. */
void problem_reply(struct request *r, const struct err *e);

#endif
