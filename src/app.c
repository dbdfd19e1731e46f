/* app: the only place that knows every room. What starts first ends last; callbacks that cross rooms are handed over here. */
#include "app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest_listen.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timer.h"
#include "base/xml.h"
#include "core/core.h"
#include "core/identity.h"
#include "core/policy.h"
#include "disk/disk.h"
#include "http/http.h"
#include "store/store.h"
#include "virt/virt.h"

enum { VIRT_READERS = 2, KEEPALIVE_INTERVAL_S = 5, KEEPALIVE_COUNT = 3 };
enum { CONNECTIONS_MAX = 1024, CONNECTIONS_PER_ADDRESS_MAX = 256, HEADER_DEADLINE_MS = 10000, IDLE_TIMEOUT_MS = 60000 };

struct app {
    const struct config *config;
    struct timer *timer;
    struct disk *disk;
    struct store *store;
    struct core *core;
    struct virt *virt;
    struct guest_servers *guests;
    struct http *http;
};

/* ---- what http asks of core ---- */

static int authenticate(void *arg, struct request *r, struct actor *out, struct err *e)
{
    (void)r;
    (void)e;
    store_hurry();               /* this thread has others to answer */
    identity_implicit(arg, out); /* auth=none, the only mode there is */
    return 0;
}

static int authorize(void *arg, const struct actor *who, const char *action, struct err *e)
{
    (void)arg;
    return policy_check(who, action, e);
}

static void log_request(void *arg, struct request *r, int status, int64_t duration_us, uint64_t bytes)
{
    char status_text[12], duration_text[24], bytes_text[24];

    (void)arg;
    (void)snprintf(status_text, sizeof status_text, "%d", status);
    (void)snprintf(duration_text, sizeof duration_text, "%lld", (long long)duration_us);
    (void)snprintf(bytes_text, sizeof bytes_text, "%llu", (unsigned long long)bytes);
    log_info("request", "method", request_method(r), "path", request_path(r), "status", status_text, "us", duration_text, "bytes",
             bytes_text, "request_id", request_id(r), NULL);
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

/* An empty database beside images, disks or sidecars would make strangers of them all: somebody must say what is meant. */
static int refuse_missing_database(struct app *a, const char *path, struct err *e)
{
    struct stat st;
    bool is_empty = false;

    if (stat(path, &st) == 0)
        return 0;
    if (disk_is_empty(a->disk, &is_empty, e) < 0)
        return -1;
    if (is_empty)
        return 0;
    return err_set(
        e, ERR_CONFIG,
        "%s is missing, but the folders beside it are not empty: bring it back with `computed restore FILE`, make it anew "
        "with `computed doctor --rebuild`, or move them away to begin anew",
        path);
}

static int open_state(struct app *a, struct err *e)
{
    AUTO_FREE char *path = disk_database_path(a->config->state_dir);

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (disk_open(a->config->state_dir, &a->disk, e) < 0 || refuse_missing_database(a, path, e) < 0 ||
        disk_scan_unknown(a->disk, report_unknown, NULL, e) < 0)
        return -1;
    return store_open(path, &a->store, e);
}

static int make_core(struct app *a, struct err *e)
{
    const struct config *c = a->config;
    /* Guests on user networking reach this host's loopback, where everybody is the administrator. */
    bool refuses_user_network = c->auth == AUTH_NONE && config_has_tcp(c);
    struct core_config core = {
        .region = c->region,
        .template_dir = c->template_dir,
        .virt_type = c->virt_type,
        .workers = (uint32_t)c->workers,
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
    struct http_config http = {
        .threads = (uint32_t)a->config->http_threads,
        .body_max_bytes = 1 << 20,
        .connections_max = CONNECTIONS_MAX,
        .connections_per_address_max = CONNECTIONS_PER_ADDRESS_MAX,
        .header_deadline_ms = HEADER_DEADLINE_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .authenticate = authenticate,
        .authorize = authorize,
        .logged = log_request,
        .arg = a->core,
    };

    if (config_split("listen", a->config->listen, &listen, e) < 0 || config_split("hosts", a->config->hosts, &hosts, e) < 0)
        return -1;
    http.listen = (const char *const *)listen;
    http.hosts = (const char *const *)hosts;
    return http_new(&http, api_doors, a->timer, &a->http, e);
}

static int build(struct app *a, struct err *e)
{
    xml_init();
    if (app_check_routes(e) < 0 || timer_new(&a->timer, e) < 0 || open_state(a, e) < 0 || make_core(a, e) < 0 ||
        make_http(a, e) < 0)
        return -1;
    return core_start(a->core, a->virt, e) < 0 ? -1 : http_start(a->http, e);
}

static void take_down(struct app *a)
{
    if (a->http)
        http_quiesce(a->http);
    guest_servers_quiesce(a->guests);
    if (a->core && !core_stop(a->core, (int64_t)a->config->stop_deadline_ms)) {
        log_warn("an operation did not come to an end in time; it goes on at the next start", NULL);
        _exit(EXIT_SUCCESS); /* its thread still uses what would be freed here */
    }
    guest_servers_free(a->guests);
    http_free(a->http);  /* its last requests still read from virt and store */
    virt_close(a->virt); /* its last callbacks still reach the core */
    core_free(a->core);
    store_close(a->store);
    disk_close(a->disk);
    timer_free(a->timer);
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

static void wait_for_signal(void)
{
    sigset_t set;
    int sig = 0;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    while (sigwait(&set, &sig) != 0)
        continue;
    log_info("stopping", "signal", strsignal(sig), NULL);
}

int app_run(const struct config *config, struct err *e)
{
    struct app a = { .config = config };
    int built = build(&a, e);

    if (built == 0) {
        log_info("started", "version", COMPUTED_VERSION, "state_dir", config->state_dir, NULL);
        print_ready(&a);
        wait_for_signal();
    }
    take_down(&a);
    if (built == 0)
        log_info("stopped", NULL);
    return built;
}

void app_print_routes(void)
{
    http_print_routes(api_doors);
    http_print_routes(guest_doors);
}

static int check_doors(const struct door *const *doors, struct err *e)
{
    for (const struct door *const *d = doors; *d; d++)
        for (size_t i = 0; i < (*d)->route_count; i++)
            if (!(*d)->routes[i].action || !policy_knows((*d)->routes[i].action))
                return err_set(e, ERR_CONFIG, "route %s %s names no action that policy knows", (*d)->routes[i].method,
                               (*d)->routes[i].path);
    return 0;
}

int app_check_routes(struct err *e)
{
    return check_doors(api_doors, e) < 0 ? -1 : check_doors(guest_doors, e);
}
