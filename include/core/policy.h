/* core/policy: who may do what. An action is a row of one table; a route whose action is not in it does not boot. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>

#include "base/err.h"
#include "model/identity.h"

bool policy_knows(const char *action);
int policy_check(const struct actor *who, const char *action, struct err *e); /* ERR_FORBIDDEN */

#endif
