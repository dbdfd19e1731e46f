/* The domain's XML: the administrator's template, parsed and filled as nodes. What varies is set in place, what is needed and
 * missing is added, what else stands there stays. Devices are domain_devices.c's. Whether libvirt likes the result is not known
 * here. */
#include "virt/domain_xml.h"

#include <string.h>

#include "domain_cpu.h"
#include "domain_filling.h"
#include "xml_fill.h"

#include "base/str.h"

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- who it is ---- */

static int set_tag_attrs(xmlNodePtr vm, const struct virt_domain *d)
{
    const struct xml_fill_attr attrs[] = { { "id", d->id }, { "project", d->project }, { "name", d->name }, { "job", d->job } };

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
            xml_fill_drop(node);
    }
}

static int fill_metadata(const struct filling *f)
{
    xmlNodePtr metadata = xml_fill_child(f->root, "metadata");

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

    xml_fill_drop(xml_child(f->root, "currentMemory"));
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
    xmlNodePtr cpu = name[0] ? xml_fill_child(root, "cpu") : NULL;

    if (!name[0])
        return 0;
    if (!cpu)
        return -1;
    xml_fill_drop(xml_child(cpu, "model"));
    if (is_cpu_mode(name))
        return xml_attr_set(cpu, "mode", name);
    if (xml_attr_set(cpu, "mode", "custom") < 0 || xml_fill_default(cpu, "match", "exact") < 0)
        return -1;
    return xml_add(cpu, "model", name) ? 0 : -1;
}

static int fill_cpu(const struct filling *f)
{
    return domain_xml_fill_cpu(f->root, f->d->accel.cpu);
}

static fill_fn *const fill_steps[] = {
    fill_identity,    fill_metadata,      fill_size,       fill_cpu,          domain_fill_disk,    domain_fill_seed,
    domain_fill_nics, domain_fill_serial, domain_fill_rng, domain_fill_agent, domain_fill_balloon,
};

/* ---- the door ---- */

/* What XML cannot hold, and what libvirt would read as something else, ends here: names were checked at the front door, so this
 * is for rows that something else wrote. */
static int check_texts(const struct virt_domain *d, struct err *e)
{
    const struct xml_fill_attr texts[] = { { "id", d->id },
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
    return domain_check_devices(d, e);
}

static int wrong_root(xmlNodePtr root, struct err *e)
{
    (void)err_set(e, ERR_TEMPLATE_INVALID, "the domain template is not a <domain> element");
    return err_detail(e, "templates/" DOMAIN_TEMPLATE ": the root element is <%s>, not <domain>",
                      root ? (const char *)root->name : "");
}

static int fill(xmlDocPtr doc, const struct domain_xml_host *host, const struct virt_domain *d, struct err *e)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    if (!root || strcmp((const char *)root->name, "domain") != 0)
        return wrong_root(root, e);
    struct filling f = { host, d, root, xml_fill_child(root, "devices") };
    if (!f.devices)
        return no_memory(e);
    if (host->refuses_user_network && domain_check_user_networks(&f, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(fill_steps); i++)
        if (fill_steps[i](&f) < 0)
            return no_memory(e);
    return 0;
}

int domain_xml_build(const struct domain_xml_host *host, const struct virt_domain *d, char **out, struct err *e)
{
    AUTO_FREE char *path = str_printf("%s/" DOMAIN_TEMPLATE, host->template_dir);
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
