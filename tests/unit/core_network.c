/* Networks from the request to the hypervisor and back: what is refused, what is made, and what is left when making fails. */
#include "../../src/core/network.h"
#include "../../src/core/vm_network.h"
#include "core_lab.h"

#include "core/network.h"
#include "core/operation.h"
#include "store/job.h"
#include "store/port.h"

/* The last answer. */
static uuid_text made, made_by;

static int answer(struct once *o, const void *record, struct err *why)
{
    const struct network_answer *a = record;

    (void)o, (void)why;
    (void)str_copy(made, sizeof made, a->network->id);
    (void)str_copy(made_by, sizeof made_by, a->job->id);
    return 0;
}

static int create(const char *name, const char *cidr, enum network_kind kind)
{
    struct network_spec spec = { .name = (char *)name, .cidr = (char *)cidr, .kind = kind };
    struct once once = { .answer = answer, .actor = &who };

    err_clear(&e);
    return network_create(core, &who, &spec, &once, &e);
}

/* ---- waiting for an operation ---- */

struct waiting {
    struct lock lock;
    struct cond changed;
    bool is_over;
};

static void over(void *arg)
{
    struct waiting *w = arg;
    HOLD(&w->lock);

    w->is_over = true;
    cond_broadcast(&w->changed);
}

static enum job_status await(const char *job_id)
{
    struct waiting w = { .is_over = false };
    AUTO(job) job = NULL;

    lock_init(&w.lock, RANK_LEAF);
    cond_init(&w.changed);
    unit_ok(operation_wait(core, &who, job_id, LAB_DEADLINE_MS, over, &w, &e));
    {
        HOLD(&w.lock);
        while (!w.is_over)
            ck_assert(cond_wait_ms(&w.changed, &w.lock, 2 * LAB_DEADLINE_MS));
    }
    cond_done(&w.changed);
    lock_done(&w.lock);
    LAB_READ(store_job_get(t, NULL, job_id, &job, &e));
    return job->status;
}

/* NULL: it is gone. The caller frees. */
static struct network *find(const char *id)
{
    struct network *n = NULL;
    struct txn *t = lab_read();

    if (store_network_get(t, NULL, id, &n, &e) < 0)
        ck_assert_int_eq(e.code, ERR_NETWORK_NOT_FOUND);
    txn_free(t);
    return n;
}

static void expect_status(const char *id, enum network_status status)
{
    AUTO(network) n = find(id);

    ck_assert_ptr_nonnull(n);
    ck_assert_str_eq(network_status_to_string(n->status), network_status_to_string(status));
    ck_assert_str_eq(n->job, "");
    ck_assert_int_eq(n->status_reason != NULL, status == NETWORK_ERROR);
}

static bool is_in_hypervisor(const char *id)
{
    AUTO_FREE char *path = str_printf("%s/fake/networks/%s.json", world_dir, id);

    return access(path, F_OK) == 0;
}

static enum job_status delete_network(const char *ref)
{
    AUTO(job) job = NULL;

    unit_ok(network_delete(core, &who, ref, &job, &e));
    return await(job->id);
}

static void add_vm_on(const char *network)
{
    struct nic_spec nic = { .network = (char *)network };
    struct vm_spec spec = { .has_networks = true, .nics = &nic, .nic_count = 1 };
    struct vm vm = lab_vm(&image, "web");
    struct txn *t = lab_write();

    unit_ok(vm_network_plan(&(struct change){ core, &who, t }, &spec, &vm, &e));
    unit_ok(store_vm_insert(t, &vm, &e));
    unit_ok(vm_network_insert(t, &vm, &e));
    lab_commit(t);
    port_list_done(&vm.ports);
}

/* ---- tests ---- */

START_TEST(a_network_is_made_and_removed)
{
    AUTO(network) n = NULL;

    core_lab_set_up();
    lab_start();
    unit_ok(create("back", NULL, NETWORK_ISOLATED));
    n = find(made);
    ck_assert_str_eq(n->cidr, "203.0.113.0/28");
    ck_assert_int_eq(n->kind, NETWORK_ISOLATED);
    ck_assert(!n->is_default);
    ck_assert_int_eq(await(made_by), JOB_SUCCEEDED);
    expect_status(made, NETWORK_ACTIVE);
    ck_assert(is_in_hypervisor(made));
    ck_assert_int_eq(delete_network("back"), JOB_SUCCEEDED);
    ck_assert_ptr_null(find(made));
    ck_assert(!is_in_hypervisor(made));
    core_lab_tear_down();
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    core_lab_set_up();
    unit_ok(create("back", "10.99.0.0/24", NETWORK_NAT));
    unit_fails(create("back", NULL, NETWORK_NAT), ERR_NAME_TAKEN);
    unit_fails(create("more", "10.99.0.128/25", NETWORK_NAT), ERR_CIDR_TAKEN);
    ck_assert_str_eq(e.field, "cidr");
    unit_fails(create("more", "9.9.9.0/24", NETWORK_NAT), ERR_INVALID_FIELD);
    unit_fails(create("no spaces", NULL, NETWORK_NAT), ERR_INVALID_FIELD);
    lab_take_bridges();
    unit_fails(create("more", NULL, NETWORK_NAT), ERR_NOT_SUPPORTED);
    core_lab_tear_down();
}
END_TEST

START_TEST(one_that_is_used_stays)
{
    struct job *job = NULL;

    core_lab_set_up();
    lab_start();
    unit_ok(create("back", NULL, NETWORK_NAT));
    ck_assert_int_eq(await(made_by), JOB_SUCCEEDED);
    add_vm_on("back");
    unit_fails(network_delete(core, &who, "back", &job, &e), ERR_IN_USE);
    unit_fails(network_delete(core, &who, "front", &job, &e), ERR_NETWORK_NOT_FOUND);
    expect_status(made, NETWORK_ACTIVE);
    core_lab_tear_down();
}
END_TEST

START_TEST(asked_twice_one_delete_answers)
{
    AUTO(job) first = NULL;
    AUTO(job) second = NULL;

    core_lab_set_up();
    unit_ok(create("back", NULL, NETWORK_NAT));
    unit_ok(network_delete(core, &who, "back", &first, &e)); /* behind the create, which has not begun */
    unit_ok(network_delete(core, &who, "back", &second, &e));
    ck_assert_str_eq(first->id, second->id);
    lab_start();
    ck_assert_int_eq(await(first->id), JOB_SUCCEEDED);
    ck_assert_int_eq(await(made_by), JOB_SUCCEEDED);
    ck_assert_ptr_null(find(made));
    ck_assert(!is_in_hypervisor(made));
    core_lab_tear_down();
}
END_TEST

START_TEST(a_failure_leaves_nothing_but_the_row)
{
    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS", "virt.network_ensure.after=error(hypervisor)", 1), 0);
    core_lab_set_up();
    lab_start();
    unit_ok(create("back", NULL, NETWORK_NAT));
    ck_assert_int_eq(await(made_by), JOB_FAILED);
    expect_status(made, NETWORK_ERROR);
    ck_assert(!is_in_hypervisor(made));
    ck_assert_int_eq(delete_network(made), JOB_SUCCEEDED);
    ck_assert_ptr_null(find(made));
    core_lab_tear_down();
}
END_TEST

/* Its job makes the network too: it must not be pulled from under the guest. */
START_TEST(a_failure_spares_who_has_joined)
{
    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS", "virt.network_ensure.after=error(hypervisor)", 1), 0);
    core_lab_set_up();
    unit_ok(create("back", NULL, NETWORK_NAT));
    add_vm_on("back");
    lab_start();
    ck_assert_int_eq(await(made_by), JOB_FAILED);
    ck_assert(is_in_hypervisor(made));
    core_lab_tear_down();
}
END_TEST

START_TEST(a_vms_job_turns_a_row_active_but_not_anothers)
{
    AUTO(network) pending = NULL;
    AUTO(network) broken = NULL;
    AUTO(network) others = NULL;
    uuid_text id;

    core_lab_set_up();
    lab_add_network("pending", "10.5.0.0/29", NETWORK_PENDING);
    lab_add_network("broken", "10.5.1.0/29", NETWORK_ERROR);
    unit_ok(network_get(core, &who, "pending", &pending, &e));
    unit_ok(network_get(core, &who, "broken", &broken, &e));
    unit_ok(network_activate(core, pending, &e));
    unit_ok(network_activate(core, pending, &e)); /* somebody was quicker */
    unit_ok(network_activate(core, broken, &e));
    expect_status(pending->id, NETWORK_ACTIVE);
    expect_status(broken->id, NETWORK_ACTIVE);
    unit_ok(create("others", NULL, NETWORK_NAT));
    (void)str_copy(id, sizeof id, made);
    unit_ok(network_get(core, &who, "others", &others, &e));
    unit_ok(network_activate(core, others, &e)); /* its own job has not ended */
    network_free(others);
    others = find(id);
    ck_assert_int_eq(others->status, NETWORK_PENDING);
    core_lab_tear_down();
}
END_TEST

/* ---- the ear for guests ---- */

static char heard[256];

static int listen_there(void *arg, const char *gateway, struct err *why)
{
    size_t len = strlen(heard);

    (void)arg, (void)why;
    (void)snprintf(heard + len, sizeof heard - len, "%s ", gateway);
    return 0;
}

START_TEST(networks_that_lead_out_have_an_ear)
{
    core_lab_set_up();
    core->config.guest_listen = listen_there;
    core->config.guest_port = 8775;
    lab_start();
    unit_ok(create("front", NULL, NETWORK_NAT));
    ck_assert_int_eq(await(made_by), JOB_SUCCEEDED);
    unit_ok(create("back", NULL, NETWORK_ISOLATED));
    ck_assert_int_eq(await(made_by), JOB_SUCCEEDED);
    ck_assert_str_eq(heard, "203.0.113.1 ");
    unit_ok(network_listen_all(core, &e)); /* the next life */
    ck_assert_str_eq(heard, "203.0.113.1 203.0.113.1 ");
    core->config.guest_port = 0;
    unit_ok(network_listen_all(core, &e));
    ck_assert_str_eq(heard, "203.0.113.1 203.0.113.1 ");
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_network", a_network_is_made_and_removed, what_cannot_be_is_refused, one_that_is_used_stays,
          asked_twice_one_delete_answers, a_failure_leaves_nothing_but_the_row, a_failure_spares_who_has_joined,
          a_vms_job_turns_a_row_active_but_not_anothers, networks_that_lead_out_have_an_ear)
