/* app: the only place that knows every room. What starts first ends last; callbacks that cross rooms are handed over here. */
#include "app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "authenticate.h"
#include "guest_listen.h"
#include "passed.h"
#include "refused.h"
#include "service.h"
#include "state.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/str.h"
#include "base/timer.h"
#include "base/xml.h"
#include "core/core.h"
#include "core/events.h"
#include "core/policy.h"
#include "disk/disk.h"
#include "http/http.h"
#include "http/stream.h"
#include "store/store.h"
#include "virt/virt.h"

enum { FIRST_LOOK_MS = 1000, VIRT_READERS = 2, KEEPALIVE_INTERVAL_S = 5, KEEPALIVE_COUNT = 3 };
enum { CONNECTIONS_MAX = 1024, CONNECTIONS_PER_ADDRESS_MAX = 256, HEADER_DEADLINE_MS = 10000, IDLE_TIMEOUT_MS = 60000 };
enum { DESCRIPTORS_ELSE = 512 }; /* the database's, libvirt's, files, children's pipes */

struct app {
    const struct config *config;
    struct passed passed;
    int64_t watchdog_ms; /* 0: nobody watches */
    struct timer *timer;
    struct disk *disk;
    struct store *store;
    struct core *core;
    struct virt *virt;
    struct guest_servers *guests;
    struct http *http;
    struct service *service;
};

/* ---- what http asks of core ---- */

static int authorize(void *arg, const struct actor *who, const char *action, struct err *e)
{
    (void)arg;
    return policy_check(who, action, e);
}

/* A path may hold what its sender took for a token's id, or a guest's token that went to the wrong address: then it is the route
 * that is shown, or no more than where it would have led. */
static const char *shown_path(const struct request *r)
{
    static const char *const secretive[] = { "/tokens/", "/phone-home/" };
    const char *route = request_route(r), *path = route ? strchr(route, '/') : request_path(r);

    for (size_t i = 0; i < ARRAY_LEN(secretive); i++)
        if (strstr(path, secretive[i]))
            return route ? path : secretive[i];
    return request_path(r);
}

/* What probers ask every few seconds would bury the rest. */
static bool is_poll(const struct request *r)
{
    static const char *const polls[] = { "GET /health", "GET /metrics" };

    for (size_t i = 0; i < ARRAY_LEN(polls); i++)
        if (str_equal(request_route(r), polls[i]))
            return true;
    return false;
}

static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

static void log_request(void *arg, struct request *r, int status, int64_t duration_us, uint64_t bytes)
{
    const struct actor *who = request_actor(r);
    bool is_routine = status >= 200 && status < 300 && is_poll(r);
    char status_text[12], bytes_text[24];
    log_ms_text ms;

    (void)arg;
    (void)snprintf(status_text, sizeof status_text, "%d", status);
    (void)snprintf(bytes_text, sizeof bytes_text, "%llu", (unsigned long long)bytes);
    log_write(is_routine ? LOG_DEBUG : LOG_INFO, "request", "method", request_method(r), "path", shown_path(r), "status",
              status_text, "ms", log_ms(duration_us, ms), "bytes", bytes_text, "user", or_null(who->user), "project",
              or_null(who->project), "address", or_null(who->address), "request_id", request_id(r), NULL);
}

/* What core asks of us when a network comes up. */
static int listen_to_guests(void *arg, const char *gateway, struct err *e)
{
    struct app *a = arg;

    return guest_listen(a->guests, gateway, e);
}

/* ---- building ---- */

static void report_unknown(void *arg, const char *path)
{
    (void)arg;
    log_warn("a file that is not ours lies in state_dir; it stays untouched", "path", path, NULL);
}

static int open_state(struct app *a, struct err *e)
{
    notify_status("opening the database");
    if (state_open(a->config->state_dir, &a->disk, &a->store, e) < 0)
        return -1;
    return disk_scan_unknown(a->disk, report_unknown, NULL, e);
}

static int make_core(struct app *a, struct err *e)
{
    const struct config *c = a->config;
    bool is_loopback_trusted = c->auth == AUTH_NONE || c->metrics == METRICS_LOOPBACK;
    /* Guests on user networking reach this host's loopback, where everybody is the administrator, or reads of all VMs. */
    bool refuses_user_network = is_loopback_trusted && (config_has_tcp(c) || a->passed.has_tcp);
    struct core_config core = {
        .region = c->region,
        .template_dir = c->template_dir,
        .virt_type = c->virt_type,
        .workers = (uint32_t)c->workers,
        .host_shutdown = c->host_shutdown,
        .stop_grace_ms = (int64_t)c->stop_grace_ms,
        .survey_deadline_ms = (int64_t)c->survey_deadline_ms,
        .create_deadline_ms = (int64_t)c->create_deadline_ms,
        .power_deadline_ms = (int64_t)c->power_deadline_ms,
        .delete_deadline_ms = (int64_t)c->delete_deadline_ms,
        .image_deadline_ms = (int64_t)c->image_deadline_ms,
        .probe_deadline_ms = (int64_t)c->probe_deadline_ms,
        .operation_retention_ms = (int64_t)c->operation_retention_ms,
        .operation_keep = (uint32_t)c->operation_keep,
        .event_retention_ms = (int64_t)c->event_retention_ms,
        .token_lifetime_ms = (int64_t)c->token_lifetime_ms,
        .token_lifetime_max_ms = (int64_t)c->token_lifetime_max_ms,
        .audit_retention_ms = (int64_t)c->audit_retention_ms,
        .tombstone_retention_ms = (int64_t)c->tombstone_days * 24 * 3600 * 1000,
        .audit_keep = c->audit_keep,
        .default_quota = c->default_quota,
        .network_pools = c->network_pools,
        .network_prefix = (uint32_t)c->network_prefix,
        .cpu_overcommit = c->cpu_overcommit,
        .memory_overcommit = c->memory_overcommit,
        .disk_overcommit = c->disk_overcommit,
        .memory_reserve_mib = c->memory_reserve_mib,
        .disk_reserve_gib = c->disk_reserve_gib,
        .import_allow = c->import_allow,
        .import_max_gib = c->import_max_gib,
        .import_rate_mib_s = c->import_rate_mib_s,
        .import_deadline_ms = (int64_t)c->import_deadline_ms,
        .guest_listen = listen_to_guests,
        .guest_listen_arg = a,
        .guest_port = (uint32_t)c->guest_port,
        .event_text = api_event_text,
        .refuses_user_network = refuses_user_network,
    };
    struct virt_config virt = {
        .uri = c->libvirt_uri,
        .template_dir = c->template_dir,
        .state_dir = c->state_dir,
        .readers = VIRT_READERS,
        .keepalive_interval_s = KEEPALIVE_INTERVAL_S,
        .keepalive_count = KEEPALIVE_COUNT,
        .refuses_user_network = refuses_user_network,
        .on_event = core_on_virt_event,
        .stamp = core_stamp,
    };

    if (core_new(&core, a->store, a->disk, a->timer, &a->core, e) < 0 ||
        guest_servers_new(a->core, a->timer, core.guest_port, &a->guests, e) < 0)
        return -1;
    virt.arg = a->core;
    return virt_open(&virt, a->timer, &a->virt, e);
}

static int make_http(struct app *a, struct err *e)
{
    AUTO_FREE char **listen = NULL;
    AUTO_FREE char **hosts = NULL;
    const char *tls_cert = a->config->tls_cert, *tls_key = a->config->tls_key;
    struct http_config http = {
        .passed = a->passed.fds,
        .passed_count = a->passed.count,
        .tls_cert = tls_cert[0] ? tls_cert : NULL,
        .tls_key = tls_key[0] ? tls_key : NULL,
        .threads = (uint32_t)a->config->http_threads,
        .body_max_bytes = 1 << 20,
        .connections_max = CONNECTIONS_MAX,
        .connections_per_address_max = CONNECTIONS_PER_ADDRESS_MAX,
        .header_deadline_ms = HEADER_DEADLINE_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .streams_max = (uint32_t)a->config->event_connections,
        .stream_stall_ms = (int64_t)a->config->event_stall_ms,
        .authenticate = a->config->auth == AUTH_NONE             ? authenticate_nobody
                        : a->config->metrics == METRICS_LOOPBACK ? authenticate_token_or_visitor
                                                                 : authenticate_token,
        .authorize = authorize,
        .failed = refused_note,
        .logged = log_request,
        .arg = a->core,
    };

    if (config_admin_gid(a->config, &http.peer_group, e) < 0 || config_split("listen", a->config->listen, &listen, e) < 0 ||
        config_split("hosts", a->config->hosts, &hosts, e) < 0)
        return -1;
    http.listen = (const char *const *)listen;
    http.hosts = (const char *const *)hosts;
    if (http_new(&http, api_doors, a->timer, &a->http, e) < 0)
        return -1;
    events_on_commit(a->core, http_wake_streams, a->http);
    return 0;
}

/* Each connection is a descriptor. What the administrator's hard limit refuses is refused later, one by one. */
static void raise_descriptor_limit(const struct config *c)
{
    struct rlimit limit;
    rlim_t wanted = c->event_connections + CONNECTIONS_MAX + DESCRIPTORS_ELSE;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    if (limit.rlim_max >= wanted) {
        limit.rlim_cur = wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        return;
    }
    const struct rlimit beyond = { wanted, wanted }; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &beyond) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    log_warn("fewer descriptors are allowed than event_connections asks for; raise RLIMIT_NOFILE", NULL);
}

/* Whoever asks right after "listening" finds libvirt known: a create then need not be told to come again. One that does not
 * answer is not waited for; clients that come meanwhile wait in the sockets' queues. */
static void meet_libvirt(struct app *a)
{
    const char *uri = a->config->libvirt_uri;
    struct err e = ERR_INIT;

    notify_status("waiting for libvirt%s%s", uri[0] ? " at " : "", uri);
    if (virt_wait_connected(a->virt, FIRST_LOOK_MS, &e) < 0)
        log_err(LOG_WARN, "libvirt does not answer yet", &e, NULL);
}

static int build(struct app *a, struct err *e)
{
    a->watchdog_ms = notify_watchdog_ms();
    if (passed_take(a->config, &a->passed, e) < 0)
        return -1;
    xml_init();
    raise_descriptor_limit(a->config);
    /* The state first: who its owner is not yet becomes that, before there are threads. */
    if (app_check_routes(e) < 0 || open_state(a, e) < 0 || timer_new(&a->timer, e) < 0 || make_core(a, e) < 0 ||
        make_http(a, e) < 0)
        return -1;
    if (core_start(a->core, a->virt, e) < 0)
        return -1;
    meet_libvirt(a);
    return http_start(a->http, e);
}

/* Who connects from now on waits for our successor, if the service manager has our sockets. Who is connected is answered as ever,
 * for core still works: only http is told to end. */
static void answer_the_last(struct app *a)
{
    guest_servers_quiesce(a->guests);
    if (!a->http)
        return;
    http_quiesce(a->http);
    core_end_polls(a->core);
    notify_status("stopping: requests under way are answered (connections: %u)", http_connections(a->http));
    if (!http_drain(a->http, (int64_t)a->config->stop_deadline_ms / 2))
        log_warn("not every request came to an end in time", NULL);
}

static void take_down(struct app *a)
{
    int64_t until_ms = clock_boot_ms() + (int64_t)a->config->stop_deadline_ms;

    notify_stopping();
    service_stop(a->service);
    answer_the_last(a);
    notify_status("stopping: operations under way come to an end, or to where they can go on later");
    if (a->core && !core_stop(a->core, until_ms - clock_boot_ms())) {
        log_warn("an operation did not come to an end in time; it goes on at the next start", NULL);
        _exit(EXIT_SUCCESS); /* its thread still uses what would be freed here */
    }
    guest_servers_free(a->guests);
    if (a->http)
        (void)http_drain(a->http, until_ms - clock_boot_ms()); /* a file that is still being sent has the rest of the time */
    if (a->core)
        events_on_commit(a->core, NULL, NULL);
    http_free(a->http);  /* its last requests still read from virt and store */
    virt_close(a->virt); /* its last callbacks still reach the core */
    core_free(a->core);
    store_close(a->store);
    disk_close(a->disk);
    timer_free(a->timer);
    service_free(a->service); /* the timer may still have called it */
    passed_done(&a->passed);
}

/* ---- running ---- */

static void print_ready(const struct app *a)
{
    (void)printf("computed: listening on ");
    for (size_t i = 0; http_url(a->http, i); i++)
        (void)printf("%s%s", i > 0 ? ", " : "", http_url(a->http, i));
    (void)printf("\n");
    (void)fflush(stdout);
}

/* SIGHUP: the certificate may have been renewed. Nothing else is read again. */
static void reload(struct app *a)
{
    struct err e = ERR_INIT;

    notify_reloading();
    if (!a->config->tls_cert[0])
        log_info("SIGHUP: without TLS there is nothing to read again", NULL);
    else if (http_reload_tls(a->http, &e) < 0)
        log_err(LOG_WARN, "SIGHUP: the old certificate stays", &e, NULL);
    else
        log_info("SIGHUP: new connections get the certificate that was read now", "tls_cert", a->config->tls_cert, NULL);
    notify_ready();
}

static void serve_until_told(struct app *a)
{
    sigset_t set;
    int sig = 0;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    while (sig != SIGTERM && sig != SIGINT)
        if (sigwait(&set, &sig) == 0 && sig == SIGHUP)
            reload(a);
    log_info("stopping", "signal", strsignal(sig), NULL);
}

static int tell_of_it(struct app *a, struct err *e)
{
    const struct service_parts parts = { a->timer, a->store, a->core, a->http, a->config->libvirt_uri };

    return service_start(&parts, a->watchdog_ms, &a->service, e);
}

int app_run(const struct config *config, struct err *e)
{
    struct app a = { .config = config };
    int built = build(&a, e) < 0 ? -1 : tell_of_it(&a, e);

    if (built == 0) {
        log_info("started", "version", COMPUTED_VERSION, "state_dir", config->state_dir, NULL);
        print_ready(&a);
        serve_until_told(&a);
    }
    take_down(&a);
    if (built == 0)
        log_info("stopped", NULL);
    return built;
}

static const char *role_of(const char *action)
{
    return policy_knows(action) ? policy_role(action) : "nobody";
}

void app_print_routes(void)
{
    http_print_routes(api_doors, role_of);
    http_print_routes(guest_doors, role_of);
}

static int check_route(const struct route *r, struct err *e)
{
    bool is_public = (r->flags & ROUTE_PUBLIC) != 0;

    if (!policy_knows(r->action))
        return err_set(e, ERR_CONFIG, "route %s %s names no action that policy knows", r->method, r->path);
    if (is_public != policy_is_public(r->action))
        return err_set(e, ERR_CONFIG, "route %s %s is public for one of http and policy only", r->method, r->path);
    return 0;
}

static int check_doors(const struct door *const *doors, struct err *e)
{
    for (const struct door *const *d = doors; *d; d++)
        for (size_t i = 0; i < (*d)->route_count; i++)
            if (check_route(&(*d)->routes[i], e) < 0)
                return -1;
    return 0;
}

int app_check_routes(struct err *e)
{
    return check_doors(api_doors, e) < 0 ? -1 : check_doors(guest_doors, e);
}
