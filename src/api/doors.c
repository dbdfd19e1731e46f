/* The front doors of this daemon, in the order in which they are asked for a path. */
#include "guest/guest.h"
#include "native/native.h"
#include "tenant/tenant.h"
#include "workspace/workspace.h"

#include "api/api.h"

const struct door *const api_doors[] = { &tenant_door, &workspace_door, &native_door, NULL };

/* On servers of their own. */
const struct door *const guest_doors[] = { &guest_door, NULL };
