/* The domain's XML: golden files (`make golden` writes them anew; read the diff), and texts that try to become elements. */
#include <stdio.h>

#include "unit.h"

#include "base/str.h"
#include "base/xml.h"
#include "virt/domain_xml.h"

#define GOLDEN    COMPUTED_SOURCE_DIR "/tests/golden/domain"
#define TEMPLATES COMPUTED_SOURCE_DIR "/templates"

static struct virt_domain plain_domain(void)
{
    return (struct virt_domain){ .id = "3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10",
                                 .name = "web-1",
                                 .project = "default",
                                 .job = "0b7d7c1e-4b51-4f0a-8f5e-52b0c9a3d111",
                                 .vcpus = 2,
                                 .memory_mib = 4096,
                                 .disk_path = "/var/lib/computed/instances/3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10/disk.qcow2",
                                 .console_path = "/var/lib/computed/instances/3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10/console.log",
                                 .image_path = "/var/lib/computed/images/9d1b7c1e-0b51-4f0a-8f5e-52b0c9a3d222.qcow2",
                                 .image_format = "qcow2",
                                 .accel = { VIRT_TYPE_KVM, "host-passthrough" } };
}

static struct domain_xml_host plain_host(const char *template_dir, const char *type)
{
    return (struct domain_xml_host){ .template_dir = template_dir, .domain_type = type, .has_dac = true, .has_filters = true };
}

static char *read_file(const char *path)
{
    char chunk[4096];
    AUTO_BUF text = { 0 };
    FILE *f = fopen(path, "re");
    size_t len;

    ck_assert_msg(f != NULL, "%s: missing; `make golden` makes it", path);
    while ((len = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&text, chunk, len);
    (void)fclose(f);
    return buf_take(&text);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static bool is_rewriting(void)
{
    return str_equal(getenv("COMPUTED_GOLDEN"), "write");
}

static void check_golden(const char *name, const char *text)
{
    AUTO_FREE char *path = str_printf(GOLDEN "/%s.xml", name);

    if (is_rewriting()) {
        write_file(path, text);
        return;
    }
    AUTO_FREE char *golden = read_file(path);
    ck_assert_str_eq(text, golden);
}

static char *built_on(const struct domain_xml_host *host, const struct virt_domain *d)
{
    struct err e = ERR_INIT;
    char *text = NULL;

    xml_init();
    unit_ok(domain_xml_build(host, d, &text, &e));
    return text;
}

static char *built(const char *template_dir, const char *type, const struct virt_domain *d)
{
    struct domain_xml_host host = plain_host(template_dir, type);

    return built_on(&host, d);
}

/* A template directory of its own for each text. */
static char *template_of(const char *text)
{
    char dir[] = "/tmp/computed-template-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(dir));
    AUTO_FREE char *path = str_printf("%s/domain.xml", dir);
    write_file(path, text);
    return str_dup(dir);
}

static void drop_template(const char *dir)
{
    AUTO_FREE char *path = str_printf("%s/domain.xml", dir);

    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(fills_our_template)
{
    struct virt_domain d = plain_domain();
    AUTO_FREE char *text = built(TEMPLATES, "kvm", &d);

    check_golden("default", text);
}
END_TEST

START_TEST(names_a_cpu_model)
{
    struct virt_domain d = plain_domain();

    (void)str_copy(d.accel.cpu, sizeof(d.accel.cpu), "qemu64");
    AUTO_FREE char *text = built(TEMPLATES, "qemu", &d);
    check_golden("cpu-model", text);
}
END_TEST

START_TEST(escapes_every_text)
{
    struct virt_domain d = plain_domain();

    d.name = "名前 & <b>\"x\"</b> ]]> &amp; 'y'";
    d.project = "</metadata>";
    d.disk_path = "/a b/<&>\"'/disk.qcow2";
    d.image_path = "/a b/<&>\"'/image.raw";
    d.image_format = "raw";
    d.accel.cpu[0] = '\0';
    AUTO_FREE char *text = built(TEMPLATES, "qemu", &d);
    check_golden("hostile-texts", text);
}
END_TEST

START_TEST(holds_the_longest_name)
{
    struct virt_domain d = plain_domain();
    char name[255 * 4 + 1];

    for (size_t i = 0; i < 255; i++)
        memcpy(name + 4 * i, "\xF0\x9F\x90\xA7", 4);
    name[255 * 4] = '\0';
    d.name = name;
    AUTO_FREE char *text = built(TEMPLATES, "qemu", &d);
    AUTO_XML doc = NULL;
    struct err e = ERR_INIT;
    unit_ok(xml_parse(text, strlen(text), &doc, &e));
    AUTO_FREE char *title = xml_content(xml_find(xmlDocGetRootElement(doc), "title"));
    ck_assert_str_eq(title, name);
}
END_TEST

START_TEST(adds_what_an_empty_template_lacks)
{
    struct virt_domain d = plain_domain();
    AUTO_FREE char *dir = template_of("<domain/>");
    AUTO_FREE char *text = built(dir, "qemu", &d);

    check_golden("empty-template", text);
    drop_template(dir);
}
END_TEST

START_TEST(keeps_what_is_the_administrators)
{
    struct virt_domain d = plain_domain();
    AUTO_FREE char *dir = template_of(
        "<domain type='xen'><name>mine</name><metadata><site:rack xmlns:site='urn:site'>7</site:rack>"
        "<computed:vm xmlns:computed='" VIRT_METADATA_NS "' id='forged'/></metadata>"
        "<memory>1</memory><currentMemory>1</currentMemory><vcpu placement='static' current='1'>9</vcpu>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os><cpu mode='custom'><model>486</model><topology sockets='1' "
        "cores='2' threads='1'/></cpu>"
        "<devices><disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
        "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' discard='ignore'/><source dev='/dev/sdz'/>"
        "<backingStore type='block'><format type='raw'/><source dev='/dev/sdy'/></backingStore>"
        "<target dev='sdb' bus='scsi'/></disk>"
        "<serial type='pty'><log file='/etc/passwd' append='off'/></serial><rng model='virtio-transitional'><backend "
        "model='builtin'/></rng>"
        "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel><memballoon model='none'/>"
        "<video><model type='virtio'/></video></devices></domain>");
    AUTO_FREE char *text = built(dir, "kvm", &d);

    check_golden("administrators-template", text);
    drop_template(dir);
}
END_TEST

static xmlNodePtr first_disk_of(const char *text, xmlDocPtr *doc)
{
    struct err e = ERR_INIT;

    unit_ok(xml_parse(text, strlen(text), doc, &e));
    return xml_find(xmlDocGetRootElement(*doc), "devices/disk");
}

START_TEST(names_no_security_model_that_the_host_lacks)
{
    struct virt_domain d = plain_domain();
    struct domain_xml_host host = plain_host(TEMPLATES, "kvm");
    AUTO_XML doc = NULL;

    host.has_dac = false;
    AUTO_FREE char *text = built_on(&host, &d);
    xmlNodePtr backing = xml_child(first_disk_of(text, &doc), "backingStore");
    ck_assert_ptr_nonnull(xml_child(backing, "source"));
    ck_assert_ptr_nonnull(xml_child(backing, "backingStore"));
    ck_assert_ptr_null(xml_find(backing, "source/seclabel"));
}
END_TEST

static const struct virt_nic two_nics[] = {
    { .network = "5b7d7c1e-4b51-4f0a-8f5e-52b0c9a3d333", .mac = "52:54:00:12:34:56", .ipv4 = "10.77.0.2" },
    { .network = "6b7d7c1e-4b51-4f0a-8f5e-52b0c9a3d444", .mac = "52:54:00:12:34:57" },
};
static const struct virt_nic user_nic = { .mac = "52:54:00:12:34:58" };
#define SEED "/var/lib/computed/instances/3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10/seed.iso"

START_TEST(puts_it_on_its_networks_with_its_seed)
{
    struct virt_domain d = plain_domain();

    d.seed_path = SEED;
    d.nics = two_nics;
    d.nic_count = ARRAY_LEN(two_nics);
    AUTO_FREE char *text = built(TEMPLATES, "kvm", &d);
    check_golden("nics-and-seed", text);
}
END_TEST

/* The administrator's own interface stays, behind the VM's; the seed goes where the disk is, and not before it. */
START_TEST(fits_nics_and_seed_into_the_administrators_devices)
{
    struct virt_domain d = plain_domain();
    AUTO_FREE char *dir = template_of(
        "<domain><os><type machine='q35'>hvm</type></os><devices><disk device='disk'><target dev='sdb' bus='sata'/></disk>"
        "<disk type='file' device='cdrom'><target dev='sdc' bus='usb'/></disk>"
        "<interface type='bridge'><source bridge='br0'/></interface><graphics type='vnc'/></devices></domain>");

    d.seed_path = SEED;
    d.nics = two_nics;
    d.nic_count = ARRAY_LEN(two_nics);
    AUTO_FREE char *text = built(dir, "kvm", &d);
    check_golden("nics-and-seed-in-a-template", text);
    drop_template(dir);
}
END_TEST

START_TEST(takes_user_networking_where_nothing_else_is)
{
    struct virt_domain d = plain_domain();

    d.nics = &user_nic;
    d.nic_count = 1;
    AUTO_FREE char *text = built(TEMPLATES, "kvm", &d);
    check_golden("user-nic", text);
}
END_TEST

START_TEST(names_no_filter_that_the_host_lacks)
{
    struct virt_domain d = plain_domain();
    struct domain_xml_host host = plain_host(TEMPLATES, "test");

    d.nics = two_nics;
    d.nic_count = 1;
    AUTO_FREE char *with = built_on(&host, &d);
    host.has_filters = false;
    AUTO_FREE char *without = built_on(&host, &d);
    ck_assert_ptr_nonnull(strstr(with, "filterref"));
    ck_assert_ptr_null(strstr(without, "filterref"));
    ck_assert_ptr_nonnull(strstr(without, "computed-5b7d7c1e-4b51-4f0a-8f5e-52b0c9a3d333"));
}
END_TEST

/* Whatever names the disks have, a seed is found and no name is used twice, or libvirt is left to say no. */
START_TEST(names_the_seed_after_the_disk)
{
    static const struct {
        const char *disks, *device, *dev, *bus;
    } cases[] = {
        { "", "disk", "vdb", "virtio" },
        { "<disk><target dev='vdc'/></disk><disk><target dev='vdd'/></disk>", "disk", "vde", "virtio" },
        { "<disk><target dev='sda' bus='scsi'/></disk>", "cdrom", "sdb", "scsi" },
        { "<disk><target dev='hda' bus='ide'/></disk><disk device='cdrom'><target dev='hdb' bus='ide'/></disk>", "cdrom", "hdc",
          "ide" },
        { "<disk><target dev='vdz'/></disk>", "disk", "vdz", "virtio" },
        { "<disk><target dev=''/></disk>", "disk", "", "virtio" },
        { "<disk><target dev='vd\xC3\xA9'/></disk>", "disk", "vd\xC3\xA9", "virtio" },
    };
    struct virt_domain d = plain_domain();

    d.seed_path = SEED;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *template = str_printf("<domain><devices>%s</devices></domain>", cases[i].disks);
        AUTO_FREE char *dir = template_of(template);
        AUTO_FREE char *text = built(dir, "qemu", &d);
        AUTO_XML doc = NULL;
        xmlNodePtr disk = first_disk_of(text, &doc), seed = disk;
        while ((disk = xml_next(disk, "disk")))
            seed = disk;
        AUTO_FREE char *device = xml_attr(seed, "device"), *file = xml_attr(xml_child(seed, "source"), "file");
        AUTO_FREE char *dev = xml_attr(xml_child(seed, "target"), "dev"), *bus = xml_attr(xml_child(seed, "target"), "bus");
        ck_assert_str_eq(file, SEED);
        ck_assert_str_eq(device, cases[i].device);
        ck_assert_str_eq(dev, cases[i].dev);
        ck_assert_str_eq(bus, cases[i].bus);
        drop_template(dir);
    }
}
END_TEST

START_TEST(names_no_backing_without_an_image)
{
    struct virt_domain d = plain_domain();
    AUTO_FREE char *dir = template_of(
        "<domain><devices><disk><backingStore type='file'><format type='raw'/></backingStore></disk></devices></domain>");
    AUTO_XML doc = NULL;

    d.image_path = NULL;
    AUTO_FREE char *text = built(dir, "qemu", &d);
    xmlNodePtr disk = first_disk_of(text, &doc);
    ck_assert_ptr_nonnull(xml_child(disk, "source"));
    ck_assert_ptr_null(xml_child(disk, "backingStore"));
    drop_template(dir);
}
END_TEST

START_TEST(refuses_user_networking_when_told_to)
{
    static const struct {
        const char *interface;
        bool is_refused;
    } cases[] = {
        { "<interface type='user'/>", true },
        { "<interface/>", true }, /* what libvirt takes for "user" */
        { "<interface type='user'><backend type='passt'/></interface>", true },
        { "<interface type='vhostuser'><backend type='passt'/></interface>", true },
        { "<interface type='network'><source network='user'/></interface>\n<interface type='user'/>", true },
        { "<interface type='network'><source network='user'/><backend tap='/dev/net/tun'/></interface>", false },
        { "", false },
    };
    struct virt_domain d = plain_domain();
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *template = str_printf("<domain><devices>%s</devices></domain>", cases[i].interface);
        AUTO_FREE char *dir = template_of(template);
        struct domain_xml_host host = plain_host(dir, "qemu");
        char *refused = NULL;
        AUTO_FREE char *taken = built_on(&host, &d);
        host.refuses_user_network = true;
        if (cases[i].is_refused) {
            unit_fails(domain_xml_build(&host, &d, &refused, &e), ERR_TEMPLATE_INVALID);
            ck_assert_ptr_nonnull(strstr(e.msg, "unix socket"));
            ck_assert_ptr_nonnull(strstr(e.detail, strchr(template, '\n') ? "domain.xml:2: " : "domain.xml:1: "));
        } else {
            AUTO_FREE char *same = built_on(&host, &d);
            ck_assert_str_eq(same, taken);
        }
        drop_template(dir);
    }
}
END_TEST

START_TEST(refuses_user_networking_of_the_vm_when_told_to)
{
    struct virt_domain d = plain_domain();
    struct domain_xml_host host = plain_host(TEMPLATES, "qemu");
    const struct virt_nic nics[] = { two_nics[0], user_nic };
    struct err e = ERR_INIT;
    char *text;

    xml_init();
    host.refuses_user_network = true;
    d.nics = nics;
    d.nic_count = 1;
    AUTO_FREE char *taken = built_on(&host, &d);
    ck_assert_ptr_nonnull(taken);
    d.nic_count = 2;
    unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_NOT_SUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.msg, "unix socket"));
    ck_assert_ptr_nonnull(strstr(e.msg, "without networks"));
}
END_TEST

START_TEST(refuses_a_template_with_file_and_reason)
{
    static const struct {
        const char *text, *detail;
    } cases[] = {
        { "<domain>\n<os></domain>", "domain.xml:2: " },
        { "<network/>", "<network>" },
        { "", "domain.xml" },
        { "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>&x;</domain>", "DTD" },
    };
    struct virt_domain d = plain_domain();
    struct err e = ERR_INIT;
    char *text;

    xml_init();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *dir = template_of(cases[i].text);
        struct domain_xml_host host = plain_host(dir, "qemu");
        unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_TEMPLATE_INVALID);
        ck_assert_msg(strstr(e.detail, cases[i].detail) != NULL, "%s", e.detail);
        ck_assert_ptr_null(strstr(e.msg, dir));
        drop_template(dir);
    }
    struct domain_xml_host nowhere = plain_host("/nowhere", "qemu");
    unit_fails(domain_xml_build(&nowhere, &d, &text, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "/nowhere/domain.xml"));
}
END_TEST

START_TEST(refuses_texts_that_xml_cannot_hold)
{
    struct err e = ERR_INIT;
    struct virt_domain d = plain_domain();
    struct domain_xml_host host = plain_host(TEMPLATES, "qemu");
    char *text;

    xml_init();
    d.name = "two\nlines";
    unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "name");
    d = plain_domain();
    d.disk_path = "relative.qcow2";
    unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_INVALID_FIELD);
    d = plain_domain();
    d.id = "../../etc/passwd";
    unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_INVALID_FIELD);
    d = plain_domain();
    d.image_path = "images/relative.qcow2";
    unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_INVALID_FIELD);
    d = plain_domain();
    d.image_format = "vmdk";
    unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "image_format");
}
END_TEST

START_TEST(refuses_devices_that_are_none)
{
    static const struct {
        const char *field;
        struct virt_nic nic;
        const char *seed;
    } cases[] = {
        { "network", { "default", "52:54:00:12:34:56", NULL }, NULL },
        { "mac", { NULL, NULL, NULL }, NULL },
        { "mac", { NULL, "01:00:5e:00:00:01", NULL }, NULL },
        { "mac", { NULL, "52:54:00:12:34:56'/>", NULL }, NULL },
        { "ipv4", { NULL, "52:54:00:12:34:56", "10.77.0.2/24" }, NULL },
        { "seed_path", { NULL, "52:54:00:12:34:56", NULL }, "seed.iso" },
        { "seed_path", { NULL, "52:54:00:12:34:56", NULL }, "/seed\n.iso" },
    };
    struct domain_xml_host host = plain_host(TEMPLATES, "qemu");
    struct virt_domain d = plain_domain();
    struct err e = ERR_INIT;
    char *text;

    xml_init();
    d.nic_count = 1;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        d.nics = &cases[i].nic;
        d.seed_path = cases[i].seed;
        unit_fails(domain_xml_build(&host, &d, &text, &e), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, cases[i].field);
    }
}
END_TEST

START_TEST(makes_the_tag_alone)
{
    struct err e = ERR_INIT;
    struct virt_domain d = plain_domain();
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *name = domain_xml_name(d.id);

    d.name = "<&\"'>";
    unit_ok(domain_xml_tag(&d, &text, &e));
    check_golden("tag", text);
    ck_assert_str_eq(name, "computed-3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10");
}
END_TEST

UNIT_MAIN("virt_domain_xml", fills_our_template, names_a_cpu_model, escapes_every_text, holds_the_longest_name,
          adds_what_an_empty_template_lacks, keeps_what_is_the_administrators, names_no_security_model_that_the_host_lacks,
          puts_it_on_its_networks_with_its_seed, fits_nics_and_seed_into_the_administrators_devices,
          takes_user_networking_where_nothing_else_is, names_no_filter_that_the_host_lacks, names_the_seed_after_the_disk,
          names_no_backing_without_an_image, refuses_user_networking_when_told_to, refuses_user_networking_of_the_vm_when_told_to,
          refuses_a_template_with_file_and_reason, refuses_texts_that_xml_cannot_hold, refuses_devices_that_are_none,
          makes_the_tag_alone)
