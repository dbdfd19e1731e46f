/* store/network: rows of networks: names within a project, its default one, and their states by compare-and-set. Which address
 * a port gets is port.c's; libvirt's side is none of the store's. */
#include "store/network.h"

#include "noun.h"
#include "txn.h"

#define NETWORK_COLUMNS                                                                                                          \
    "id, name, project, kind, cidr, bridge, is_default, status, status_reason, job, created_at_ms, updated_at_ms"

DEFINE_WORDS(network_kind);
DEFINE_WORDS(network_status);

static const struct column network_columns[] = {
    COLUMN(COLUMN_CHARS, network, id),
    COLUMN(COLUMN_STRING, network, name),
    COLUMN(COLUMN_CHARS, network, project),
    COLUMN_OF_WORDS(network_kind_words, network, kind),
    COLUMN(COLUMN_CHARS, network, cidr),
    COLUMN(COLUMN_CHARS, network, bridge),
    COLUMN(COLUMN_BOOL, network, is_default),
    COLUMN_OF_WORDS(network_status_words, network, status),
    COLUMN(COLUMN_STRING, network, status_reason),
    COLUMN(COLUMN_CHARS, network, job),
    COLUMN(COLUMN_I64, network, created_at_ms),
    COLUMN(COLUMN_I64, network, updated_at_ms),
};

DEFINE_ROW_TYPE(network);
DEFINE_READ_ALL(network)

enum {
    NETWORK_INSERT,
    NETWORK_EXISTS,
    NETWORK_GET,
    NETWORK_BY_NAME,
    NETWORK_FIND_DEFAULT,
    NETWORK_MARKER,
    NETWORK_LIST,
    NETWORK_ALL,
    NETWORK_SET_STATUS,
    NETWORK_DELETE,
    NETWORK_STMT_COUNT
};

static const char *const network_sql[NETWORK_STMT_COUNT] = {
    [NETWORK_INSERT] = "INSERT INTO network (" NETWORK_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [NETWORK_EXISTS] = "SELECT 1 FROM network WHERE id = ?1",
    [NETWORK_GET] = "SELECT " NETWORK_COLUMNS " FROM network WHERE id = lower(?1) AND (?2 IS NULL OR project = ?2)",
    [NETWORK_BY_NAME] = "SELECT " NETWORK_COLUMNS " FROM network WHERE name = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 2",
    [NETWORK_FIND_DEFAULT] = "SELECT " NETWORK_COLUMNS " FROM network WHERE project = ?1 AND is_default = 1",
    [NETWORK_MARKER] = "SELECT created_at_ms FROM network WHERE id = ?1 AND (?2 IS NULL OR project = ?2)"
                       " UNION ALL SELECT resource_created_at_ms FROM event"
                       " WHERE type = 'network.deleted' AND resource = ?1 AND (?2 IS NULL OR project = ?2) LIMIT 1",
    [NETWORK_LIST] = "SELECT " NETWORK_COLUMNS " FROM network WHERE (created_at_ms, id) > (?1, ?3)"
                     " AND (?2 IS NULL OR project = ?2) ORDER BY created_at_ms, id LIMIT ?4",
    [NETWORK_ALL] = "SELECT " NETWORK_COLUMNS " FROM network ORDER BY created_at_ms, id",
    [NETWORK_SET_STATUS] = ("UPDATE network SET status = ?3, job = ?4, status_reason = ?5, updated_at_ms = ?6"
                            " WHERE id = ?1 AND status = ?2"),
    [NETWORK_DELETE] = "DELETE FROM network WHERE id = ?1",
};
const struct stmt_table network_statements = { network_sql, NETWORK_STMT_COUNT };

static const struct noun network_noun = {
    .word = "network",
    .not_found = ERR_NETWORK_NOT_FOUND,
    .type = &network_type,
    .module = STMT_NETWORK,
    .get = NETWORK_GET,
    .by_name = NETWORK_BY_NAME,
    .marker = NETWORK_MARKER,
    .list = NETWORK_LIST,
    .exists = NETWORK_EXISTS,
    .set_status = NETWORK_SET_STATUS,
};

static const struct unique_rule unique_network[] = {
    { "network.project", ERR_CONFLICT, "the project has a default network already" },
    { "network.cidr", ERR_CIDR_TAKEN, "another network uses these addresses" },
    { "network.bridge", ERR_CONFLICT, "another network uses this bridge" },
    { NULL, ERR_NONE, NULL },
};

static int insert(struct txn *t, const struct network *n, struct err *e)
{
    struct network row = *n;
    AUTO_STMT st = stmt_use(t, STMT_NETWORK, NETWORK_INSERT);

    row.updated_at_ms = clock_wall_ms();
    row_bind(st, &network_type, &row);
    if (stmt_run_unique(st, unique_network, e) == 0)
        return 0;
    return e->code == ERR_NAME_TAKEN ? stmt_name_taken(n->name, e) : -1;
}

int store_network_insert(struct txn *t, const struct network *n, struct err *e)
{
    FAILPOINT(e, "store.network_insert.before");
    if (insert(t, n, e) < 0)
        return -1;
    FAILPOINT(e, "store.network_insert.after");
    return 0;
}

int store_network_get(struct txn *t, const char *project, const char *id, struct network **out, struct err *e)
{
    struct network *n = noun_get(t, &network_noun, project, id, e);

    if (!n)
        return -1;
    *out = n;
    return 0;
}

int store_network_resolve(struct txn *t, const char *project, const char *id_or_name, struct network **out, struct err *e)
{
    struct network *n = noun_resolve(t, &network_noun, project, id_or_name, e);

    if (!n)
        return -1;
    *out = n;
    return 0;
}

int store_network_find_default(struct txn *t, const char *project, struct network **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_NETWORK, NETWORK_FIND_DEFAULT);
    struct network *n = NULL;
    int rc;

    BIND(st, value_text(project));
    rc = stmt_row(st, e);
    if (rc < 0 || (rc > 0 && !(n = row_new(st, &network_type, e))))
        return -1;
    *out = n;
    return 0;
}

int store_network_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct network_list *out,
                       bool *has_more, struct err *e)
{
    struct page page;

    if (noun_list(t, &network_noun, &(struct page_query){ project, marker, limit }, &page, e) < 0)
        return -1;
    *out = (struct network_list){ (struct network **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

int store_network_all(struct txn *t, struct network_list *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_NETWORK, NETWORK_ALL);

    return network_read_all(st, out, e);
}

int store_network_set_status(struct txn *t, const struct network *n, enum network_status to, const char *job, const char *reason,
                             struct err *e)
{
    const struct status_change c = { n->id, network_status_to_string(n->status), network_status_to_string(to), job, reason };

    FAILPOINT(e, "store.network_set_status.before");
    if (noun_set_status(t, &network_noun, &c, e) < 0)
        return -1;
    FAILPOINT(e, "store.network_set_status.after");
    return 0;
}

static int delete_row(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_NETWORK, NETWORK_DELETE);

    BIND(st, value_text(id));
    if (stmt_run(st, e) == 0)
        return 0;
    return e->code == ERR_IN_USE ? err_set(e, ERR_IN_USE, "a VM uses the network") : -1;
}

int store_network_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.network_delete.before");
    if (delete_row(t, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.network_delete.after");
    return 0;
}
