/* state: the lock first, then the database. */
#include "state.h"

#include <stdbool.h>
#include <sys/stat.h>

#include "owner.h"

#include "base/cleanup.h"

/* An empty database beside images, disks or sidecars would make strangers of them all: somebody must say what is meant. */
static int refuse_missing_database(struct disk *disk, const char *path, struct err *e)
{
    struct stat st;
    bool is_empty = false;

    if (stat(path, &st) == 0)
        return 0;
    if (disk_is_empty(disk, &is_empty, e) < 0)
        return -1;
    if (is_empty)
        return 0;
    return err_set(
        e, ERR_CONFIG,
        "%s is missing, but the folders beside it are not empty: bring it back with `computed restore FILE`, make it anew "
        "with `computed doctor --rebuild`, or move them away to begin anew",
        path);
}

int state_lock(const char *state_dir, struct disk **disk, struct err *e)
{
    return owner_become(state_dir, e) < 0 ? -1 : disk_open(state_dir, disk, e);
}

int state_open(const char *state_dir, struct disk **out_disk, struct store **out_store, struct err *e)
{
    AUTO_FREE char *path = disk_database_path(state_dir);
    AUTO(disk) disk = NULL;
    AUTO(store) store = NULL;

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (state_lock(state_dir, &disk, e) < 0 || refuse_missing_database(disk, path, e) < 0 || store_open(path, &store, e) < 0)
        return -1;
    *out_disk = TAKE(disk);
    *out_store = TAKE(store);
    return 0;
}
