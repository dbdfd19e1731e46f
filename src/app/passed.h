/* passed: listening sockets that the service manager hands over. Private to main and app. */
#ifndef PASSED_H
#define PASSED_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

#include "base/err.h"

struct passed {
    int *fds;
    size_t count;
    bool has_tcp; /* whether any of them is not a unix socket */
};

/* Takes those that were passed to this process, each checked as if `listen` named its address. Before there is a second thread.
 * ERR_CONFIG names the one that is not for us. */
int passed_take(const struct config *config, struct passed *out, struct err *e);
void passed_done(struct passed *p); /* closes those that nobody has taken */

#endif
