/* api/workspace: the front door /api/v1/vms. A workspace is a project, its VMs are the core's, and so is every rule but those of
 * names, fields and states, which are this door's. */
#ifndef API_WORKSPACE_WORKSPACE_H
#define API_WORKSPACE_WORKSPACE_H

#include "http/http.h"

extern const struct door workspace_door;

#define WORKSPACE_VMS_PATH "/api/v1/vms"

/* ---- handlers, for the table in routes.c ---- */
request_fn workspace_list, workspace_create, workspace_show, workspace_change, workspace_delete;
request_fn workspace_start, workspace_stop, workspace_restart, workspace_terminate;

/* {"error": {"code", "message", "field"}} */
void workspace_error(struct request *r, const struct err *cause);

#endif
