/* Calls that libvirt answers when the guest's QEMU does, which may be never: each on a thread and a connection of its own, so
 * that one silent QEMU takes no place among the few requests that libvirt lets a connection have under way. Which calls those are
 * is domain.c's affair. */
#include <stdatomic.h>
#include <string.h>

#include "call.h"
#include "libvirt.h"
#include "libvirt_error.h"

#include "base/clock.h"

/* Each occupies one of libvirt's own threads, 20 by default: some must be left for everybody else. */
enum { SILENT_MAX = 8 };
static atomic_uint silent;

struct guest_call {
    atomic_uint refs; /* the caller's and the thread's */
    char *uri;
    char id[VIR_UUID_STRING_BUFLEN];
    int keepalive_interval_s;
    unsigned keepalive_count;
    struct guest_ask ask;
    struct log_context context; /* of who asks */
    struct lock lock;           /* RANK_VIRT; not held across a call of libvirt */
    struct cond changed;
    bool has_answer GUARDED_BY(lock), is_given_up GUARDED_BY(lock);
    struct err e GUARDED_BY(lock); /* code ERR_NONE: it went well */
};

static void guest_call_free(struct guest_call *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1)
        return;
    cond_done(&g->changed);
    lock_done(&g->lock);
    free(g->uri);
    free(g);
}
DEFINE_AUTO(guest_call, guest_call_free)

/* ---- the thread ---- */

/* libvirt keeps its errors per thread, so they are read here. */
static int call(const struct guest_call *g, struct err *e)
{
    AUTO_CONNECT connect = CALL(virConnectOpen, g->uri);

    if (!connect)
        return libvirt_failed(e, g->ask.refused);
    (void)virConnectSetKeepAlive(connect, g->keepalive_interval_s, g->keepalive_count);
    AUTO_DOMAIN domain = CALL_ABOUT("domain", g->id, virDomainLookupByUUIDString, connect, g->id);
    return domain && g->ask.fn(domain) == 0 ? 0 : libvirt_failed(e, g->ask.refused);
}

static void answer(struct guest_call *g, const struct err *e)
{
    HOLD(&g->lock);

    g->e = *e;
    g->has_answer = true;
    if (g->is_given_up)
        atomic_fetch_sub(&silent, 1);
    cond_broadcast(&g->changed);
}

static void *guest_call_main(void *arg)
{
    AUTO(guest_call) g = arg;
    struct err e = ERR_INIT;

    log_set_context(g->context.pairs);
    (void)call(g, &e);
    answer(g, &e);
    return NULL;
}

/* ---- the caller ---- */

static int begin(struct libvirt *l, virDomainPtr domain, const struct guest_ask *ask, struct guest_call **out, struct err *e)
{
    AUTO(guest_call) g = calloc(1, sizeof(*g));
    pthread_t thread;

    if (!g)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    atomic_init(&g->refs, 1);
    lock_init(&g->lock, RANK_VIRT);
    cond_init(&g->changed);
    g->uri = str_dup(connection_uri(l->connection));
    g->keepalive_interval_s = l->config->keepalive_interval_s;
    g->keepalive_count = l->config->keepalive_count;
    g->ask = *ask;
    log_copy_context(&g->context);
    if (!g->uri)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (virDomainGetUUIDString(domain, g->id) < 0)
        return libvirt_failed(e, "the domain's id cannot be read");
    atomic_fetch_add(&g->refs, 1);
    if (thread_start(&thread, "virt-guest", guest_call_main, g, e) < 0) {
        atomic_fetch_sub(&g->refs, 1);
        return -1;
    }
    (void)pthread_detach(thread); /* one that hangs in libvirt could never be joined */
    *out = TAKE(g);
    return 0;
}

static int await(struct guest_call *g, struct err *e)
{
    int64_t until = clock_boot_ms() + g->ask.patience_ms;
    HOLD(&g->lock);

    for (int64_t left = g->ask.patience_ms; !g->has_answer && left > 0; left = until - clock_boot_ms())
        (void)cond_wait_ms(&g->changed, &g->lock, left);
    if (!g->has_answer) {
        g->is_given_up = true;
        atomic_fetch_add(&silent, 1);
        return err_set(e, ERR_TIMEOUT, "the virtual machine's process does not answer the hypervisor");
    }
    if (g->e.code == ERR_NONE)
        return 0;
    *e = g->e;
    return -1;
}

int libvirt_call_guest(struct libvirt *l, virDomainPtr domain, const struct guest_ask *ask, struct err *e)
{
    AUTO(guest_call) g = NULL;

    if (libvirt_is_test(l)) /* its domains are this process' own */
        return ask->fn(domain) == 0 ? 0 : libvirt_failed(e, ask->refused);
    if (atomic_load(&silent) >= SILENT_MAX)
        return err_set(e, ERR_UNAVAILABLE, "too many virtual machines do not answer the hypervisor");
    return begin(l, domain, ask, &g, e) < 0 ? -1 : await(g, e);
}
