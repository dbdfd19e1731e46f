/* core/sidecar: the sidecars say what the rows say. Written by steps and by small jobs of one step, never on an HTTP thread. One
 * writer at a time, which reads the row itself: whoever comes last writes what is true then. */
#ifndef CORE_SIDECAR_H
#define CORE_SIDECAR_H

#include "internal.h"

#include "disk/sidecar.h"
#include "job/job.h"

/* One step: the file is as the row is, and goes when the row has gone or is being deleted. */
extern const struct job_kind vm_record_kind, image_record_kind, network_record_kind, keypair_record_kind;
int sidecar_submit(const struct change *ch, enum sidecar_noun noun, const char *id, struct err *e);
/* The same for a change that a job makes in its last transaction. */
int sidecar_submit_behind(const struct job_run *r, struct txn *t, enum sidecar_noun noun, const char *id, struct err *e);

/* For steps. A VM without a folder has no place for one, and needs none: nothing of it would be left to make anew. */
int sidecar_sync(struct core *c, enum sidecar_noun noun, const char *id, struct err *e);
/* Unless it is there: for what does not change. */
int sidecar_ensure(struct core *c, enum sidecar_noun noun, const char *id, struct err *e);
/* For an image that is about to become active, with what its bytes turned out to be. */
int sidecar_sync_image(struct core *c, const char *id, const struct image_facts *facts, struct err *e);
/* Job step on the job's VM. */
int sidecar_vm_step(struct job_run *r, struct err *e);
int sidecar_network_step(struct job_run *r, struct err *e);
int sidecar_image_step(struct job_run *r, struct err *e);

/* What has none gets one: it was made before there were sidecars, or somebody has removed it. Ends early, with an error, when the
 * reconciler is to stop, whose thread calls. */
int sidecar_catch_up(struct core *c, struct err *e);

#endif
