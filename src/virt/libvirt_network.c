/* Networks and the port filter in libvirt. Each verb asks first whether the network is ours, and tells "already so" from
 * "refused" by looking. What XML says and should say is network_read.c's and network_xml.c's. */
#include <string.h>

#include "call.h"
#include "host_routes.h"
#include "libvirt.h"
#include "libvirt_error.h"

#include "base/clock.h"
#include "virt/network_xml.h"

enum { TURN_WAIT_MS = 120000 };

static inline void cleanup_filter(virNWFilterPtr *f)
{
    if (*f)
        (void)virNWFilterFree(*f);
}
#define AUTO_FILTER __attribute__((cleanup(cleanup_filter))) virNWFilterPtr

/* ---- taking turns ---- */

void turn_init(struct turn *t)
{
    lock_init(&t->lock, RANK_VIRT);
    cond_init(&t->changed);
}

void turn_done(struct turn *t)
{
    cond_done(&t->changed);
    lock_done(&t->lock);
}

static int turn_take(struct turn *t, struct err *e)
{
    int64_t until = clock_boot_ms() + TURN_WAIT_MS;
    HOLD(&t->lock);

    while (t->is_taken) {
        int64_t left = until - clock_boot_ms();
        if (left <= 0)
            return err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
        (void)cond_wait_ms(&t->changed, &t->lock, left);
    }
    t->is_taken = true;
    return 0;
}

static void turn_drop(struct turn *t)
{
    HOLD(&t->lock);

    t->is_taken = false;
    cond_broadcast(&t->changed);
}

/* ---- finding ---- */

static int foreign(struct err *e, const char *why)
{
    (void)err_set(e, ERR_FOREIGN_DOMAIN, "the network of this id was not made here, and is not touched");
    return err_detail(e, "%s", why);
}

static int check_tag(virNetworkPtr network, const char *id, struct err *e)
{
    AUTO_FREE char *xml = CALL(virNetworkGetXMLDesc, network, 0);

    if (!xml)
        return libvirt_failed(e, "the network cannot be read");
    AUTO_FREE char *tag = network_read_tag(xml);
    return str_equal(tag, id) ? 0 : foreign(e, tag ? "the tag is another network's" : "there is no tag");
}

/* *out is NULL when it is absent. */
static int find_ours(virConnectPtr connect, const char *id, virNetworkPtr *out, struct err *e)
{
    AUTO_NETWORK network = CALL_ABOUT("network", id, virNetworkLookupByUUIDString, connect, id);

    if (!network && libvirt_last_code() != VIR_ERR_NO_NETWORK)
        return libvirt_failed(e, "the network cannot be looked up");
    if (network && check_tag(network, id, e) < 0)
        return -1;
    *out = TAKE(network);
    return 0;
}

/* A network of our name that is not ours would make the definition fail for reasons that nobody understands. */
static int check_name(virConnectPtr connect, const char *id, struct err *e)
{
    AUTO_FREE char *name = network_xml_name(id);

    if (!name)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    AUTO_NETWORK network = CALL_ABOUT("network", name, virNetworkLookupByName, connect, name);
    if (network)
        return foreign(e, "a network of our name has another uuid");
    return libvirt_last_code() == VIR_ERR_NO_NETWORK ? 0 : libvirt_failed(e, "the network cannot be looked up");
}

/* ---- the filter ---- */

static int define_filter(struct libvirt *l, virConnectPtr connect, const char *uuid, struct err *e)
{
    AUTO_FREE char *xml = NULL;

    if (network_xml_filter(l->config->template_dir, uuid, &xml, e) < 0)
        return -1;
    AUTO_FILTER filter = CALL(virNWFilterDefineXML, connect, xml);
    return filter ? 0 : libvirt_template_failed(e, "nwfilter.xml", "filter");
}

/* A definition waits for guests that start and reloads the rules of those that run: not without need. */
static int renew_filter(struct libvirt *l, virConnectPtr connect, virNWFilterPtr filter, struct err *e)
{
    AUTO_FREE char *wanted = NULL, *present = CALL(virNWFilterGetXMLDesc, filter, 0);
    uuid_text uuid;

    if (!present || virNWFilterGetUUIDString(filter, uuid) < 0)
        return libvirt_failed(e, "the filter cannot be read");
    if (network_xml_filter(l->config->template_dir, NULL, &wanted, e) < 0)
        return -1;
    return network_xml_same_filter(wanted, present) ? 0 : define_filter(l, connect, uuid, e);
}

/* libvirt's test driver, and builds without the nwfilter driver, know no filters. */
static int ensure_filter(struct libvirt *l, virConnectPtr connect, struct err *e)
{
    AUTO_FILTER filter = CALL_ABOUT("filter", VIRT_FILTER_NAME, virNWFilterLookupByName, connect, VIRT_FILTER_NAME);

    if (filter)
        return renew_filter(l, connect, filter, e);
    switch (libvirt_last_code()) {
    case VIR_ERR_NO_SUPPORT:
        return 0;
    case VIR_ERR_NO_NWFILTER:
        return define_filter(l, connect, NULL, e);
    default:
        return libvirt_failed(e, "the filter cannot be looked up");
    }
}

static int is_active(virNetworkPtr network)
{
    return CALL(virNetworkIsActive, network);
}

static int is_persistent(virNetworkPtr network)
{
    return CALL(virNetworkIsPersistent, network);
}

/* libvirt's yes or no to a question about a network; what is not there is not. A lost connection is neither. */
static int heard(int answer, bool *out, struct err *e)
{
    if (answer < 0 && libvirt_last_code() != VIR_ERR_NO_NETWORK)
        return libvirt_failed(e, "the network cannot be read");
    *out = answer == 1;
    return 0;
}

/* ---- ensure ---- */

/* The bridge's own route is no collision: libvirt may be starting the network at this moment. */
static int check_free(virConnectPtr connect, const struct virt_network *n, struct err *e)
{
    AUTO_CIDRS taken = { 0 };

    if (ranges_ask(connect, n->id, &taken, e) < 0 || host_routes_read(n->bridge, &taken, e) < 0)
        return -1;
    return cidrs_check_free(&taken, n->cidr, e);
}

static int define(struct libvirt *l, virConnectPtr connect, const struct virt_network *n, virNetworkPtr *out, struct err *e)
{
    AUTO_FREE char *xml = NULL;

    if (check_name(connect, n->id, e) < 0 || network_xml_build(l->config->template_dir, n, &xml, e) < 0)
        return -1;
    *out = CALL(virNetworkDefineXML, connect, xml);
    return *out ? 0 : libvirt_template_failed(e, "network.xml", "network");
}

static int start(virConnectPtr connect, virNetworkPtr network, const struct virt_network *n, struct err *e)
{
    if (is_active(network) == 1)
        return 0;
    if (check_free(connect, n, e) < 0)
        return -1;
    if (CALL(virNetworkCreate, network) == 0)
        return 0;
    (void)libvirt_failed(e, "the hypervisor did not start the network");
    if (is_active(network) != 1)
        return -1;
    err_clear(e);
    return 0;
}

/* A transient network, whose definition an administrator took away, has no flag. */
static int set_autostart(virNetworkPtr network, struct err *e)
{
    int is_set = 0;

    if (is_persistent(network) == 0)
        return 0;
    if (CALL(virNetworkGetAutostart, network, &is_set) < 0 || (!is_set && CALL(virNetworkSetAutostart, network, 1) < 0))
        return libvirt_failed(e, "the network cannot be made to start by itself");
    return 0;
}

/* Who asks for the ranges next is to see what was changed, not what the event has not yet told. */
static void remember_ranges(struct libvirt *l, virConnectPtr connect)
{
    struct err ignored = ERR_INIT;

    if (ranges_refresh(connection_ranges(l->connection), connect, &ignored) < 0)
        connection_want_ranges(l->connection);
}

static int ensure_network(struct libvirt *l, virConnectPtr connect, const struct virt_network *n, struct err *e)
{
    AUTO_NETWORK network = NULL;

    if (find_ours(connect, n->id, &network, e) < 0)
        return -1;
    if (!network) {
        if (check_free(connect, n, e) < 0 || define(l, connect, n, &network, e) < 0)
            return -1;
        remember_ranges(l, connect);
    }
    return set_autostart(network, e) < 0 ? -1 : start(connect, network, n, e);
}

int libvirt_network_ensure(void *self, const struct virt_network *n, struct err *e)
{
    struct libvirt *l = self;
    AUTO_CONNECT connect = NULL;

    if (connection_get(l->connection, &connect, e) < 0 || turn_take(&l->networks, e) < 0)
        return -1;
    int rc = ensure_filter(l, connect, e) < 0 ? -1 : ensure_network(l, connect, n, e);
    turn_drop(&l->networks);
    return rc;
}

/* ---- hosts ---- */

/* The running network and its definition are two: an administrator may have changed one of them alone. */
static const struct half {
    unsigned update, xml;
    int (*is_there)(virNetworkPtr network);
} halves[] = {
    { VIR_NETWORK_UPDATE_AFFECT_CONFIG, VIR_NETWORK_XML_INACTIVE, is_persistent },
    { VIR_NETWORK_UPDATE_AFFECT_LIVE, 0, is_active },
};

/* Not every driver tells the two apart: the test driver describes the one that runs. */
static char *describe(virNetworkPtr network, unsigned flags)
{
    char *xml = CALL(virNetworkGetXMLDesc, network, flags);

    return xml || !flags || libvirt_last_code() != VIR_ERR_INVALID_ARG ? xml : CALL(virNetworkGetXMLDesc, network, 0);
}

typedef int plan_fn(const char *xml, const struct virt_lease *h, struct network_edits *out, struct err *e);

static int apply(virNetworkPtr network, const struct network_edit *edit, unsigned flags, struct err *e)
{
    static const unsigned sections[] = {
        [NETWORK_DHCP_HOST] = VIR_NETWORK_SECTION_IP_DHCP_HOST,
        [NETWORK_DNS_HOST] = VIR_NETWORK_SECTION_DNS_HOST,
    };
    unsigned command = edit->is_deletion ? VIR_NETWORK_UPDATE_COMMAND_DELETE : VIR_NETWORK_UPDATE_COMMAND_ADD_LAST;

    if (CALL(virNetworkUpdate, network, command, sections[edit->section], -1, edit->xml, flags) == 0)
        return 0;
    return libvirt_failed(e, "the hypervisor did not accept the host's entry");
}

static int change_half(virNetworkPtr network, const struct half *half, plan_fn *plan, const struct virt_lease *h, struct err *e)
{
    AUTO_NETWORK_EDITS edits = { 0 };
    bool is_there = false;

    if (heard(half->is_there(network), &is_there, e) < 0)
        return -1;
    if (!is_there)
        return 0;
    AUTO_FREE char *xml = describe(network, half->xml);
    if (!xml)
        return libvirt_failed(e, "the network cannot be read");
    if (plan(xml, h, &edits, e) < 0)
        return -1;
    for (size_t i = 0; i < edits.count; i++)
        if (apply(network, &edits.items[i], half->update, e) < 0)
            return -1;
    return 0;
}

static int change_hosts(virNetworkPtr network, plan_fn *plan, const struct virt_lease *h, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        if (change_half(network, &halves[i], plan, h, e) < 0)
            return -1;
    return 0;
}

int libvirt_network_add_host(void *self, const char *id, const struct virt_lease *h, struct err *e)
{
    struct libvirt *l = self;
    AUTO_CONNECT connect = NULL;
    AUTO_NETWORK network = NULL;

    if (connection_get(l->connection, &connect, e) < 0 || find_ours(connect, id, &network, e) < 0)
        return -1;
    if (!network)
        return err_set(e, ERR_NETWORK_NOT_FOUND, "the hypervisor does not have the network");
    return change_hosts(network, network_plan_add, h, e);
}

int libvirt_network_remove_host(void *self, const char *id, const struct virt_lease *h, struct err *e)
{
    struct libvirt *l = self;
    AUTO_CONNECT connect = NULL;
    AUTO_NETWORK network = NULL;

    if (connection_get(l->connection, &connect, e) < 0 || find_ours(connect, id, &network, e) < 0)
        return -1;
    return network ? change_hosts(network, network_plan_remove, h, e) : 0;
}

/* ---- remove ---- */

static int stop(virNetworkPtr network, struct err *e)
{
    bool is_up = false;

    if (heard(is_active(network), &is_up, e) < 0)
        return -1;
    if (!is_up || CALL(virNetworkDestroy, network) == 0)
        return 0;
    (void)libvirt_failed(e, "the hypervisor did not stop the network");
    if (is_active(network) != 0)
        return -1;
    err_clear(e);
    return 0;
}

static int undefine(virConnectPtr connect, const char *id, virNetworkPtr network, struct err *e)
{
    bool is_defined = false;

    if (heard(is_persistent(network), &is_defined, e) < 0)
        return -1;
    if (!is_defined || CALL(virNetworkUndefine, network) == 0)
        return 0;
    (void)libvirt_failed(e, "the hypervisor did not undefine the network");
    AUTO_NETWORK still = CALL_ABOUT("network", id, virNetworkLookupByUUIDString, connect, id);
    if (still || libvirt_last_code() != VIR_ERR_NO_NETWORK)
        return -1;
    err_clear(e);
    return 0;
}

int libvirt_network_remove(void *self, const char *id, struct err *e)
{
    struct libvirt *l = self;
    AUTO_CONNECT connect = NULL;
    AUTO_NETWORK network = NULL;

    if (connection_get(l->connection, &connect, e) < 0 || find_ours(connect, id, &network, e) < 0)
        return -1;
    if (!network)
        return 0;
    if (stop(network, e) < 0 || undefine(connect, id, network, e) < 0)
        return -1;
    remember_ranges(l, connect);
    return 0;
}

/* ---- for HTTP threads ---- */

/* In session mode libvirt runs as a plain user. */
bool libvirt_has_bridges(void *self)
{
    const char *uri = connection_uri(((struct libvirt *)self)->connection);
    const char *path = strstr(uri, "/session");

    return !path || (path[strlen("/session")] != '\0' && path[strlen("/session")] != '?');
}

int libvirt_network_cidrs(void *self, struct cidrs *to, struct err *e)
{
    struct libvirt *l = self;

    if (ranges_recall(connection_ranges(l->connection), to, e) == 0)
        return 0;
    connection_want_ranges(l->connection);
    return -1;
}
