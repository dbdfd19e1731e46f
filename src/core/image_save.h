/* core/image_save: the operations on images' bytes. */
#ifndef CORE_IMAGE_SAVE_H
#define CORE_IMAGE_SAVE_H

#include "internal.h"

#include "job/job.h"

extern const struct job_kind image_save_kind, image_delete_kind;

/* The end of a job that brought an image's bytes: active with these facts, or, facts NULL, in error because of outcome. Fine when
 * the row is gone. */
int image_settle(struct txn *t, const char *id, const struct image_facts *facts, const struct err *outcome, struct err *e);

/* At start: an image whose upload died with the last life is queued again, without its bytes. */
int image_recover(struct core *c, struct err *e);

#endif
