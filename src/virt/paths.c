/* Whether a disk lies where the daemon puts disks. Nothing is opened. */
#include "paths.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

bool path_is_instance(const char *state_dir, const char *path)
{
    AUTO_FREE char *prefix = state_dir ? str_printf("%s/instances/", state_dir) : NULL;

    if (!state_dir)
        return true;
    return prefix && path && str_starts_with(path, prefix) && !strstr(path, "/../");
}
