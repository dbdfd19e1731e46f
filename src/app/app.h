/* app: the wiring: builds every room in order, runs until a signal, and takes them down in the opposite order. */
#ifndef APP_H
#define APP_H

#include "config.h"

#include "base/err.h"

/* Prints the ready line on stdout; returns after SIGTERM or SIGINT. The signals must be blocked by then. */
int app_run(const struct config *config, struct err *e);
/* Each route: method, path, action, least role. */
void app_print_routes(void);
/* A route whose action policy does not know, or that only one of the two calls public: a mistake of ours, found before anything
 * is served. */
int app_check_routes(struct err *e);

#endif
