/* verbs: what computectl can do, one row each. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include <stddef.h>

#include "args.h"
#include "client.h"
#include "credentials.h"

struct cli {
    const struct args *args;
    struct client *client;
    const char *url;                /* that the client calls */
    const struct credentials *kept; /* from the last login */
};
typedef int verb_fn(struct cli *cli, struct err *e);

extern const struct verb verbs[];
extern const size_t verb_count;

/* ---- for the table in verbs.c ---- */
verb_fn image_create, image_import, image_list, image_show, image_set, image_download, image_delete;
verb_fn keypair_create, keypair_list, keypair_show, keypair_delete;
verb_fn events;
verb_fn host_show, host_maintenance, host_stop_guests, host_start_guests;
verb_fn network_create, network_list, network_show, network_delete;
verb_fn login, logout, whoami, token_list, token_create, token_revoke;
verb_fn user_list, user_create, user_set_password, user_enable, user_disable, user_delete;
verb_fn project_list, project_create, project_enable, project_disable, project_delete;
verb_fn role_list, role_grant, role_revoke;
verb_fn quota_show, quota_set, audit_list;
verb_fn vm_create, vm_list, vm_show, vm_set, vm_delete, vm_console_log;
verb_fn vm_start, vm_stop, vm_reboot, vm_pause, vm_resume, vm_suspend, vm_lock, vm_unlock, vm_image;

#endif
