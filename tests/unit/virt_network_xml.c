/* The XML of networks and of the filter: golden files (`make golden` writes them anew; read the diff), texts that try to become
 * elements, and the updates that bring a host's entries in and out. */
#include <stdio.h>

#include "../../src/virt/network_read.h"
#include "unit.h"

#include "base/str.h"
#include "base/xml.h"
#include "model/network.h"
#include "virt/domain_xml.h"
#include "virt/network_xml.h"

#define GOLDEN    COMPUTED_SOURCE_DIR "/tests/golden/network"
#define TEMPLATES COMPUTED_SOURCE_DIR "/templates"
#define ID        "3f0c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10"
#define MAC       "52:54:00:7b:35:93"

static struct err e;
static const struct virt_lease lease = { MAC, "10.77.3.5", "web" };

static struct virt_network plain_network(void)
{
    return (struct virt_network){ .id = ID,
                                  .name = "default",
                                  .project = "0b7d7c1e4b514f0a8f5e52b0c9a3d111",
                                  .bridge = "cpt3f0c4a52",
                                  .cidr = { 0x0a4d0300, 29 },
                                  .gateway = 0x0a4d0301 };
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

static void check_golden(const char *name, const char *text)
{
    AUTO_FREE char *path = str_printf(GOLDEN "/%s.xml", name);

    if (str_equal(getenv("COMPUTED_GOLDEN"), "write")) {
        write_file(path, text);
        return;
    }
    AUTO_FREE char *golden = read_file(path);
    ck_assert_str_eq(text, golden);
}

static char *built(const char *template_dir, const struct virt_network *n)
{
    char *text = NULL;

    xml_init();
    unit_ok(network_xml_build(template_dir, n, &text, &e));
    return text;
}

/* A template directory of its own for each text. */
static char *template_of(const char *file, const char *text)
{
    char dir[] = "/tmp/computed-template-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(dir));
    AUTO_FREE char *path = str_printf("%s/%s", dir, file);
    write_file(path, text);
    return str_dup(dir);
}

static void drop_template(const char *dir, const char *file)
{
    AUTO_FREE char *path = str_printf("%s/%s", dir, file);

    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

/* ---- the network ---- */

START_TEST(fills_our_template)
{
    struct virt_network n = plain_network();
    AUTO_FREE char *text = built(TEMPLATES, &n);
    AUTO_FREE char *tag = network_read_tag(text);
    AUTO_FREE char *name = network_xml_name(ID);

    check_golden("nat", text);
    ck_assert_str_eq(tag, ID);
    ck_assert_str_eq(name, "computed-" ID);
}
END_TEST

START_TEST(isolates)
{
    struct virt_network n = plain_network();

    n.is_isolated = true;
    AUTO_FREE char *text = built(TEMPLATES, &n);
    check_golden("isolated", text);
}
END_TEST

START_TEST(escapes_every_text)
{
    struct virt_network n = plain_network();

    n.name = "名前 & <b>\"x\"</b> ]]> &amp; 'y'";
    n.project = "</metadata>";
    AUTO_FREE char *text = built(TEMPLATES, &n);
    AUTO_FREE char *tag = network_read_tag(text);
    check_golden("hostile-texts", text);
    ck_assert_str_eq(tag, ID);
}
END_TEST

static size_t count_hosts(const struct virt_network *n, const char *first, const char *last)
{
    AUTO_FREE char *text = built(TEMPLATES, n);
    size_t count = 0;

    ck_assert_ptr_nonnull(strstr(text, first));
    ck_assert_ptr_nonnull(strstr(text, last));
    for (const char *at = text; (at = strstr(at, "<host mac=\"02:3f:0c:4a:")); at++)
        count++;
    return count;
}

START_TEST(writes_the_pairs_of_all_or_of_the_first_addresses)
{
    struct virt_network n = plain_network();

    n.cidr.prefix = 24;
    ck_assert_uint_eq(count_hosts(&n, "\"02:3f:0c:4a:03:02\" ip=\"10.77.3.2\"", "\"02:3f:0c:4a:03:fe\" ip=\"10.77.3.254\""), 253);
    n.cidr = (struct cidr){ 0x0a4d0000, 16 };
    ck_assert_uint_eq(count_hosts(&n, "\"02:3f:0c:4a:00:02\" ip=\"10.77.0.2\"", "\"02:3f:0c:4a:03:fe\" ip=\"10.77.3.254\""),
                      NETWORK_PREWRITTEN_MAX);
}
END_TEST

START_TEST(adds_what_an_empty_template_lacks)
{
    struct virt_network n = plain_network();
    AUTO_FREE char *dir = template_of("network.xml", "<network/>");
    AUTO_FREE char *text = built(dir, &n);

    check_golden("empty-template", text);
    drop_template(dir, "network.xml");
}
END_TEST

START_TEST(keeps_what_is_the_administrators)
{
    struct virt_network n = plain_network();
    AUTO_FREE char *dir = template_of(
        "network.xml", "<network><name>mine</name><uuid>1</uuid><metadata><site:rack xmlns:site='urn:site'>7</site:rack>"
                       "<computed:network xmlns:computed='" VIRT_METADATA_NS "' id='forged'/></metadata>"
                       "<forward mode='open' dev='eth7'/><bridge name='br0' stp='on' zone='lab'/><mtu size='9000'/>"
                       "<domain name='lab' localOnly='no'/><dns><forwarder addr='192.0.2.1'/></dns>"
                       "<ip address='192.168.1.1' netmask='255.255.0.0'><tftp root='/srv/tftp'/><dhcp>"
                       "<range start='192.168.1.2' end='192.168.1.9'/><host mac='52:54:00:00:00:01' ip='192.168.1.3'/>"
                       "<bootp file='pxe.0'/></dhcp></ip></network>");
    AUTO_FREE char *text = built(dir, &n);

    check_golden("administrators-template", text);
    drop_template(dir, "network.xml");
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
    struct virt_network n = plain_network();
    AUTO_FREE char *dir = template_of("network.xml", "<domain/>");
    char *text;

    xml_init();
    unit_fails(network_xml_build(dir, &n, &text, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "network.xml"));
    drop_template(dir, "network.xml");
    unit_fails(network_xml_build("/nowhere", &n, &text, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_null(strstr(e.msg, "/nowhere"));
    n.name = "two\nlines";
    unit_fails(network_xml_build(TEMPLATES, &n, &text, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "name");
    n = plain_network();
    n.id = "../../etc/passwd";
    unit_fails(network_xml_build(TEMPLATES, &n, &text, &e), ERR_INVALID_FIELD);
    n = plain_network();
    n.gateway = 0x0a4d0401;
    unit_fails(network_xml_build(TEMPLATES, &n, &text, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "gateway");
}
END_TEST

START_TEST(makes_a_domain_of_every_name)
{
    static const char longest[] = "a123456789b123456789c123456789d123456789e123456789f1234";
    static const struct {
        const char *name, *domain;
    } cases[] = {
        { "default", "default.internal" },
        { "My_Net.2", "my-net-2.internal" },
        { "-a--b-", "a-b.internal" },
        { "名前", "network.internal" },
        { "", "network.internal" },
        { longest, "a123456789b123456789c123456789d123456789e123456789f123.internal" },
        { "a123456789b123456789c123456789d123456789e123456789f12.xyz",
          "a123456789b123456789c123456789d123456789e123456789f12x.internal" },
    };
    char domain[NETWORK_DOMAIN_LEN + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        network_xml_domain(cases[i].name, domain);
        ck_assert_str_eq(domain, cases[i].domain);
    }
}
END_TEST

/* ---- the filter ---- */

START_TEST(names_the_filter)
{
    AUTO_FREE char *text = NULL, *with_uuid = NULL;
    AUTO_FREE char *dir = template_of("nwfilter.xml", "<filter name='x'><uuid>mine</uuid></filter>");

    xml_init();
    unit_ok(network_xml_filter(TEMPLATES, NULL, &text, &e));
    check_golden("filter", text);
    unit_ok(network_xml_filter(dir, ID, &with_uuid, &e));
    ck_assert_ptr_nonnull(strstr(with_uuid, "<uuid>" ID "</uuid>"));
    ck_assert_ptr_nonnull(strstr(with_uuid, "name=\"" VIRT_FILTER_NAME "\""));
    ck_assert_ptr_null(strstr(with_uuid, "mine"));
    drop_template(dir, "nwfilter.xml");
}
END_TEST

START_TEST(knows_the_same_filter)
{
    static const char ours[] = "<filter name='f' chain='root'><!-- why --><rule action='drop' direction='out'><mac/></rule>"
                               "<rule action='accept' direction='in'><ip srcipaddr='$IP'/></rule></filter>";
    static const struct {
        const char *text;
        bool is_same;
    } cases[] = {
        { ours, true },
        { "<filter chain='root' name='f'>\n<uuid>u</uuid><rule direction='out' action='drop'>\n<mac/></rule>"
          "<rule action='accept' direction='in'><ip srcipaddr='$IP'/></rule></filter>",
          true },
        { "<filter name='f' chain='root'><rule action='drop' direction='out'><mac/></rule></filter>", false },
        { "<filter name='f' chain='root'><rule action='accept' direction='in'><ip srcipaddr='$IP'/></rule>"
          "<rule action='drop' direction='out'><mac/></rule></filter>",
          false },
        { "<filter name='f' chain='root'><rule action='drop' direction='out'><mac/></rule>"
          "<rule action='accept' direction='in'><ip srcipaddr='$IQ'/></rule></filter>",
          false },
        { "<filter name='f' chain='root'><rule action='drop' direction='out'><mac/></rule>"
          "<rule action='accept' direction='in' priority='1'><ip srcipaddr='$IP'/></rule></filter>",
          false },
        { "<filter name='f' chain='root'><rule action='drop' direction='out'><arp/></rule>"
          "<rule action='accept' direction='in'><ip srcipaddr='$IP'/></rule></filter>",
          false },
        { "no xml", false },
    };

    xml_init();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_msg(network_xml_same_filter(ours, cases[i].text) == cases[i].is_same, "case %zu", i);
        ck_assert_msg(network_xml_same_filter(cases[i].text, ours) == cases[i].is_same, "case %zu, turned round", i);
    }
}
END_TEST

/* ---- what is there ---- */

START_TEST(trusts_no_other_tag)
{
    static const char *const untagged[] = {
        "no xml",
        "<network/>",
        "<network><metadata><network id='" ID "'/></metadata></network>",
        "<network><metadata><network xmlns='urn:other' id='" ID "'/></metadata></network>",
        "<network><metadata><vm xmlns='" VIRT_METADATA_NS "' id='" ID "'/></metadata></network>",
        "<network><metadata><network xmlns='" VIRT_METADATA_NS "'/></metadata></network>",
    };

    xml_init();
    for (size_t i = 0; i < ARRAY_LEN(untagged); i++)
        ck_assert_msg(network_read_tag(untagged[i]) == NULL, "case %zu", i);
}
END_TEST

START_TEST(reads_ranges)
{
    static const char text[] = "<network><ip address='192.168.122.1' netmask='255.255.255.0'/><ip family='ipv6' "
                               "address='fd00::1' prefix='64'/><ip address='10.1.2.3' prefix='20'/><ip address='10.1.2.3'/>"
                               "<ip address='10.1.2.3' prefix='33'/><ip/><route address='172.20.0.0' prefix='16' "
                               "gateway='192.168.122.7'/></network>";
    static const char *const expected[] = { "192.168.122.0/24", "10.1.0.0/20", "172.20.0.0/16" };
    AUTO_CIDRS found = { 0 };
    cidr_text range;

    xml_init();
    unit_ok(network_read_cidrs(text, &found, &e));
    unit_ok(network_read_cidrs("no xml", &found, &e));
    ck_assert_uint_eq(found.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < found.count; i++) {
        cidr_format(found.items[i], range);
        ck_assert_str_eq(range, expected[i]);
    }
    unit_fails(cidrs_check_free(&found, (struct cidr){ 0x0a010f00, 24 }, &e), ERR_CIDR_TAKEN);
    ck_assert_ptr_nonnull(strstr(e.detail, "10.1.0.0/20"));
    unit_ok(cidrs_check_free(&found, (struct cidr){ 0x0a011000, 24 }, &e));
}
END_TEST

/* ---- edits ---- */

typedef int plan_fn(const char *, const struct virt_lease *, struct network_edits *, struct err *);

static void check_edits_for(const struct virt_lease *h, const char *name, plan_fn *plan, const char *inside)
{
    static const char *const sections[] = { [NETWORK_DHCP_HOST] = "dhcp", [NETWORK_DNS_HOST] = "dns" };
    AUTO_FREE char *text = str_printf("<network><uuid>" ID "</uuid><domain name='default.internal'/>%s</network>", inside);
    AUTO_NETWORK_EDITS edits = { 0 };
    AUTO_BUF all = { 0 };

    xml_init();
    unit_ok(plan(text, h, &edits, &e));
    for (size_t i = 0; i < edits.count; i++)
        buf_addf(&all, "<!-- %s %s -->\n%s", edits.items[i].is_deletion ? "delete" : "add", sections[edits.items[i].section],
                 edits.items[i].xml);
    check_golden(name, all.data ? all.data : "");
}

static void check_edits(const char *name, plan_fn *plan, const char *inside)
{
    check_edits_for(&lease, name, plan, inside);
}

START_TEST(adds_a_host)
{
    check_edits("add-first", network_plan_add, "<ip address='10.77.3.1' prefix='24'/>");
    check_edits("add-another", network_plan_add,
                "<dns><host ip='10.77.3.6'><hostname>other</hostname></host></dns><ip address='10.77.3.1' prefix='24'>"
                "<dhcp><host mac='52:54:00:00:00:06' name='other' ip='10.77.3.6'/></dhcp></ip>");
}
END_TEST

START_TEST(adds_nothing_twice)
{
    check_edits("none", network_plan_add,
                "<dns><host ip='10.77.3.5'><hostname>web</hostname><hostname>web.default.internal</hostname></host></dns>"
                "<ip address='10.77.3.1' prefix='24'><dhcp><host mac='" MAC "' name='web' ip='10.77.3.5'>"
                "<lease expiry='600' unit='seconds'/></host></dhcp></ip>");
    check_edits("none", network_plan_remove, "<ip address='10.77.3.1' prefix='24'/>");
}
END_TEST

/* Another name in DHCP, as an earlier version wrote it, is no reason for the slow update. */
START_TEST(leaves_dhcp_alone_when_the_pair_is_there)
{
    check_edits("add-dns", network_plan_add,
                "<ip address='10.77.3.1' prefix='24'><dhcp><host mac='" MAC "' ip='10.77.3.5'/></dhcp></ip>");
    check_edits("add-dns", network_plan_add,
                "<ip address='10.77.3.1' prefix='24'><dhcp><host mac='" MAC "' name='old' ip='10.77.3.5'/></dhcp></ip>");
}
END_TEST

START_TEST(removes_no_pair_that_was_there_from_the_beginning)
{
    static const struct virt_lease prewritten = { "02:3f:0c:4a:03:05", "10.77.3.5", "web" };
    static const char names[] = "<dns><host ip='10.77.3.5'><hostname>web</hostname></host></dns>";
    static const struct {
        const char *golden, *prefix, *ip;
    } cases[] = {
        { "remove-dns", "24", "10.77.3.5" },
        { "remove-dns", "16", "10.77.3.5" },
        { "remove-beyond", "30", "10.77.3.5" },
        { "remove-strayed", "24", "10.77.3.6" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *inside = str_printf("%s<ip address='10.77.3.1' prefix='%s'><dhcp><host mac='%s' ip='%s'/></dhcp></ip>",
                                            names, cases[i].prefix, prewritten.mac, cases[i].ip);
        check_edits_for(&prewritten, cases[i].golden, network_plan_remove, inside);
    }
}
END_TEST

START_TEST(knows_what_was_there_from_the_beginning)
{
    static const struct {
        const char *cidr, *mac, *ipv4;
        bool is_prewritten;
    } cases[] = {
        { "10.77.0.0/16", "02:3f:0c:4a:00:02", "10.77.0.2", true },
        { "10.77.0.0/16", "02:3F:0C:4A:00:02", "10.77.0.2", true },
        { "10.77.0.0/16", "02:3f:0c:4a:03:fe", "10.77.3.254", true },
        { "10.77.0.0/16", "02:3f:0c:4a:03:ff", "10.77.3.255", false },
        { "10.77.0.0/16", "02:3f:0c:4a:00:01", "10.77.0.1", false },
        { "10.77.0.0/16", "02:3f:0c:4a:00:02", "10.77.0.3", false },
        { "10.77.0.0/16", "02:3f:0c:4b:00:02", "10.77.0.2", false },
        { "10.77.0.0/29", "02:3f:0c:4a:00:06", "10.77.0.6", true },
        { "10.77.0.0/29", "02:3f:0c:4a:00:07", "10.77.0.7", false },
        { "10.77.0.0/31", "02:3f:0c:4a:00:00", "10.77.0.0", false },
        { "10.77.0.0/24", "02:3f:0c:4a:00:02", "fd00::2", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr c;
        ck_assert_int_eq(cidr_parse(cases[i].cidr, &c), 0);
        ck_assert_msg(network_is_prewritten(ID, c, cases[i].mac, cases[i].ipv4) == cases[i].is_prewritten, "case %zu", i);
    }
}
END_TEST

START_TEST(replaces_entries_of_the_same_mac_address_or_name)
{
    check_edits(
        "add-replaces", network_plan_add,
        "<dns><host ip='10.77.3.5'><hostname>old</hostname></host><host ip='10.77.3.7'><hostname>WEB</hostname></host>"
        "<host ip='10.77.3.8'><hostname>web.default.internal</hostname></host>"
        "<host ip='10.77.3.9'><hostname>other</hostname></host></dns>"
        "<ip address='10.9.9.1' prefix='24'/><ip address='10.77.3.1' prefix='24'><dhcp>"
        "<host mac='52:54:00:7B:35:93' ip='10.77.3.6'/><host mac='52:54:00:00:00:01' name='old' ip='10.77.3.5'/>"
        "<host mac='52:54:00:00:00:02' name='web' ip='10.77.3.7'/><host mac='52:54:00:00:00:03' name='other' ip='10.77.3.9'/>"
        "</dhcp></ip>");
}
END_TEST

START_TEST(removes_its_own_entries_only)
{
    check_edits("remove", network_plan_remove,
                "<dns><host ip='10.77.3.5'><hostname>web</hostname><hostname>web.default.internal</hostname></host>"
                "<host ip='10.77.3.6'><hostname>other</hostname></host></dns><ip address='10.77.3.1' prefix='24'><dhcp>"
                "<host mac='" MAC "' name='web' ip='10.77.3.5'/><host mac='52:54:00:00:00:06' name='other' ip='10.77.3.6'/>"
                "</dhcp></ip>");
    check_edits("none", network_plan_remove,
                "<dns><host ip='10.77.3.5'><hostname>heir</hostname></host></dns><ip address='10.77.3.1' prefix='24'><dhcp>"
                "<host mac='52:54:00:00:00:06' name='heir' ip='10.77.3.5'/></dhcp></ip>");
}
END_TEST

START_TEST(plans_nothing_for_what_is_no_xml)
{
    struct network_edits edits;

    xml_init();
    unit_fails(network_plan_add("no xml", &lease, &edits, &e), ERR_HYPERVISOR);
}
END_TEST

UNIT_MAIN("virt_network_xml", fills_our_template, isolates, escapes_every_text, writes_the_pairs_of_all_or_of_the_first_addresses,
          adds_what_an_empty_template_lacks, keeps_what_is_the_administrators, refuses_what_cannot_be,
          makes_a_domain_of_every_name, names_the_filter, knows_the_same_filter, trusts_no_other_tag, reads_ranges, adds_a_host,
          adds_nothing_twice, leaves_dhcp_alone_when_the_pair_is_there, removes_no_pair_that_was_there_from_the_beginning,
          knows_what_was_there_from_the_beginning, replaces_entries_of_the_same_mac_address_or_name, removes_its_own_entries_only,
          plans_nothing_for_what_is_no_xml)
