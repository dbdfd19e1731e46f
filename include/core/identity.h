/* core/identity: turns credentials into an actor. With auth=none everybody is the one administrator of the default project. */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include "core/core.h"
#include "model/identity.h"

/* Fills user, project and is_admin. */
void identity_implicit(struct core *c, struct actor *out);

#endif
