/* virt/facts_read: what a domain's and a network's XML say. Not the reading that the verbs do: this one is to judge them. Pure.
 */
#include <string.h>

#include "facts_parts.h"

#include "base/str.h"
#include "base/xml.h"
#include "virt/domain_xml.h"

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

int fact_text_add(struct fact_texts *to, const char *text, struct err *e)
{
    char **items = reallocarray(to->items, to->count + 1, sizeof(*items));

    if (!items)
        return no_memory(e);
    to->items = items;
    items[to->count] = str_dup(text);
    return items[to->count++] ? 0 : no_memory(e);
}

int fact_entry_add(struct fact_entries *to, const char *key, const char *value, struct err *e)
{
    struct fact_entry *items = reallocarray(to->items, to->count + 1, sizeof(*items));

    if (!items)
        return no_memory(e);
    to->items = items;
    items[to->count] = (struct fact_entry){ str_dup(key), str_dup(value) };
    to->count++;
    return items[to->count - 1].key && items[to->count - 1].value ? 0 : no_memory(e);
}

struct fact_domain *fact_domain_new(struct virt_facts *to, struct err *e)
{
    struct fact_domain *items = reallocarray(to->domains, to->domain_count + 1, sizeof(*items));

    if (!items) {
        (void)no_memory(e);
        return NULL;
    }
    to->domains = items;
    memset(&items[to->domain_count], 0, sizeof(*items));
    return &items[to->domain_count];
}

struct fact_bridge *fact_network_new(struct virt_facts *to, struct err *e)
{
    struct fact_bridge *items = reallocarray(to->networks, to->network_count + 1, sizeof(*items));

    if (!items) {
        (void)no_memory(e);
        return NULL;
    }
    to->networks = items;
    memset(&items[to->network_count], 0, sizeof(*items));
    return &items[to->network_count];
}

/* Whether the metadata has an element of ours of this name; its id goes to `id`. */
static bool read_tag(xmlNodePtr root, const char *element, uuid_text id)
{
    xmlNodePtr metadata = xml_child(root, "metadata");

    for (xmlNodePtr tag = metadata ? xml_child(metadata, element) : NULL; tag; tag = xml_next(tag, element)) {
        AUTO_FREE char *text = xml_attr(tag, "id");

        if (!tag->ns || !str_equal((const char *)tag->ns->href, VIRT_METADATA_NS))
            continue;
        (void)str_copy(id, sizeof(uuid_text), text ? text : "");
        return true;
    }
    return false;
}

/* The attribute of a child, of each element of that name. */
struct harvest {
    const char *element, *child, *attribute;
};

static int gather(xmlNodePtr parent, const struct harvest *h, struct fact_texts *to, struct err *e)
{
    for (xmlNodePtr node = parent ? xml_child(parent, h->element) : NULL; node; node = xml_next(node, h->element)) {
        xmlNodePtr child = xml_child(node, h->child);
        AUTO_FREE char *text = child ? xml_attr(child, h->attribute) : NULL;

        if (text && fact_text_add(to, text, e) < 0)
            return -1;
    }
    return 0;
}

int fact_domain_read(const char *xml, struct fact_domain *d, struct err *e)
{
    AUTO_XML doc = NULL;
    struct err ignored = ERR_INIT;

    if (xml_parse(xml, strlen(xml), &doc, &ignored) < 0)
        return 0;
    xmlNodePtr root = xmlDocGetRootElement(doc), devices = xml_child(root, "devices");
    d->has_tag = read_tag(root, "vm", d->tag);
    if (gather(devices, &(struct harvest){ "disk", "source", "file" }, &d->files, e) < 0)
        return -1;
    return gather(devices, &(struct harvest){ "interface", "mac", "address" }, &d->macs, e);
}

static int read_dhcp(xmlNodePtr root, struct fact_bridge *n, struct err *e)
{
    xmlNodePtr dhcp = xml_find(root, "ip/dhcp");

    for (xmlNodePtr host = dhcp ? xml_child(dhcp, "host") : NULL; host; host = xml_next(host, "host")) {
        AUTO_FREE char *mac = xml_attr(host, "mac"), *ip = xml_attr(host, "ip");

        if (mac && ip && fact_entry_add(&n->dhcp, mac, ip, e) < 0)
            return -1;
    }
    return 0;
}

static int read_dns(xmlNodePtr root, struct fact_bridge *n, struct err *e)
{
    xmlNodePtr dns = xml_child(root, "dns");

    for (xmlNodePtr host = dns ? xml_child(dns, "host") : NULL; host; host = xml_next(host, "host")) {
        AUTO_FREE char *ip = xml_attr(host, "ip"), *name = xml_content(xml_child(host, "hostname"));

        if (ip && name && fact_entry_add(&n->dns, ip, name, e) < 0)
            return -1;
    }
    return 0;
}

int fact_network_read(const char *xml, struct fact_bridge *n, struct err *e)
{
    AUTO_XML doc = NULL;
    struct err ignored = ERR_INIT;

    if (xml_parse(xml, strlen(xml), &doc, &ignored) < 0)
        return 0;
    xmlNodePtr root = xmlDocGetRootElement(doc), bridge = xml_child(root, "bridge");
    n->has_tag = read_tag(root, "network", n->tag);
    n->bridge = bridge ? xml_attr(bridge, "name") : NULL;
    return read_dhcp(root, n, e) < 0 ? -1 : read_dns(root, n, e);
}
