/* store/image: rows of images. A project sees its own and the public ones; NULL sees all. */
#ifndef STORE_IMAGE_H
#define STORE_IMAGE_H

#include "model/image.h"
#include "store/store.h"

int store_image_insert(struct txn *t, const struct image *i, struct err *e); /* ERR_NAME_TAKEN within the project */
int store_image_get(struct txn *t, const char *project, const char *id, struct image **out, struct err *e);
/* By id when it looks like one, else by name; the project's own before a public one. ERR_IMAGE_NOT_FOUND, ERR_NAME_AMBIGUOUS. */
int store_image_resolve(struct txn *t, const char *project, const char *id_or_name, struct image **out, struct err *e);
/* Ordered by creation time, then id; marker and *has_more as in store_vm_list. */
int store_image_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct image_list *out,
                     bool *has_more, struct err *e);
/* Compare-and-set on the status; job may be "". ERR_CONFLICT, ERR_IMAGE_NOT_FOUND when it is gone. */
int store_image_set_status(struct txn *t, const struct image *i, enum image_status to, const char *job, const char *reason,
                           struct err *e);
/* Makes it active with its size, virtual size and sha256 from *i. ERR_CONFLICT unless it is queued or saving. */
int store_image_activate(struct txn *t, const struct image *i, struct err *e);
/* What its bytes turned out to be. ERR_IMAGE_NOT_FOUND. */
int store_image_set_format(struct txn *t, const char *id, enum disk_format f, struct err *e);
/* Name, properties, minima. ERR_NAME_TAKEN, ERR_IMAGE_NOT_FOUND. */
int store_image_change(struct txn *t, const char *id, const struct image_change *change, struct err *e);
int store_image_delete(struct txn *t, const char *id, struct err *e); /* fine when already gone; ERR_IN_USE while a VM has it */

#endif
