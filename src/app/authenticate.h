/* authenticate: whom a request is let in as: what http asks of core. Private to app. */
#ifndef AUTHENTICATE_H
#define AUTHENTICATE_H

#include "http/http.h"

/* arg is the core. With auth=none everybody is the implicit administrator. */
int authenticate_nobody(void *arg, struct request *r, struct actor *out, struct err *e);
/* With auth=token: by the token that the request carries; on a unix socket root and members of admin_group need none. */
int authenticate_token(void *arg, struct request *r, struct actor *out, struct err *e);
/* The same, but for what policy has for visitors whoever is on this host needs none either. */
int authenticate_token_or_visitor(void *arg, struct request *r, struct actor *out, struct err *e);

#endif
