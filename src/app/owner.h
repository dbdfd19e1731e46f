/* owner: what root starts by hand, maintenance commands and the daemon alike, works as the user whom state_dir belongs to: that
 * user's daemon must be able to read what they write. Private to state. */
#ifndef OWNER_H
#define OWNER_H

#include "base/err.h"

/* For good: user, groups, and of root's powers the one to read every file, which the daemon has too. Nothing happens when we are
 * not root, or state_dir is root's own or not there. Before the first thread starts. */
int owner_become(const char *state_dir, struct err *e);

#endif
