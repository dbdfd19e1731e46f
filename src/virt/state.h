/* Private to virt: power states and the words for their reasons, from libvirt's numbers. Pure. */
#ifndef VIRT_STATE_H
#define VIRT_STATE_H

#include "virt/virt.h"

/* `state` and `reason` as virDomainGetState gives them. A managed save is not seen here. */
struct virt_state state_of(int state, int reason);
/* The static word that equals `word`, NULL for an unknown one or NULL. */
const char *state_reason_intern(const char *word);

#endif
