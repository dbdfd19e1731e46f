/* core/identity: who is who. */
#include "core/identity.h"

#include "internal.h"

#include "base/str.h"

void identity_implicit(struct core *c, struct actor *out)
{
    (void)str_copy(out->project, sizeof out->project, c->default_project);
    (void)str_copy(out->user, sizeof out->user, "admin");
    out->is_admin = true;
}
