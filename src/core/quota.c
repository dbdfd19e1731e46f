/* core/quota: limits of projects, what is used of them, and the refusal of what would be too much. */
#include "quota.h"

#include "base/str.h"
#include "store/audit.h"
#include "store/project.h"
#include "store/quota.h"

/* ---- what a create asks ---- */

static int limits_of(const struct core *c, struct txn *t, const char *project, int64_t out[QUOTA_RESOURCE_COUNT], struct err *e)
{
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        out[i] = c->default_quota[i];
    return store_quota_limits(t, project, out, e);
}

static int judge(enum quota_resource r, uint64_t used, uint64_t wanted, uint64_t limit, struct err *e)
{
    const char *word = quota_resource_to_string(r);

    if (used <= limit && wanted <= limit - used)
        return 0;
    return err_set_field(e, ERR_QUOTA_EXCEEDED, word, "the project's quota of %s is %llu: %llu %s used, %llu more %s asked for",
                         word, (unsigned long long)limit, (unsigned long long)used, used == 1 ? "is" : "are",
                         (unsigned long long)wanted, wanted == 1 ? "is" : "are");
}

static int check(const struct change *ch, const char *project, const struct quota_delta *want, struct err *e)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    uint64_t used[QUOTA_RESOURCE_COUNT] = { 0 };
    unsigned bounded = 0;

    if (limits_of(ch->core, ch->txn, project, limits, e) < 0)
        return -1;
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        if (want->of[i] > 0 && limits[i] != QUOTA_NO_LIMIT)
            bounded |= 1U << i;
    if (store_quota_used(ch->txn, project, bounded, used, e) < 0)
        return -1;
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        if ((bounded & 1U << i) && judge((enum quota_resource)i, used[i], want->of[i], (uint64_t)limits[i], e) < 0)
            return -1;
    return 0;
}

int quota_reserve(const struct change *ch, const char *project, const struct quota_delta *want, struct err *e)
{
    if (check(ch, project, want, e) == 0)
        return 0;
    if (e->code == ERR_QUOTA_EXCEEDED)
        audit_refusal(ch->core, ch->who, "quota:reserve", e->field, e);
    return -1;
}

/* ---- the verbs ---- */

void quota_view_done(struct quota_view *v)
{
    project_free(v->project);
    *v = (struct quota_view){ 0 };
}

/* Whoever is no administrator has the project it works in, and hears of no other. */
static int find_project(struct txn *t, const struct actor *who, const char *ref, struct project **out, struct err *e)
{
    AUTO(project) p = NULL;

    if (store_project_get(t, NULL, who->is_admin && ref ? ref : who->project, &p, e) < 0)
        return -1;
    if (!who->is_admin && ref && !str_equal(ref, p->id) && !str_equal(ref, p->name))
        return err_set(e, ERR_PROJECT_NOT_FOUND, "there is no project '%s'", ref);
    *out = TAKE(p);
    return 0;
}

/* Takes the project over. */
static int view_of(const struct core *c, struct txn *t, struct project *project, struct quota_view *out, struct err *e)
{
    AUTO_QUOTA_VIEW view = { .project = project };
    int64_t limits[QUOTA_RESOURCE_COUNT];
    uint64_t used[QUOTA_RESOURCE_COUNT] = { 0 };

    if (limits_of(c, t, project->id, limits, e) < 0 || store_quota_used(t, project->id, ~0U, used, e) < 0)
        return -1;
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        view.of[i] = (struct quota_state){ .used = used[i], .limit = limits[i] };
    *out = view;
    view.project = NULL;
    return 0;
}

int quota_get(struct core *c, const struct actor *who, const char *ref, struct quota_view *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(project) p = NULL;

    if (txn_read(c->store, &t, e) < 0 || find_project(t, who, ref, &p, e) < 0)
        return -1;
    return view_of(c, t, TAKE(p), out, e);
}

static int set_limits(struct txn *t, const char *project, const int64_t limits[QUOTA_RESOURCE_COUNT], struct err *e)
{
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        if (limits[i] != QUOTA_STAYS && store_quota_set(t, project, (enum quota_resource)i, limits[i], e) < 0)
            return -1;
    return 0;
}

int quota_set(struct core *c, const struct actor *who, const char *ref, const int64_t limits[QUOTA_RESOURCE_COUNT],
              struct quota_view *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(project) p = NULL;
    AUTO_QUOTA_VIEW view = { 0 };

    if (txn_write(c->store, &t, e) < 0 || find_project(t, who, ref, &p, e) < 0 || set_limits(t, p->id, limits, e) < 0)
        return -1;
    const struct actor at = actor_in(who, p->id);
    if (store_audit_add(t, &(struct audit){ &at, "quota:update", "project", p->id, "accepted" }, e) < 0 ||
        view_of(c, t, TAKE(p), &view, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = view;
    view.project = NULL;
    return 0;
}
