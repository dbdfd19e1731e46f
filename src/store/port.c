/* store/port: rows of ports, and which address is whose.
 *
 * An address is in one of three states: some port's (a row of port), nobody's any more (address_release, written by
 * store_vm_delete), or never given out. A port's insert takes its address out of address_release, so no address has two.
 *
 * The lowest that was never given out is found without counting rows. An address that was given out once stays in the first two
 * states as long as its network lives; so network.next_ipv4, below which every address has been given out, only ever rises, and
 * each step over an address that somebody chose by hand is taken once in a network's life. A create in a /16 with 60000 ports
 * costs a few look-ups by primary key. */
#include "store/port.h"

#include "row.h"
#include "txn.h"

#include "base/json.h"
#include "base/str.h"

DEFINE_WORDS(network_kind);

/* What is stored, then what is read with it. */
enum { PORT_STORED = 7 };
static const struct column port_columns[] = {
    COLUMN(COLUMN_CHARS, port, id),
    COLUMN(COLUMN_CHARS, port, vm),
    COLUMN(COLUMN_CHARS, port, network),
    COLUMN(COLUMN_U32, port, ordinal),
    COLUMN(COLUMN_CHARS, port, mac),
    COLUMN(COLUMN_U32, port, ipv4),
    COLUMN(COLUMN_I64, port, created_at_ms),
    COLUMN(COLUMN_STRING, port, network_name),
    COLUMN_OF_WORDS(network_kind_words, port, kind),
    COLUMN(COLUMN_BOOL, port, is_default),
};

DEFINE_ROW_TYPE(port);
DEFINE_READ_ALL(port)
static const struct row_type port_row = { port_columns, PORT_STORED, sizeof(struct port), port_row_free };

enum {
    PORT_INSERT,
    PORT_UNRELEASE,
    PORT_LIST_BY_VM,
    PORT_LIST_BY_NETWORK,
    PORT_LIST_BY_VMS,
    PORT_COUNT_BY_NETWORK,
    PORT_HAS_MAC,
    PORT_RELEASED_AT,
    PORT_NEXT_ADDRESS,
    PORT_SET_NEXT_ADDRESS,
    PORT_OLDEST_RELEASED,
    PORT_COUNT_RELEASED,
    PORT_STMT_COUNT
};

#define PORT_COLUMNS "p.id, p.vm, p.network, p.ordinal, p.mac, p.ipv4, p.created_at_ms, n.name, n.kind, n.is_default"
#define PORT_SELECT  "SELECT " PORT_COLUMNS " FROM port AS p JOIN network AS n ON n.id = p.network"

static const char *const port_sql[PORT_STMT_COUNT] = {
    [PORT_INSERT] = "INSERT INTO port (id, vm, network, ordinal, mac, ipv4, created_at_ms)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0), ?7)",
    [PORT_UNRELEASE] = "DELETE FROM address_release WHERE network = ?1 AND ipv4 = ?2",
    [PORT_LIST_BY_VM] = PORT_SELECT " WHERE p.vm = ?1 ORDER BY p.ordinal",
    [PORT_LIST_BY_NETWORK] = PORT_SELECT " WHERE p.network = ?1 ORDER BY p.ipv4",
    /* ?1 is a JSON array of VMs' ids; its order is kept. */
    [PORT_LIST_BY_VMS] = "SELECT " PORT_COLUMNS " FROM json_each(?1) AS wanted CROSS JOIN port AS p ON p.vm = wanted.value"
                         " JOIN network AS n ON n.id = p.network ORDER BY wanted.key, p.ordinal",
    [PORT_COUNT_BY_NETWORK] = "SELECT count(*) FROM port WHERE network = ?1",
    [PORT_HAS_MAC] = "SELECT 1 FROM port WHERE mac = ?1",
    /* No row: never given out. */
    [PORT_RELEASED_AT] = "SELECT 9223372036854775807 FROM port WHERE network = ?1 AND ipv4 = ?2"
                         " UNION ALL SELECT released_at_ms FROM address_release WHERE network = ?1 AND ipv4 = ?2",
    [PORT_NEXT_ADDRESS] = "SELECT next_ipv4 FROM network WHERE id = ?1",
    [PORT_SET_NEXT_ADDRESS] = "UPDATE network SET next_ipv4 = ?2 WHERE id = ?1",
    [PORT_OLDEST_RELEASED] = "SELECT ipv4 FROM address_release WHERE network = ?1 AND released_at_ms < ?4"
                             " AND ipv4 BETWEEN ?2 AND ?3 ORDER BY released_at_ms, ipv4 LIMIT 1",
    [PORT_COUNT_RELEASED] = "SELECT count(*) FROM address_release WHERE network = ?1",
};
const struct stmt_table port_statements = { port_sql, PORT_STMT_COUNT };

static const struct unique_rule unique_port[] = {
    { "port.network, port.ipv4", ERR_ADDRESS_TAKEN, "another VM has this address" },
    { "port.mac", ERR_CONFLICT, "another port has this MAC address" },
    { "port.vm, port.network", ERR_CONFLICT, "the VM is in this network already" },
    { "port.vm, port.ordinal", ERR_CONFLICT, "the VM has such an interface already" },
    { NULL, ERR_NONE, NULL },
};

static int unrelease(struct txn *t, const char *network, uint32_t ipv4, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_UNRELEASE);

    BIND(st, value_text(network), value_int(ipv4));
    return stmt_run(st, e);
}

int store_port_unrelease(struct txn *t, const char *network, uint32_t ipv4, struct err *e)
{
    FAILPOINT(e, "store.port_unrelease.before");
    if (unrelease(t, network, ipv4, e) < 0)
        return -1;
    FAILPOINT(e, "store.port_unrelease.after");
    return 0;
}

static int insert(struct txn *t, const struct port *p, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_INSERT);

    row_bind(st, &port_row, p);
    if (stmt_run_unique(st, unique_port, e) == 0)
        return unrelease(t, p->network, p->ipv4, e);
    return e->code == ERR_IN_USE ? err_set(e, ERR_NETWORK_NOT_FOUND, "there is no network '%s'", p->network) : -1;
}

int store_port_insert(struct txn *t, const struct port *p, struct err *e)
{
    FAILPOINT(e, "store.port_insert.before");
    if (insert(t, p, e) < 0)
        return -1;
    FAILPOINT(e, "store.port_insert.after");
    return 0;
}

static int list(struct txn *t, int index, const char *owner, struct port_list *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, index);

    BIND(st, value_text(owner));
    return port_read_all(st, out, e);
}

int store_port_list_by_vm(struct txn *t, const char *vm, struct port_list *out, struct err *e)
{
    return list(t, PORT_LIST_BY_VM, vm, out, e);
}

int store_port_list_by_network(struct txn *t, const char *network, struct port_list *out, struct err *e)
{
    return list(t, PORT_LIST_BY_NETWORK, network, out, e);
}

/* The number that a statement of one parameter yields. */
static int count(struct txn *t, int index, const char *network, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, index);

    BIND(st, value_text(network));
    return stmt_number(st, out, e);
}

int store_port_count_by_network(struct txn *t, const char *network, uint64_t *out, struct err *e)
{
    return count(t, PORT_COUNT_BY_NETWORK, network, out, e);
}

static char *ids_of(const struct vm_list *vms)
{
    AUTO_JSON ids = json_array();

    for (size_t i = 0; i < vms->count; i++)
        if (json_array_append_new(ids, json_string(vms->items[i]->id)) < 0)
            return NULL;
    return ids ? json_text(ids) : NULL;
}

static int add_port(struct vm *vm, struct port *p, struct err *e)
{
    struct port **more = row_array_grow(vm->ports.items, vm->ports.count, sizeof(struct port *), e);

    if (!more)
        return -1;
    vm->ports.items = more;
    vm->ports.items[vm->ports.count++] = p;
    return 0;
}

/* Both are in the order of the VMs. */
static int hand_over(struct port_list *found, const struct vm_list *vms, struct err *e)
{
    size_t v = 0;

    for (size_t i = 0; i < found->count; i++) {
        while (!str_equal(vms->items[v]->id, found->items[i]->vm))
            v++;
        if (add_port(vms->items[v], found->items[i], e) < 0)
            return -1;
        found->items[i] = NULL;
    }
    return 0;
}

int store_port_attach(struct txn *t, const struct vm_list *vms, struct err *e)
{
    AUTO_FREE char *ids = ids_of(vms);
    AUTO_LIST(port) found = { 0 };

    if (!ids)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return list(t, PORT_LIST_BY_VMS, ids, &found, e) < 0 ? -1 : hand_over(&found, vms, e);
}

int store_port_has_mac(struct txn *t, const char *mac, bool *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_HAS_MAC);
    int rc;

    BIND(st, value_text(mac));
    rc = stmt_row(st, e);
    if (rc < 0)
        return -1;
    *out = rc > 0;
    return 0;
}

/* When the address was last given back: one that a port has, in all future; one that was never given out, before all time. */
static int released_at(struct txn *t, const char *network, uint32_t ipv4, int64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_RELEASED_AT);
    int rc;

    BIND(st, value_text(network), value_int(ipv4));
    rc = stmt_row(st, e);
    if (rc < 0)
        return -1;
    *out = rc > 0 ? sqlite3_column_int64(st, 0) : INT64_MIN;
    return 0;
}

static int get_next(struct txn *t, const char *network, uint32_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_NEXT_ADDRESS);
    int rc;

    BIND(st, value_text(network));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NETWORK_NOT_FOUND, "there is no network '%s'", network);
    *out = (uint32_t)sqlite3_column_int64(st, 0);
    return 0;
}

static int set_next(struct txn *t, const char *network, uint32_t next, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_SET_NEXT_ADDRESS);

    BIND(st, value_text(network), value_int(next));
    return stmt_run(st, e);
}

/* *out is w->last + 1 when there is none. */
static int find_fresh(struct txn *t, const struct address_wish *w, uint32_t *out, struct err *e)
{
    uint32_t next = 0, ipv4;
    int64_t when = 0;

    if (get_next(t, w->network, &next, e) < 0)
        return -1;
    for (ipv4 = next > w->first ? next : w->first; ipv4 <= w->last; ipv4++) {
        if (released_at(t, w->network, ipv4, &when, e) < 0)
            return -1;
        if (when == INT64_MIN)
            break;
    }
    if (ipv4 != next && set_next(t, w->network, ipv4, e) < 0)
        return -1;
    *out = ipv4;
    return 0;
}

static int none_is_free(struct txn *t, const struct address_wish *w, struct err *e)
{
    uint64_t waiting = 0;

    if (count(t, PORT_COUNT_RELEASED, w->network, &waiting, e) < 0)
        return -1;
    return err_set(e, ERR_NO_CAPACITY, "the network has no free address; %llu of deleted VMs become free later",
                   (unsigned long long)waiting);
}

static int find_used(struct txn *t, const struct address_wish *w, uint32_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_PORT, PORT_OLDEST_RELEASED);
    int rc;

    BIND(st, value_text(w->network), value_int(w->first), value_int(w->last), value_int(w->released_before_ms));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : none_is_free(t, w, e);
    *out = (uint32_t)sqlite3_column_int64(st, 0);
    return 0;
}

int store_port_pick_address(struct txn *t, const struct address_wish *w, uint32_t *out, struct err *e)
{
    uint32_t ipv4;

    FAILPOINT(e, "store.port_pick_address.before");
    if (find_fresh(t, w, &ipv4, e) < 0 || (ipv4 > w->last && find_used(t, w, &ipv4, e) < 0))
        return -1;
    FAILPOINT(e, "store.port_pick_address.after");
    *out = ipv4;
    return 0;
}

int store_port_check_address(struct txn *t, const struct address_wish *w, struct err *e)
{
    ipv4_text text;
    int64_t when;

    if (released_at(t, w->network, w->first, &when, e) < 0)
        return -1;
    if (when < w->released_before_ms)
        return 0;
    ipv4_format(w->first, text);
    if (when == INT64_MAX)
        return err_set(e, ERR_ADDRESS_TAKEN, "the address %s is taken", text);
    return err_set(e, ERR_ADDRESS_TAKEN, "the address %s was another VM's a short time ago; choose another one, or try later",
                   text);
}
