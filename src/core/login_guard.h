/* core/login_guard: how often somebody may be wrong. Failures are counted for each user at an address, and for each address; a
 * bucket of some at once is refilled one by one. From memory; of those that fill it, the longest quiet are forgotten. Any thread.
 */
#ifndef CORE_LOGIN_GUARD_H
#define CORE_LOGIN_GUARD_H

#include "base/err.h"

struct login_guard;
int login_guard_new(struct login_guard **out, struct err *e);
void login_guard_free(struct login_guard *g);

/* ERR_TOO_MANY_REQUESTS with retry_after_s. user: any text that is always the same for the same one. */
int login_guard_check(struct login_guard *g, const char *user, const char *address, struct err *e);
void login_guard_failed(struct login_guard *g, const char *user, const char *address);
/* What this user owed at this address is forgiven; the address is not: somebody may have an account of their own there. */
void login_guard_forgive(struct login_guard *g, const char *user, const char *address);

#endif
