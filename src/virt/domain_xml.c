/* The domain's XML: the administrator's template, parsed and filled as nodes. What varies is set in place, what is needed and
 * missing is added, what else stands there stays. Whether libvirt likes the result is not known here. */
#include "virt/domain_xml.h"

#include <string.h>

#include "domain_cpu.h"

#include "base/str.h"
#include "base/xml.h"

#define TEMPLATE_FILE "domain.xml"
#define AGENT_CHANNEL "org.qemu.guest_agent.0"

/* What a fill step sees; a step returns -1 only for want of memory. */
struct filling {
    const struct domain_xml_host *host;
    const struct virt_domain *d;
    xmlNodePtr root, devices;
};
typedef int fill_fn(const struct filling *f);

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

static void drop_node(xmlNodePtr node)
{
    if (!node)
        return;
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

static xmlNodePtr child_or_new(xmlNodePtr parent, const char *name)
{
    xmlNodePtr node = xml_child(parent, name);

    return node ? node : xml_add(parent, name, NULL);
}

/* An attribute that the template may have chosen already. */
static int attr_default(xmlNodePtr node, const char *name, const char *value)
{
    return xmlHasProp(node, (const xmlChar *)name) ? 0 : xml_attr_set(node, name, value);
}

struct attr {
    const char *name, *value;
};

/* A new last child with up to three attributes; a NULL name ends them. */
static xmlNodePtr add_with(xmlNodePtr parent, const char *name, const struct attr attrs[3])
{
    xmlNodePtr node = xml_add(parent, name, NULL);

    for (size_t i = 0; node && i < 3 && attrs[i].name; i++)
        if (xml_attr_set(node, attrs[i].name, attrs[i].value) < 0)
            return NULL;
    return node;
}
#define ADD_WITH(parent, name, ...) add_with(parent, name, (const struct attr[3]){ __VA_ARGS__ })

/* ---- who it is ---- */

static int set_tag_attrs(xmlNodePtr vm, const struct virt_domain *d)
{
    const struct attr attrs[] = { { "id", d->id }, { "project", d->project }, { "name", d->name }, { "job", d->job } };

    for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
        if (attrs[i].value && xml_attr_set(vm, attrs[i].name, attrs[i].value) < 0)
            return -1;
    return 0;
}

/* Without its namespace: libvirt adds that itself, and refuses an element that has it already. */
int domain_xml_tag(const struct virt_domain *d, char **out, struct err *e)
{
    AUTO_XML doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr vm = doc ? xmlNewDocNode(doc, NULL, (const xmlChar *)"vm", NULL) : NULL;

    if (!vm)
        return no_memory(e);
    (void)xmlDocSetRootElement(doc, vm);
    char *text = set_tag_attrs(vm, d) == 0 ? xml_text(doc) : NULL;
    if (!text)
        return no_memory(e);
    *out = text;
    return 0;
}

/* libvirt keeps one element per namespace, and ours is the tag that verbs trust. */
static void drop_elements_of_ours(xmlNodePtr metadata)
{
    for (xmlNodePtr next, node = metadata->children; node; node = next) {
        next = node->next;
        if (node->type == XML_ELEMENT_NODE && node->ns && str_equal((const char *)node->ns->href, VIRT_METADATA_NS))
            drop_node(node);
    }
}

static int fill_metadata(const struct filling *f)
{
    xmlNodePtr metadata = child_or_new(f->root, "metadata");

    if (!metadata)
        return -1;
    drop_elements_of_ours(metadata);
    xmlNodePtr vm = xml_add(metadata, "vm", NULL);
    xmlNsPtr ns = vm ? xmlNewNs(vm, (const xmlChar *)VIRT_METADATA_NS, (const xmlChar *)"computed") : NULL;
    if (!ns)
        return -1;
    xmlSetNs(vm, ns);
    return set_tag_attrs(vm, f->d);
}

char *domain_xml_name(const char *id)
{
    return str_printf("computed-%s", id);
}

static int fill_identity(const struct filling *f)
{
    AUTO_FREE char *name = domain_xml_name(f->d->id);

    if (!name || xml_attr_set(f->root, "type", f->host->domain_type) < 0 || !xml_set(f->root, "name", name))
        return -1;
    return xml_set(f->root, "uuid", f->d->id) && xml_set(f->root, "title", f->d->name) ? 0 : -1;
}

/* ---- what it has ---- */

static int set_number(xmlNodePtr parent, const char *name, uint64_t value, xmlNodePtr *out)
{
    AUTO_FREE char *text = str_printf("%llu", (unsigned long long)value);

    *out = text ? xml_set(parent, name, text) : NULL;
    return *out ? 0 : -1;
}

/* A current value of the template's would contradict the flavor. */
static int fill_size(const struct filling *f)
{
    xmlNodePtr memory, vcpu;

    drop_node(xml_child(f->root, "currentMemory"));
    if (set_number(f->root, "memory", f->d->memory_mib, &memory) < 0 || xml_attr_set(memory, "unit", "MiB") < 0)
        return -1;
    if (set_number(f->root, "vcpu", f->d->vcpus, &vcpu) < 0)
        return -1;
    (void)xmlUnsetProp(vcpu, (const xmlChar *)"current");
    return 0;
}

static bool is_cpu_mode(const char *cpu)
{
    return str_equal(cpu, "host-passthrough") || str_equal(cpu, "host-model") || str_equal(cpu, "maximum");
}

int domain_xml_fill_cpu(xmlNodePtr root, const char *name)
{
    xmlNodePtr cpu = name[0] ? child_or_new(root, "cpu") : NULL;

    if (!name[0])
        return 0;
    if (!cpu)
        return -1;
    drop_node(xml_child(cpu, "model"));
    if (is_cpu_mode(name))
        return xml_attr_set(cpu, "mode", name);
    if (xml_attr_set(cpu, "mode", "custom") < 0 || attr_default(cpu, "match", "exact") < 0)
        return -1;
    return xml_add(cpu, "model", name) ? 0 : -1;
}

static int fill_cpu(const struct filling *f)
{
    return domain_xml_fill_cpu(f->root, f->d->accel.cpu);
}

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
    return disk ? disk : ADD_WITH(devices, "disk", { "device", "disk" });
}

/* libvirt gives every file of a chain to QEMU's user when a guest starts, and gives back the top one alone; the image is
 * read-only and readable for all, so it is to stay its owner's. Other models (SELinux, AppArmor) are not named, and label as
 * ever. */
static int keep_owner(xmlNodePtr source)
{
    return ADD_WITH(source, "seclabel", { "model", "dac" }, { "relabel", "no" }) ? 0 : -1;
}

/* The whole chain, with its end: what is named here libvirt does not look for in the files. */
static int fill_backing(const struct filling *f, xmlNodePtr disk)
{
    drop_node(xml_child(disk, "backingStore"));
    if (!f->d->image_path)
        return 0;
    xmlNodePtr backing = ADD_WITH(disk, "backingStore", { "type", "file" });
    if (!backing || !ADD_WITH(backing, "format", { "type", f->d->image_format }))
        return -1;
    xmlNodePtr source = ADD_WITH(backing, "source", { "file", f->d->image_path });
    if (!source || (f->host->has_dac && keep_owner(source) < 0))
        return -1;
    return xml_add(backing, "backingStore", NULL) ? 0 : -1;
}

static int fill_disk(const struct filling *f)
{
    xmlNodePtr disk = first_disk(f->devices);
    xmlNodePtr driver = disk ? child_or_new(disk, "driver") : NULL;
    xmlNodePtr target = driver ? child_or_new(disk, "target") : NULL;

    if (!target || xml_attr_set(disk, "type", "file") < 0)
        return -1;
    drop_node(xml_child(disk, "source")); /* its other attributes belonged to another type of source */
    if (!ADD_WITH(disk, "source", { "file", f->d->disk_path }) || fill_backing(f, disk) < 0)
        return -1;
    if (attr_default(driver, "name", "qemu") < 0 || xml_attr_set(driver, "type", "qcow2") < 0 ||
        attr_default(driver, "discard", "unmap") < 0)
        return -1;
    return attr_default(target, "dev", "vda") < 0 || attr_default(target, "bus", "virtio") < 0 ? -1 : 0;
}

static int fill_serial(const struct filling *f)
{
    xmlNodePtr serial = child_or_new(f->devices, "serial");

    if (!serial || attr_default(serial, "type", "pty") < 0)
        return -1;
    drop_node(xml_child(serial, "log"));
    return ADD_WITH(serial, "log", { "file", f->d->console_path }, { "append", "on" }) ? 0 : -1;
}

static int fill_rng(const struct filling *f)
{
    if (xml_child(f->devices, "rng"))
        return 0;
    xmlNodePtr rng = ADD_WITH(f->devices, "rng", { "model", "virtio" });
    xmlNodePtr backend = rng ? xml_add(rng, "backend", "/dev/urandom") : NULL;
    return backend ? xml_attr_set(backend, "model", "random") : -1;
}

static bool is_agent_channel(xmlNodePtr channel)
{
    xmlNodePtr target = xml_child(channel, "target");
    AUTO_FREE char *name = target ? xml_attr(target, "name") : NULL;

    return str_equal(name, AGENT_CHANNEL);
}

static int fill_agent(const struct filling *f)
{
    for (xmlNodePtr c = xml_child(f->devices, "channel"); c; c = xml_next(c, "channel"))
        if (is_agent_channel(c))
            return 0;
    xmlNodePtr channel = ADD_WITH(f->devices, "channel", { "type", "unix" });
    return channel && ADD_WITH(channel, "target", { "type", "virtio" }, { "name", AGENT_CHANNEL }) ? 0 : -1;
}

static int fill_balloon(const struct filling *f)
{
    if (xml_child(f->devices, "memballoon"))
        return 0;
    xmlNodePtr balloon = ADD_WITH(f->devices, "memballoon", { "model", "virtio" });
    return balloon && ADD_WITH(balloon, "stats", { "period", "10" }) ? 0 : -1;
}

static fill_fn *const fill_steps[] = {
    fill_identity, fill_metadata, fill_size, fill_cpu, fill_disk, fill_serial, fill_rng, fill_agent, fill_balloon,
};

/* ---- what it may not have ---- */

/* No type is libvirt's word for "user". passt does the same from outside QEMU, behind whatever type. */
static bool is_user_network(xmlNodePtr interface)
{
    AUTO_FREE char *type = xml_attr(interface, "type");
    xmlNodePtr backend = xml_child(interface, "backend");
    AUTO_FREE char *backend_type = backend ? xml_attr(backend, "type") : NULL;

    return !type || str_equal(type, "user") || str_equal(backend_type, "passt");
}

static int check_networks(xmlNodePtr devices, struct err *e)
{
    for (xmlNodePtr i = xml_child(devices, "interface"); i; i = xml_next(i, "interface")) {
        if (!is_user_network(i))
            continue;
        (void)err_set(e, ERR_TEMPLATE_INVALID,
                      "user networking lets guests reach this host's loopback, where the daemon answers without credentials; "
                      "listen on a unix socket only, or use another network");
        return err_detail(e, "templates/" TEMPLATE_FILE ":%ld: an <interface> of type 'user'", xmlGetLineNo(i));
    }
    return 0;
}

/* ---- the door ---- */

static int check_image(const struct virt_domain *d, struct err *e)
{
    if (d->image_path[0] != '/' || !str_is_printable(d->image_path))
        return err_set_field(e, ERR_INVALID_FIELD, "image_path", "image_path must be absolute and printable text");
    if (!str_equal(d->image_format, "qcow2") && !str_equal(d->image_format, "raw"))
        return err_set_field(e, ERR_INVALID_FIELD, "image_format", "image_format must be qcow2 or raw");
    return 0;
}

/* What XML cannot hold, and what libvirt would read as something else, ends here: names were checked at the front door, so this
 * is for rows that something else wrote. */
static int check_texts(const struct virt_domain *d, struct err *e)
{
    const struct attr texts[] = { { "id", d->id },
                                  { "name", d->name },
                                  { "project", d->project },
                                  { "disk_path", d->disk_path },
                                  { "console_path", d->console_path },
                                  { "cpu", d->accel.cpu } };

    if (!id_is_uuid(d->id))
        return err_set_field(e, ERR_INVALID_FIELD, "id", "id must be a UUID");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!str_is_printable(texts[i].value))
            return err_set_field(e, ERR_INVALID_FIELD, texts[i].name, "%s must be printable text", texts[i].name);
    if (d->job && !str_is_printable(d->job))
        return err_set_field(e, ERR_INVALID_FIELD, "job", "job must be printable text");
    if (d->disk_path[0] != '/' || d->console_path[0] != '/')
        return err_set_field(e, ERR_INVALID_FIELD, "disk_path", "paths must be absolute");
    return d->image_path ? check_image(d, e) : 0;
}

static int wrong_root(xmlNodePtr root, struct err *e)
{
    (void)err_set(e, ERR_TEMPLATE_INVALID, "the domain template is not a <domain> element");
    return err_detail(e, "templates/" TEMPLATE_FILE ": the root element is <%s>, not <domain>",
                      root ? (const char *)root->name : "");
}

static int fill(xmlDocPtr doc, const struct domain_xml_host *host, const struct virt_domain *d, struct err *e)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    if (!root || strcmp((const char *)root->name, "domain") != 0)
        return wrong_root(root, e);
    struct filling f = { host, d, root, child_or_new(root, "devices") };
    if (!f.devices)
        return no_memory(e);
    if (host->refuses_user_network && check_networks(f.devices, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(fill_steps); i++)
        if (fill_steps[i](&f) < 0)
            return no_memory(e);
    return 0;
}

int domain_xml_build(const struct domain_xml_host *host, const struct virt_domain *d, char **out, struct err *e)
{
    AUTO_FREE char *path = str_printf("%s/" TEMPLATE_FILE, host->template_dir);
    AUTO_XML doc = NULL;

    if (!path)
        return no_memory(e);
    if (check_texts(d, e) < 0 || xml_parse_file(path, &doc, e) < 0 || fill(doc, host, d, e) < 0)
        return -1;
    char *text = xml_text(doc);
    if (!text)
        return no_memory(e);
    *out = text;
    return 0;
}
