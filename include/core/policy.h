/* core/policy: who may do what. An action is a row of one table; a route whose action is not in it does not boot.
 *
 * A row says which role it takes, and that is a role in the project that the request works in; a role implies those before it
 * (model/identity). An administrator's role is the whole cloud's. Which records somebody finds is no matter of policy: it is the
 * scope of the store's statements (actor_scope). */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/identity.h"

bool policy_knows(const char *action);
/* Whether anybody may, without credentials. */
bool policy_is_public(const char *action);
/* Whether the configuration may let actors that are is_visitor take it. */
bool policy_is_for_visitors(const char *action);
/* "reader", "member", "admin": the least role that may; "public". NULL for an action that is not in the table. */
const char *policy_role(const char *action);
/* ERR_FORBIDDEN, which says the role that is missing; ERR_INVALID_FIELD "project" for what works in one project and was asked of
 * all. */
int policy_check(const struct actor *who, const char *action, struct err *e);

/* The i-th action of the table; NULL behind the last. */
const char *policy_action(size_t i);

#endif
