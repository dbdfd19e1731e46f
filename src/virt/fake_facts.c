/* virt/fake_facts: the fake's files as they are: domains, networks. Its filter is always there. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "facts_parts.h"
#include "fake_record.h"

#include "base/str.h"
#include "virt/network_xml.h"

enum { HANG_POLL_MS = 10 };

struct place {
    const char *dir;
    struct virt_facts *to;
};

static bool has_file(const char *dir, const char *name)
{
    AUTO_FREE char *path = str_printf("%s/%s", dir, name);

    return path && access(path, F_OK) == 0;
}

static int pass_gate(const char *dir, struct err *e)
{
    while (has_file(dir, "hang"))
        (void)nanosleep(&(struct timespec){ .tv_nsec = HANG_POLL_MS * 1000000 }, NULL);
    return has_file(dir, "down") ? err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer") : 0;
}

static void read_tag(const json_t *record, bool *has_tag, uuid_text tag)
{
    const char *text = fake_record_string(record, "tag");

    *has_tag = text != NULL;
    (void)str_copy(tag, sizeof(uuid_text), text ? text : "");
}

static int fill_domain(struct fact_domain *d, const char *id, const json_t *record, struct err *e)
{
    static const char *const files[] = { "disk", "seed" };
    size_t i;
    json_t *nic;

    (void)str_copy(d->id, sizeof(d->id), id);
    d->name = str_dup(fake_record_string(record, "name"));
    d->power = fake_record_state(record).power;
    d->autostart = fake_record_flag(record, "autostart");
    read_tag(record, &d->has_tag, d->tag);
    for (i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = fake_record_string(record, files[i]);
        if (path && fact_text_add(&d->files, path, e) < 0)
            return -1;
    }
    json_array_foreach(json_object_get(record, "nics"), i, nic)
    {
        const char *mac = fake_record_string(nic, "mac");
        if (mac && fact_text_add(&d->macs, mac, e) < 0)
            return -1;
    }
    return 0;
}

/* A file may vanish while it is looked at. */
static int add_domain(void *arg, const char *id, struct err *e)
{
    struct place *p = arg;
    AUTO_JSON record = NULL;
    struct fact_domain *d;

    if (fake_record_load(p->dir, id, &record, e) < 0) {
        err_clear(e);
        return 0;
    }
    d = fact_domain_new(p->to, e);
    if (!d)
        return -1;
    p->to->domain_count++;
    return fill_domain(d, id, record, e);
}

static int fill_entries(const json_t *list, const char *const keys[2], struct fact_entries *to, struct err *e)
{
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        const char *key = fake_record_string(entry, keys[0]), *value = fake_record_string(entry, keys[1]);
        if (key && value && fact_entry_add(to, key, value, e) < 0)
            return -1;
    }
    return 0;
}

static int add_network(void *arg, const char *id, struct err *e)
{
    static const char *const dhcp[] = { "mac", "ip" }, *const dns[] = { "ip", "host" };
    struct place *p = arg;
    AUTO_JSON record = NULL;
    struct fact_bridge *n;

    if (fake_record_load(p->dir, id, &record, e) < 0) {
        err_clear(e);
        return 0;
    }
    n = fact_network_new(p->to, e);
    if (!n)
        return -1;
    p->to->network_count++;
    (void)str_copy(n->id, sizeof(n->id), id);
    n->name = str_dup(fake_record_string(record, "name"));
    n->bridge = str_dup(fake_record_string(record, "bridge"));
    n->is_active = str_equal(fake_record_string(record, "state"), "running");
    n->autostart = fake_record_flag(record, "autostart");
    read_tag(record, &n->has_tag, n->tag);
    if (fill_entries(json_object_get(record, "dhcp"), dhcp, &n->dhcp, e) < 0)
        return -1;
    return fill_entries(json_object_get(record, "dns"), dns, &n->dns, e);
}

int fake_facts_read(const char *uri, struct virt_facts *to, struct err *e)
{
    const char *dir = uri + strlen("fake://");
    AUTO_FREE char *networks = str_printf("%s/networks", dir);
    struct place domains = { dir, to }, bridges = { networks, to };

    to->uri = str_dup(uri);
    if (!to->uri || !networks)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (pass_gate(dir, e) < 0 || fake_record_each(dir, add_domain, &domains, e) < 0)
        return -1;
    to->has_networks = true;
    to->has_filters = true;
    if (fact_text_add(&to->filters, VIRT_FILTER_NAME, e) < 0)
        return -1;
    return access(networks, F_OK) < 0 ? 0 : fake_record_each(networks, add_network, &bridges, e);
}
