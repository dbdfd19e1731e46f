/* base/ini: configuration files by libinih, with its traps closed: a line over 4096 bytes, an indented line that would silently
 * continue the one before, a NUL byte, a BOM, a duplicate key and an inline " ;" that would cut a value are errors with file and
 * line. */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/err.h"

/* Called per key. Return -1 with *e set (ERR_CONFIG) to refuse; "file:line: " is put before the message. */
typedef int ini_fn(void *arg, const char *section, const char *key, const char *value, struct err *e);

/* Reads the whole file. A missing file is ERR_NOT_FOUND; anything else that is wrong is ERR_CONFIG. */
int ini_read(const char *path, ini_fn *fn, void *arg, struct err *e);

#endif
