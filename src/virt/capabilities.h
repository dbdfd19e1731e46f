/* Private to virt: the host's capabilities as libvirt tells them. */
#ifndef VIRT_CAPABILITIES_H
#define VIRT_CAPABILITIES_H

#include <libvirt/libvirt.h>
#include <stdbool.h>

#include "base/err.h"

/* Whether the host has this security model. Slow when libvirt has not looked at its QEMUs yet. */
int capabilities_have_secmodel(virConnectPtr connect, const char *model, bool *out, struct err *e);
/* The same of capabilities that somebody has: no call of libvirt. */
int capabilities_text_has_secmodel(const char *text, const char *model, bool *out, struct err *e);

#endif
