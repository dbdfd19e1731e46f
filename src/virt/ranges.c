/* What libvirt's networks take of the address space: asked by the connector and by verbs that change networks, remembered for
 * HTTP threads. The host's own routes are host_routes.c's. */
#include "ranges.h"

#include <string.h>

#include "call.h"
#include "libvirt_error.h"

#include "base/str.h"
#include "base/thread.h"

struct ranges {
    struct lock lock; /* RANK_VIRT */
    struct cidrs known GUARDED_BY(lock);
    uint64_t asked GUARDED_BY(lock), answered GUARDED_BY(lock); /* numbers of questions; 0: none */
};

/* A list of libvirt's, ended by NULL. */
static void cleanup_networks(virNetworkPtr **list)
{
    for (virNetworkPtr *n = *list; n && *n; n++)
        (void)virNetworkFree(*n);
    free(*list);
}

/* A network that goes while it is looked at has no ranges any more. */
static int ask_one(virNetworkPtr network, const char *except, struct cidrs *to, struct err *e)
{
    uuid_text id;

    if (virNetworkGetUUIDString(network, id) < 0 || str_equal(id, except))
        return 0;
    AUTO_FREE char *xml = CALL(virNetworkGetXMLDesc, network, 0);
    if (!xml && libvirt_last_code() == VIR_ERR_NO_NETWORK)
        return 0;
    return xml ? network_read_cidrs(xml, to, e) : libvirt_failed(e, "a network cannot be read");
}

int ranges_ask(virConnectPtr connect, const char *except, struct cidrs *to, struct err *e)
{
    __attribute__((cleanup(cleanup_networks))) virNetworkPtr *networks = NULL;

    int count = CALL(virConnectListAllNetworks, connect, &networks, 0);
    if (count < 0)
        return libvirt_last_code() == VIR_ERR_NO_SUPPORT ? 0 : libvirt_failed(e, "the networks cannot be listed");
    for (int i = 0; i < count; i++)
        if (ask_one(networks[i], except, to, e) < 0)
            return -1;
    return 0;
}

/* ---- memory ---- */

int ranges_new(struct ranges **out, struct err *e)
{
    struct ranges *r = calloc(1, sizeof(*r));

    if (!r)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&r->lock, RANK_VIRT);
    *out = r;
    return 0;
}

void ranges_free(struct ranges *r)
{
    if (!r)
        return;
    cleanup_cidrs(&r->known);
    lock_done(&r->lock);
    free(r);
}

static uint64_t begin_question(struct ranges *r)
{
    HOLD(&r->lock);

    return ++r->asked;
}

/* Takes *found over, unless there is a later answer. */
static void note_answer(struct ranges *r, uint64_t number, struct cidrs *found)
{
    HOLD(&r->lock);

    if (number < r->answered)
        return;
    cleanup_cidrs(&r->known);
    r->known = *found;
    r->answered = number;
    *found = (struct cidrs){ 0 };
}

int ranges_refresh(struct ranges *r, virConnectPtr connect, struct err *e)
{
    AUTO_CIDRS found = { 0 };
    uint64_t number = begin_question(r);

    if (ranges_ask(connect, NULL, &found, e) < 0)
        return -1;
    note_answer(r, number, &found);
    return 0;
}

int ranges_recall(struct ranges *r, struct cidrs *to, struct err *e)
{
    HOLD(&r->lock);

    if (r->answered == 0)
        return err_set(e, ERR_UNAVAILABLE, "the hypervisor's networks are not known yet");
    for (size_t i = 0; i < r->known.count; i++)
        if (cidrs_add(to, r->known.items[i], e) < 0)
            return -1;
    return 0;
}
