/* core/network: networks as rows: making, finding and deleting them, on the asker's thread. What libvirt has of them is
 * network_job's. */
#include "network.h"

#include <stdio.h>
#include <stdlib.h>

#include "maintenance.h"
#include "once.h"
#include "quota.h"
#include "record.h"
#include "subnet.h"

#include "base/clock.h"
#include "base/str.h"
#include "model/name.h"
#include "store/audit.h"
#include "store/job.h"
#include "store/network.h"
#include "store/port.h"
#include "virt/network.h"

/* ---- addresses ---- */

/* What the host uses and what rows have promised, in one array; the caller frees it. */
static int list_taken(const struct change *ch, struct cidr **out, size_t *count, struct err *e)
{
    AUTO_LIST(network) rows = { 0 };
    AUTO_FREE struct cidr *taken = NULL;
    struct cidr *more;
    size_t n = 0;

    if (virt_network_cidrs(ch->core->virt, &taken, &n, e) < 0 || store_network_all(ch->txn, &rows, e) < 0)
        return -1;
    more = realloc(taken, (n + rows.count + 1) * sizeof *more);
    if (!more)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    taken = more;
    for (size_t i = 0; i < rows.count; i++)
        if (cidr_parse(rows.items[i]->cidr, &taken[n]) == 0)
            n++;
    *out = TAKE(taken);
    *count = n;
    return 0;
}

/* wanted NULL: any. */
static int choose_cidr(const struct change *ch, const char *wanted, cidr_text out, struct err *e)
{
    struct subnet_rules rules = { .pools = ch->core->config.network_pools, .prefix = ch->core->config.network_prefix };
    AUTO_FREE struct cidr *taken = NULL;
    struct cidr c;

    if (list_taken(ch, &taken, &rules.taken_count, e) < 0)
        return -1;
    rules.taken = taken;
    if ((wanted ? subnet_check(&rules, wanted, &c, e) : subnet_choose(&rules, &c, e)) < 0)
        return -1;
    cidr_format(c, out);
    return 0;
}

/* ---- rows ---- */

enum { ID_TRIES = 16 };

static bool shares_macs(const struct network_list *in, const char *id)
{
    for (size_t i = 0; i < in->count; i++)
        if (port_macs_collide(in->items[i]->id, id))
            return true;
    return false;
}

/* Ports' MACs are made of it, and are unique on this host. */
static int choose_id(struct txn *t, uuid_text out, struct err *e)
{
    AUTO_LIST(network) all = { 0 };

    if (store_network_all(t, &all, e) < 0)
        return -1;
    for (int i = 0; i < ID_TRIES; i++) {
        id_uuid(out);
        if (!shares_macs(&all, out))
            return 0;
    }
    return err_set(e, ERR_CONFLICT, "no free id was found for the network; try again");
}

static int network_of_spec(const struct change *ch, const struct network_spec *spec, struct network **out, struct err *e)
{
    AUTO(network) n = calloc(1, sizeof *n);

    if (!n)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (quota_reserve(ch, ch->who->project, &(struct quota_delta){ .of = { [QUOTA_NETWORKS] = 1 } }, e) < 0 ||
        choose_id(ch->txn, n->id, e) < 0)
        return -1;
    (void)str_copy(n->project, sizeof n->project, ch->who->project);
    n->name = str_dup(spec->name);
    if (!n->name)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    n->kind = spec->kind;
    n->status = NETWORK_PENDING;
    n->created_at_ms = n->updated_at_ms = clock_wall_ms();
    if (n->kind != NETWORK_USER) {
        (void)snprintf(n->bridge, sizeof n->bridge, "cn-%.8s", n->id);
        if (choose_cidr(ch, spec->cidr, n->cidr, e) < 0)
            return -1;
    }
    *out = TAKE(n);
    return 0;
}

static int insert(const struct change *ch, const struct network *n, struct err *e)
{
    if (store_network_insert(ch->txn, n, e) < 0 || record_network(ch->txn, "network.created", n, e) < 0)
        return -1;
    return store_audit_add(ch->txn, &(struct audit){ ch->who, "network:create", "network", n->id, "accepted" }, e);
}

/* Somebody may have given the name to a network of their own. */
static int insert_default(const struct change *ch, struct network *n, struct err *e)
{
    if (insert(ch, n, e) == 0)
        return 0;
    if (e->code != ERR_NAME_TAKEN)
        return -1;
    err_clear(e);
    free(n->name);
    n->name = str_printf(NETWORK_DEFAULT_NAME "-%.4s", n->id);
    return n->name ? insert(ch, n, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int network_default(const struct change *ch, struct network **out, struct err *e)
{
    struct network_spec spec = {
        .name = (char *)NETWORK_DEFAULT_NAME,
        .kind = virt_has_bridges(ch->core->virt) ? NETWORK_NAT : NETWORK_USER,
    };
    AUTO(network) n = NULL;

    if (store_network_find_default(ch->txn, ch->who->project, &n, e) < 0)
        return -1;
    if (!n) {
        if (network_of_spec(ch, &spec, &n, e) < 0)
            return -1;
        n->is_default = true;
        if (insert_default(ch, n, e) < 0)
            return -1;
    }
    *out = TAKE(n);
    return 0;
}

int network_check_join(const struct core *c, const struct network *n, struct err *e)
{
    switch (n->status) {
    case NETWORK_PENDING:
    case NETWORK_ACTIVE:
        break;
    case NETWORK_ERROR:
    case NETWORK_DELETING:
    case NETWORK_STATUS_COUNT:
        return err_set_field(e, ERR_CONFLICT, "networks", "network '%s' is %s", n->name, network_status_to_string(n->status));
    }
    if (n->kind == NETWORK_USER && c->config.refuses_user_network)
        return err_set_field(e, ERR_NOT_SUPPORTED, "networks",
                             "user networking is refused while everybody who reaches this host's loopback is its administrator");
    if (n->kind != NETWORK_USER && !virt_has_bridges(c->virt))
        return err_set_field(e, ERR_NOT_SUPPORTED, "networks",
                             "network '%s' needs a bridge, and libvirt's session mode makes none", n->name);
    return 0;
}

/* ---- verbs ---- */

static int submit_create(const struct change *ch, struct network *n, struct job **out, struct err *e)
{
    AUTO(job) job = NULL;
    struct job_request want = { .kind = network_create_kind.name, .target = n->id };

    if (core_submit(ch, &want, &job, e) < 0)
        return -1;
    (void)str_copy(n->job, sizeof n->job, job->id);
    if (insert(ch, n, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

int network_create(struct core *c, const struct actor *who, const struct network_spec *spec, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(network) n = NULL;
    AUTO(job) job = NULL;
    struct change ch = { c, who, NULL };
    bool is_replay = false;

    if (name_check(spec->name, NAME_RULE_STRICT, "name", e) < 0 || once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    if (maintenance_check(t, e) < 0)
        return -1;
    if (!virt_has_bridges(c->virt))
        return err_set(e, ERR_NOT_SUPPORTED,
                       "networks need bridges, and libvirt's session mode makes none: only user networking");
    ch.txn = t;
    if (network_of_spec(&ch, spec, &n, e) < 0 || submit_create(&ch, n, &job, e) < 0)
        return -1;
    return once_commit(t, once, &(struct network_answer){ n, job }, e);
}

int network_get(struct core *c, const struct actor *who, const char *ref, struct network **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_network_resolve(t, actor_scope(who), ref, out, e);
}

int network_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct network_list *out,
                 bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_network_list(t, actor_scope(who), marker, limit, out, has_more, e);
}

static int refuse_delete(struct txn *t, const struct network *n, struct err *e)
{
    uint64_t ports = 0;

    if (store_port_count_by_network(t, n->id, &ports, e) < 0)
        return -1;
    if (ports > 0)
        return err_set(e, ERR_IN_USE, "network '%s' has %llu virtual machine%s", n->name, (unsigned long long)ports,
                       ports == 1 ? "" : "s");
    return 0;
}

static int submit_delete(const struct change *ch, const struct network *n, struct job **out, struct err *e)
{
    AUTO(job) job = NULL;
    /* Behind what makes it, when that is still under way. */
    struct job_request want = { .kind = network_delete_kind.name, .target = n->id, .after = n->job[0] ? n->job : NULL };

    if (core_submit(ch, &want, &job, e) < 0 || store_network_set_status(ch->txn, n, NETWORK_DELETING, job->id, NULL, e) < 0 ||
        store_audit_add(ch->txn, &(struct audit){ ch->who, "network:delete", "network", n->id, "accepted" }, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

int network_delete(struct core *c, const struct actor *who, const char *ref, struct job **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(network) n = NULL;
    AUTO(job) job = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_network_resolve(t, actor_scope(who), ref, &n, e) < 0)
        return -1;
    if (n->status == NETWORK_DELETING) /* asked twice: the same operation answers both */
        return store_job_get(t, NULL, n->job, out, e);
    const struct actor at = actor_in(who, n->project);
    if (refuse_delete(t, n, e) < 0 || submit_delete(&(struct change){ c, &at, t }, n, &job, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}
