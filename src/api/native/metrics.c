/* /metrics: the daemon's numbers for Prometheus. docs/metrics.md says what each means; a test holds it against this file's
 * tables. */
#include "core/metrics.h"

#include <stdio.h>
#include <string.h>

#include "../await.h"
#include "../exposition.h"
#include "../reply.h"
#include "native.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "http/tally.h"

struct scrape {
    struct await await;
    struct metrics_view *view;
};

static void scrape_free(void *arg)
{
    struct scrape *scrape = arg;

    metrics_view_free(scrape->view);
    free(scrape);
}

/* ---- families with one sample, by the member that holds it ---- */

enum number_kind { NUMBER_BOOL, NUMBER_U32, NUMBER_U64, NUMBER_DOUBLE };
struct number {
    struct family family;
    enum number_kind kind;
    size_t offset;
    double unit; /* what one of the member is in the family's unit */
};
#define MIB (1024.0 * 1024)

static double value_of(const struct number *n, const void *record)
{
    const void *at = (const char *)record + n->offset;

    switch (n->kind) {
    case NUMBER_BOOL:
        return *(const bool *)at ? 1 : 0;
    case NUMBER_U32:
        return *(const uint32_t *)at * n->unit;
    case NUMBER_U64:
        return (double)*(const uint64_t *)at * n->unit;
    case NUMBER_DOUBLE:
        return *(const double *)at * n->unit;
    }
    return 0;
}

static void add_numbers(struct buf *b, const struct number *numbers, size_t count, const void *record)
{
    for (size_t i = 0; i < count; i++) {
        exposition_family(b, &numbers[i].family);
        exposition_sample(b, &numbers[i].family, NO_LABELS, value_of(&numbers[i], record));
    }
}

#define AT(record, member) offsetof(struct record, member)

static const struct number state_numbers[] = {
    { { "computed_libvirt_up", FAMILY_GAUGE, "Whether libvirt answered all that this scrape asked, within survey_deadline." },
      NUMBER_BOOL,
      AT(metrics, is_libvirt_up),
      1 },
    { { "computed_libvirt_connected", FAMILY_GAUGE, "Whether there is a connection to libvirt; one that hangs counts." },
      NUMBER_BOOL,
      AT(metrics, is_libvirt_connected),
      1 },
    { { "computed_libvirt_stuck_readers", FAMILY_GAUGE, "Threads that wait for libvirt beyond their deadline." },
      NUMBER_U32,
      AT(metrics, stuck_readers),
      1 },
    { { "computed_database_up", FAMILY_GAUGE, "Whether the database could be read for this scrape." },
      NUMBER_BOOL,
      AT(metrics, is_database_up),
      1 },
    { { "computed_audit_refusals_total", FAMILY_COUNTER, "Requests and logins that were refused, for the audit log." },
      NUMBER_U64,
      AT(metrics, audit_refusals),
      1 },
    { { "computed_audit_left_out_total", FAMILY_COUNTER, "Refusals without an audit line of their own: there were too many." },
      NUMBER_U64,
      AT(metrics, audit_left_out),
      1 },
};

static const struct number host_numbers[] = {
    { { "computed_host_cpus", FAMILY_GAUGE, "CPUs of the host that are online." }, NUMBER_U64, AT(capacity, cpus), 1 },
    { { "computed_host_vcpus_limit", FAMILY_GAUGE, "Virtual CPUs that may be promised to VMs." },
      NUMBER_U64,
      AT(capacity, vcpus_limit),
      1 },
    { { "computed_host_vcpus_promised", FAMILY_GAUGE, "Virtual CPUs of all VMs there are." },
      NUMBER_U64,
      AT(capacity, vcpus_promised),
      1 },
    { { "computed_host_memory_bytes", FAMILY_GAUGE, "Memory of the host." }, NUMBER_U64, AT(capacity, memory_mib), MIB },
    { { "computed_host_memory_available_bytes", FAMILY_GAUGE, "Memory that is available without swapping." },
      NUMBER_U64,
      AT(capacity, memory_available_mib),
      MIB },
    { { "computed_host_memory_limit_bytes", FAMILY_GAUGE, "Memory that may be promised to VMs." },
      NUMBER_U64,
      AT(capacity, memory_limit_mib),
      MIB },
    { { "computed_host_memory_promised_bytes", FAMILY_GAUGE, "Memory of all VMs there are." },
      NUMBER_U64,
      AT(capacity, memory_promised_mib),
      MIB },
    { { "computed_host_disk_bytes", FAMILY_GAUGE, "Size of the file system of state_dir." },
      NUMBER_U64,
      AT(capacity, disk_bytes),
      1 },
    { { "computed_host_disk_free_bytes", FAMILY_GAUGE, "What is really free there." },
      NUMBER_U64,
      AT(capacity, disk_free_bytes),
      1 },
    { { "computed_host_disk_limit_bytes", FAMILY_GAUGE, "Disk space that may be promised to VMs." },
      NUMBER_U64,
      AT(capacity, disk_limit_bytes),
      1 },
    { { "computed_host_disk_promised_bytes", FAMILY_GAUGE, "Disk space of all VMs there are, as large as it may grow." },
      NUMBER_U64,
      AT(capacity, disk_promised_bytes),
      1 },
};

static const struct number load_numbers[] = {
    { { "computed_http_connections", FAMILY_GAUGE, "Open connections; WebSockets without TLS are no longer among them." },
      NUMBER_U64,
      AT(http_load, connections),
      1 },
    { { "computed_http_requests_active", FAMILY_GAUGE, "Requests under way, this one among them, streams left out." },
      NUMBER_U64,
      AT(http_load, requests),
      1 },
    { { "computed_event_streams", FAMILY_GAUGE, "Open event streams, WebSockets and server-sent events." },
      NUMBER_U64,
      AT(http_load, streams),
      1 },
};

/* By the names that every client library of Prometheus gives them. */
static const struct number process_numbers[] = {
    { { "process_cpu_seconds_total", FAMILY_COUNTER, "User and system CPU time of the daemon." },
      NUMBER_DOUBLE,
      AT(process_usage, cpu_seconds),
      1 },
    { { "process_start_time_seconds", FAMILY_GAUGE, "When the daemon started, since the epoch." },
      NUMBER_DOUBLE,
      AT(process_usage, start_seconds),
      1 },
    { { "process_resident_memory_bytes", FAMILY_GAUGE, "Resident memory of the daemon." },
      NUMBER_U64,
      AT(process_usage, resident_bytes),
      1 },
    { { "process_virtual_memory_bytes", FAMILY_GAUGE, "Virtual memory of the daemon." },
      NUMBER_U64,
      AT(process_usage, virtual_bytes),
      1 },
    { { "process_open_fds", FAMILY_GAUGE, "Open descriptors." }, NUMBER_U64, AT(process_usage, open_fds), 1 },
    { { "process_max_fds", FAMILY_GAUGE, "Descriptors that may be open." }, NUMBER_U64, AT(process_usage, max_fds), 1 },
};

static void add_build(struct buf *b)
{
    static const struct family build = { "computed_build_info", FAMILY_GAUGE, "The version that runs; always 1." };

    exposition_family(b, &build);
    exposition_sample(b, &build, LABELS({ "version", COMPUTED_VERSION }), 1);
}

static void add_process(struct buf *b)
{
    struct process_usage usage;
    struct err e = ERR_INIT;

    if (process_usage(&usage, &e) < 0)
        log_err(LOG_WARN, "metrics: the process's own numbers are left out", &e, NULL);
    else
        add_numbers(b, process_numbers, ARRAY_LEN(process_numbers), &usage);
}

/* ---- requests ---- */

static const struct family requests = { "computed_http_requests_total", FAMILY_COUNTER,
                                        "Requests that are over, by route and status; code 0: the client did not stay." };
static const struct family durations = { "computed_http_request_duration_seconds", FAMILY_HISTOGRAM,
                                         "From the complete header to the end of the answer; no streams, no ?wait=." };

static const char *path_of(const struct tally_reading *t)
{
    return t->path ? t->path : "unmatched";
}

static const char *method_of(const struct tally_reading *t)
{
    return t->method ? t->method : "any";
}

static void add_requests(void *arg, const struct tally_reading *t)
{
    char code[12];

    for (size_t i = 0; i < t->status_count; i++) {
        (void)snprintf(code, sizeof code, "%d", t->statuses[i].status);
        exposition_sample(arg, &requests, LABELS({ "route", path_of(t) }, { "method", method_of(t) }, { "code", code }),
                          (double)t->statuses[i].count);
    }
}

static void add_durations(void *arg, const struct tally_reading *t)
{
    if (t->durations.count > 0)
        exposition_histogram(arg, &durations, LABELS({ "route", path_of(t) }, { "method", method_of(t) }), &t->durations);
}

static void add_http(struct buf *b, const struct request *r)
{
    struct http_load load;

    exposition_family(b, &requests);
    request_each_tally(r, add_requests, b);
    exposition_family(b, &durations);
    request_each_tally(r, add_durations, b);
    request_load(r, &load);
    add_numbers(b, load_numbers, ARRAY_LEN(load_numbers), &load);
}

/* ---- operations ---- */

static const struct family ended = { "computed_operations_total", FAMILY_COUNTER,
                                     "Operations that ended since the start, by kind and outcome." };
static const struct family lasted = { "computed_operation_duration_seconds", FAMILY_HISTOGRAM,
                                      "From the request to the end of an operation, by kind." };
static const struct family open = { "computed_operations", FAMILY_GAUGE, "Operations that have not ended, by kind." };

static const char *const outcome_words[JOB_OUTCOME_COUNT] = {
    [JOB_OUTCOME_SUCCEEDED] = "succeeded",
    [JOB_OUTCOME_FAILED] = "failed",
    [JOB_OUTCOME_CANCELLED] = "cancelled",
};

static void add_ended(void *arg, const struct job_outcomes *o)
{
    for (int i = 0; i < JOB_OUTCOME_COUNT; i++)
        exposition_sample(arg, &ended, LABELS({ "kind", o->kind }, { "outcome", outcome_words[i] }), (double)o->counts[i]);
}

static void add_lasted(void *arg, const struct job_outcomes *o)
{
    if (o->durations.count > 0)
        exposition_histogram(arg, &lasted, LABELS({ "kind", o->kind }), &o->durations);
}

struct depths {
    struct buf *b;
    const struct metrics_view *view;
};

/* The outcomes name the kinds there are. */
static void add_open(void *arg, const struct job_outcomes *o)
{
    const struct depths *d = arg;

    exposition_sample(d->b, &open, LABELS({ "kind", o->kind }, { "status", "queued" }),
                      (double)metrics_view_open(d->view, o->kind, JOB_PENDING));
    exposition_sample(d->b, &open, LABELS({ "kind", o->kind }, { "status", "running" }),
                      (double)metrics_view_open(d->view, o->kind, JOB_RUNNING));
}

static void add_operations(struct buf *b, struct core *c)
{
    exposition_family(b, &ended);
    metrics_each_outcomes(c, add_ended, b);
    exposition_family(b, &lasted);
    metrics_each_outcomes(c, add_lasted, b);
}

static void add_depths(struct buf *b, struct core *c, const struct metrics_view *view)
{
    exposition_family(b, &open);
    metrics_each_outcomes(c, add_open, &(struct depths){ b, view });
}

/* ---- VMs ---- */

static const struct family created = { "computed_instances_created_total", FAMILY_COUNTER,
                                       "VMs whose create succeeded, by type and flavor; sizes of one's own have no flavor." };
static const struct family instances = { "computed_instances", FAMILY_GAUGE, "VMs by status." };
static const struct family cpu = { "computed_instance_cpu_seconds_total", FAMILY_COUNTER,
                                   "CPU time of a VM since it was started." };
static const struct family memory = { "computed_instance_memory_bytes", FAMILY_GAUGE, "Memory that a VM has now." };

static void add_created(void *arg, const char *flavor, uint64_t count)
{
    exposition_sample(arg, &created, LABELS({ "type", "vm" }, { "flavor", flavor }), (double)count);
}

static void add_states(struct buf *b, const struct metrics_view *view, const struct metrics *m)
{
    uint64_t counts[VM_STATUS_COUNT] = { 0 };

    for (size_t i = 0; i < m->instance_count; i++)
        counts[metrics_view_instance(view, i).status]++;
    exposition_family(b, &instances);
    for (int i = 0; i < VM_STATUS_COUNT; i++)
        exposition_sample(b, &instances, LABELS({ "status", vm_status_to_string((enum vm_status)i) }), (double)counts[i]);
}

static void add_usage(struct buf *b, const struct family *f, const struct metrics_view *view, const struct metrics *m)
{
    exposition_family(b, f);
    for (size_t i = 0; i < m->instance_count; i++) {
        struct metrics_instance vm = metrics_view_instance(view, i);

        if (vm.has_usage)
            exposition_sample(b, f, LABELS({ "vm", vm.id }, { "name", vm.name }, { "project", vm.project }),
                              f == &cpu ? (double)vm.cpu_time_ns / 1e9 : (double)vm.memory_used_mib * MIB);
    }
}

/* What was not said is left out, its families with it. */
static void add_instances(struct buf *b, const struct metrics_view *view, const struct metrics *m)
{
    if (!m->has_instances)
        return;
    add_states(b, view, m);
    if (!m->is_libvirt_up)
        return;
    add_usage(b, &cpu, view, m);
    add_usage(b, &memory, view, m);
}

/* ---- the request ---- */

static void add_all(struct buf *b, const struct request *r, const struct metrics_view *view, const struct metrics *m)
{
    struct core *c = request_user(r);

    add_build(b);
    add_numbers(b, state_numbers, ARRAY_LEN(state_numbers), m);
    add_instances(b, view, m);
    exposition_family(b, &created);
    metrics_each_created(c, add_created, b);
    add_operations(b, c);
    if (m->is_database_up) {
        add_depths(b, c, view);
        add_numbers(b, host_numbers, ARRAY_LEN(host_numbers), &m->capacity);
    }
    add_http(b, r);
    add_process(b);
}

static int begin(struct request *r, struct err *e)
{
    struct scrape *scrape = request_data(r);

    return metrics_view_begin(request_user(r), await_done, &scrape->await, &scrape->view, e);
}

static int reply_metrics(struct request *r, struct err *e)
{
    struct scrape *scrape = request_data(r);
    struct metrics m;
    AUTO_BUF b = { 0 };

    if (await_result(&scrape->await, e) < 0)
        return -1;
    metrics_view_finish(scrape->view, &m);
    add_all(&b, r, scrape->view, &m);
    return reply_buf(r, 200, EXPOSITION_TYPE, &b, e);
}

int metrics_show(struct request *r, struct err *e)
{
    struct scrape *scrape;

    if (query_none(r, e) < 0)
        return -1;
    scrape = calloc(1, sizeof(*scrape));
    if (!scrape)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, scrape, scrape_free);
    return await_start(&scrape->await, r, begin, reply_metrics, e);
}
