/* What a guest reads of its seed, in both layouts. */
#include "../../src/core/seed_files.h"
#include "unit.h"

static struct err e = ERR_INIT;

#define KEY          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUVjTNXmWbCzoCcaTbGmEXRAK2ZiMXwMhUcxXOHOnbT me@there"
#define CLOUD_CONFIG "#cloud-config\n"
#define PHONE_HOME                                                                                                               \
    "{'phone_home':{'url':'http://10.77.0.1:8082/v1/phone-home/11111111-2222-4333-8444-555555555555/"                            \
    "fedcba9876543210fedcba9876543210','post':['instance_id'],'tries':5}}"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUVjTNXmWbCzoCcaTbGmEXRAK2ZiMXwMhUcxXOHOnbU"

static struct vm vm = {
    .id = "11111111-2222-4333-8444-555555555555",
    .name = (char *)"Web \"1\"",
    .hostname = "web-1",
    .project = "0123456789abcdef0123456789abcdef",
    .keypair = (char *)"me",
    .metadata = (char *)"{\"role\":\"front\"}",
};
static struct vm_seed seed = {
    .ssh_keys = (char *)"[\"" KEY "\",\"" OTHER "\"]",
    .user_data = (char *)"#!/bin/sh\n\0x",
    .user_data_len = 12,
    .token = "fedcba9876543210fedcba9876543210",
};

/* An isolated network, one that leads out, a second such, and user networking. */
static struct network isolated = { .id = "i", .name = (char *)"back", .kind = NETWORK_ISOLATED, .cidr = "10.5.0.0/29" },
                      out = { .id = "o", .name = (char *)"default", .kind = NETWORK_NAT, .cidr = "10.77.0.0/24" },
                      second = { .id = "s", .name = (char *)"more", .kind = NETWORK_NAT, .cidr = "10.77.1.0/24" },
                      user = { .id = "u", .name = (char *)"user", .kind = NETWORK_USER };
static struct port ports[] = {
    { .kind = NETWORK_ISOLATED, .mac = "52:54:00:00:00:01", .ipv4 = 0x0a050002 },
    { .kind = NETWORK_NAT, .mac = "52:54:00:00:00:02", .ipv4 = 0x0a4d0002 },
    { .kind = NETWORK_NAT, .mac = "52:54:00:00:00:03", .ipv4 = 0x0a4d0105 },
    { .kind = NETWORK_USER, .mac = "52:54:00:00:00:04" },
};
static struct network *networks[] = { &isolated, &out, &second, &user };
static struct port *port_pointers[] = { &ports[0], &ports[1], &ports[2], &ports[3] };

static struct vm_links links_from(size_t first, size_t count)
{
    return (struct vm_links){ .ports = { port_pointers + first, count }, .networks = { networks + first, count } };
}

static struct seed_facts facts_of(const struct vm_links *links, uint32_t guest_port)
{
    return (struct seed_facts){ .vm = &vm, .seed = &seed, .links = links, .guest_port = guest_port };
}

static const struct seed_file *find(const struct seed_files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->items[i].path, path) == 0)
            return &f->items[i];
    return NULL;
}

static void expect_bytes(const struct seed_files *f, const char *path, const void *data, size_t len)
{
    const struct seed_file *file = find(f, path);

    ck_assert_msg(file != NULL, "%s is missing", path);
    ck_assert_uint_eq(file->len, len);
    ck_assert_mem_eq(file->data, data, len);
}

/* `expected` is JSON in apostrophes for quotes; skip: so many bytes before the file's JSON. */
static void expect_json(const struct seed_files *f, const char *path, size_t skip, const char *expected)
{
    const struct seed_file *file = find(f, path);
    AUTO_FREE char *text = strdup(expected);
    AUTO_FREE char *is_text = NULL;
    AUTO_JSON is = NULL;
    AUTO_JSON wanted = NULL;

    ck_assert_msg(file != NULL, "%s is missing", path);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    unit_ok(json_parse(text, strlen(text), &wanted, &e));
    unit_ok(json_parse((const char *)file->data + skip, file->len - skip, &is, &e));
    is_text = json_text(is);
    ck_assert_msg(json_equal(is, wanted), "%s is %s", path, is_text);
}

START_TEST(nocloud_tells_all)
{
    struct vm_links links = links_from(0, 4);
    struct seed_facts facts = facts_of(&links, 8082);
    AUTO_SEED_FILES f = { .count = 0 };

    unit_ok(seed_nocloud(&facts, &f, &e));
    ck_assert_uint_eq(f.count, 4);
    expect_json(&f, "meta-data", 0,
                "{'instance-id':'11111111-2222-4333-8444-555555555555','local-hostname':'web-1',"
                "'public-keys':['" KEY "','" OTHER "']}");
    expect_bytes(&f, "user-data", seed.user_data, seed.user_data_len);
    expect_json(&f, "network-config", 0,
                "{'version':2,'ethernets':{"
                "'nic0':{'match':{'macaddress':'52:54:00:00:00:01'},'addresses':['10.5.0.2/29'],"
                "'nameservers':{'addresses':['10.5.0.1'],'search':['back.internal']}},"
                "'nic1':{'match':{'macaddress':'52:54:00:00:00:02'},'addresses':['10.77.0.2/24'],"
                "'routes':[{'to':'0.0.0.0/0','via':'10.77.0.1'}],"
                "'nameservers':{'addresses':['10.77.0.1'],'search':['default.internal']}},"
                "'nic2':{'match':{'macaddress':'52:54:00:00:00:03'},'addresses':['10.77.1.5/24'],"
                "'nameservers':{'addresses':['10.77.1.1'],'search':['more.internal']}},"
                "'nic3':{'match':{'macaddress':'52:54:00:00:00:04'},'dhcp4':true}}}");
    ck_assert_mem_eq(find(&f, "vendor-data")->data, CLOUD_CONFIG, strlen(CLOUD_CONFIG));
    expect_json(&f, "vendor-data", strlen(CLOUD_CONFIG), PHONE_HOME);
}
END_TEST

/* Readers without a YAML parser look for lines. */
START_TEST(each_thing_has_a_line)
{
    struct vm_links links = links_from(1, 1);
    struct seed_facts facts = facts_of(&links, 8082);
    AUTO_SEED_FILES f = { .count = 0 };
    AUTO_FREE char *text = NULL;

    unit_ok(seed_nocloud(&facts, &f, &e));
    text = strndup(find(&f, "meta-data")->data, find(&f, "meta-data")->len);
    ck_assert_ptr_nonnull(strstr(text, "\n \"instance-id\": \"11111111-2222-4333-8444-555555555555\",\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n \"local-hostname\": \"web-1\",\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  \"" KEY "\",\n  \"" OTHER "\"\n"));
}
END_TEST

START_TEST(nocloud_says_nothing_where_there_is_nothing)
{
    struct vm_links none = links_from(0, 0), one = links_from(1, 1), inside = links_from(0, 1), through_qemu = links_from(3, 1);
    struct seed_facts facts = facts_of(&none, 8082);
    struct vm_seed bare = { .ssh_keys = (char *)"[]" };
    AUTO_SEED_FILES f = { .count = 0 };

    facts.seed = &bare;
    unit_ok(seed_nocloud(&facts, &f, &e));
    ck_assert_uint_eq(f.count, 2);
    expect_bytes(&f, "user-data", "", 0);
    seed_files_done(&f);
    facts.links = &inside; /* nowhere to phone to */
    unit_ok(seed_nocloud(&facts, &f, &e));
    ck_assert_ptr_null(find(&f, "vendor-data"));
    seed_files_done(&f);
    facts.links = &through_qemu;
    unit_ok(seed_nocloud(&facts, &f, &e));
    ck_assert_ptr_null(find(&f, "vendor-data"));
    seed_files_done(&f);
    facts.links = &one;
    facts.guest_port = 0; /* nobody listens */
    unit_ok(seed_nocloud(&facts, &f, &e));
    ck_assert_ptr_null(find(&f, "vendor-data"));
}
END_TEST

START_TEST(a_config_drive_tells_all)
{
    struct vm_links links = links_from(0, 4);
    struct seed_facts facts = facts_of(&links, 8082);
    const struct seed_file *vendor;
    AUTO_SEED_FILES f = { .count = 0 };
    AUTO_JSON said = NULL;
    const char *config;

    unit_ok(seed_config_drive(&facts, &f, &e));
    ck_assert_uint_eq(f.count, 4);
    expect_json(&f, "openstack/latest/meta_data.json", 0,
                "{'uuid':'11111111-2222-4333-8444-555555555555','name':'Web \\'1\\'','hostname':'web-1',"
                "'project_id':'0123456789abcdef0123456789abcdef','meta':{'role':'front'},"
                "'public_keys':{'me':'" KEY "','key-1':'" OTHER "'},'keys':[{'name':'me','type':'ssh','data':'" KEY "'},"
                "{'name':'key-1','type':'ssh','data':'" OTHER "'}]}");
    expect_bytes(&f, "openstack/latest/user_data", seed.user_data, seed.user_data_len);
    expect_json(&f, "openstack/latest/network_data.json", 0,
                "{'links':[{'id':'nic0','type':'phy','ethernet_mac_address':'52:54:00:00:00:01'},"
                "{'id':'nic1','type':'phy','ethernet_mac_address':'52:54:00:00:00:02'},"
                "{'id':'nic2','type':'phy','ethernet_mac_address':'52:54:00:00:00:03'},"
                "{'id':'nic3','type':'phy','ethernet_mac_address':'52:54:00:00:00:04'}],"
                "'networks':[{'id':'nic0','link':'nic0','type':'ipv4','ip_address':'10.5.0.2','netmask':'255.255.255.248',"
                "'network_id':'i','routes':[],'services':[{'type':'dns','address':'10.5.0.1'}]},"
                "{'id':'nic1','link':'nic1','type':'ipv4','ip_address':'10.77.0.2','netmask':'255.255.255.0','network_id':'o',"
                "'routes':[{'network':'0.0.0.0','netmask':'0.0.0.0','gateway':'10.77.0.1'}],"
                "'services':[{'type':'dns','address':'10.77.0.1'}]},"
                "{'id':'nic2','link':'nic2','type':'ipv4','ip_address':'10.77.1.5','netmask':'255.255.255.0','network_id':'s',"
                "'routes':[],'services':[{'type':'dns','address':'10.77.1.1'}]},"
                "{'id':'nic3','link':'nic3','type':'ipv4_dhcp'}],"
                "'services':[{'type':'dns','address':'10.5.0.1'},{'type':'dns','address':'10.77.0.1'},"
                "{'type':'dns','address':'10.77.1.1'}]}");
    vendor = find(&f, "openstack/latest/vendor_data.json");
    ck_assert_ptr_nonnull(vendor);
    unit_ok(json_parse(vendor->data, vendor->len, &said, &e));
    config = json_string_value(json_object_get(said, "cloud-init"));
    ck_assert_ptr_nonnull(config);
    ck_assert_int_eq(strncmp(config, CLOUD_CONFIG, strlen(CLOUD_CONFIG)), 0);
    ck_assert_ptr_nonnull(strstr(config, "\"http://10.77.0.1:8082/v1/phone-home/"));
}
END_TEST

START_TEST(a_config_drive_can_be_bare)
{
    struct vm_links none = links_from(0, 0);
    struct seed_facts facts = facts_of(&none, 8082);
    struct vm_seed bare = { .ssh_keys = (char *)"[]" };
    struct vm plain = vm;
    AUTO_SEED_FILES f = { .count = 0 };

    plain.keypair = NULL;
    facts.vm = &plain;
    facts.seed = &bare;
    unit_ok(seed_config_drive(&facts, &f, &e));
    ck_assert_uint_eq(f.count, 1);
    expect_json(&f, "openstack/latest/meta_data.json", 0,
                "{'uuid':'11111111-2222-4333-8444-555555555555','name':'Web \\'1\\'','hostname':'web-1',"
                "'project_id':'0123456789abcdef0123456789abcdef','meta':{'role':'front'},'public_keys':{},'keys':[]}");
}
END_TEST

UNIT_MAIN("core_vm_seed", nocloud_tells_all, each_thing_has_a_line, nocloud_says_nothing_where_there_is_nothing,
          a_config_drive_tells_all, a_config_drive_can_be_bare)
