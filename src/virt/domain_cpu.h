/* Private to virt: the <cpu> element, which VMs and the probe's guest share. */
#ifndef VIRT_DOMAIN_CPU_H
#define VIRT_DOMAIN_CPU_H

#include "base/xml.h"

/* `name` as in struct virt_accel; "" leaves what stands there, or the hypervisor's default. -1: no memory. */
int domain_xml_fill_cpu(xmlNodePtr root, const char *name);

#endif
