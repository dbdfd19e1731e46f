/* virt/domain_xml: a domain's XML from the administrator's template: parsed, filled as nodes, never pasted. Pure: no libvirt
 * call. */
#ifndef VIRT_DOMAIN_XML_H
#define VIRT_DOMAIN_XML_H

#include "base/err.h"
#include "virt/virt.h"

#define VIRT_METADATA_NS "https://computed.dev/xmlns/domain/1.0"

/* What a domain's XML depends on besides the VM. Strings are borrowed for the call. */
struct domain_xml_host {
    const char *template_dir;
    const char *domain_type; /* the type attribute: "kvm", "qemu" or, for libvirt's test driver, "test" */
    bool has_dac; /* its libvirt gives files to QEMU's user (security model "dac"); a model that a host lacks may not be named */
    bool has_filters;          /* its libvirt filters what guests send (nwfilter) */
    bool refuses_user_network; /* see struct virt_config */
};
/* Reads template_dir/domain.xml and fills it. Caller frees *out. ERR_TEMPLATE_INVALID with file and reason in detail;
 * ERR_NOT_SUPPORTED for a nic on user networking where that is refused. */
int domain_xml_build(const struct domain_xml_host *host, const struct virt_domain *d, char **out, struct err *e);
/* The libvirt name of a VM: "computed-<id>". */
char *domain_xml_name(const char *id);
/* The tag's element alone, as virDomainSetMetadata wants it: <vm id=… project=… name=… job=…/> without the namespace. Caller
 * frees. */
int domain_xml_tag(const struct virt_domain *d, char **out, struct err *e);

#endif
