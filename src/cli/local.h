/* local: files on this side: keys and user data that are sent, private keys that came. */
#ifndef CLI_LOCAL_H
#define CLI_LOCAL_H

#include <stddef.h>

#include "base/err.h"

/* The whole file, which is text of at most max bytes. Caller frees. */
int local_read(const char *path, size_t max, char **out, struct err *e);
/* A new file that nobody else may read; never one that is there. The caller closes *fd. */
int local_create_secret(const char *path, int *fd, struct err *e);
int local_write(int fd, const char *path, const char *text, struct err *e);

#endif
