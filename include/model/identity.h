/* model/identity: who asks. Until users and tokens come (auth=none) there is one implicit administrator in one project. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <stdbool.h>

#include "base/id.h"

enum { USER_NAME_MAX = 64, REQUEST_ID_MAX = 64, ADDRESS_MAX = 64 };

struct actor {
    char user[USER_NAME_MAX + 1];
    hex32_text project; /* the project that the request is scoped to */
    bool is_admin;
    char request_id[REQUEST_ID_MAX + 1];
    char address[ADDRESS_MAX + 1]; /* the peer's, for the audit line; "" when unknown */
};

#endif
