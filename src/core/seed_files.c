/* core/seed_files: what both layouts of a seed share, and NoCloud's files. JSON is YAML, so cloud-init reads jansson's; each
 * member has a line of its own for readers that are no YAML parsers. */
#include "seed_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "virt/network_xml.h"

enum { PHONE_HOME_TRIES = 5 };

void seed_files_done(struct seed_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free((void *)f->items[i].data);
    *f = (struct seed_files){ 0 };
}

int seed_add(struct seed_files *f, const char *path, const void *data, size_t len, struct err *e)
{
    AUTO_FREE void *copy = malloc(len > 0 ? len : 1);

    if (!copy)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (f->count == SEED_FILES_MAX)
        return err_set(e, ERR_INTERNAL, "a seed has too many files");
    if (len > 0)
        memcpy(copy, data, len);
    f->items[f->count++] = (struct seed_file){ path, TAKE(copy), len };
    return 0;
}

int seed_add_json(struct seed_files *f, const char *path, const json_t *j, struct err *e)
{
    AUTO_FREE char *text = j ? json_text_indented(j) : NULL;

    return text ? seed_add(f, path, text, strlen(text), e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- phoning home ---- */

bool seed_is_way_out(const struct vm_links *links, size_t i)
{
    for (size_t first = 0; first <= i; first++)
        if (links->networks.items[first]->kind == NETWORK_NAT)
            return first == i;
    return false;
}

static char *home_url(const struct seed_facts *facts, const struct network *n)
{
    struct network_range range;
    ipv4_text gateway;

    if (network_range(n, &range) < 0)
        return NULL;
    ipv4_format(range.gateway, gateway);
    return str_printf("http://%s:%u/v1/phone-home/%s/%s", gateway, facts->guest_port, facts->vm->id, facts->seed->token);
}

static int phone_home(const struct seed_facts *facts, const struct network *n, char **out, struct err *e)
{
    AUTO_FREE char *url = home_url(facts, n);
    AUTO_JSON j =
        url ? json_pack("{s:{s:s, s:[s], s:i}}", "phone_home", "url", url, "post", "instance_id", "tries", PHONE_HOME_TRIES)
            : NULL;
    AUTO_FREE char *text = j ? json_text_indented(j) : NULL;
    char *config = text ? str_printf("#cloud-config\n%s\n", text) : NULL;

    if (!config)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = config;
    return 0;
}

int seed_vendor_config(const struct seed_facts *facts, char **out, struct err *e)
{
    for (size_t i = 0; facts->guest_port != 0 && i < facts->links->ports.count; i++)
        if (seed_is_way_out(facts->links, i))
            return phone_home(facts, facts->links->networks.items[i], out, e);
    *out = NULL;
    return 0;
}

/* ---- NoCloud ---- */

static int add_meta_data(const struct seed_facts *facts, struct seed_files *out, struct err *e)
{
    AUTO_JSON keys = NULL;
    AUTO_JSON meta = NULL;

    if (json_parse(facts->seed->ssh_keys, strlen(facts->seed->ssh_keys), &keys, e) < 0)
        return -1;
    meta = json_pack("{s:s, s:s, s:O}", "instance-id", facts->vm->id, "local-hostname", facts->vm->hostname, "public-keys", keys);
    return seed_add_json(out, "meta-data", meta, e);
}

static int set_route(json_t *ethernet, const char *gateway)
{
    return json_object_set_new(ethernet, "routes", json_pack("[{s:s, s:s}]", "to", "0.0.0.0/0", "via", gateway));
}

static int set_address(json_t *ethernet, const struct vm_links *links, size_t i)
{
    const struct network *n = links->networks.items[i];
    struct network_range range;
    ipv4_text gateway, own;
    char domain[64];
    AUTO_FREE char *address = NULL;

    if (network_range(n, &range) < 0)
        return -1;
    ipv4_format(range.gateway, gateway);
    ipv4_format(links->ports.items[i]->ipv4, own);
    network_xml_domain(n->name, domain);
    address = str_printf("%s/%u", own, range.cidr.prefix);
    if (!address || json_object_set_new(ethernet, "addresses", json_pack("[s]", address)) < 0 ||
        json_object_set_new(ethernet, "nameservers", json_pack("{s:[s], s:[s]}", "addresses", gateway, "search", domain)) < 0)
        return -1;
    return seed_is_way_out(links, i) ? set_route(ethernet, gateway) : 0;
}

static int add_ethernet(json_t *ethernets, const struct vm_links *links, size_t i)
{
    const struct port *p = links->ports.items[i];
    AUTO_FREE char *name = str_printf("nic%zu", i);
    AUTO_JSON j = json_pack("{s:{s:s}}", "match", "macaddress", p->mac);

    if (!name || !j || (p->kind == NETWORK_USER ? json_object_set_new(j, "dhcp4", json_true()) : set_address(j, links, i)) < 0)
        return -1;
    return json_object_set(ethernets, name, j);
}

static int add_network_config(const struct vm_links *links, struct seed_files *out, struct err *e)
{
    AUTO_JSON config = json_pack("{s:i, s:{}}", "version", 2, "ethernets");

    if (links->ports.count == 0)
        return 0;
    for (size_t i = 0; i < links->ports.count; i++)
        if (!config || add_ethernet(json_object_get(config, "ethernets"), links, i) < 0)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    return seed_add_json(out, "network-config", config, e);
}

int seed_nocloud(const struct seed_facts *facts, struct seed_files *out, struct err *e)
{
    AUTO_SEED_FILES f = { .count = 0 };
    AUTO_FREE char *vendor = NULL;

    if (add_meta_data(facts, &f, e) < 0 || seed_add(&f, "user-data", facts->seed->user_data, facts->seed->user_data_len, e) < 0 ||
        add_network_config(facts->links, &f, e) < 0 || seed_vendor_config(facts, &vendor, e) < 0)
        return -1;
    if (vendor && seed_add(&f, "vendor-data", vendor, strlen(vendor), e) < 0)
        return -1;
    *out = f;
    f.count = 0;
    return 0;
}
