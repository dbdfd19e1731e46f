/* core/vm_seed: what a guest finds at its first boot: kept as a row, written as a disk. */
#ifndef CORE_VM_SEED_H
#define CORE_VM_SEED_H

#include "internal.h"

#include "job/job.h"

/* The seed's row, of keypair, ssh keys and user data; sets vm->keypair. Inserts nothing: the VM's own row comes first. */
int vm_seed_plan(const struct change *ch, const struct vm_spec *spec, struct vm *vm, struct vm_seed **out, struct err *e);
/* Step: writes seed.iso, fine when the VM has no seed (it was made before there were any). Its undo is the folder's. */
int vm_job_seed(struct job_run *r, struct err *e);
/* For the domain; caller frees. *out is NULL when the VM has no seed. */
int vm_seed_path(struct core *c, const char *vm, char **out, struct err *e);

#endif
