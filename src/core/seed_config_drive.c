/* core/seed_config_drive: a seed in the layout of OpenStack's config drive, as its metadata service would say it. */
#include <string.h>

#include "seed_files.h"

#include "base/json.h"
#include "base/str.h"

#define FOLDER "openstack/latest/"

/* ---- meta_data.json ---- */

/* The first is the keypair's, under its name, when the VM has one; the others have none. */
static char *key_name(const struct vm *vm, size_t i)
{
    return i == 0 && vm->keypair ? str_dup(vm->keypair) : str_printf("key-%zu", i);
}

static int add_key(json_t *public_keys, json_t *keys, const char *name, json_t *line)
{
    if (!name || json_object_set(public_keys, name, line) < 0)
        return -1;
    return json_array_append_new(keys, json_pack("{s:s, s:s, s:O}", "name", name, "type", "ssh", "data", line));
}

/* public_keys {name: line} for old readers, keys [{name, type, data}] for new ones. */
static int fill_keys(json_t *meta, const struct seed_facts *facts, struct err *e)
{
    AUTO_JSON lines = NULL;
    json_t *line;
    size_t i;

    if (json_parse(facts->seed->ssh_keys, strlen(facts->seed->ssh_keys), &lines, e) < 0)
        return -1;
    json_array_foreach(lines, i, line)
    {
        AUTO_FREE char *name = key_name(facts->vm, i);

        if (add_key(json_object_get(meta, "public_keys"), json_object_get(meta, "keys"), name, line) < 0)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

static int add_meta_data(const struct seed_facts *facts, struct seed_files *out, struct err *e)
{
    const struct vm *vm = facts->vm;
    AUTO_JSON metadata = NULL;
    AUTO_JSON meta = NULL;

    if (json_parse(vm->metadata, strlen(vm->metadata), &metadata, e) < 0)
        return -1;
    meta = json_pack("{s:s, s:s, s:s, s:s, s:O, s:{}, s:[]}", "uuid", vm->id, "name", vm->name, "hostname", vm->hostname,
                     "project_id", vm->project, "meta", metadata, "public_keys", "keys");
    if (!meta)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return fill_keys(meta, facts, e) < 0 ? -1 : seed_add_json(out, FOLDER "meta_data.json", meta, e);
}

/* ---- network_data.json ---- */

static json_t *link_of(const struct port *p, const char *id)
{
    return json_pack("{s:s, s:s, s:s}", "id", id, "type", "phy", "ethernet_mac_address", p->mac);
}

static json_t *dns(const char *gateway)
{
    return json_pack("{s:s, s:s}", "type", "dns", "address", gateway);
}

static json_t *static_network(const struct vm_links *links, size_t i, const char *id)
{
    struct network_range range;
    ipv4_text own, gateway, mask;
    json_t *routes;

    if (network_range(links->networks.items[i], &range) < 0)
        return NULL;
    ipv4_format(links->ports.items[i]->ipv4, own);
    ipv4_format(range.gateway, gateway);
    ipv4_format(~(cidr_last(range.cidr) ^ range.cidr.base), mask);
    routes = seed_is_way_out(links, i)
                 ? json_pack("[{s:s, s:s, s:s}]", "network", "0.0.0.0", "netmask", "0.0.0.0", "gateway", gateway)
                 : json_array();
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:[o]}", "id", id, "link", id, "type", "ipv4", "ip_address", own,
                     "netmask", mask, "network_id", links->networks.items[i]->id, "routes", routes, "services", dns(gateway));
}

static json_t *network_of(const struct vm_links *links, size_t i, const char *id)
{
    if (links->ports.items[i]->kind == NETWORK_USER)
        return json_pack("{s:s, s:s, s:s}", "id", id, "link", id, "type", "ipv4_dhcp");
    return static_network(links, i, id);
}

/* Into links, networks and services; the servers stand there once more, for readers that look nowhere else. */
static int describe(json_t *all, const struct vm_links *links, size_t i)
{
    AUTO_FREE char *id = str_printf("nic%zu", i);
    struct network_range range;
    ipv4_text gateway;

    if (!id || json_array_append_new(json_object_get(all, "links"), link_of(links->ports.items[i], id)) < 0 ||
        json_array_append_new(json_object_get(all, "networks"), network_of(links, i, id)) < 0)
        return -1;
    if (network_range(links->networks.items[i], &range) < 0)
        return 0;
    ipv4_format(range.gateway, gateway);
    return json_array_append_new(json_object_get(all, "services"), dns(gateway));
}

static int add_network_data(const struct vm_links *links, struct seed_files *out, struct err *e)
{
    AUTO_JSON all = json_pack("{s:[], s:[], s:[]}", "links", "networks", "services");

    if (links->ports.count == 0)
        return 0;
    for (size_t i = 0; i < links->ports.count; i++)
        if (!all || describe(all, links, i) < 0)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    return seed_add_json(out, FOLDER "network_data.json", all, e);
}

/* ---- the others ---- */

static int add_user_data(const struct vm_seed *seed, struct seed_files *out, struct err *e)
{
    return seed->user_data ? seed_add(out, FOLDER "user_data", seed->user_data, seed->user_data_len, e) : 0;
}

static int add_vendor_data(const struct seed_facts *facts, struct seed_files *out, struct err *e)
{
    AUTO_FREE char *config = NULL;
    AUTO_JSON vendor = NULL;

    if (seed_vendor_config(facts, &config, e) < 0)
        return -1;
    if (!config)
        return 0;
    vendor = json_pack("{s:s}", "cloud-init", config);
    return seed_add_json(out, FOLDER "vendor_data.json", vendor, e);
}

int seed_config_drive(const struct seed_facts *facts, struct seed_files *out, struct err *e)
{
    AUTO_SEED_FILES f = { .count = 0 };

    if (add_meta_data(facts, &f, e) < 0 || add_user_data(facts->seed, &f, e) < 0 || add_network_data(facts->links, &f, e) < 0 ||
        add_vendor_data(facts, &f, e) < 0)
        return -1;
    *out = f;
    f.count = 0;
    return 0;
}
