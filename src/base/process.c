/* This process, from proc(5), getrusage(2) and getrlimit(2). */
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "file.h"

#include "base/cleanup.h"
#include "base/str.h"

enum { STAT_MAX = 4096, HOST_STAT_MAX = 1024 * 1024, FIELDS_BEFORE_START = 19 };

static void close_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static int read_memory(struct process_usage *out)
{
    AUTO_BUF text = { 0 };
    uint64_t pages, resident, page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

    if (file_read("/proc/self/statm", STAT_MAX, &text) < 0 || sscanf(text.data, "%" SCNu64 " %" SCNu64, &pages, &resident) != 2)
        return -1;
    out->virtual_bytes = pages * page_bytes;
    out->resident_bytes = resident * page_bytes;
    return 0;
}

/* "." and ".." are none, and neither is the one that reads the folder. */
static int count_descriptors(struct process_usage *out)
{
    __attribute__((cleanup(close_dir))) DIR *dir = opendir("/proc/self/fd");
    struct rlimit limit;
    uint64_t count = 0;

    if (!dir || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    while (readdir(dir))
        count++;
    out->open_fds = count > 3 ? count - 3 : 0;
    out->max_fds = limit.rlim_cur;
    return 0;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int read_cpu(struct process_usage *out)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return -1;
    out->cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    return 0;
}

/* The name, in parentheses, may hold anything; starttime is the twentieth field behind it. */
static int read_ticks_since_boot(uint64_t *out)
{
    AUTO_BUF text = { 0 };
    const char *at;

    if (file_read("/proc/self/stat", STAT_MAX, &text) < 0 || !(at = strrchr(text.data, ')')))
        return -1;
    for (int i = 0; i <= FIELDS_BEFORE_START; i++)
        if (!(at = strchr(at + 1, ' ')))
            return -1;
    return sscanf(at, "%" SCNu64, out) == 1 ? 0 : -1;
}

static int read_boot_seconds(uint64_t *out)
{
    AUTO_BUF text = { 0 };
    const char *at;

    if (file_read("/proc/stat", HOST_STAT_MAX, &text) < 0 || !(at = strstr(text.data, "\nbtime ")))
        return -1;
    return sscanf(at, "\nbtime %" SCNu64, out) == 1 ? 0 : -1;
}

static int read_start(struct process_usage *out)
{
    uint64_t ticks, boot_seconds;

    if (read_ticks_since_boot(&ticks) < 0 || read_boot_seconds(&boot_seconds) < 0)
        return -1;
    out->start_seconds = (double)boot_seconds + (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return 0;
}

int process_usage(struct process_usage *out, struct err *e)
{
    struct process_usage now = { 0 };

    if (read_memory(&now) < 0 || count_descriptors(&now) < 0 || read_cpu(&now) < 0 || read_start(&now) < 0)
        return err_set(e, ERR_INTERNAL, "what this process uses cannot be read");
    *out = now;
    return 0;
}
