/* virt/describe: reads a VM's facts out of its domain's XML, which the drivers fetch. */
#include "virt/describe.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"

#include "base/xml.h"
#include "virt/domain_xml.h"

#define NETWORK_PREFIX "computed-"

void virt_description_done(struct virt_description *d)
{
    free(d->name);
    free(d->project);
}

static uint64_t number_of(xmlNodePtr node)
{
    AUTO_FREE char *text = xml_content(node);
    uint64_t n = 0;

    (void)str_to_u64(text ? text : "", INT64_MAX, &n);
    return n;
}

/* libvirt writes KiB, our template MiB. */
static uint64_t memory_mib_of(xmlNodePtr root)
{
    xmlNodePtr memory = xml_child(root, "memory");
    AUTO_FREE char *unit = memory ? xml_attr(memory, "unit") : NULL;

    return str_equal(unit, "MiB") ? number_of(memory) : number_of(memory) / 1024;
}

/* metadata may hold other programs' elements of this name. */
static xmlNodePtr find_tag(xmlNodePtr root)
{
    for (xmlNodePtr n = xml_find(root, "metadata/vm"); n; n = xml_next(n, "vm"))
        if (n->ns && str_equal((const char *)n->ns->href, VIRT_METADATA_NS))
            return n;
    return NULL;
}

static void read_network(xmlNodePtr interface, uuid_text out)
{
    xmlNodePtr source = xml_child(interface, "source");
    AUTO_FREE char *name = source ? xml_attr(source, "network") : NULL;

    if (name && str_starts_with(name, NETWORK_PREFIX) && id_is_uuid(name + strlen(NETWORK_PREFIX)))
        (void)str_copy(out, sizeof(uuid_text), name + strlen(NETWORK_PREFIX));
}

static void read_nics(xmlNodePtr root, struct virt_description *d)
{
    for (xmlNodePtr n = xml_find(root, "devices/interface"); n && d->nic_count < VM_NETWORKS_MAX; n = xml_next(n, "interface")) {
        struct virt_described_nic *nic = &d->nics[d->nic_count];
        xmlNodePtr mac = xml_child(n, "mac");
        AUTO_FREE char *address = mac ? xml_attr(mac, "address") : NULL;

        if (!address || !str_copy(nic->mac, sizeof nic->mac, address))
            continue;
        read_network(n, nic->network);
        d->nic_count++;
    }
}

static int read_description(const char *xml, struct virt_description *d, struct err *e)
{
    AUTO_XML doc = NULL;
    xmlNodePtr root, tag;

    if (xml_parse(xml, strlen(xml), &doc, e) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    tag = find_tag(root);
    d->name = tag ? xml_attr(tag, "name") : NULL;
    d->project = tag ? xml_attr(tag, "project") : NULL;
    if (!d->name || !d->project)
        return err_set(e, ERR_FOREIGN_DOMAIN, "the domain's tag does not say whose it is");
    d->vcpus = (uint32_t)number_of(xml_child(root, "vcpu"));
    d->memory_mib = memory_mib_of(root);
    read_nics(root, d);
    return 0;
}

int virt_describe(struct virt *v, const char *id, struct virt_description *out, struct err *e)
{
    AUTO_VIRT_DESCRIPTION d = { .name = NULL };
    AUTO_FREE char *xml = NULL;
    void *self = NULL;
    const struct virt_driver *driver = virt_driver_of(v, &self);

    if (driver->description(self, id, &xml, &d.autostart, e) < 0 || read_description(xml, &d, e) < 0)
        return -1;
    *out = d;
    d = (struct virt_description){ .name = NULL };
    return 0;
}
