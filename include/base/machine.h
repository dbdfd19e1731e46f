/* base/machine: what this machine has. Read anew at each call; quick. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stdint.h>

#include "base/err.h"

struct machine_memory {
    uint64_t total_mib, available_mib; /* available: without swapping, as the kernel estimates */
};
int machine_memory(struct machine_memory *out, struct err *e);
uint64_t machine_cpus(void); /* that are online; at least 1 */

#endif
