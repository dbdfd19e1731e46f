/* Private to base: small files as a whole (configuration, templates, failpoints). */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/str.h"

/* Reads the file into *out, which is empty before. 0, or -1 with errno set: EFBIG when it is longer than max bytes. */
int file_read(const char *path, size_t max, struct buf *out);

#endif
