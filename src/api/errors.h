/* api/errors: what an error is to HTTP. Private to the room: doors give it a shape each. */
#ifndef API_ERRORS_H
#define API_ERRORS_H

#include "base/err.h"

struct api_error {
    int status;
    int retry_after_s; /* 0: no Retry-After */
    const char *title; /* the kind of error in a few words, the same for each of its cases */
};
const struct api_error *api_error(enum err_code code);

#endif
