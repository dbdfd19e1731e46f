/* The front doors of this daemon, in the order in which they are asked for a path. */
#include "guest/guest.h"
#include "native/native.h"

#include "api/api.h"

const struct door *const api_doors[] = { &native_door, NULL };

/* On servers of their own. */
const struct door *const guest_doors[] = { &guest_door, NULL };
