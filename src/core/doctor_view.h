/* core/doctor_view: the running daemon's own doctor: one thread, begun when somebody asks. */
#ifndef CORE_DOCTOR_VIEW_H
#define CORE_DOCTOR_VIEW_H

#include "core/core.h"

struct doctor_room; /* where one look at a time goes on */
int doctor_room_new(struct doctor_room **out, struct err *e);
/* Waits for a look that goes on: it has deadlines. */
void doctor_room_close(struct doctor_room *d);
void doctor_room_free(struct doctor_room *d);

#endif
