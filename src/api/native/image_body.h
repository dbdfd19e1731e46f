/* api/native/image_body: the bodies of requests about images, decoded. */
#ifndef API_NATIVE_IMAGE_BODY_H
#define API_NATIVE_IMAGE_BODY_H

#include "base/json.h"
#include "core/image.h"
#include "http/http.h"

/* What any of them may hold; each function below takes its own members of it and refuses the others. */
struct image_body {
    struct image_import want; /* url and sha256 of an import only */
    char *disk_format;
    char *visibility;
    json_t *properties;
    bool has_min_disk_gib, has_min_memory_mib;
};
int image_body_create(struct request *r, struct image_body *out, struct err *e);  /* POST /v1/images */
int image_body_import(struct request *r, struct image_body *out, struct err *e);  /* POST /v1/images/import */
int image_body_capture(struct request *r, struct image_body *out, struct err *e); /* POST /v1/vms/{ref}/image */
int image_body_change(struct request *r, struct image_body *out, struct err *e);  /* PATCH /v1/images/{ref} */
void image_body_done(struct image_body *b);
static inline void cleanup_image_body(struct image_body *b)
{
    image_body_done(b);
}
#define AUTO_IMAGE_BODY __attribute__((cleanup(cleanup_image_body))) struct image_body

#endif
