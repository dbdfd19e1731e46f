/* Private to http: the counters behind http/tally.h. */
#ifndef HTTP_TALLY_PRIVATE_H
#define HTTP_TALLY_PRIVATE_H

#include <stdbool.h>

#include "route.h"

#include "base/err.h"
#include "http/tally.h"

struct tally;
/* One row for each entry of the table, which it borrows, and one for no route. */
int tally_new(const struct route_table *routes, struct tally **out, struct err *e);
void tally_free(struct tally *t);

/* A request is over. entry is one of the table's, or NULL; duration_us below 0 is left untimed. Any thread. */
void tally_add(struct tally *t, const struct route_entry *entry, int status, int64_t duration_us);
void tally_each(const struct tally *t, tally_fn *fn, void *arg);

#endif
