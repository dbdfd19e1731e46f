/* disk/state: the open state_dir that the modules of this room share. */
#ifndef DISK_STATE_H
#define DISK_STATE_H

#include "base/thread.h"
#include "disk/disk.h"

struct disk {
    char *path;                                      /* absolute, symlinks resolved */
    int root, images, instances, networks, keypairs; /* folders */
    int lock_file;
    struct lock lock;                             /* rank leaf */
    struct disk_upload *uploads GUARDED_BY(lock); /* under way in this process */
};

#endif
