/* Two headers, one token. */
#include "api/credentials.h"

#include <string.h>
#include <strings.h>

static const char scheme[] = "Bearer ";

/* What stands behind the scheme, which is written in either case; NULL: another scheme. */
static const char *bearer(const char *authorization)
{
    if (strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return NULL;
    authorization += strlen(scheme);
    return authorization + strspn(authorization, " ");
}

int credentials_token(const struct request *r, const char **out, struct err *e)
{
    const char *plain = request_header(r, "X-Auth-Token");
    const char *authorization = request_header(r, "Authorization");
    const char *token = authorization ? bearer(authorization) : NULL;

    if (authorization && !token)
        return err_set(e, ERR_UNAUTHORIZED, "Authorization must be Bearer and a token");
    if (plain && token && strcmp(plain, token) != 0)
        return err_set(e, ERR_UNAUTHORIZED, "X-Auth-Token and Authorization carry two tokens");
    *out = plain ? plain : token;
    return 0;
}
