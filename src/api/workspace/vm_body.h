/* api/workspace/vm_body: the bodies of requests, decoded. */
#ifndef API_WORKSPACE_VM_BODY_H
#define API_WORKSPACE_VM_BODY_H

#include "http/http.h"
#include "model/vm.h"

enum { WORKSPACE_NAME_MIN = 3, WORKSPACE_NAME_MAX = 100 };

struct workspace_spec {
    struct vm_spec spec;
    char *workspace;
};
void workspace_spec_done(struct workspace_spec *b);
static inline void cleanup_workspace_spec(struct workspace_spec *b)
{
    workspace_spec_done(b);
}
#define AUTO_WORKSPACE_SPEC __attribute__((cleanup(cleanup_workspace_spec))) struct workspace_spec
/* Another provider than libvirt and another region than this host's are refused here. */
int workspace_spec_decode(const struct request *r, const char *region, struct workspace_spec *out, struct err *e);

struct workspace_patch { /* NULL stays */
    char *name;
    char *metadata; /* JSON text */
};
void workspace_patch_done(struct workspace_patch *b);
static inline void cleanup_workspace_patch(struct workspace_patch *b)
{
    workspace_patch_done(b);
}
#define AUTO_WORKSPACE_PATCH __attribute__((cleanup(cleanup_workspace_patch))) struct workspace_patch
int workspace_patch_decode(const struct request *r, struct workspace_patch *out, struct err *e);

/* No body, or {}. */
int workspace_nothing_decode(const struct request *r, struct err *e);
/* Core's word on a create, with this door's names of fields: what a body names and is not there makes the body wrong. */
int workspace_spec_refused(struct err *e);

#endif
