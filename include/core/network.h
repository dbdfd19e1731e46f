/* core/network: the networks of projects. Each is a bridge of its own with addresses of its own: two never share a broadcast
 * domain. The project's default network is made when the first VM needs it. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/core.h"
#include "core/once.h"
#include "model/identity.h"
#include "model/job.h"
#include "model/network.h"

struct network_spec {
    char *name; /* owned by the caller */
    char *cidr; /* NULL: chosen */
    enum network_kind kind;
};
/* The record of `once`. */
struct network_answer {
    const struct network *network;
    const struct job *job;
};
/* Row and job in one transaction; the job makes it in libvirt. ERR_NOT_SUPPORTED where there are no bridges; ERR_CIDR_TAKEN. */
int network_create(struct core *c, const struct actor *who, const struct network_spec *spec, struct once *once, struct err *e);
int network_get(struct core *c, const struct actor *who, const char *ref, struct network **out, struct err *e);
int network_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct network_list *out,
                 bool *has_more, struct err *e);
/* ERR_IN_USE while it has ports. *out is the caller's. */
int network_delete(struct core *c, const struct actor *who, const char *ref, struct job **out, struct err *e);

#endif
