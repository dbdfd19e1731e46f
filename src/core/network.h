/* core/network: what a VM's verbs and jobs share with the networks' own. */
#ifndef CORE_NETWORK_PRIVATE_H
#define CORE_NETWORK_PRIVATE_H

#include "internal.h"

#include "core/network.h"

extern const struct job_kind network_create_kind, network_delete_kind;

#define NETWORK_DEFAULT_NAME "default"

/* The project's default network, made (a pending row, which the asker's own job makes true) when there is none. */
int network_default(const struct change *ch, struct network **out, struct err *e);
/* Whether a port may be made on it now. ERR_CONFLICT, ERR_NOT_SUPPORTED, both naming "networks". */
int network_check_join(const struct core *c, const struct network *n, struct err *e);

/* For steps. In libvirt it is there and runs; its gateway listens to guests when it leads out. Not for NETWORK_USER. */
int network_make(struct core *c, const struct network *n, struct err *e);
/* The row, in a transaction of its own: what runs is active. Fine when somebody else was quicker. */
int network_activate(struct core *c, const struct network *n, struct err *e);
/* At start: the gateways of networks that run already listen. */
int network_listen_all(struct core *c, struct err *e);

#endif
