/* Private to virt: which disks a destructive verb may believe to be ours. */
#ifndef VIRT_PATHS_H
#define VIRT_PATHS_H

#include <stdbool.h>

/* `path` (may be NULL) lies below state_dir/instances. A state_dir of NULL lets every path pass. */
bool path_is_instance(const char *state_dir, const char *path);

#endif
