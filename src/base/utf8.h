/* Private to base: UTF-8 (RFC 3629), one code point at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence at s (1 to 4) and its code point; 0 when there is none within len bytes. */
size_t utf8_next(const char *s, size_t len, uint32_t *code_point);
/* The greatest length up to len at which text that was valid before can be cut without halving a code point. */
size_t utf8_cut(const char *s, size_t len);
/* No control, line or paragraph separator, or noncharacter. */
bool utf8_is_printable(uint32_t code_point);
/* Invisible or reordering: bidirectional controls, zero-width marks, tags. Legal in names, misleading in a log. */
bool utf8_is_deceptive(uint32_t code_point);

#endif
