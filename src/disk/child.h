/* disk/child: a process of this program's own for work on bytes that nobody has vouched for: no privileges, little memory, CPU
 * time, file size and descriptors, no environment but PATH, and the end with the daemon. It gets its orders as JSON and files as
 * descriptors, and reports in lines. child.c is the daemon's side, child_main.c the process itself. */
#ifndef DISK_CHILD_H
#define DISK_CHILD_H

#include "base/json.h"
#include "disk/transfer.h"

/* What it finds open; the files follow CHILD_FILES, in the task's order. */
enum { CHILD_ORDERS = 3, CHILD_REPORT = 4, CHILD_FILES = 5, CHILD_FILES_MAX = 3 };

struct child_task {
    json_t *orders; /* {"argv": […]}: become that program; else a download (fetch.h). The limits are added */
    const int *files;
    size_t file_count;
    uint64_t file_size_max;
    uint32_t group;      /* its group, see child_group */
    int64_t deadline_ms; /* on clock_boot_ms */
    const struct transfer_watch *watch;
    void (*said)(void *arg, const char *line); /* each line of its report; not to be trusted */
    void *arg;
};
/* Starts it and waits. *status is waitpid's. ERR_CANCELLED and ERR_TIMEOUT when it had to be killed. */
int child_run(const struct child_task *t, int *status, struct err *e);

/* The group that a child for this image runs in: hardly ever another's, so that files can be lent to this child alone, and
 * children of other transfers cannot trace it. Of use to root only: anybody else's child keeps its user and group. */
uint32_t child_group(const char *image_id);
/* Where groups are few (containers), all children share this one. */
enum { CHILD_GROUP_SHARED = 65534, CHILD_USER = 65534 };

#endif
