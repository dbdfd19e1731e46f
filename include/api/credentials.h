/* api/credentials: the token that a request carries. */
#ifndef API_CREDENTIALS_H
#define API_CREDENTIALS_H

#include "http/http.h"

/* The value of X-Auth-Token, or of Authorization: Bearer (RFC 6750): the same thing by two names. NULL without either; borrowed
 * from the request. ERR_UNAUTHORIZED for another scheme, and for two that are not equal. Whether it is any good is core's to
 * say. */
int credentials_token(const struct request *r, const char **out, struct err *e);

#endif
