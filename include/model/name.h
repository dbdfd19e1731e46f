/* model/name: the rules that names obey. */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include "base/err.h"

/* Which names a front door lets in, and whether two VMs of a project may share one. */
enum name_rule {
    NAME_RULE_STRICT, /* [A-Za-z0-9][A-Za-z0-9._-]{0,62}, not shaped like a UUID */
    NAME_RULE_UNICODE /* 1..255 printable code points */
};
enum { NAME_STRICT_MAX = 63, NAME_UNICODE_MAX = 255 };

/* ERR_INVALID_FIELD naming `field`. */
int name_check(const char *name, enum name_rule rule, const char *field, struct err *e);

#endif
