/* core/metrics: where those who ask for numbers at the same time wait for one survey. */
#ifndef CORE_METRICS_PRIVATE_H
#define CORE_METRICS_PRIVATE_H

#include "core/metrics.h"

struct metrics_room;
int metrics_room_new(struct metrics_room **out, struct err *e);
void metrics_room_free(struct metrics_room *m); /* nobody waits any more */

#endif
