/* The fake's networks: one is one JSON file, <dir>/networks/<uuid>.json:
 *     tag (our id, or absent), name, bridge, cidr, xml, state ("running", "stopped"), autostart, dhcp (mac, ip), dns (ip, host)
 * While <dir>/session is there, the fake is a libvirt that may make no bridges. */
#include <errno.h>
#include <strings.h>
#include <sys/stat.h>

#include "fake.h"
#include "host_routes.h"

#include "model/network.h"
#include "virt/network_xml.h"

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* Caller frees. Made when it is missing. */
static char *networks_dir(const struct fake *f, struct err *e)
{
    AUTO_FREE char *dir = str_printf("%s/networks", fake_dir(f));

    if (!dir) {
        (void)no_memory(e);
        return NULL;
    }
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        (void)err_errno(e, errno, "cannot make the fake's directory of networks");
        return NULL;
    }
    return TAKE(dir);
}

/* *out is NULL when it is absent. */
static int find_ours(const char *dir, const char *id, json_t **out, struct err *e)
{
    AUTO_JSON record = NULL;

    if (fake_record_load(dir, id, &record, e) < 0) {
        if (e->code != ERR_DOMAIN_MISSING)
            return -1;
        err_clear(e);
    } else if (!str_equal(fake_record_string(record, "tag"), id)) {
        return err_set(e, ERR_FOREIGN_DOMAIN, "the network of this id was not made here, and is not touched");
    }
    *out = TAKE(record);
    return 0;
}

/* The same with the network's file held, past the gate. dir may be NULL: there was no memory. */
static int take(struct fake *f, const char *dir, const char *id, struct fake_held *out, struct err *e)
{
    if (!dir || fake_gate(f, e) < 0)
        return -1;
    fake_lock(f);
    out->f = f;
    return find_ours(dir, id, &out->record, e);
}

/* ---- ranges ---- */

struct ranges_ask {
    const char *dir, *except; /* except: an id, or NULL */
    struct cidrs *to;
};

/* A file may vanish, or be no network, while it is looked at. */
static int ask_one(void *arg, const char *id, struct err *e)
{
    struct ranges_ask *ask = arg;
    AUTO_JSON record = NULL;
    struct cidr c;

    if (str_equal(id, ask->except))
        return 0;
    if (fake_record_load(ask->dir, id, &record, e) < 0) {
        err_clear(e);
        return 0;
    }
    const char *text = fake_record_string(record, "cidr");
    return text && cidr_parse(text, &c) == 0 ? cidrs_add(ask->to, c, e) : 0;
}

/* Libvirt's are remembered and so need no answer; these are files, which always do. */
int fake_network_cidrs(void *self, struct cidrs *to, struct err *e)
{
    AUTO_FREE char *dir = networks_dir(self, e);

    return dir ? fake_record_each(dir, ask_one, &(struct ranges_ask){ dir, NULL, to }, e) : -1;
}

/* ---- ensure ---- */

static int check_free(const char *dir, const struct virt_network *n, struct err *e)
{
    AUTO_CIDRS taken = { 0 };

    if (fake_record_each(dir, ask_one, &(struct ranges_ask){ dir, n->id, &taken }, e) < 0 ||
        host_routes_read(n->bridge, &taken, e) < 0)
        return -1;
    return cidrs_check_free(&taken, n->cidr, e);
}

/* Two keys of an entry, and their values. */
struct pair {
    const char *keys[2], *values[2];
};

static struct pair dhcp_of(const char *mac, const char *ipv4)
{
    return (struct pair){ { "mac", "ip" }, { mac, ipv4 } };
}

static struct pair dns_of(const struct virt_lease *h)
{
    return (struct pair){ { "ip", "host" }, { h->ipv4, h->hostname } };
}

static int append(json_t *entries, const struct pair *p)
{
    return json_array_append_new(entries, json_pack("{ss, ss}", p->keys[0], p->values[0], p->keys[1], p->values[1]));
}

static int write_pairs(const struct virt_network *n, json_t *dhcp)
{
    struct network_range range;

    if (network_range_of_cidr(n->cidr, &range) < 0)
        return 0;
    for (uint32_t address = range.first; address <= range.last_prewritten; address++) {
        ipv4_text ipv4;
        mac_text mac;

        ipv4_format(address, ipv4);
        port_mac(n->id, address, mac);
        struct pair p = dhcp_of(mac, ipv4);
        if (append(dhcp, &p) < 0)
            return -1;
    }
    return 0;
}

static int define(const struct fake *f, const struct virt_network *n, json_t **out, struct err *e)
{
    AUTO_FREE char *xml = NULL, *filter = NULL, *name = network_xml_name(n->id);
    const char *template_dir = fake_config(f)->template_dir;
    cidr_text cidr;

    if (network_xml_build(template_dir, n, &xml, e) < 0 || network_xml_filter(template_dir, NULL, &filter, e) < 0)
        return -1;
    cidr_format(n->cidr, cidr);
    AUTO_JSON record = json_pack("{ss, ss?, ss, ss, ss, ss, s[], s[]}", "tag", n->id, "name", name, "bridge", n->bridge, "cidr",
                                 cidr, "xml", xml, "state", "stopped", "dhcp", "dns");
    if (!record || write_pairs(n, json_object_get(record, "dhcp")) < 0)
        return no_memory(e);
    *out = TAKE(record);
    return 0;
}

static int start(json_t *record, struct err *e)
{
    int rc = json_object_set_new(record, "state", json_string("running"));

    return rc | json_object_set_new(record, "autostart", json_true()) ? no_memory(e) : 0;
}

int fake_network_ensure(void *self, const struct virt_network *n, struct err *e)
{
    AUTO_FREE char *dir = networks_dir(self, e);
    AUTO_FAKE_HELD h = { 0 };

    if (take(self, dir, n->id, &h, e) < 0)
        return -1;
    bool is_running = h.record && str_equal(fake_record_string(h.record, "state"), "running");
    if (!is_running && check_free(dir, n, e) < 0)
        return -1;
    if (!h.record && define(self, n, &h.record, e) < 0)
        return -1;
    return start(h.record, e) < 0 ? -1 : fake_record_save(dir, n->id, h.record, e);
}

/* ---- hosts ---- */

static bool has(const json_t *host, const char *key, const char *wanted)
{
    const char *value = fake_record_string(host, key);

    return value && strcasecmp(value, wanted) == 0;
}

/* How many of the pair's two values the entry has. */
static unsigned common(const json_t *host, const struct pair *p)
{
    return (unsigned)has(host, p->keys[0], p->values[0]) + has(host, p->keys[1], p->values[1]);
}

static void drop(json_t *entries, const struct pair *p, unsigned in_common)
{
    for (size_t i = json_array_size(entries); i-- > 0;)
        if (common(json_array_get(entries, i), p) >= in_common)
            (void)json_array_remove(entries, i);
}

/* In the place of what has the same key or the same value. */
static int put(json_t *entries, struct pair p)
{
    drop(entries, &p, 1);
    return append(entries, &p);
}

static void drop_mac(const char *id, json_t *record, const char *mac)
{
    json_t *dhcp = json_object_get(record, "dhcp");
    const char *cidr = fake_record_string(record, "cidr");
    struct cidr c;

    if (!cidr || cidr_parse(cidr, &c) < 0)
        return;
    for (size_t i = json_array_size(dhcp); i-- > 0;) {
        const json_t *host = json_array_get(dhcp, i);
        if (has(host, "mac", mac) && !network_is_prewritten(id, c, mac, fake_record_string(host, "ip")))
            (void)json_array_remove(dhcp, i);
    }
}

int fake_network_add_host(void *self, const char *id, const struct virt_lease *lease, struct err *e)
{
    AUTO_FREE char *dir = networks_dir(self, e);
    AUTO_FAKE_HELD h = { 0 };

    if (take(self, dir, id, &h, e) < 0)
        return -1;
    if (!h.record)
        return err_set(e, ERR_NETWORK_NOT_FOUND, "the hypervisor does not have the network");
    if (put(json_object_get(h.record, "dhcp"), dhcp_of(lease->mac, lease->ipv4)) < 0 ||
        put(json_object_get(h.record, "dns"), dns_of(lease)) < 0)
        return no_memory(e);
    return fake_record_save(dir, id, h.record, e);
}

int fake_network_remove_host(void *self, const char *id, const struct virt_lease *lease, struct err *e)
{
    AUTO_FREE char *dir = networks_dir(self, e);
    AUTO_FAKE_HELD h = { 0 };
    struct pair dns = dns_of(lease);

    if (take(self, dir, id, &h, e) < 0)
        return -1;
    if (!h.record)
        return 0;
    drop(json_object_get(h.record, "dns"), &dns, 2);
    drop_mac(id, h.record, lease->mac);
    return fake_record_save(dir, id, h.record, e);
}

/* ---- remove ---- */

int fake_network_remove(void *self, const char *id, struct err *e)
{
    AUTO_FREE char *dir = networks_dir(self, e);
    AUTO_FAKE_HELD h = { 0 };

    return take(self, dir, id, &h, e) < 0 ? -1 : fake_record_remove(dir, id, e);
}

/* ---- for guests ---- */

bool fake_network_runs(struct fake *f, const char *id)
{
    struct err ignored = ERR_INIT;
    AUTO_FREE char *dir = networks_dir(f, &ignored);
    AUTO_JSON record = NULL;

    return dir && fake_record_load(dir, id, &record, &ignored) == 0 && str_equal(fake_record_string(record, "state"), "running");
}

bool fake_has_bridges(void *self)
{
    AUTO_FREE char *path = str_printf("%s/session", fake_dir(self));

    return !path || access(path, F_OK) < 0;
}
