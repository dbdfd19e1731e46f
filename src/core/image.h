/* core/image: what the ways to an image have in common: uploaded, imported, captured. */
#ifndef CORE_IMAGE_PRIVATE_H
#define CORE_IMAGE_PRIVATE_H

#include "internal.h"

#include "core/image.h"

/* A queued image as the spec wants it, refusals first; not inserted. Public by default when is_public says so. */
int image_of_spec(const struct actor *who, const struct image_spec *spec, bool is_public, struct image **out, struct err *e);
/* An image that who may change. */
int image_resolve_own(struct txn *t, const struct actor *who, const char *ref, struct image **out, struct err *e);
/* The row of an image whose bytes a job will bring, and its event. ERR_QUOTA_EXCEEDED. */
int image_insert_saving(const struct change *ch, struct image *i, const struct job *job, struct err *e);

/* Uploads that broke off while the database could not be written: their images are queued again now. Fails as long as it cannot
 * be written; call again then. */
int image_requeue_given_up(struct core *c, struct err *e);
/* At the end: the next start finds their rows. */
void image_forget_given_up(struct core *c);

#endif
