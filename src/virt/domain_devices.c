/* The devices of a domain's XML: those of the VM, which the template's are made to fit, and those that every guest has. */
#include <string.h>

#include "domain_agent.h"
#include "domain_filling.h"
#include "xml_fill.h"

#include "base/ipv4.h"
#include "base/str.h"
#include "virt/network_xml.h"

/* ---- the disk ---- */

static bool is_plain_disk(xmlNodePtr disk)
{
    AUTO_FREE char *device = xml_attr(disk, "device");

    return !device || str_equal(device, "disk");
}

static xmlNodePtr first_disk(xmlNodePtr devices)
{
    xmlNodePtr disk = xml_child(devices, "disk");

    while (disk && !is_plain_disk(disk))
        disk = xml_next(disk, "disk");
    return disk ? disk : XML_FILL_ADD(devices, "disk", { "device", "disk" });
}

/* libvirt gives every file of a chain to QEMU's user when a guest starts, and gives back the top one alone; the image is
 * read-only and readable for all, so it is to stay its owner's. Other models (SELinux, AppArmor) are not named, and label as
 * ever. */
static int keep_owner(xmlNodePtr source)
{
    return XML_FILL_ADD(source, "seclabel", { "model", "dac" }, { "relabel", "no" }) ? 0 : -1;
}

/* The whole chain, with its end: what is named here libvirt does not look for in the files. */
static int fill_backing(const struct filling *f, xmlNodePtr disk)
{
    xml_fill_drop(xml_child(disk, "backingStore"));
    if (!f->d->image_path)
        return 0;
    xmlNodePtr backing = XML_FILL_ADD(disk, "backingStore", { "type", "file" });
    if (!backing || !XML_FILL_ADD(backing, "format", { "type", f->d->image_format }))
        return -1;
    xmlNodePtr source = XML_FILL_ADD(backing, "source", { "file", f->d->image_path });
    if (!source || (f->host->has_dac && keep_owner(source) < 0))
        return -1;
    return xml_add(backing, "backingStore", NULL) ? 0 : -1;
}

int domain_fill_disk(const struct filling *f)
{
    xmlNodePtr disk = first_disk(f->devices);
    xmlNodePtr driver = disk ? xml_fill_child(disk, "driver") : NULL;
    xmlNodePtr target = driver ? xml_fill_child(disk, "target") : NULL;

    if (!target || xml_attr_set(disk, "type", "file") < 0)
        return -1;
    xml_fill_drop(xml_child(disk, "source")); /* its other attributes belonged to another type of source */
    if (!XML_FILL_ADD(disk, "source", { "file", f->d->disk_path }) || fill_backing(f, disk) < 0)
        return -1;
    if (xml_fill_default(driver, "name", "qemu") < 0 || xml_attr_set(driver, "type", "qcow2") < 0 ||
        xml_fill_default(driver, "discard", "unmap") < 0)
        return -1;
    return xml_fill_default(target, "dev", "vda") < 0 || xml_fill_default(target, "bus", "virtio") < 0 ? -1 : 0;
}

/* ---- the seed ---- */

static bool is_target_taken(xmlNodePtr devices, const char *dev)
{
    for (xmlNodePtr disk = xml_child(devices, "disk"); disk; disk = xml_next(disk, "disk")) {
        xmlNodePtr target = xml_child(disk, "target");
        AUTO_FREE char *other = target ? xml_attr(target, "dev") : NULL;
        if (str_equal(other, dev))
            return true;
    }
    return false;
}

/* The next free name behind the disk's: libvirt orders a bus by names, and boots from the first. When all are taken, libvirt says
 * so. */
static void name_after(xmlNodePtr devices, char dev[])
{
    char *letter = dev[0] ? dev + strlen(dev) - 1 : dev;

    while (*letter >= 'a' && *letter < 'z' && is_target_taken(devices, dev))
        (*letter)++;
}

/* On the bus of the disk that the guest boots from: who has found that, finds this. A CD-ROM on SATA or IDE would need drivers
 * that kernels made for clouds lack. virtio has disks alone, and the others' disks cannot all be read-only. */
int domain_fill_seed(const struct filling *f)
{
    if (!f->d->seed_path)
        return 0;
    xmlNodePtr boots = xml_child(first_disk(f->devices), "target");
    AUTO_FREE char *bus = xml_attr(boots, "bus");
    AUTO_FREE char *dev = xml_attr(boots, "dev");
    if (!bus || !dev)
        return -1;
    name_after(f->devices, dev);
    const char *device = str_equal(bus, "virtio") ? "disk" : "cdrom";
    xmlNodePtr disk = XML_FILL_ADD(f->devices, "disk", { "type", "file" }, { "device", device });
    if (!disk || !XML_FILL_ADD(disk, "driver", { "name", "qemu" }, { "type", "raw" }))
        return -1;
    if (!XML_FILL_ADD(disk, "source", { "file", f->d->seed_path }) ||
        !XML_FILL_ADD(disk, "target", { "dev", dev }, { "bus", bus }))
        return -1;
    return xml_add(disk, "readonly", NULL) ? 0 : -1;
}

/* ---- interfaces ---- */

static int fill_filter(const struct filling *f, const struct virt_nic *nic, xmlNodePtr interface)
{
    if (!f->host->has_filters || !nic->ipv4)
        return 0;
    xmlNodePtr filter = XML_FILL_ADD(interface, "filterref", { "filter", VIRT_FILTER_NAME });
    return filter && XML_FILL_ADD(filter, "parameter", { "name", "IP" }, { "value", nic->ipv4 }) ? 0 : -1;
}

static int fill_network(const struct filling *f, const struct virt_nic *nic, xmlNodePtr interface)
{
    AUTO_FREE char *name = nic->network ? network_xml_name(nic->network) : NULL;

    if (!nic->network)
        return xml_attr_set(interface, "type", "user");
    if (!name || xml_attr_set(interface, "type", "network") < 0)
        return -1;
    return XML_FILL_ADD(interface, "source", { "network", name }) ? fill_filter(f, nic, interface) : -1;
}

/* The guest's interfaces come in the VM's order, before those that the template gives to all. */
int domain_fill_nics(const struct filling *f)
{
    xmlNodePtr of_template = xml_child(f->devices, "interface");

    for (size_t i = 0; i < f->d->nic_count; i++) {
        const struct virt_nic *nic = &f->d->nics[i];
        xmlNodePtr interface = xml_add(f->devices, "interface", NULL);
        if (!interface || fill_network(f, nic, interface) < 0)
            return -1;
        if (!XML_FILL_ADD(interface, "mac", { "address", nic->mac }) || !XML_FILL_ADD(interface, "model", { "type", "virtio" }))
            return -1;
        if (of_template)
            (void)xmlAddPrevSibling(of_template, interface);
    }
    return 0;
}

/* ---- what every guest has ---- */

int domain_fill_serial(const struct filling *f)
{
    xmlNodePtr serial = xml_fill_child(f->devices, "serial");

    if (!serial || xml_fill_default(serial, "type", "pty") < 0)
        return -1;
    xml_fill_drop(xml_child(serial, "log"));
    return XML_FILL_ADD(serial, "log", { "file", f->d->console_path }, { "append", "on" }) ? 0 : -1;
}

int domain_fill_rng(const struct filling *f)
{
    if (xml_child(f->devices, "rng"))
        return 0;
    xmlNodePtr rng = XML_FILL_ADD(f->devices, "rng", { "model", "virtio" });
    xmlNodePtr backend = rng ? xml_add(rng, "backend", "/dev/urandom") : NULL;
    return backend ? xml_attr_set(backend, "model", "random") : -1;
}

int domain_fill_agent(const struct filling *f)
{
    if (domain_agent_channel(f->devices))
        return 0;
    xmlNodePtr channel = XML_FILL_ADD(f->devices, "channel", { "type", "unix" });
    return channel && XML_FILL_ADD(channel, "target", { "type", "virtio" }, { "name", DOMAIN_AGENT_CHANNEL }) ? 0 : -1;
}

int domain_fill_balloon(const struct filling *f)
{
    if (xml_child(f->devices, "memballoon"))
        return 0;
    xmlNodePtr balloon = XML_FILL_ADD(f->devices, "memballoon", { "model", "virtio" });
    return balloon && XML_FILL_ADD(balloon, "stats", { "period", "10" }) ? 0 : -1;
}

/* ---- what it may not have ---- */

/* No type is libvirt's word for "user". passt does the same from outside QEMU, behind whatever type. */
static bool is_user_network(xmlNodePtr interface)
{
    AUTO_FREE char *type = xml_attr(interface, "type");
    xmlNodePtr backend = xml_child(interface, "backend");
    AUTO_FREE char *backend_type = backend ? xml_attr(backend, "type") : NULL;

    return !type || str_equal(type, "user") || str_equal(backend_type, "passt");
}

#define WHY_NOT                                                                                                                  \
    "user networking lets guests reach this host's loopback, where the daemon answers without credentials; listen on a unix "    \
    "socket only, or "

static int check_template(xmlNodePtr devices, struct err *e)
{
    for (xmlNodePtr i = xml_child(devices, "interface"); i; i = xml_next(i, "interface")) {
        if (!is_user_network(i))
            continue;
        (void)err_set(e, ERR_TEMPLATE_INVALID, WHY_NOT "use another network");
        return err_detail(e, "templates/" DOMAIN_TEMPLATE ":%ld: an <interface> of type 'user'", xmlGetLineNo(i));
    }
    return 0;
}

int domain_check_user_networks(const struct filling *f, struct err *e)
{
    for (size_t i = 0; i < f->d->nic_count; i++)
        if (!f->d->nics[i].network)
            return err_set(e, ERR_NOT_SUPPORTED, WHY_NOT "create the VM without networks");
    return check_template(f->devices, e);
}

/* ---- what does not come in ---- */

static bool is_path(const char *path)
{
    return path[0] == '/' && str_is_printable(path);
}

static int check_image(const struct virt_domain *d, struct err *e)
{
    if (!is_path(d->image_path))
        return err_set_field(e, ERR_INVALID_FIELD, "image_path", "image_path must be absolute and printable text");
    if (!str_equal(d->image_format, "qcow2") && !str_equal(d->image_format, "raw"))
        return err_set_field(e, ERR_INVALID_FIELD, "image_format", "image_format must be qcow2 or raw");
    return 0;
}

static int check_nic(const struct virt_nic *nic, struct err *e)
{
    uint32_t address;

    if (nic->network && !id_is_uuid(nic->network))
        return err_set_field(e, ERR_INVALID_FIELD, "network", "network must be a UUID");
    if (!nic->mac || mac_check(nic->mac) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "mac", "mac must be a unicast hardware address");
    if (nic->ipv4 && ipv4_parse(nic->ipv4, &address) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "ipv4", "ipv4 must be an IPv4 address");
    return 0;
}

int domain_check_devices(const struct virt_domain *d, struct err *e)
{
    if (!is_path(d->disk_path) || !is_path(d->console_path))
        return err_set_field(e, ERR_INVALID_FIELD, "disk_path", "paths must be absolute and printable text");
    if (d->seed_path && !is_path(d->seed_path))
        return err_set_field(e, ERR_INVALID_FIELD, "seed_path", "seed_path must be absolute and printable text");
    for (size_t i = 0; i < d->nic_count; i++)
        if (check_nic(&d->nics[i], e) < 0)
            return -1;
    return d->image_path ? check_image(d, e) : 0;
}
