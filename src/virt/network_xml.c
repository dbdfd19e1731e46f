/* The XML of networks and of the port filter: the administrator's templates, parsed and filled as nodes. What varies is set in
 * place, what is needed and missing is added, what else stands there stays. What libvirt's own XML says is network_read.c's. */
#include "virt/network_xml.h"

#include <string.h>

#include "network_read.h"
#include "xml_fill.h"

#include "base/str.h"
#include "model/network.h"
#include "virt/domain_xml.h"

#define NETWORK_TEMPLATE "network.xml"
#define FILTER_TEMPLATE  "nwfilter.xml"
#define TOP_DOMAIN       ".internal" /* reserved for private use: no name server of the world knows it */

/* A step returns -1 only for want of memory. */
typedef int fill_fn(xmlNodePtr root, const struct virt_network *n);

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

char *network_xml_name(const char *id)
{
    return str_printf("computed-%s", id);
}

static bool is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One label of the name's letters and digits; what lies between them becomes one hyphen. */
void network_xml_domain(const char *name, char out[NETWORK_DOMAIN_LEN + 1])
{
    const size_t longest = NETWORK_DOMAIN_LEN - strlen(TOP_DOMAIN);
    size_t len = 0;
    bool is_apart = false;

    for (; *name && len < longest; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        if (!is_label_char(c)) {
            is_apart = len > 0;
            continue;
        }
        if (is_apart && len + 1 < longest)
            out[len++] = '-';
        is_apart = false;
        out[len++] = c;
    }
    out[len] = '\0';
    if (len == 0)
        (void)str_copy(out, longest, "network");
    memcpy(out + strlen(out), TOP_DOMAIN, sizeof(TOP_DOMAIN));
}

/* ---- the network ---- */

static int fill_identity(xmlNodePtr root, const struct virt_network *n)
{
    AUTO_FREE char *name = network_xml_name(n->id);

    return name && xml_set(root, "name", name) && xml_set(root, "uuid", n->id) ? 0 : -1;
}

static bool is_ours(xmlNodePtr node)
{
    return node->type == XML_ELEMENT_NODE && node->ns && str_equal((const char *)node->ns->href, VIRT_METADATA_NS);
}

static void drop_forged_tags(xmlNodePtr metadata)
{
    for (xmlNodePtr next, node = metadata->children; node; node = next) {
        next = node->next;
        if (is_ours(node))
            xml_fill_drop(node);
    }
}

static int fill_metadata(xmlNodePtr root, const struct virt_network *n)
{
    xmlNodePtr metadata = xml_fill_child(root, "metadata");

    if (!metadata)
        return -1;
    drop_forged_tags(metadata);
    xmlNodePtr tag = XML_FILL_ADD(metadata, "network", { "id", n->id }, { "project", n->project }, { "name", n->name });
    xmlNsPtr ns = tag ? xmlNewNs(tag, (const xmlChar *)VIRT_METADATA_NS, (const xmlChar *)"computed") : NULL;
    if (!ns)
        return -1;
    xmlSetNs(tag, ns);
    return 0;
}

static int fill_forward(xmlNodePtr root, const struct virt_network *n)
{
    if (n->is_isolated) {
        xml_fill_drop(xml_child(root, "forward"));
        return 0;
    }
    xmlNodePtr forward = xml_fill_child(root, "forward");
    return forward ? xml_fill_default(forward, "mode", "nat") : -1;
}

static int fill_bridge(xmlNodePtr root, const struct virt_network *n)
{
    xmlNodePtr bridge = xml_fill_child(root, "bridge");

    if (!bridge || xml_attr_set(bridge, "name", n->bridge) < 0)
        return -1;
    return xml_fill_default(bridge, "stp", "off") < 0 ? -1 : xml_fill_default(bridge, "delay", "0");
}

static int fill_domain(xmlNodePtr root, const struct virt_network *n)
{
    char name[NETWORK_DOMAIN_LEN + 1];
    xmlNodePtr domain = xml_fill_child(root, "domain");

    network_xml_domain(n->name, name);
    return !domain || xml_attr_set(domain, "name", name) < 0 ? -1 : xml_fill_default(domain, "localOnly", "yes");
}

/* Every address has its MAC from the beginning: to write an entry later is slow, and opens the firewall for that long. */
static int fill_hosts(xmlNodePtr dhcp, const struct virt_network *n)
{
    struct network_range range;

    if (network_range_of_cidr(n->cidr, &range) < 0)
        return 0;
    for (uint32_t address = range.first; address <= range.last_prewritten; address++) {
        xmlNodePtr host = xml_add(dhcp, "host", NULL);
        ipv4_text ipv4;
        mac_text mac;

        ipv4_format(address, ipv4);
        port_mac(n->id, address, mac);
        if (!host || network_fill_dhcp_host(host, mac, ipv4) < 0)
            return -1;
    }
    return 0;
}

/* Without ranges libvirt gives dnsmasq "dhcp-range=…,static": who has no entry gets no address. */
static int fill_dhcp(xmlNodePtr ip, const struct virt_network *n)
{
    xmlNodePtr dhcp = xml_fill_child(ip, "dhcp"), node;

    if (!dhcp)
        return -1;
    while ((node = xml_child(dhcp, "range")) || (node = xml_child(dhcp, "host")))
        xml_fill_drop(node);
    return fill_hosts(dhcp, n);
}

static int fill_ip(xmlNodePtr root, const struct virt_network *n)
{
    AUTO_FREE char *prefix = str_printf("%u", n->cidr.prefix);
    xmlNodePtr ip = xml_fill_child(root, "ip");
    ipv4_text gateway;

    if (!prefix || !ip)
        return -1;
    ipv4_format(n->gateway, gateway);
    (void)xmlUnsetProp(ip, (const xmlChar *)"netmask");
    if (xml_attr_set(ip, "address", gateway) < 0 || xml_attr_set(ip, "prefix", prefix) < 0)
        return -1;
    return fill_dhcp(ip, n);
}

static fill_fn *const fill_steps[] = { fill_identity, fill_metadata, fill_forward, fill_bridge, fill_domain, fill_ip };

/* Names were checked at the front door: this is for rows that something else wrote. */
static int check_texts(const struct virt_network *n, struct err *e)
{
    const struct xml_fill_attr texts[] = { { "name", n->name }, { "project", n->project }, { "bridge", n->bridge } };

    if (!id_is_uuid(n->id))
        return err_set_field(e, ERR_INVALID_FIELD, "id", "id must be a UUID");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!str_is_printable(texts[i].value))
            return err_set_field(e, ERR_INVALID_FIELD, texts[i].name, "%s must be printable text", texts[i].name);
    if (n->gateway == n->cidr.base || !cidr_contains(n->cidr, n->gateway))
        return err_set_field(e, ERR_INVALID_FIELD, "gateway", "gateway must be an address of the network");
    return 0;
}

/* ---- the filter ---- */

/* Comments are no rules, and the element's own name and uuid are compared elsewhere or not at all. */
static xmlNodePtr next_rule(xmlNodePtr node)
{
    while (node && (node->type != XML_ELEMENT_NODE || str_equal((const char *)node->name, "uuid")))
        node = node->next;
    return node;
}

static size_t count_attributes(xmlNodePtr node)
{
    size_t count = 0;

    for (xmlAttrPtr a = node->properties; a; a = a->next)
        count++;
    return count;
}

static bool has_same_attributes(xmlNodePtr a, xmlNodePtr b)
{
    if (count_attributes(a) != count_attributes(b))
        return false;
    for (xmlAttrPtr attr = a->properties; attr; attr = attr->next) {
        AUTO_FREE char *in_a = xml_attr(a, (const char *)attr->name);
        AUTO_FREE char *in_b = xml_attr(b, (const char *)attr->name);
        if (!in_a || !str_equal(in_a, in_b))
            return false;
    }
    return true;
}

/* A filter's elements nest two deep: deeper is not looked at. */
static bool is_same(xmlNodePtr a, xmlNodePtr b, unsigned depth)
{
    if (strcmp((const char *)a->name, (const char *)b->name) != 0 || !has_same_attributes(a, b))
        return false;
    a = next_rule(a->children);
    b = next_rule(b->children);
    while (a && b && depth > 0 && is_same(a, b, depth - 1)) {
        a = next_rule(a->next);
        b = next_rule(b->next);
    }
    return !a && !b;
}

bool network_xml_same_filter(const char *a, const char *b)
{
    AUTO_XML in_a = NULL, in_b = NULL;
    struct err ignored = ERR_INIT;

    if (xml_parse(a, strlen(a), &in_a, &ignored) < 0 || xml_parse(b, strlen(b), &in_b, &ignored) < 0)
        return false;
    return is_same(xmlDocGetRootElement(in_a), xmlDocGetRootElement(in_b), 4);
}

/* ---- the doors ---- */

static int parse_template(const char *dir, const char *file, const char *element, xmlDocPtr *out, struct err *e)
{
    AUTO_FREE char *path = str_printf("%s/%s", dir, file);
    AUTO_XML doc = NULL;

    if (!path)
        return no_memory(e);
    if (xml_parse_file(path, &doc, e) < 0)
        return -1;
    xmlNodePtr root = xmlDocGetRootElement(doc);
    if (!root || strcmp((const char *)root->name, element) != 0) {
        (void)err_set(e, ERR_TEMPLATE_INVALID, "the template is not a <%s> element", element);
        return err_detail(e, "templates/%s: the root element is <%s>", file, root ? (const char *)root->name : "");
    }
    *out = TAKE(doc);
    return 0;
}

static int give_text(xmlDocPtr doc, char **out, struct err *e)
{
    char *text = xml_text(doc);

    if (!text)
        return no_memory(e);
    *out = text;
    return 0;
}

int network_xml_build(const char *template_dir, const struct virt_network *n, char **out, struct err *e)
{
    AUTO_XML doc = NULL;

    if (check_texts(n, e) < 0 || parse_template(template_dir, NETWORK_TEMPLATE, "network", &doc, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(fill_steps); i++)
        if (fill_steps[i](xmlDocGetRootElement(doc), n) < 0)
            return no_memory(e);
    return give_text(doc, out, e);
}

int network_xml_filter(const char *template_dir, const char *uuid, char **out, struct err *e)
{
    AUTO_XML doc = NULL;

    if (parse_template(template_dir, FILTER_TEMPLATE, "filter", &doc, e) < 0)
        return -1;
    xmlNodePtr root = xmlDocGetRootElement(doc);
    xml_fill_drop(xml_child(root, "uuid"));
    if (xml_attr_set(root, "name", VIRT_FILTER_NAME) < 0 || (uuid && !xml_add(root, "uuid", uuid)))
        return no_memory(e);
    return give_text(doc, out, e);
}
