/* model/image: names of states and formats, and the ends of records. */
#include "model/image.h"

#include "table.h"

static const char *const status_names[IMAGE_STATUS_COUNT] = {
    [IMAGE_QUEUED] = "queued", [IMAGE_SAVING] = "saving",     [IMAGE_ACTIVE] = "active",
    [IMAGE_ERROR] = "error",   [IMAGE_DELETING] = "deleting",
};

static const char *const format_names[DISK_FORMAT_COUNT] = {
    [DISK_FORMAT_QCOW2] = "qcow2",
    [DISK_FORMAT_RAW] = "raw",
};

const char *image_status_to_string(enum image_status s)
{
    return status_names[s];
}

int image_status_from_string(const char *s, enum image_status *out)
{
    int i = table_find(status_names, IMAGE_STATUS_COUNT, s);

    if (i < 0)
        return -1;
    *out = (enum image_status)i;
    return 0;
}

const char *disk_format_to_string(enum disk_format f)
{
    return format_names[f];
}

int disk_format_from_string(const char *s, enum disk_format *out)
{
    int i = table_find(format_names, DISK_FORMAT_COUNT, s);

    if (i < 0)
        return -1;
    *out = (enum disk_format)i;
    return 0;
}

void image_free(struct image *i)
{
    if (!i)
        return;
    free(i->name);
    free(i->status_reason);
    free(i->properties);
    free(i);
}

void image_list_done(struct image_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        image_free(l->items[i]);
    free(l->items);
    *l = (struct image_list){ 0 };
}
