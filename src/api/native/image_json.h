/* api/native/image_json: an image as clients of /v1 see it. */
#ifndef API_NATIVE_IMAGE_JSON_H
#define API_NATIVE_IMAGE_JSON_H

#include "base/json.h"
#include "core/image.h"

/* NULL: no memory. */
json_t *image_json(const struct image *i);
/* A verb_answer_fn for struct image_answer: 202, the image, and the operation that fills it. */
int image_accepted(struct once *o, const void *record, struct err *e);

#endif
