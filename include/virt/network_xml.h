/* virt/network_xml: a network's and the filter's XML from the administrator's templates: parsed, filled as nodes. Pure. */
#ifndef VIRT_NETWORK_XML_H
#define VIRT_NETWORK_XML_H

#include "base/err.h"
#include "virt/network.h"

#define VIRT_FILTER_NAME "computed-port" /* its parameters are IP, and MAC, which libvirt sets itself */
enum { NETWORK_DOMAIN_LEN = 63 };

/* Reads template_dir/network.xml and fills it. Caller frees *out. ERR_TEMPLATE_INVALID. */
int network_xml_build(const char *template_dir, const struct virt_network *n, char **out, struct err *e);
/* Reads template_dir/nwfilter.xml and sets its name, and the uuid of the filter that it is to replace (NULL: none). Caller frees
 * *out. ERR_TEMPLATE_INVALID. */
int network_xml_filter(const char *template_dir, const char *uuid, char **out, struct err *e);
/* Whether two filters have the same rules in the same order; their uuid does not matter. False for what is no XML. */
bool network_xml_same_filter(const char *a, const char *b);
char *network_xml_name(const char *id); /* "computed-<id>"; caller frees */
/* The DNS domain: "default.internal". */
void network_xml_domain(const char *name, char out[NETWORK_DOMAIN_LEN + 1]);

#endif
