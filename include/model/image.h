/* model/image: base images. Plain records; no I/O. */
#ifndef MODEL_IMAGE_H
#define MODEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/id.h"
#include "model/list.h"
#include "model/vm.h"

enum image_status { IMAGE_QUEUED, IMAGE_SAVING, IMAGE_ACTIVE, IMAGE_ERROR, IMAGE_DELETING, IMAGE_STATUS_COUNT };
const char *image_status_to_string(enum image_status s);
int image_status_from_string(const char *s, enum image_status *out);

enum disk_format { DISK_FORMAT_QCOW2, DISK_FORMAT_RAW, DISK_FORMAT_COUNT };
const char *disk_format_to_string(enum disk_format f); /* also the file name's suffix */
int disk_format_from_string(const char *s, enum disk_format *out);

struct image {
    uuid_text id;
    char *name;
    hex32_text project;
    bool is_public;
    enum disk_format disk_format;
    enum image_status status;
    char *status_reason; /* NULL; why it is queued again or in error */
    uint64_t size_bytes; /* of the file; 0 until active */
    uint64_t virtual_size_bytes;
    sha256_text sha256;      /* "" until active */
    uuid_text job;           /* the operation that saves, imports or deletes it; "" */
    uint64_t min_disk_gib;   /* a VM made from it has at least so much; 0: whatever it needs itself */
    uint64_t min_memory_mib; /* 0: any */
    char *properties;        /* JSON object text of strings ("os", "default_user" and whatever else); never NULL */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
void image_free(struct image *i);
DEFINE_AUTO(image, image_free)
DEFINE_LIST(image)

enum { IMAGE_PROPERTIES_MAX = 64 };

/* What PATCH changes; a NULL member stays as it is. Borrowed. */
struct image_change {
    const char *name;
    const char *properties; /* replaces all of them */
    const uint64_t *min_disk_gib, *min_memory_mib;
};

#endif
