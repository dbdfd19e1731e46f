/* core/image_import: the operations that bring an image's bytes from elsewhere: from a URL, from a VM's disk. */
#ifndef CORE_IMAGE_IMPORT_H
#define CORE_IMAGE_IMPORT_H

#include "internal.h"

#include "disk/transfer.h"
#include "job/job.h"

extern const struct job_kind image_import_kind, vm_image_kind;

/* Tells the job's clients how far the transfer is, and ends it with the job. */
struct transfer_watch image_watch(struct job_run *r);

#endif
