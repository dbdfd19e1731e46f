/* Finding domains and telling ours from others: the tag in the metadata and, before anything is destroyed, where the disk lies.
 */
#include <libvirt/virterror.h>
#include <string.h>

#include "call.h"
#include "domain_agent.h"
#include "libvirt.h"
#include "libvirt_error.h"
#include "paths.h"
#include "state.h"

#include "base/xml.h"
#include "virt/domain_xml.h"

void found_done(struct found *f)
{
    cleanup_domain(&f->domain);
    cleanup_connect(&f->connect);
}

void tag_done(struct tag *t)
{
    free(t->id);
    free(t->name);
    free(t->project);
    free(t->job);
}

static int foreign(struct err *e, const char *why)
{
    (void)err_set(e, ERR_FOREIGN_DOMAIN, "the domain of this id was not made here, and is not touched");
    return err_detail(e, "%s", why);
}

/* A tag that cannot be parsed is nobody's. */
static int parse_tag(const char *text, struct tag *out, struct err *e)
{
    AUTO_XML doc = NULL;
    struct err ignored = ERR_INIT;

    if (xml_parse(text, strlen(text), &doc, &ignored) < 0)
        return foreign(e, "the tag is not XML");
    xmlNodePtr root = xmlDocGetRootElement(doc);
    if (strcmp((const char *)root->name, "vm") != 0)
        return foreign(e, "the tag is not a VM's");
    *out = (struct tag){ xml_attr(root, "id"), xml_attr(root, "name"), xml_attr(root, "project"), xml_attr(root, "job") };
    if (out->id)
        return 0;
    tag_done(out);
    return foreign(e, "the tag has no id");
}

int libvirt_read_tag(virDomainPtr domain, struct tag *out, struct err *e)
{
    AUTO_FREE char *text =
        CALL(virDomainGetMetadata, domain, VIR_DOMAIN_METADATA_ELEMENT, VIRT_METADATA_NS, VIR_DOMAIN_AFFECT_CURRENT);

    if (!text && libvirt_last_code() == VIR_ERR_NO_DOMAIN_METADATA)
        return foreign(e, "there is no tag");
    if (!text)
        return libvirt_failed(e, "the domain's tag cannot be read");
    return parse_tag(text, out, e);
}

int libvirt_find_ours(struct libvirt *l, const char *id, struct found *out, struct err *e)
{
    AUTO_FOUND f = { 0 };
    AUTO_TAG tag = { 0 };

    if (connection_get(l->connection, &f.connect, e) < 0)
        return -1;
    f.domain = CALL_ABOUT("domain", id, virDomainLookupByUUIDString, f.connect, id);
    if (!f.domain)
        return libvirt_failed(e, "the domain cannot be looked up");
    if (libvirt_read_tag(f.domain, &tag, e) < 0)
        return -1;
    if (strcmp(tag.id, id) != 0)
        return foreign(e, "the tag is another domain's");
    *out = f;
    f = (struct found){ 0 };
    return 0;
}

static char *first_disk_path(const char *text)
{
    AUTO_XML doc = NULL;
    struct err ignored = ERR_INIT;

    if (xml_parse(text, strlen(text), &doc, &ignored) < 0)
        return NULL;
    for (xmlNodePtr disk = xml_find(xmlDocGetRootElement(doc), "devices/disk"); disk; disk = xml_next(disk, "disk")) {
        AUTO_FREE char *device = xml_attr(disk, "device");
        xmlNodePtr source = xml_child(disk, "source");
        if (source && (!device || strcmp(device, "disk") == 0))
            return xml_attr(source, "file");
    }
    return NULL;
}

int libvirt_check_disk(struct libvirt *l, virDomainPtr domain, struct err *e)
{
    if (!l->config->state_dir)
        return 0;
    AUTO_FREE char *text = CALL(virDomainGetXMLDesc, domain, 0);
    if (!text)
        return libvirt_failed(e, "the domain's description cannot be read");
    AUTO_FREE char *path = first_disk_path(text);
    return path_is_instance(l->config->state_dir, path) ? 0 : foreign(e, "its first disk does not lie under state_dir/instances");
}

/* Unknown is not "none": a suspended VM must not be shown as stopped because libvirt went between two questions. */
static int has_managed_save(virDomainPtr domain, bool *out, struct err *e)
{
    int rc = CALL(virDomainHasManagedSaveImage, domain, 0);

    if (rc < 0 && libvirt_last_code() != VIR_ERR_NO_SUPPORT)
        return libvirt_failed(e, "whether the domain's memory is saved cannot be read");
    *out = rc == 1;
    return 0;
}

int libvirt_domain_state(virDomainPtr domain, struct virt_state *out, struct err *e)
{
    int state, reason;
    bool is_saved = false;

    if (CALL(virDomainGetState, domain, &state, &reason, 0) < 0)
        return libvirt_failed(e, "the domain's state cannot be read");
    struct virt_state now = state_of(state, reason);
    if (now.power == VIRT_STOPPED && has_managed_save(domain, &is_saved, e) < 0)
        return -1;
    *out = is_saved ? (struct virt_state){ VIRT_SUSPENDED, NULL } : now;
    return 0;
}

static int absent_or(struct virt_state *out, struct err *e)
{
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    *out = (struct virt_state){ VIRT_ABSENT, NULL };
    return 0;
}

int libvirt_state(void *self, const char *id, struct virt_state *out, struct err *e)
{
    struct libvirt *l = self;
    AUTO_FOUND f = { 0 };

    if (connection_get(l->connection, &f.connect, e) < 0)
        return -1;
    f.domain = CALL_ABOUT("domain", id, virDomainLookupByUUIDString, f.connect, id);
    int rc = f.domain ? libvirt_domain_state(f.domain, out, e) : libvirt_failed(e, "the domain cannot be looked up");
    return rc < 0 ? absent_or(out, e) : 0;
}

int libvirt_agent_is_connected(void *self, const char *id, bool *out, struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(self, id, &f, e) < 0)
        return -1;
    AUTO_FREE char *text = CALL(virDomainGetXMLDesc, f.domain, 0);
    if (!text)
        return libvirt_failed(e, "the domain's description cannot be read");
    *out = domain_agent_is_connected(text);
    return 0;
}

int libvirt_description(void *self, const char *id, char **xml, bool *autostart, struct err *e)
{
    AUTO_FOUND f = { 0 };
    int flag = 0;

    if (libvirt_find_ours(self, id, &f, e) < 0)
        return -1;
    AUTO_FREE char *text = CALL(virDomainGetXMLDesc, f.domain, VIR_DOMAIN_XML_INACTIVE);
    if (!text || CALL(virDomainGetAutostart, f.domain, &flag) < 0)
        return libvirt_failed(e, "the domain's description cannot be read");
    *xml = TAKE(text);
    *autostart = flag != 0;
    return 0;
}

/* A domain that goes while it is looked at, or that is not ours, is left out. */
static int add_if_ours(virDomainPtr domain, uuid_text *ids, size_t *count, struct err *e)
{
    AUTO_TAG tag = { 0 };
    uuid_text id;

    if (virDomainGetUUIDString(domain, id) < 0)
        return 0;
    if (libvirt_read_tag(domain, &tag, e) == 0) {
        if (strcmp(tag.id, id) == 0)
            memcpy(ids[(*count)++], id, sizeof(id));
        return 0;
    }
    if (e->code != ERR_FOREIGN_DOMAIN && e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    return 0;
}

int libvirt_list_tagged(void *self, uuid_text **out, size_t *count, struct err *e)
{
    struct libvirt *l = self;
    AUTO_CONNECT connect = NULL;
    AUTO_DOMAINS domains = NULL;

    if (connection_get(l->connection, &connect, e) < 0)
        return -1;
    int total = CALL(virConnectListAllDomains, connect, &domains, 0);
    if (total < 0)
        return libvirt_failed(e, "the domains cannot be listed");
    AUTO_FREE uuid_text *ids = calloc((size_t)total + 1, sizeof(*ids));
    size_t found = 0;
    if (!ids)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (int i = 0; i < total; i++)
        if (add_if_ours(domains[i], ids, &found, e) < 0)
            return -1;
    *out = TAKE(ids);
    *count = found;
    return 0;
}
