/* Reading a network's XML: whose it is, which addresses it takes, and which updates bring a host's entries in or out. */
#include "network_read.h"

#include <string.h>
#include <strings.h>

#include "xml_fill.h"

#include "base/str.h"
#include "model/network.h"
#include "virt/domain_xml.h"

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* NULL: no XML. The root is the document's. */
static xmlNodePtr parse(const char *xml, xmlDocPtr *doc)
{
    struct err ignored = ERR_INIT;

    return xml_parse(xml, strlen(xml), doc, &ignored) < 0 ? NULL : xmlDocGetRootElement(*doc);
}

char *network_read_tag(const char *xml)
{
    AUTO_XML doc = NULL;
    xmlNodePtr root = parse(xml, &doc);
    xmlNodePtr metadata = root ? xml_child(root, "metadata") : NULL;

    for (xmlNodePtr tag = metadata ? xml_child(metadata, "network") : NULL; tag; tag = xml_next(tag, "network"))
        if (tag->ns && str_equal((const char *)tag->ns->href, VIRT_METADATA_NS))
            return xml_attr(tag, "id");
    return NULL;
}

/* ---- ranges ---- */

int cidrs_add(struct cidrs *to, struct cidr c, struct err *e)
{
    struct cidr *items = reallocarray(to->items, to->count + 1, sizeof(*items));

    if (!items)
        return no_memory(e);
    to->items = items;
    items[to->count++] = c;
    return 0;
}

int cidrs_check_free(const struct cidrs *in, struct cidr wanted, struct err *e)
{
    cidr_text text, other;

    for (size_t i = 0; i < in->count; i++) {
        if (!cidr_overlaps(in->items[i], wanted))
            continue;
        cidr_format(wanted, text);
        cidr_format(in->items[i], other);
        (void)err_set(e, ERR_CIDR_TAKEN, "the host or another network uses addresses of %s", text);
        return err_detail(e, "%s overlaps with %s", text, other);
    }
    return 0;
}

/* From prefix='24' or netmask='255.255.255.0'. */
static int read_prefix(xmlNodePtr ip, uint32_t *out)
{
    AUTO_FREE char *prefix = xml_attr(ip, "prefix"), *netmask = xml_attr(ip, "netmask");
    uint64_t number = 0;
    uint32_t mask;

    if (prefix && str_to_u64(prefix, 32, &number) < 0)
        return -1;
    if (!prefix && netmask) {
        if (ipv4_parse(netmask, &mask) < 0)
            return -1;
        number = (uint64_t)__builtin_popcount(mask);
    } else if (!prefix) {
        return -1;
    }
    *out = (uint32_t)number;
    return 0;
}

/* An IPv6 address, or none, is no range of ours. */
static int read_cidr(xmlNodePtr ip, struct cidr *out)
{
    AUTO_FREE char *text = xml_attr(ip, "address");
    uint32_t address, prefix;

    if (!text || ipv4_parse(text, &address) < 0 || read_prefix(ip, &prefix) < 0 || prefix == 0)
        return -1;
    *out = (struct cidr){ address & (UINT32_MAX << (32 - prefix)), prefix };
    return 0;
}

static int add_elements(xmlNodePtr root, const char *element, struct cidrs *to, struct err *e)
{
    struct cidr c;

    for (xmlNodePtr node = xml_child(root, element); node; node = xml_next(node, element))
        if (read_cidr(node, &c) == 0 && cidrs_add(to, c, e) < 0)
            return -1;
    return 0;
}

int network_read_cidrs(const char *xml, struct cidrs *to, struct err *e)
{
    AUTO_XML doc = NULL;
    xmlNodePtr root = parse(xml, &doc);

    return !root ? 0 : add_elements(root, "ip", to, e) < 0 ? -1 : add_elements(root, "route", to, e);
}

/* ---- edits ---- */

void network_edits_done(struct network_edits *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i].xml);
    free(l->items);
}

static xmlNodePtr new_element(const char *name, xmlDocPtr *doc)
{
    *doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr root = *doc ? xmlNewDocNode(*doc, NULL, (const xmlChar *)name, NULL) : NULL;

    if (root)
        (void)xmlDocSetRootElement(*doc, root);
    return root;
}

static int add_edit(struct network_edits *to, struct network_edit edit, xmlDocPtr doc)
{
    struct network_edit *items = reallocarray(to->items, to->count + 1, sizeof(*items));

    if (!items)
        return -1;
    to->items = items;
    edit.xml = xml_text(doc);
    if (!edit.xml)
        return -1;
    items[to->count++] = edit;
    return 0;
}

/* libvirt deletes the one entry that has all the attributes given. */
static int plan_delete(struct network_edits *to, enum network_section section, xmlNodePtr entry)
{
    static const char *const keys[] = { "mac", "name", "ip" };
    AUTO_XML doc = NULL;
    xmlNodePtr host = new_element("host", &doc);

    if (!host)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        AUTO_FREE char *value = xml_attr(entry, keys[i]);
        if (value && xml_attr_set(host, keys[i], value) < 0)
            return -1;
    }
    return add_edit(to, (struct network_edit){ section, true, NULL }, doc);
}

int network_fill_dhcp_host(xmlNodePtr host, const char *mac, const char *ipv4)
{
    AUTO_FREE char *expiry = str_printf("%d", VIRT_LEASE_S);

    if (!expiry || xml_attr_set(host, "mac", mac) < 0 || xml_attr_set(host, "ip", ipv4) < 0)
        return -1;
    return XML_FILL_ADD(host, "lease", { "expiry", expiry }, { "unit", "seconds" }) ? 0 : -1;
}

static int plan_add_dhcp(struct network_edits *to, const struct virt_lease *h)
{
    AUTO_XML doc = NULL;
    xmlNodePtr host = new_element("host", &doc);

    if (!host || network_fill_dhcp_host(host, h->mac, h->ipv4) < 0)
        return -1;
    return add_edit(to, (struct network_edit){ NETWORK_DHCP_HOST, false, NULL }, doc);
}

static int plan_add_dns(struct network_edits *to, const struct virt_lease *h, const char *full_name)
{
    AUTO_XML doc = NULL;
    xmlNodePtr host = new_element("host", &doc);

    if (!host || xml_attr_set(host, "ip", h->ipv4) < 0 || !xml_add(host, "hostname", h->hostname))
        return -1;
    if (full_name && !xml_add(host, "hostname", full_name))
        return -1;
    return add_edit(to, (struct network_edit){ NETWORK_DNS_HOST, false, NULL }, doc);
}

/* ---- entries that are there ---- */

static bool has_value(xmlNodePtr node, const char *key, const char *wanted)
{
    AUTO_FREE char *value = xml_attr(node, key);

    return value && strcasecmp(value, wanted) == 0;
}

static bool has_name(xmlNodePtr host, const char *wanted)
{
    for (xmlNodePtr node = xml_child(host, "hostname"); node; node = xml_next(node, "hostname")) {
        AUTO_FREE char *name = xml_content(node);
        if (name && wanted && strcasecmp(name, wanted) == 0)
            return true;
    }
    return false;
}

/* What the wanted entry and the network's XML mean to each other. */
struct plan {
    const struct virt_lease *h;
    const char *full_name; /* NULL: the network has no domain */
    struct network_edits *edits;
};
/* Whether an entry that is there is the wanted one, is in its way, or neither. */
enum relation { RELATION_NONE, RELATION_RIVAL, RELATION_SAME };
typedef enum relation relate_fn(xmlNodePtr host, const struct plan *p);

static enum relation relate_dhcp(xmlNodePtr host, const struct plan *p)
{
    bool has_mac = has_value(host, "mac", p->h->mac), has_ip = has_value(host, "ip", p->h->ipv4);

    if (has_mac && has_ip)
        return RELATION_SAME;
    return has_mac || has_ip ? RELATION_RIVAL : RELATION_NONE;
}

static enum relation relate_dns(xmlNodePtr host, const struct plan *p)
{
    bool has_ip = has_value(host, "ip", p->h->ipv4), has_bare = has_name(host, p->h->hostname);
    bool has_full = has_name(host, p->full_name);

    if (has_ip && has_bare && (has_full || !p->full_name))
        return RELATION_SAME;
    return has_ip || has_bare || has_full ? RELATION_RIVAL : RELATION_NONE;
}

/* Deletes rivals; *has_same tells whether the wanted entry is there. */
static int plan_rivals(const struct plan *p, enum network_section section, xmlNodePtr parent, bool *has_same)
{
    relate_fn *relate = section == NETWORK_DHCP_HOST ? relate_dhcp : relate_dns;

    *has_same = false;
    for (xmlNodePtr host = parent ? xml_child(parent, "host") : NULL; host; host = xml_next(host, "host")) {
        enum relation relation = relate(host, p);
        *has_same |= relation == RELATION_SAME;
        if (relation == RELATION_RIVAL && plan_delete(p->edits, section, host) < 0)
            return -1;
    }
    return 0;
}

/* libvirt keeps DHCP in one of a network's IPv4 ranges only. */
static xmlNodePtr find_dhcp(xmlNodePtr root)
{
    for (xmlNodePtr ip = xml_child(root, "ip"); ip; ip = xml_next(ip, "ip"))
        if (xml_child(ip, "dhcp"))
            return xml_child(ip, "dhcp");
    return NULL;
}

bool network_is_prewritten(const char *network_id, struct cidr c, const char *mac, const char *ipv4)
{
    struct network_range range;
    uint32_t address;
    mac_text its_mac;

    if (network_range_of_cidr(c, &range) < 0 || ipv4_parse(ipv4, &address) < 0)
        return false;
    port_mac(network_id, address, its_mac);
    return address >= range.first && address <= range.last_prewritten && strcasecmp(mac, its_mac) == 0;
}

static bool is_prewritten(xmlNodePtr root, xmlNodePtr host)
{
    AUTO_FREE char *id = xml_content(xml_child(root, "uuid")), *mac = xml_attr(host, "mac"), *ipv4 = xml_attr(host, "ip");
    struct cidr c;

    if (!id || !id_is_uuid(id) || !mac || !ipv4 || read_cidr(host->parent->parent, &c) < 0)
        return false;
    return network_is_prewritten(id, c, mac, ipv4);
}

static int plan_presence(const struct plan *p, xmlNodePtr root)
{
    bool has_dhcp, has_dns;

    if (plan_rivals(p, NETWORK_DHCP_HOST, find_dhcp(root), &has_dhcp) < 0 ||
        plan_rivals(p, NETWORK_DNS_HOST, xml_child(root, "dns"), &has_dns) < 0)
        return -1;
    if (!has_dhcp && plan_add_dhcp(p->edits, p->h) < 0)
        return -1;
    return has_dns ? 0 : plan_add_dns(p->edits, p->h, p->full_name);
}

static int plan_absence(const struct plan *p, xmlNodePtr root)
{
    xmlNodePtr dhcp = find_dhcp(root), dns = xml_child(root, "dns");

    for (xmlNodePtr host = dhcp ? xml_child(dhcp, "host") : NULL; host; host = xml_next(host, "host"))
        if (has_value(host, "mac", p->h->mac) && !is_prewritten(root, host) && plan_delete(p->edits, NETWORK_DHCP_HOST, host) < 0)
            return -1;
    for (xmlNodePtr host = dns ? xml_child(dns, "host") : NULL; host; host = xml_next(host, "host"))
        if (has_value(host, "ip", p->h->ipv4) && has_name(host, p->h->hostname) &&
            plan_delete(p->edits, NETWORK_DNS_HOST, host) < 0)
            return -1;
    return 0;
}

static int plan(int (*fn)(const struct plan *, xmlNodePtr), const char *xml, const struct virt_lease *h,
                struct network_edits *out, struct err *e)
{
    AUTO_XML doc = NULL;
    AUTO_NETWORK_EDITS edits = { 0 };
    xmlNodePtr root = parse(xml, &doc);

    if (!root)
        return err_set(e, ERR_HYPERVISOR, "the network's description cannot be read");
    xmlNodePtr domain = xml_child(root, "domain");
    AUTO_FREE char *domain_name = domain ? xml_attr(domain, "name") : NULL;
    AUTO_FREE char *full_name = domain_name ? str_printf("%s.%s", h->hostname, domain_name) : NULL;
    struct plan p = { h, full_name, &edits };
    if ((domain_name && !full_name) || fn(&p, root) < 0)
        return no_memory(e);
    *out = edits;
    edits = (struct network_edits){ 0 };
    return 0;
}

int network_plan_add(const char *xml, const struct virt_lease *h, struct network_edits *out, struct err *e)
{
    return plan(plan_presence, xml, h, out, e);
}

int network_plan_remove(const char *xml, const struct virt_lease *h, struct network_edits *out, struct err *e)
{
    return plan(plan_absence, xml, h, out, e);
}
