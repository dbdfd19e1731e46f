/* disk/fence: what the kernel refuses a child from now on, and all that it becomes. */
#ifndef DISK_FENCE_H
#define DISK_FENCE_H

#include <stddef.h>

/* No file is opened for reading but the system's own, none is written to or made, except the `count` files that are open as
 * `first` and its successors; and no unix socket is made, behind which libvirt or this daemon take orders. Wants
 * PR_SET_NO_NEW_PRIVS. A kernel without Landlock refuses no files. -1 with errno. */
int fence(int first, size_t count);

#endif
