/* The connector: the one thread that opens the connection of the events, for ever and with backoff, registers its callbacks anew
 * each time, and tells the hub: while it has none, nobody else tries. libvirt's loop is loop.c's; verbs and readers have
 * connections of their own threads (at the end of this file). */
#include "connection.h"

#include <stdatomic.h>
#include <string.h>

#include "call.h"
#include "capabilities.h"
#include "libvirt_error.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 5000,
    CLOSE_WAIT_MS = 1000,
    FIRST_WAIT_MS = 10000,
    REASON_BYTES = 320,
};

static const int event_ids[] = { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_ID_IO_ERROR,
                                 VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE };

enum link { LINK_UNTRIED, LINK_DOWN, LINK_UP };
enum dac { DAC_UNASKED, DAC_NO, DAC_YES };

struct connection {
    atomic_uint refs;
    char *wanted_uri; /* "": choose */
    int keepalive_interval_s;
    unsigned keepalive_count;
    struct hub *hub;
    struct ranges *ranges;
    pthread_key_t own;                   /* each thread's own connection */
    int network_callback;                /* the connector's thread alone; -1: not registered */
    int callbacks[ARRAY_LEN(event_ids)]; /* the connector's thread alone; -1: not registered */
    struct lock lock;                    /* RANK_VIRT; never held across a libvirt call but virConnectRef, which asks nobody */
    struct cond changed;
    enum link link GUARDED_BY(lock);
    virConnectPtr connect GUARDED_BY(lock);
    enum dac dac GUARDED_BY(lock); /* of the libvirt that `connect` leads to */
    char *uri GUARDED_BY(lock);    /* set once */
    char reason[REASON_BYTES] GUARDED_BY(lock);
    bool is_lost GUARDED_BY(lock), is_closing GUARDED_BY(lock), is_gone GUARDED_BY(lock), wants_ranges GUARDED_BY(lock);
};

/* ---- libvirt's callbacks, on the loop's thread ---- */

static void emit_domain(struct hub *hub, virDomainPtr domain, bool is_reboot)
{
    uuid_text id;

    if (virDomainGetUUIDString(domain, id) < 0)
        return;
    if (is_reboot)
        hub_emit_reboot(hub, id);
    else
        hub_emit(hub, VIRT_EVENT_DOMAIN, id);
}

static int on_lifecycle(virConnectPtr connect, virDomainPtr domain, int event, int detail, void *arg)
{
    (void)connect, (void)event, (void)detail;
    emit_domain(arg, domain, false);
    return 0;
}

static void on_reboot(virConnectPtr connect, virDomainPtr domain, void *arg)
{
    (void)connect;
    emit_domain(arg, domain, true);
}

static void on_io_error(virConnectPtr connect, virDomainPtr domain, const char *path, const char *device, int action, void *arg)
{
    (void)connect, (void)path, (void)device, (void)action;
    emit_domain(arg, domain, false);
}

static void on_agent(virConnectPtr connect, virDomainPtr domain, int state, int reason, void *arg)
{
    uuid_text id;

    (void)connect, (void)reason;
    if (state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED && virDomainGetUUIDString(domain, id) == 0)
        hub_emit(arg, VIRT_EVENT_AGENT, id);
}

static void unref_hub(void *hub)
{
    hub_free(hub);
}

static void on_network(virConnectPtr connect, virNetworkPtr network, int event, int detail, void *arg)
{
    (void)connect, (void)network, (void)event, (void)detail;
    connection_want_ranges(arg);
}

static void unref_connection(void *connection)
{
    connection_free(connection);
}

static void on_lost(virConnectPtr connect, int reason, void *arg)
{
    struct connection *c = arg;
    HOLD(&c->lock);

    (void)reason;
    if (c->connect && c->connect != connect)
        return; /* one before the present one */
    c->is_lost = true;
    (void)str_copy(c->reason, sizeof(c->reason), "the connection was lost");
    cond_broadcast(&c->changed);
}

/* ---- opening (connector thread) ---- */

static virConnectDomainEventGenericCallback callback_of(int event_id)
{
    switch (event_id) {
    case VIR_DOMAIN_EVENT_ID_LIFECYCLE:
        return VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle);
    case VIR_DOMAIN_EVENT_ID_REBOOT:
        return VIR_DOMAIN_EVENT_CALLBACK(on_reboot);
    case VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE:
        return VIR_DOMAIN_EVENT_CALLBACK(on_agent);
    default:
        return VIR_DOMAIN_EVENT_CALLBACK(on_io_error);
    }
}

static int register_events(struct connection *c, virConnectPtr connect)
{
    for (size_t i = 0; i < ARRAY_LEN(event_ids); i++) {
        virConnectDomainEventGenericCallback fn = callback_of(event_ids[i]);
        c->callbacks[i] = CALL(virConnectDomainEventRegisterAny, connect, NULL, event_ids[i], fn, hub_ref(c->hub), unref_hub);
        if (c->callbacks[i] < 0) {
            hub_free(c->hub);
            return -1;
        }
    }
    return 0;
}

/* A hypervisor without networks has no events of them. */
static void register_network_events(struct connection *c, virConnectPtr connect)
{
    virConnectNetworkEventGenericCallback fn = VIR_NETWORK_EVENT_CALLBACK(on_network);

    c->network_callback = CALL(virConnectNetworkEventRegisterAny, connect, NULL, VIR_NETWORK_EVENT_ID_LIFECYCLE, fn,
                               connection_ref(c), unref_connection);
    if (c->network_callback < 0)
        connection_free(c);
}

/* Each registered callback holds libvirt's connection, so closing alone would keep it for ever. */
static void hang_up(struct connection *c, virConnectPtr connect)
{
    for (size_t i = 0; i < ARRAY_LEN(event_ids); i++)
        if (c->callbacks[i] >= 0)
            (void)CALL(virConnectDomainEventDeregisterAny, connect, c->callbacks[i]);
    if (c->network_callback >= 0)
        (void)CALL(virConnectNetworkEventDeregisterAny, connect, c->network_callback);
    (void)virConnectUnregisterCloseCallback(connect, on_lost);
    (void)virConnectClose(connect);
}

/* No reference goes with the callback, as drivers without one would never drop it: hang_up unregisters, which waits for a call
 * under way. */
static int watch_for_loss(struct connection *c, virConnectPtr connect)
{
    (void)virConnectSetKeepAlive(connect, c->keepalive_interval_s, c->keepalive_count); /* 1: local, needs none */
    return virConnectRegisterCloseCallback(connect, on_lost, c, NULL);
}

enum { FIRST_PERSON = 1000 }; /* Debian's: root and services have lower numbers */

bool connection_may_be_session(void)
{
    return geteuid() >= FIRST_PERSON;
}

static virConnectPtr open_any(const char *wanted, const char **uri)
{
    *uri = wanted[0] ? wanted : "qemu:///system";
    virConnectPtr connect = CALL(virConnectOpen, *uri);
    if (connect || wanted[0] || !connection_may_be_session())
        return connect;
    *uri = "qemu:///session";
    return CALL(virConnectOpen, *uri);
}

static void begin_attempt(struct connection *c, const char **wanted)
{
    HOLD(&c->lock);

    *wanted = c->uri ? c->uri : c->wanted_uri; /* both last as long as c */
    c->is_lost = false;
    c->network_callback = -1;
    for (size_t i = 0; i < ARRAY_LEN(event_ids); i++)
        c->callbacks[i] = -1;
}

/* On failure *reason has libvirt's words. */
static virConnectPtr try_open(struct connection *c, const char **uri, char reason[REASON_BYTES])
{
    const char *wanted;

    begin_attempt(c, &wanted);
    virConnectPtr connect = open_any(wanted, uri);
    if (connect && watch_for_loss(c, connect) == 0 && register_events(c, connect) == 0) {
        register_network_events(c, connect);
        return connect;
    }
    (void)str_copy(reason, REASON_BYTES, libvirt_last_words());
    if (connect)
        hang_up(c, connect);
    return NULL;
}

static void set_down(struct connection *c, const char *reason)
{
    HOLD(&c->lock);

    c->link = LINK_DOWN;
    (void)str_copy(c->reason, sizeof(c->reason), reason);
    cond_broadcast(&c->changed);
}

/* Takes `connect` over; false when it is not wanted any more. */
static bool publish(struct connection *c, virConnectPtr connect, const char *uri)
{
    HOLD(&c->lock);

    if (!c->uri)
        c->uri = str_dup(uri);
    if (c->is_closing || !c->uri)
        return false;
    c->connect = connect;
    c->dac = DAC_UNASKED;
    c->link = LINK_UP;
    cond_broadcast(&c->changed);
    return true;
}

/* True when the networks' ranges are to be asked for, false when the connection was lost or is to be closed. */
static bool wait_for_work(struct connection *c)
{
    HOLD(&c->lock);

    while (!c->is_lost && !c->is_closing && !c->wants_ranges)
        cond_wait(&c->changed, &c->lock);
    c->wants_ranges = false;
    return !c->is_lost && !c->is_closing;
}

/* Libvirt is lost or to be left: returns its connection. */
static virConnectPtr unpublish(struct connection *c)
{
    HOLD(&c->lock);

    c->link = LINK_DOWN;
    cond_broadcast(&c->changed);
    return TAKE(c->connect);
}

/* ---- the connector ---- */

/* A libvirt whose networks cannot be listed still runs guests; who asks for the ranges makes us try again. */
static void refresh_ranges(struct connection *c, virConnectPtr connect)
{
    struct err ignored = ERR_INIT;

    (void)ranges_refresh(c->ranges, connect, &ignored);
}

/* One connection's life; false when none came about. */
static bool connect_once(struct connection *c)
{
    char reason[REASON_BYTES];
    const char *uri;
    virConnectPtr connect = try_open(c, &uri, reason);

    if (!connect) {
        set_down(c, reason);
        return false;
    }
    refresh_ranges(c, connect);
    if (!publish(c, connect, uri)) {
        hang_up(c, connect);
        return false;
    }
    hub_emit(c->hub, VIRT_EVENT_CONNECTED, "");
    while (wait_for_work(c))
        refresh_ranges(c, connect);
    hang_up(c, unpublish(c));
    hub_emit(c->hub, VIRT_EVENT_DISCONNECTED, "");
    return true;
}

/* False when the connection is to be closed. */
static bool rest(struct connection *c, int64_t ms)
{
    int64_t until = clock_boot_ms() + ms;
    HOLD(&c->lock);

    for (int64_t left = ms; !c->is_closing && left > 0; left = until - clock_boot_ms())
        (void)cond_wait_ms(&c->changed, &c->lock, left);
    return !c->is_closing;
}

static void *connector_main(void *arg)
{
    struct connection *c = arg;
    int64_t backoff_ms = BACKOFF_FIRST_MS;

    do {
        backoff_ms = connect_once(c) ? BACKOFF_FIRST_MS : backoff_ms * 2;
        if (backoff_ms > BACKOFF_MAX_MS)
            backoff_ms = BACKOFF_MAX_MS;
    } while (rest(c, backoff_ms));
    lock_take(&c->lock);
    c->is_gone = true;
    cond_broadcast(&c->changed);
    lock_drop(&c->lock);
    connection_free(c);
    return NULL;
}

/* ---- lives ---- */

static void close_own(void *connect)
{
    (void)virConnectClose(connect);
}

int connection_new(const struct virt_config *config, struct hub *hub, struct connection **out, struct err *e)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (!c || pthread_key_create(&c->own, close_own) != 0) {
        free(c);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    atomic_init(&c->refs, 1);
    c->wanted_uri = str_dup(config->uri);
    c->keepalive_interval_s = config->keepalive_interval_s;
    c->keepalive_count = config->keepalive_count;
    c->hub = hub_ref(hub);
    lock_init(&c->lock, RANK_VIRT);
    cond_init(&c->changed);
    if ((c->wanted_uri ? ranges_new(&c->ranges, e) : err_set(e, ERR_NO_MEMORY, "out of memory")) < 0) {
        connection_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

int connection_start(struct connection *c, struct err *e)
{
    pthread_t thread;

    if (thread_start(&thread, "virt-connect", connector_main, connection_ref(c), e) < 0) {
        connection_free(c); /* the thread's reference has nobody */
        return -1;
    }
    (void)pthread_detach(thread); /* one that hangs in virConnectOpen could never be joined */
    return 0;
}

/* Other threads do so when they end. */
static void drop_own(struct connection *c)
{
    void *own = pthread_getspecific(c->own);

    (void)pthread_setspecific(c->own, NULL);
    if (own)
        close_own(own);
}

void connection_close(struct connection *c)
{
    int64_t until = clock_boot_ms() + CLOSE_WAIT_MS;

    drop_own(c);
    lock_take(&c->lock);
    c->is_closing = true;
    cond_broadcast(&c->changed);
    for (int64_t left = CLOSE_WAIT_MS; !c->is_gone && left > 0; left = until - clock_boot_ms())
        (void)cond_wait_ms(&c->changed, &c->lock, left);
    lock_drop(&c->lock);
    connection_free(c);
}

struct connection *connection_ref(struct connection *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void connection_free(struct connection *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    (void)pthread_key_delete(c->own);
    hub_free(c->hub);
    ranges_free(c->ranges);
    cond_done(&c->changed);
    lock_done(&c->lock);
    free(c->uri);
    free(c->wanted_uri);
    free(c);
}

/* ---- for everybody else ---- */

static int not_connected(struct connection *c, struct err *e)
{
    (void)err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
    return err_detail(e, "libvirt: %s", c->reason[0] ? c->reason : "not connected yet");
}

/* What an earlier life left to do comes before the first attempt has ended. */
static int check_up(struct connection *c, struct err *e)
{
    int64_t until = clock_boot_ms() + FIRST_WAIT_MS;
    HOLD(&c->lock);

    for (int64_t left = FIRST_WAIT_MS; c->link == LINK_UNTRIED && !c->is_closing && left > 0; left = until - clock_boot_ms())
        (void)cond_wait_ms(&c->changed, &c->lock, left);
    return c->connect ? 0 : not_connected(c, e);
}

static int open_own(struct connection *c, virConnectPtr *out, struct err *e)
{
    AUTO_CONNECT connect = CALL(virConnectOpen, connection_uri(c));

    if (!connect)
        return libvirt_failed(e, "no connection");
    (void)virConnectSetKeepAlive(connect, c->keepalive_interval_s, c->keepalive_count);
    if (pthread_setspecific(c->own, connect) != 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = TAKE(connect);
    return 0;
}

int connection_get(struct connection *c, virConnectPtr *out, struct err *e)
{
    virConnectPtr own = pthread_getspecific(c->own);

    if (check_up(c, e) < 0)
        return -1;
    if (own && virConnectIsAlive(own) != 1) {
        drop_own(c);
        own = NULL;
    }
    if (!own && open_own(c, &own, e) < 0)
        return -1;
    (void)virConnectRef(own);
    *out = own;
    return 0;
}

int connection_wait(struct connection *c, int64_t timeout_ms, struct err *e)
{
    int64_t until = clock_boot_ms() + timeout_ms;
    HOLD(&c->lock);

    while (c->link != LINK_UP) {
        int64_t left = until - clock_boot_ms();
        if (left <= 0)
            return not_connected(c, e);
        (void)cond_wait_ms(&c->changed, &c->lock, left);
    }
    return 0;
}

static bool recall_dac(struct connection *c, bool *out)
{
    HOLD(&c->lock);

    *out = c->dac == DAC_YES;
    return c->connect && c->dac != DAC_UNASKED;
}

static void note_dac(struct connection *c, bool has_dac)
{
    HOLD(&c->lock);

    if (c->connect)
        c->dac = has_dac ? DAC_YES : DAC_NO;
}

/* Not when connecting: on a cold cache libvirt would start every QEMU that there is before it answers. */
int connection_has_dac(struct connection *c, virConnectPtr connect, bool *out, struct err *e)
{
    if (recall_dac(c, out))
        return 0;
    if (capabilities_have_secmodel(connect, "dac", out, e) < 0)
        return -1;
    note_dac(c, *out);
    return 0;
}

bool connection_is_up(struct connection *c)
{
    HOLD(&c->lock);

    return c->link == LINK_UP;
}

bool connection_is_down(struct connection *c)
{
    HOLD(&c->lock);

    return c->link == LINK_DOWN;
}

const char *connection_uri(struct connection *c)
{
    HOLD(&c->lock);

    return c->uri ? c->uri : "";
}

struct ranges *connection_ranges(struct connection *c)
{
    return c->ranges;
}

void connection_want_ranges(struct connection *c)
{
    HOLD(&c->lock);

    c->wants_ranges = true;
    cond_broadcast(&c->changed);
}

static const char *settled_uri(struct connection *c)
{
    HOLD(&c->lock);

    while (c->link == LINK_UNTRIED && !c->is_closing)
        cond_wait(&c->changed, &c->lock);
    return c->link == LINK_UP ? c->uri : NULL;
}

/* The test driver's read-only connections see too little. */
int connection_open_reader(struct connection *c, virConnectPtr *out, struct err *e)
{
    const char *uri = settled_uri(c);

    if (!uri)
        return err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
    AUTO_CONNECT connect = str_starts_with(uri, "test:") ? CALL(virConnectOpen, uri) : CALL(virConnectOpenReadOnly, uri);
    if (!connect)
        return libvirt_failed(e, "no connection for reading");
    (void)virConnectSetKeepAlive(connect, c->keepalive_interval_s, c->keepalive_count);
    *out = TAKE(connect);
    return 0;
}
