/* Private to virt: the steps that fill the domain's template, which lie in domain_xml.c and domain_devices.c. */
#ifndef VIRT_DOMAIN_FILLING_H
#define VIRT_DOMAIN_FILLING_H

#include "base/xml.h"
#include "virt/domain_xml.h"

#define DOMAIN_TEMPLATE "domain.xml"

/* What a step sees; a step returns -1 only for want of memory. */
struct filling {
    const struct domain_xml_host *host;
    const struct virt_domain *d;
    xmlNodePtr root, devices;
};
typedef int fill_fn(const struct filling *f);

/* The disk comes before the seed, which goes by it. */
fill_fn domain_fill_disk, domain_fill_seed, domain_fill_nics, domain_fill_serial, domain_fill_rng, domain_fill_agent,
    domain_fill_balloon;

/* Where the host refuses user networking: ERR_TEMPLATE_INVALID for the template's, ERR_NOT_SUPPORTED for the VM's own. */
int domain_check_user_networks(const struct filling *f, struct err *e);
/* Disk, image, seed and interfaces: ERR_INVALID_FIELD. Their texts were seen to be printable before. */
int domain_check_devices(const struct virt_domain *d, struct err *e);

#endif
