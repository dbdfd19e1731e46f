/* core/image: base images: registered, filled by one upload, then read-only for ever. */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include "core/core.h"
#include "core/once.h"
#include "model/identity.h"
#include "model/image.h"
#include "model/job.h"

struct image_spec {
    char *name; /* owned by the caller */
    enum disk_format disk_format;
    const bool *is_public; /* NULL: public for an administrator, else the project's */
    char *properties;      /* JSON object text of strings; NULL: {}; owned by the caller */
    uint64_t min_disk_gib, min_memory_mib;
};
/* Answers with a struct image as record. */
int image_create(struct core *c, const struct actor *who, const struct image_spec *spec, struct once *once, struct err *e);
int image_get(struct core *c, const struct actor *who, const char *ref, struct image **out, struct err *e);
int image_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct image_list *out,
               bool *has_more, struct err *e);
/* Refused while a VM uses it (ERR_IN_USE) or an upload is under way (ERR_CONFLICT); an import or a capture is cancelled. A job
 * removes the bytes; *out is the caller's. */
int image_delete(struct core *c, const struct actor *who, const char *ref, struct job **out, struct err *e);

int image_change(struct core *c, const struct actor *who, const char *ref, const struct image_change *change, struct image **out,
                 struct err *e);

/* What an import or a capture answers with, as record of `once`. */
struct image_answer {
    const struct image *image;
    const struct job *job;
};
/* Makes the row and a job that fetches the bytes; the format is found by looking at them (spec->disk_format is ignored). */
struct image_import {
    struct image_spec spec;
    char *url;
    char *sha256; /* NULL: not checked */
};
int image_import(struct core *c, const struct actor *who, const struct image_import *want, struct once *once, struct err *e);
/* The same from a stopped VM's disk; not public unless the spec says so. ERR_INVALID_STATE, ERR_VM_BUSY, ERR_VM_LOCKED. */
int image_capture(struct core *c, const struct actor *who, const char *vm_ref, const struct image_spec *spec, struct once *once,
                  struct err *e);
/* The bytes of an active image, for reading; the caller closes *fd. ERR_CONFLICT unless it is active. */
int image_open(struct core *c, const struct actor *who, const char *ref, struct image **out, int *fd, struct err *e);

/* ---- the upload of a queued image's bytes; one thread at a time ---- */
struct image_upload;
/* ERR_CONFLICT unless the image is queued. */
int image_upload_begin(struct core *c, const struct actor *who, const char *ref, struct image_upload **out, struct err *e);
int image_upload_write(struct image_upload *u, const void *data, size_t len, struct err *e);
/* All bytes are there: a job hashes, inspects and activates. done(arg) is called exactly once when it has ended (or the daemon
 * stops); then image_upload_result says how. */
int image_upload_seal(struct image_upload *u, void (*done)(void *arg), void *arg, struct err *e);
int image_upload_result(struct image_upload *u, struct err *e);
/* Without a seal the image is queued again and the bytes are gone. */
void image_upload_free(struct image_upload *u);
DEFINE_AUTO(image_upload, image_upload_free)

#endif
