/* The machine's CPUs and memory, from sysconf(3) and proc(5). */
#include "base/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#include "base/str.h"

enum { MEMINFO_MAX = 64 * 1024 };

/* "MemTotal:       24555204 kB" among other lines. */
static int find_kib(const char *text, const char *name, uint64_t *out)
{
    const char *line = strstr(text, name);
    char digits[24];
    size_t len;

    if (!line || (line > text && line[-1] != '\n'))
        return -1;
    line += strlen(name);
    line += strspn(line, " ");
    len = strspn(line, "0123456789");
    if (len >= sizeof digits)
        return -1;
    (void)str_copy(digits, len + 1, line);
    return str_to_u64(digits, UINT64_MAX, out);
}

int machine_memory(struct machine_memory *out, struct err *e)
{
    AUTO_BUF text = { 0 };
    uint64_t total_kib, available_kib;

    if (file_read("/proc/meminfo", MEMINFO_MAX, &text) < 0)
        return err_errno(e, errno, "how much memory this host has cannot be read");
    if (find_kib(text.data, "MemTotal:", &total_kib) < 0 || find_kib(text.data, "MemAvailable:", &available_kib) < 0)
        return err_set(e, ERR_INTERNAL, "how much memory this host has cannot be read");
    *out = (struct machine_memory){ .total_mib = total_kib / 1024, .available_mib = available_kib / 1024 };
    return 0;
}

uint64_t machine_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (uint64_t)n : 1;
}
