/* world: the daemon's rooms in one process, on the fake hypervisor: store in memory, files in a directory of its own, both doors
 * on unix sockets. For programs that ask by HTTP and look at what has come of it; without Check, so that fuzzers can use it too.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/api.h"
#include "api/credentials.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timer.h"
#include "base/xml.h"
#include "core/core.h"
#include "core/events.h"
#include "core/identity.h"
#include "core/policy.h"
#include "http/http.h"
#include "http/stream.h"

enum { WORLD_DEADLINE_MS = 60000, WORLD_SURVEY_MS = 5000, WORLD_STOP_GRACE_MS = 1, WORLD_STREAMS_MAX = 16 };
enum world_door { WORLD_API, WORLD_GUESTS, WORLD_DOORS };

struct world {
    char dir[64];
    struct timer *timer;
    struct disk *disk;
    struct store *store;
    struct core *core;
    struct virt *virt;
    struct http *http[WORLD_DOORS];
};
static struct world world;
static uint32_t world_network_prefix = 28; /* before world_open */

#define WORLD_REQUIRE(holds) world_require((holds), #holds, __LINE__)
static inline void world_require(bool holds, const char *text, int line)
{
    if (holds)
        return;
    (void)fprintf(stderr, "line %d: it does not hold that %s\n", line, text);
    abort();
}

/* Wants a `struct err e` in scope. */
#define WORLD_OK(call) world_ok((call), #call, &e)
static inline void world_ok(int rc, const char *text, const struct err *e)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "%s: %s: %s (%s)\n", text, err_code_word(e->code), e->msg, e->detail);
    abort();
}

/* Caller frees. */
static inline char *world_path(const char *name)
{
    char *path = str_printf("%s/%s", world.dir, name);

    WORLD_REQUIRE(path);
    return path;
}

static inline void world_remove(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
            world_remove(dirfd(dir), entry->d_name);
    if (dir)
        (void)closedir(dir);
    (void)unlinkat(at, name, dir ? AT_REMOVEDIR : 0);
}

/* Memory where there is some: thousands of these worlds are made and fsync'ed. */
static inline void world_make_dir(void)
{
    static const char *const places[] = { "/dev/shm", "/var/tmp" };

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        (void)snprintf(world.dir, sizeof world.dir, "%s/computed-world-XXXXXX", places[i]);
        if (mkdtemp(world.dir))
            return;
    }
    WORLD_REQUIRE(!"a directory can be made");
}

/* ---- what http asks of core, as app has it ---- */

/* Who sends a token is its owner, who sends none the implicit administrator, for whom tenants need not be there. */
static inline int world_authenticate(void *arg, struct request *r, struct actor *out, struct err *e)
{
    const char *token = NULL, *header = request_door(r)->project_header;
    const char *project = header ? NULL : request_query(r, "project");

    if (credentials_token(r, &token, e) < 0)
        return -1;
    identity_implicit(arg, out);
    if (token && identity_by_token(arg, token, out, e) < 0)
        return -1;
    if (header)
        return identity_as_tenant(arg, out, request_header(r, header), !token, e);
    return project ? identity_scope(arg, out, project, e) : 0;
}

static inline int world_authorize(void *arg, const struct actor *who, const char *action, struct err *e)
{
    (void)arg;
    return policy_check(who, action, e);
}

/* ---- opening ---- */

/* The pool's addresses are those for benchmarks: no host routes them. */
static inline void world_open_core(void)
{
    struct err e = ERR_INIT;
    const struct core_config config = { .region = "local",
                                        .workers = 1,
                                        .stop_grace_ms = WORLD_STOP_GRACE_MS,
                                        .survey_deadline_ms = WORLD_SURVEY_MS,
                                        .create_deadline_ms = WORLD_DEADLINE_MS,
                                        .power_deadline_ms = WORLD_DEADLINE_MS,
                                        .delete_deadline_ms = WORLD_DEADLINE_MS,
                                        .retry_min_ms = 1,
                                        .image_deadline_ms = WORLD_DEADLINE_MS,
                                        .probe_deadline_ms = WORLD_DEADLINE_MS,
                                        .import_deadline_ms = WORLD_DEADLINE_MS,
                                        .operation_retention_ms = 3600 * 1000,
                                        .operation_keep = 1000,
                                        .event_retention_ms = 3600 * 1000,
                                        .audit_retention_ms = 3600 * 1000,
                                        .tombstone_retention_ms = 3600 * 1000,
                                        .audit_keep = 1000,
                                        .network_pools = "198.18.0.0/15",
                                        .network_prefix = world_network_prefix,
                                        .cpu_overcommit = 1000,
                                        .memory_overcommit = 1000,
                                        .disk_overcommit = 1000,
                                        .import_max_gib = 1,
                                        .event_text = api_event_text };

    WORLD_OK(core_new(&config, world.store, world.disk, world.timer, &world.core, &e));
}

static inline void world_open_virt(void)
{
    struct err e = ERR_INIT;
    AUTO_FREE char *uri = str_printf("fake://%s/fake", world.dir);
    struct virt_config config = { .uri = uri,
                                  .template_dir = COMPUTED_SOURCE_DIR "/templates",
                                  .state_dir = world.dir,
                                  .readers = 1,
                                  .keepalive_interval_s = 5,
                                  .keepalive_count = 3,
                                  .on_event = core_on_virt_event,
                                  .stamp = core_stamp,
                                  .arg = world.core };

    WORLD_OK(virt_open(&config, world.timer, &world.virt, &e));
    WORLD_OK(virt_wait_connected(world.virt, WORLD_DEADLINE_MS, &e));
}

static inline void world_open_http(enum world_door door, const char *name, const struct door *const *doors)
{
    struct err e = ERR_INIT;
    AUTO_FREE char *address = str_printf("unix:%s/%s", world.dir, name);
    const char *const listen[] = { address, NULL };
    const struct http_config config = { .listen = listen,
                                        .threads = 1,
                                        .idle_timeout_ms = WORLD_DEADLINE_MS,
                                        .streams_max = WORLD_STREAMS_MAX,
                                        .authenticate = world_authenticate,
                                        .authorize = world_authorize,
                                        .arg = world.core };

    WORLD_OK(http_new(&config, doors, world.timer, &world.http[door], &e));
    WORLD_OK(http_start(world.http[door], &e));
}

static inline void world_open(void)
{
    struct err e = ERR_INIT;

    xml_init();
    log_set_level(LOG_ERROR);
    world_make_dir();
    WORLD_OK(timer_new(&world.timer, &e));
    WORLD_OK(disk_open(world.dir, &world.disk, &e));
    WORLD_OK(store_open(":memory:", &world.store, &e));
    world_open_core();
    world_open_virt();
    WORLD_OK(core_start(world.core, world.virt, &e));
    world_open_http(WORLD_API, "api", api_doors);
    world_open_http(WORLD_GUESTS, "guests", guest_doors);
    events_on_commit(world.core, http_wake_streams, world.http[WORLD_API]);
}

static inline void world_close(void)
{
    for (int door = 0; door < WORLD_DOORS; door++)
        http_quiesce(world.http[door]);
    WORLD_REQUIRE(core_stop(world.core, WORLD_DEADLINE_MS));
    events_on_commit(world.core, NULL, NULL);
    for (int door = 0; door < WORLD_DOORS; door++)
        http_free(world.http[door]);
    virt_close(world.virt);
    core_free(world.core);
    store_close(world.store);
    disk_close(world.disk);
    timer_free(world.timer);
    world_remove(AT_FDCWD, world.dir);
    world = (struct world){ .dir = "" };
}

#endif
