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
                                 .accel = { VIRT_TYPE_KVM, "host-passthrough" } };
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

static char *built(const char *template_dir, const char *type, const struct virt_domain *d)
{
    struct err e = ERR_INIT;
    char *text = NULL;

    xml_init();
    unit_ok(domain_xml_build(template_dir, type, d, &text, &e));
    return text;
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
        unit_fails(domain_xml_build(dir, "qemu", &d, &text, &e), ERR_TEMPLATE_INVALID);
        ck_assert_msg(strstr(e.detail, cases[i].detail) != NULL, "%s", e.detail);
        ck_assert_ptr_null(strstr(e.msg, dir));
        drop_template(dir);
    }
    unit_fails(domain_xml_build("/nowhere", "qemu", &d, &text, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "/nowhere/domain.xml"));
}
END_TEST

START_TEST(refuses_texts_that_xml_cannot_hold)
{
    struct err e = ERR_INIT;
    struct virt_domain d = plain_domain();
    char *text;

    xml_init();
    d.name = "two\nlines";
    unit_fails(domain_xml_build(TEMPLATES, "qemu", &d, &text, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "name");
    d = plain_domain();
    d.disk_path = "relative.qcow2";
    unit_fails(domain_xml_build(TEMPLATES, "qemu", &d, &text, &e), ERR_INVALID_FIELD);
    d = plain_domain();
    d.id = "../../etc/passwd";
    unit_fails(domain_xml_build(TEMPLATES, "qemu", &d, &text, &e), ERR_INVALID_FIELD);
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
          adds_what_an_empty_template_lacks, keeps_what_is_the_administrators, refuses_a_template_with_file_and_reason,
          refuses_texts_that_xml_cannot_hold, makes_the_tag_alone)
