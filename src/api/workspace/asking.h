/* api/workspace/asking: a request under way: in whose name it is asked, about which VM, and what was found. */
#ifndef API_WORKSPACE_ASKING_H
#define API_WORKSPACE_ASKING_H

#include "../await.h"
#include "vm_body.h"

#include "core/vm.h"

struct power; /* power.c's */
struct asking {
    struct await await;
    struct core *core;
    struct actor who; /* the request's actor, at work in the workspace that is asked about */
    struct vm_query query;
    struct vm_window window; /* of a list */
    struct vm_view *view;
    struct vm *tombstone;
    const struct power *power;    /* of a verb */
    struct workspace_patch patch; /* of a change */
    uuid_text job;                /* of a delete */
};
/* Belongs to the request. NULL with the reason in *e. */
struct asking *asking_new(struct request *r, struct err *e);
/* The same about the VM that the path names, which has to be one that the actor reaches and may do this to. No query parameters
 * are let in. */
struct asking *asking_about_vm(struct request *r, struct err *e);
/* Goes to work in the workspace of this id or name, whose role has to be enough. ERR_PROJECT_NOT_FOUND "workspace_id". */
int asking_enter(struct request *r, struct asking *a, const char *workspace, struct err *e);
/* Asks libvirt and goes on with `then`. */
int asking_look(struct request *r, struct asking *a, request_fn *then, struct err *e);
/* For `then`: the VM, or what it left; borrowed. */
int asking_found(struct asking *a, const struct vm **out, struct err *e);
/* For a change that has failed with *e; -1. A VM that came to its end between the look and the change is refused by its state,
 * which is terminated when it left something: workspace_state_check(…, from, what). */
int asking_refused(struct asking *a, unsigned from, const char *what, struct err *e);

#endif
