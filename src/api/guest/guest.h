/* api/guest: the front door for guests: they say that they are up, and nothing else. */
#ifndef API_GUEST_GUEST_H
#define API_GUEST_GUEST_H

#include "http/http.h"

extern const struct door guest_door;

#endif
