/* fuzz/domain_xml: any bytes as the texts of a VM, one a line: name, project, job, disk, console, CPU, image, seed, and an
 * interface's network, MAC and address. What is built parses back to the same name, the same disk, seed and interface and no more
 * of them, and no element that the template and the filling do not know. */
#include "virt/domain_xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "domain_elements.h"

#include "base/str.h"
#include "base/xml.h"

#define ID "3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { TEXTS = 11 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    xml_init();
    return 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_attr(xmlNodePtr node, const char *name, const char *value)
{
    AUTO_FREE char *text = xml_attr(node, name);

    require(str_equal(text, value));
}

/* Of an empty path there is none. */
static void check_seed(xmlNodePtr seed, const struct virt_domain *d)
{
    require(!seed == !d->seed_path);
    if (!seed)
        return;
    require_attr(xml_child(seed, "source"), "file", d->seed_path);
    require(xml_child(seed, "readonly") && !xml_next(seed, "disk"));
}

static void check_interface(xmlNodePtr interface, const struct virt_domain *d)
{
    require(!interface == !d->nic_count);
    if (!interface)
        return;
    require_attr(xml_child(interface, "mac"), "address", d->nics->mac);
    require(xml_child(interface, "source") && !xml_next(interface, "interface"));
    xmlNodePtr address = xml_find(interface, "filterref/parameter");
    require(!address == !d->nics->ipv4);
    if (address)
        require_attr(address, "value", d->nics->ipv4);
}

static void check(const char *text, const struct virt_domain *d)
{
    struct err e = ERR_INIT;
    AUTO_XML doc = NULL;

    require(xml_parse(text, strlen(text), &doc, &e) == 0);
    xmlNodePtr root = xmlDocGetRootElement(doc);
    AUTO_FREE char *title = xml_content(xml_child(root, "title"));
    xmlNodePtr disk = xml_find(root, "devices/disk");
    require(domain_elements_are_known(root));
    require(str_equal(title, d->name) && !xml_next(xml_child(root, "title"), "title"));
    require(disk);
    check_seed(xml_next(disk, "disk"), d);
    check_interface(xml_find(root, "devices/interface"), d);
    require_attr(xml_child(disk, "source"), "file", d->disk_path);
    require(!xml_child(disk, "backingStore") == !d->image_path);
    if (d->image_path)
        require_attr(xml_find(disk, "backingStore/source"), "file", d->image_path);
    require_attr(xml_find(root, "devices/serial/log"), "file", d->console_path);
    require_attr(xml_find(root, "metadata/vm"), "name", d->name);
    require_attr(xml_find(root, "metadata/vm"), "project", d->project);
}

/* Cuts the text at its lines: what is missing is "". */
static void split(char *text, char *lines[TEXTS])
{
    for (size_t i = 0; i < TEXTS; i++) {
        lines[i] = text;
        text += strcspn(text, "\n");
        if (*text != '\0')
            *text++ = '\0';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = size < 8192 ? strndup((const char *)data, size) : NULL;
    AUTO_FREE char *xml = NULL;
    AUTO_FREE char *tag = NULL;
    struct err e = ERR_INIT;
    char *lines[TEXTS];

    if (!text)
        return 0;
    split(text, lines);
    const struct virt_nic nic = { .network = lines[8], .mac = lines[9], .ipv4 = lines[10][0] ? lines[10] : NULL };
    struct virt_domain d = { .id = ID,
                             .name = lines[0],
                             .project = lines[1],
                             .job = lines[2],
                             .vcpus = 1,
                             .memory_mib = 64,
                             .disk_path = lines[3],
                             .console_path = lines[4],
                             .image_path = lines[6][0] ? lines[6] : NULL,
                             .image_format = "qcow2",
                             .seed_path = lines[7][0] ? lines[7] : NULL,
                             .nics = &nic,
                             .nic_count = lines[8][0] ? 1 : 0 };
    static const struct domain_xml_host host = { .template_dir = COMPUTED_SOURCE_DIR "/templates",
                                                 .domain_type = "qemu",
                                                 .has_dac = true,
                                                 .has_filters = true,
                                                 .refuses_user_network = true };
    (void)str_copy(d.accel.cpu, sizeof(d.accel.cpu), lines[5]);
    if (domain_xml_build(&host, &d, &xml, &e) == 0)
        check(xml, &d);
    else
        require(e.code == ERR_INVALID_FIELD && e.field[0] != '\0');
    if (domain_xml_tag(&d, &tag, &e) < 0)
        require(e.code == ERR_NO_MEMORY);
    return 0;
}
