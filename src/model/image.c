/* model/image: names of states and formats, and the ends of records. */
#include "model/image.h"

#include "table.h"

static const char *const status_names[IMAGE_STATUS_COUNT] = {
    [IMAGE_QUEUED] = "queued", [IMAGE_SAVING] = "saving",     [IMAGE_ACTIVE] = "active",
    [IMAGE_ERROR] = "error",   [IMAGE_DELETING] = "deleting",
};
DEFINE_NAMES(image_status, status_names)

static const char *const format_names[DISK_FORMAT_COUNT] = {
    [DISK_FORMAT_QCOW2] = "qcow2",
    [DISK_FORMAT_RAW] = "raw",
};
DEFINE_NAMES(disk_format, format_names)

void image_free(struct image *i)
{
    if (!i)
        return;
    free(i->name);
    free(i->status_reason);
    free(i->properties);
    free(i);
}
