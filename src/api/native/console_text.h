/* api/native/console_text: what a guest wrote to its console, made fit for text/plain. */
#ifndef API_NATIVE_CONSOLE_TEXT_H
#define API_NATIVE_CONSOLE_TEXT_H

#include "base/str.h"

/* Invalid UTF-8 and controls (but newline, tab, carriage return and escape) become U+FFFD, one for each byte of what is invalid.
 */
void console_text_add(struct buf *b, const char *raw, size_t len);

#endif
