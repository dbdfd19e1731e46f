/* core/image: what the ways to an image have in common: uploaded, imported, captured. */
#ifndef CORE_IMAGE_PRIVATE_H
#define CORE_IMAGE_PRIVATE_H

#include "internal.h"

#include "core/image.h"

/* A queued image as the spec wants it, refusals first; not inserted. Public by default when is_public says so. */
int image_of_spec(const struct actor *who, const struct image_spec *spec, bool is_public, struct image **out, struct err *e);
/* An image that who may change. */
int image_resolve_own(struct txn *t, const struct actor *who, const char *ref, struct image **out, struct err *e);
/* The row of an image whose bytes a job will bring, and its event. */
int image_insert_saving(struct txn *t, struct image *i, const struct job *job, struct err *e);

#endif
