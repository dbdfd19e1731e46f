/* password: passwords from whoever sits there. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "base/err.h"

/* A line: from the terminal, asked for on stderr and not shown; else from stdin. The caller ends it with str_wipe. */
int password_read(const char *prompt, char **out, struct err *e);
/* The same for one that is new: on a terminal it has to be given twice. */
int password_read_new(const char *prompt, char **out, struct err *e);

#endif
