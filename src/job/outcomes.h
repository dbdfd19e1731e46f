/* Private to job: how jobs ended, by kind. Counting takes no lock. */
#ifndef JOB_OUTCOMES_H
#define JOB_OUTCOMES_H

#include "base/err.h"
#include "job/job.h"

struct outcomes;
/* One row for each of the kinds, which it borrows. */
int outcomes_new(const struct job_kind *const *kinds, struct outcomes **out, struct err *e);
void outcomes_free(struct outcomes *o);

/* A job's end was committed. outcome NULL: it succeeded. Any thread; a kind that is not among them is not counted. */
void outcomes_add(struct outcomes *o, const struct job *j, const struct err *outcome);

#endif
