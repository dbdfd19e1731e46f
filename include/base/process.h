/* base/process: what this process has used so far, as the kernel counts it. Read anew at each call. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdint.h>

#include "base/err.h"

struct process_usage {
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
    double cpu_seconds;   /* user's and system's */
    double start_seconds; /* since the epoch */
};
int process_usage(struct process_usage *out, struct err *e);

#endif
