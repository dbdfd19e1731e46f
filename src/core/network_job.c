/* core/network_job: networks in libvirt: the operations that make and remove them, and the one step that VMs' jobs share with
 * them. */
#include "network.h"
#include "record.h"
#include "sidecar.h"

#include "base/log.h"
#include "base/str.h"
#include "store/network.h"
#include "store/port.h"
#include "virt/network.h"

static struct core *core_of(const struct job_run *r)
{
    return r->user;
}

/* A row that is gone is no failure: *out is NULL then. */
static int find(struct txn *t, const char *id, struct network **out, struct err *e)
{
    if (store_network_get(t, NULL, id, out, e) == 0)
        return 0;
    if (e->code != ERR_NETWORK_NOT_FOUND)
        return -1;
    err_clear(e);
    *out = NULL;
    return 0;
}

static int load(const struct job_run *r, struct network **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(core_of(r)->store, &t, e) < 0 ? -1 : store_network_get(t, NULL, r->job->target, out, e);
}

/* ---- making it true ---- */

/* Guests can do without it: nobody learns that they are ready, and that is all. */
static void listen_to_guests(const struct core *c, const struct network *n, uint32_t gateway)
{
    struct err e = ERR_INIT;
    ipv4_text address;

    if (n->kind != NETWORK_NAT || !c->config.guest_listen || c->config.guest_port == 0)
        return;
    ipv4_format(gateway, address);
    if (c->config.guest_listen(c->config.guest_listen_arg, address, &e) < 0)
        log_err(LOG_WARN, "network: its guests cannot phone home", &e, "network", n->id, "address", address, NULL);
}

int network_make(struct core *c, const struct network *n, struct err *e)
{
    struct network_range range;
    struct virt_network v = {
        .id = n->id,
        .name = n->name,
        .project = n->project,
        .bridge = n->bridge,
        .is_isolated = n->kind == NETWORK_ISOLATED,
    };

    if (network_range(n, &range) < 0)
        return err_set(e, ERR_INTERNAL, "network '%s' has no addresses", n->name);
    v.cidr = range.cidr;
    v.gateway = range.gateway;
    if (virt_network_ensure(c->virt, &v, e) < 0)
        return -1;
    listen_to_guests(c, n, range.gateway);
    return 0;
}

static int turn(struct txn *t, struct network *n, enum network_status to, const char *reason, struct err *e)
{
    bool is_news = n->status != to;

    if (store_network_set_status(t, n, to, "", reason, e) < 0)
        return -1;
    n->status = to;
    return is_news ? record_network(t, to == NETWORK_ACTIVE ? "network.active" : "network.error", n, e) : 0;
}

int network_activate(struct core *c, const struct network *n, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(network) now = NULL;

    if (n->status == NETWORK_ACTIVE)
        return 0;
    if (txn_write(c->store, &t, e) < 0 || find(t, n->id, &now, e) < 0)
        return -1;
    /* One with a job of its own is that job's to settle. */
    if (!now || now->job[0] || (now->status != NETWORK_PENDING && now->status != NETWORK_ERROR))
        return 0;
    return turn(t, now, NETWORK_ACTIVE, NULL, e) < 0 ? -1 : txn_commit(t, e);
}

int network_listen_all(struct core *c, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_LIST(network) all = { 0 };
    struct network_range range;

    if (txn_read(c->store, &t, e) < 0 || store_network_all(t, &all, e) < 0)
        return -1;
    txn_free(TAKE(t));
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i]->status == NETWORK_ACTIVE && network_range(all.items[i], &range) == 0)
            listen_to_guests(c, all.items[i], range.gateway);
    return 0;
}

/* ---- network.create ---- */

static int ensure(struct job_run *r, struct err *e)
{
    AUTO(network) n = NULL;

    return load(r, &n, e) < 0 ? -1 : network_make(core_of(r), n, e);
}

/* Nobody may join what is about to be taken away. False in *is_barred when somebody has: their own job makes the network, and it
 * stays. */
static int bar(struct job_run *r, bool *is_barred, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(network) n = NULL;
    uint64_t ports = 0;

    if (txn_write(core_of(r)->store, &t, e) < 0 || find(t, r->job->target, &n, e) < 0 ||
        store_port_count_by_network(t, r->job->target, &ports, e) < 0)
        return -1;
    *is_barred = ports == 0;
    if (!n || ports > 0 || n->status != NETWORK_PENDING)
        return 0;
    return store_network_set_status(t, n, NETWORK_ERROR, r->job->id, "it could not be made", e) < 0 ? -1 : txn_commit(t, e);
}

static int remove_network(struct job_run *r, struct err *e)
{
    return virt_network_remove(core_of(r)->virt, r->job->target, e);
}

static int unmake(struct job_run *r, struct err *e)
{
    bool is_barred = false;

    if (bar(r, &is_barred, e) < 0)
        return -1;
    return is_barred ? remove_network(r, e) : 0;
}

static int settle_create(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    AUTO(network) n = NULL;

    if (record_end(r, t, "network", outcome, e) < 0 || find(t, r->job->target, &n, e) < 0)
        return -1;
    if (!n || !str_equal(n->job, r->job->id))
        return 0; /* a delete has taken it over */
    if (turn(t, n, outcome ? NETWORK_ERROR : NETWORK_ACTIVE, outcome ? outcome->msg : NULL, e) < 0)
        return -1;
    return outcome ? sidecar_submit_behind(r, t, SIDECAR_NETWORK, n->id, e) : 0;
}

static const struct job_step create_steps[] = { { "ensure", ensure, unmake, 80 },
                                                { "sidecar", sidecar_network_step, NULL, 100 } };

const struct job_kind network_create_kind = {
    .name = "network.create",
    .steps = create_steps,
    .step_count = ARRAY_LEN(create_steps),
    .policy = JOB_UNWIND,
    .settle = settle_create,
};

/* ---- network.delete ---- */

static int remove_bridge(struct job_run *r, struct err *e)
{
    AUTO(network) n = NULL;

    if (load(r, &n, e) < 0)
        return -1;
    return n->kind == NETWORK_USER ? 0 : remove_network(r, e);
}

static int settle_delete(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    AUTO(network) n = NULL;

    if (record_end(r, t, "network", outcome, e) < 0 || find(t, r->job->target, &n, e) < 0)
        return -1;
    if (!n)
        return 0;
    if (outcome)
        return turn(t, n, NETWORK_ERROR, outcome->msg, e) < 0 ? -1 : sidecar_submit_behind(r, t, SIDECAR_NETWORK, n->id, e);
    return store_network_delete(t, n->id, e) < 0 ? -1 : record_network(t, "network.deleted", n, e);
}

static const struct job_step delete_steps[] = { { "remove", remove_bridge, NULL, 80 },
                                                { "sidecar", sidecar_network_step, NULL, 90 } };

const struct job_kind network_delete_kind = {
    .name = "network.delete",
    .steps = delete_steps,
    .step_count = ARRAY_LEN(delete_steps),
    .policy = JOB_RETRY,
    .settle = settle_delete,
};
