/* store/quota: the limits that projects have of their own, and what their rows use. What a limit means is core's. */
#include "store/quota.h"

#include "statement.h"
#include "txn.h"

enum { LIMITS, SET, CLEAR, SUM_VMS, SUM_IMAGES, SUM_NETWORKS, SUM_PORTS, SUM_KEYPAIRS, SUM_TOKENS, QUOTA_STMT_COUNT };

/* ?2 of the sum of tokens: now. */
static const char *const quota_sql[QUOTA_STMT_COUNT] = {
    [LIMITS] = "SELECT resource, max FROM quota WHERE project = ?1",
    [SET] =
        "INSERT INTO quota (project, resource, max) VALUES (?1, ?2, ?3) ON CONFLICT (project, resource) DO UPDATE SET max = ?3",
    [CLEAR] = "DELETE FROM quota WHERE project = ?1 AND resource = ?2",
    [SUM_VMS] = ("SELECT count(*), coalesce(sum(vcpus), 0), coalesce(sum(memory_mib), 0), coalesce(sum(disk_gib), 0) FROM vm"
                 " WHERE project = ?1"),
    [SUM_IMAGES] = "SELECT count(*) FROM image WHERE project = ?1",
    [SUM_NETWORKS] = "SELECT count(*) FROM network WHERE project = ?1",
    [SUM_PORTS] = "SELECT count(*) FROM vm JOIN port ON port.vm = vm.id WHERE vm.project = ?1",
    [SUM_KEYPAIRS] = "SELECT count(*) FROM keypair WHERE project = ?1",
    [SUM_TOKENS] = "SELECT count(*) FROM token WHERE project = ?1 AND (expires_at_ms = 0 OR expires_at_ms > ?2)",
};
const struct stmt_table quota_statements = { quota_sql, QUOTA_STMT_COUNT };

/* What the columns of each sum are. */
enum { SUM_COLUMNS_MAX = 4 };
static const struct sum {
    int statement;
    int count;
    enum quota_resource columns[SUM_COLUMNS_MAX];
} sums[] = {
    { SUM_VMS, 4, { QUOTA_VMS, QUOTA_VCPUS, QUOTA_MEMORY_MIB, QUOTA_DISK_GIB } },
    { SUM_IMAGES, 1, { QUOTA_IMAGES } },
    { SUM_NETWORKS, 1, { QUOTA_NETWORKS } },
    { SUM_PORTS, 1, { QUOTA_PORTS } },
    { SUM_KEYPAIRS, 1, { QUOTA_KEYPAIRS } },
    { SUM_TOKENS, 1, { QUOTA_TOKENS } },
};

int store_quota_limits(struct txn *t, const char *project, int64_t limits[QUOTA_RESOURCE_COUNT], struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_QUOTA, LIMITS);
    int rc;

    BIND(st, value_text(project));
    while ((rc = stmt_row(st, e)) > 0) {
        enum quota_resource r;

        if (quota_resource_from_string((const char *)sqlite3_column_text(st, 0), &r) == 0)
            limits[r] = sqlite3_column_int64(st, 1);
    }
    return rc;
}

static int set(struct txn *t, const char *project, enum quota_resource resource, int64_t limit, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_QUOTA, limit == QUOTA_DEFAULT ? CLEAR : SET);

    stmt_bind_at(st, 1, value_text(project));
    stmt_bind_at(st, 2, value_text(quota_resource_to_string(resource)));
    if (limit != QUOTA_DEFAULT)
        stmt_bind_at(st, 3, value_int(limit));
    return stmt_run(st, e);
}

int store_quota_set(struct txn *t, const char *project, enum quota_resource resource, int64_t limit, struct err *e)
{
    FAILPOINT(e, "store.quota_set.before");
    if (set(t, project, resource, limit, e) < 0)
        return -1;
    FAILPOINT(e, "store.quota_set.after");
    return 0;
}

static unsigned bits_of(const struct sum *s)
{
    unsigned bits = 0;

    for (int i = 0; i < s->count; i++)
        bits |= 1U << s->columns[i];
    return bits;
}

static int read_sum(struct txn *t, const struct sum *s, const char *project, uint64_t used[QUOTA_RESOURCE_COUNT], struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_QUOTA, s->statement);

    stmt_bind_at(st, 1, value_text(project));
    if (s->statement == SUM_TOKENS)
        stmt_bind_at(st, 2, value_int(clock_wall_ms()));
    if (stmt_row(st, e) < 0)
        return -1;
    for (int i = 0; i < s->count; i++)
        used[s->columns[i]] = (uint64_t)sqlite3_column_int64(st, i);
    return 0;
}

int store_quota_used(struct txn *t, const char *project, unsigned resources, uint64_t used[QUOTA_RESOURCE_COUNT], struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        if ((resources & bits_of(&sums[i])) && read_sum(t, &sums[i], project, used, e) < 0)
            return -1;
    return 0;
}
