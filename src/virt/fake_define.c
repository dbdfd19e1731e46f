/* The fake's definitions: whose a domain is, and what its file says of it beside its power. */
#include <string.h>

#include "fake.h"
#include "paths.h"

#include "base/xml.h"
#include "virt/domain_xml.h"

/* ---- ours ---- */

bool fake_is_tagged(const json_t *record, const char *id)
{
    return str_equal(fake_record_string(record, "tag"), id);
}

static int foreign(struct err *e)
{
    return err_set(e, ERR_FOREIGN_DOMAIN, "the domain of this id was not made here, and is not touched");
}

static int load_ours(struct fake *f, const char *id, json_t **record, struct err *e)
{
    if (fake_record_load(fake_dir(f), id, record, e) < 0)
        return -1;
    return fake_is_tagged(*record, id) ? 0 : foreign(e);
}

int fake_take(void *self, const char *id, struct fake_held *out, struct err *e)
{
    if (fake_gate(self, e) < 0)
        return -1;
    fake_lock(self);
    out->f = self;
    return load_ours(out->f, id, &out->record, e);
}

void fake_give_back(struct fake_held *h)
{
    if (h->f)
        fake_unlock(h->f);
    json_decref(h->record);
}

int fake_check_disk(struct fake *f, const json_t *record, struct err *e)
{
    return path_is_instance(fake_config(f)->state_dir, fake_record_string(record, "disk")) ? 0 : foreign(e);
}

/* ---- define, rename, undefine ---- */

static int set_string(json_t *record, const char *key, const char *value)
{
    return json_object_set_new(record, key, json_string_or_null(value));
}

static int add_nic(json_t *nics, const struct virt_nic *nic)
{
    json_t *one = json_object();
    int rc = set_string(one, "network", nic->network) | set_string(one, "mac", nic->mac) | set_string(one, "ipv4", nic->ipv4);

    return rc | json_array_append_new(nics, one);
}

static int set_nics(json_t *record, const struct virt_domain *d)
{
    json_t *nics = json_array();
    int rc = 0;

    for (size_t i = 0; i < d->nic_count; i++)
        rc |= add_nic(nics, &d->nics[i]);
    return rc | json_object_set_new(record, "nics", nics);
}

static int describe(json_t *record, const struct virt_domain *d, const char *xml, struct err *e)
{
    AUTO_FREE char *name = domain_xml_name(d->id);
    int rc = name ? 0 : -1;

    rc |= set_string(record, "tag", d->id) | set_string(record, "name", name) | set_string(record, "title", d->name);
    rc |= set_string(record, "disk", d->disk_path) | set_string(record, "xml", xml);
    rc |= set_string(record, "seed", d->seed_path) | set_nics(record, d);
    rc |= json_object_set_new(record, "memory_mib", json_integer((json_int_t)d->memory_mib));
    rc |= json_object_set_new(record, "autostart", json_boolean(d->autostart));
    return rc < 0 ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

static int load_or_new(struct fake *f, const char *id, json_t **record, struct err *e)
{
    if (load_ours(f, id, record, e) == 0)
        return 0;
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    *record = json_object();
    return *record ? fake_record_set_state(*record, VIRT_STOPPED, NULL, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* As on qemu:///system, which the fake stands for. */
static int build(const struct virt_config *config, const struct virt_domain *d, char **xml, struct err *e)
{
    struct domain_xml_host host = {
        .template_dir = config->template_dir,
        .domain_type = virt_type_to_string(d->accel.type),
        .has_dac = true,
        .has_filters = true,
        .refuses_user_network = config->refuses_user_network,
    };

    return domain_xml_build(&host, d, xml, e);
}

int fake_define(void *self, const struct virt_domain *d, struct err *e)
{
    struct fake *f = self;
    AUTO_FREE char *xml = NULL;
    AUTO_JSON record = NULL;

    if (fake_gate(f, e) < 0)
        return -1;
    if (build(fake_config(f), d, &xml, e) < 0)
        return -1;
    HOLD_FILES(f);
    if (load_or_new(f, d->id, &record, e) < 0 || describe(record, d, xml, e) < 0)
        return -1;
    if (fake_record_save(fake_dir(f), d->id, record, e) < 0)
        return -1;
    fake_notify(f, d->id, FAKE_CHANGED);
    return 0;
}

/* Title and tag, as libvirt keeps them in a domain's description. */
static int rename_in_xml(json_t *record, const char *name, struct err *e)
{
    AUTO_XML doc = NULL;
    const char *text = fake_record_string(record, "xml");

    if (!text)
        return 0;
    if (xml_parse(text, strlen(text), &doc, e) < 0)
        return -1;
    xmlNodePtr root = xmlDocGetRootElement(doc);
    xmlNodePtr tag = xml_find(root, "metadata/vm");
    if (!xml_set(root, "title", name) || (tag && xml_attr_set(tag, "name", name) < 0))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    AUTO_FREE char *renamed = xml_text(doc);
    return renamed && set_string(record, "xml", renamed) == 0 ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int fake_rename(void *self, const char *id, const char *name, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };

    if (fake_take(self, id, &d, e) < 0 || rename_in_xml(d.record, name, e) < 0)
        return -1;
    if (set_string(d.record, "title", name) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return fake_record_save(fake_dir(self), id, d.record, e);
}

int fake_set_autostart(void *self, const char *id, bool autostart, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };

    if (fake_take(self, id, &d, e) < 0)
        return -1;
    if (json_object_set_new(d.record, "autostart", json_boolean(autostart)) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return fake_record_save(fake_dir(self), id, d.record, e);
}

/* Unlike libvirt's, a domain that runs is gone at once. */
int fake_undefine(void *self, const char *id, struct err *e)
{
    AUTO_FAKE_HELD d = { 0 };

    if (fake_take(self, id, &d, e) < 0) {
        if (e->code != ERR_DOMAIN_MISSING)
            return -1;
        err_clear(e);
        return 0;
    }
    if (fake_check_disk(self, d.record, e) < 0 || fake_record_remove(fake_dir(self), id, e) < 0)
        return -1;
    fake_notify(self, id, FAKE_CHANGED);
    return 0;
}
