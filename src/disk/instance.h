/* disk/instance: a VM's folder, for the modules of this room. */
#ifndef DISK_INSTANCE_H
#define DISK_INSTANCE_H

#include "state.h"

/* Opens instances/<vm id>/. *out is -1 when there is none. */
int instance_open(struct disk *d, const char *vm_id, int *out, struct err *e);

#endif
