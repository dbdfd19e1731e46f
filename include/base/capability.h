/* base/capability: what of root's powers this process has (capabilities(7)). */
#ifndef BASE_CAPABILITY_H
#define BASE_CAPABILITY_H

#include <stdint.h>

/* Keeps those alone, of the calling thread: bits such as
 * 1 << CAP_DAC_READ_SEARCH of the first 32. 0, or -1 with errno: one of them it had not. */
int capability_keep(uint32_t bits);

#endif
