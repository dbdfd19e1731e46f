/* virt/libvirt_facts: everything that a libvirt has, by a connection that can only read. What goes while it is looked at is left
 * out. */
#include "call.h"
#include "facts_parts.h"
#include "libvirt.h"
#include "libvirt_error.h"

#include "base/str.h"

static inline void cleanup_networks(virNetworkPtr **list)
{
    for (virNetworkPtr *n = *list; n && *n; n++)
        (void)virNetworkFree(*n);
    free(*list);
}
#define AUTO_NETWORKS __attribute__((cleanup(cleanup_networks))) virNetworkPtr *
static inline void cleanup_filters(virNWFilterPtr **list)
{
    for (virNWFilterPtr *f = *list; f && *f; f++)
        (void)virNWFilterFree(*f);
    free(*list);
}
#define AUTO_FILTERS __attribute__((cleanup(cleanup_filters))) virNWFilterPtr *

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* libvirt prints what it also returns. */
static void keep_quiet(void *arg, virErrorPtr error)
{
    (void)arg, (void)error;
}

/* Like the daemon's own choice. A test driver's object is the process' own, for reading or not. */
static int open_reader(const char *wanted, struct virt_facts *to, virConnectPtr *out, struct err *e)
{
    const char *uri = wanted[0] ? wanted : "qemu:///system";

    virSetErrorFunc(NULL, keep_quiet);
    virConnectPtr connect = CALL(virConnectOpenReadOnly, uri);
    if (!connect && !wanted[0] && connection_may_be_session()) {
        uri = "qemu:///session";
        connect = CALL(virConnectOpenReadOnly, uri);
    }
    if (!connect) {
        (void)err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
        return err_detail(e, "libvirt: %s", libvirt_last_words());
    }
    *out = connect;
    to->uri = str_dup(uri);
    return to->uri ? 0 : no_memory(e);
}

/* ---- domains ---- */

static int fill_domain(struct fact_domain *d, virDomainPtr domain, const char *xml, struct err *e)
{
    struct virt_state state;
    int autostart = 0;

    if (virDomainGetUUIDString(domain, d->id) < 0)
        return libvirt_failed(e, "a domain cannot be read");
    if (libvirt_domain_state(domain, &state, e) < 0)
        return -1;
    d->power = state.power;
    d->autostart = CALL(virDomainGetAutostart, domain, &autostart) == 0 && autostart;
    d->name = str_dup(virDomainGetName(domain));
    return d->name ? fact_domain_read(xml, d, e) : no_memory(e);
}

static int add_domain(struct virt_facts *to, virDomainPtr domain, struct err *e)
{
    AUTO_FREE char *xml = CALL(virDomainGetXMLDesc, domain, 0);
    struct fact_domain *d;

    if (!xml && libvirt_last_code() == VIR_ERR_NO_DOMAIN)
        return 0;
    if (!xml)
        return libvirt_failed(e, "a domain cannot be read");
    d = fact_domain_new(to, e);
    if (!d)
        return -1;
    if (fill_domain(d, domain, xml, e) == 0) {
        to->domain_count++;
        return 0;
    }
    fact_domain_done(d);
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    return 0;
}

static int read_domains(virConnectPtr connect, struct virt_facts *to, struct err *e)
{
    AUTO_DOMAINS list = NULL;

    if (CALL(virConnectListAllDomains, connect, &list, 0) < 0)
        return libvirt_failed(e, "the domains cannot be listed");
    for (virDomainPtr *d = list; *d; d++)
        if (add_domain(to, *d, e) < 0)
            return -1;
    return 0;
}

/* ---- networks ---- */

static int fill_network(struct fact_bridge *n, virNetworkPtr network, const char *xml, struct err *e)
{
    int autostart = 0;

    if (virNetworkGetUUIDString(network, n->id) < 0)
        return libvirt_failed(e, "a network cannot be read");
    n->is_active = CALL(virNetworkIsActive, network) == 1;
    n->autostart = CALL(virNetworkGetAutostart, network, &autostart) == 0 && autostart;
    n->name = str_dup(virNetworkGetName(network));
    return n->name ? fact_network_read(xml, n, e) : no_memory(e);
}

static int add_network(struct virt_facts *to, virNetworkPtr network, struct err *e)
{
    AUTO_FREE char *xml = CALL(virNetworkGetXMLDesc, network, 0);
    struct fact_bridge *n;

    if (!xml && libvirt_last_code() == VIR_ERR_NO_NETWORK)
        return 0;
    if (!xml)
        return libvirt_failed(e, "a network cannot be read");
    n = fact_network_new(to, e);
    if (!n)
        return -1;
    to->network_count++;
    return fill_network(n, network, xml, e);
}

static int read_networks(virConnectPtr connect, struct virt_facts *to, struct err *e)
{
    AUTO_NETWORKS list = NULL;

    if (CALL(virConnectListAllNetworks, connect, &list, 0) < 0)
        return libvirt_last_code() == VIR_ERR_NO_SUPPORT ? 0 : libvirt_failed(e, "the networks cannot be listed");
    to->has_networks = true;
    for (virNetworkPtr *n = list; *n; n++)
        if (add_network(to, *n, e) < 0)
            return -1;
    return 0;
}

static int read_filters(virConnectPtr connect, struct virt_facts *to, struct err *e)
{
    AUTO_FILTERS list = NULL;

    if (CALL(virConnectListAllNWFilters, connect, &list, 0) < 0)
        return libvirt_last_code() == VIR_ERR_NO_SUPPORT ? 0 : libvirt_failed(e, "the filters cannot be listed");
    to->has_filters = true;
    for (virNWFilterPtr *f = list; *f; f++)
        if (fact_text_add(&to->filters, virNWFilterGetName(*f), e) < 0)
            return -1;
    return 0;
}

int libvirt_facts_read(const char *uri, struct virt_facts *to, struct err *e)
{
    AUTO_CONNECT connect = NULL;

    if (open_reader(uri, to, &connect, e) < 0 || read_domains(connect, to, e) < 0 || read_networks(connect, to, e) < 0)
        return -1;
    return read_filters(connect, to, e);
}
