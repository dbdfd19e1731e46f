/* The fake's connection: a directory that tests put `down` and `hang` into, a thread that notices, and the events it tells.
 * What verbs do to domains is fake.c's. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"

#include "base/clock.h"
#include "base/thread.h"

#define AGENT_PREFIX "agent-"
enum { HANG_POLL_MS = 10 };

struct fake_event {
    struct fake_event *next;
    uuid_text id;
    enum fake_news news;
};

struct fake {
    atomic_uint refs;
    const struct virt_config *config; /* the driver's: gone when closed, so readers do not look at it */
    char *uri;
    struct hub *hub;
    struct lock files; /* RANK_VIRT: over reading and writing one domain */
    struct lock lock;  /* RANK_LEAF */
    struct cond changed;
    struct fake_event *events GUARDED_BY(lock);
    bool is_closing GUARDED_BY(lock), is_up GUARDED_BY(lock);
    int inotify_fd, wake_fd;
    pthread_t thread;
};

const char *fake_uri(void *self)
{
    return ((struct fake *)self)->uri;
}

const char *fake_dir(const struct fake *f)
{
    return f->uri + strlen("fake://");
}

const struct virt_config *fake_config(const struct fake *f)
{
    return f->config;
}

void fake_lock(struct fake *f)
{
    lock_take(&f->files);
}

void fake_unlock(struct fake *f)
{
    lock_drop(&f->files);
}

static bool has_file(const struct fake *f, const char *name)
{
    AUTO_FREE char *path = str_printf("%s/%s", fake_dir(f), name);

    return path && access(path, F_OK) == 0;
}

bool fake_has_agent(const struct fake *f, const char *id)
{
    char name[sizeof(AGENT_PREFIX) + UUID_LEN];

    (void)snprintf(name, sizeof(name), AGENT_PREFIX "%s", id);
    return has_file(f, name);
}

/* ---- the thread ---- */

static void wake(struct fake *f)
{
    (void)!write(f->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t)); /* full only when it is awake anyway */
}

static void drain(int fd)
{
    char scrap[4096];

    while (read(fd, scrap, sizeof(scrap)) > 0)
        continue;
}

/* Only the agent of a guest that runs has a channel to open. */
static void notice_agent(struct fake *f, const char *id)
{
    struct err ignored = ERR_INIT;
    struct virt_observation o;

    if (fake_observe(f, id, &o, &ignored) == 0 && o.has_usage)
        hub_emit(f->hub, VIRT_EVENT_AGENT, id);
}

static void notice_file(struct fake *f, const struct inotify_event *event)
{
    const char *id = event->name + strlen(AGENT_PREFIX);

    if (event->len == 0 || !str_starts_with(event->name, AGENT_PREFIX) || !(event->mask & (IN_CREATE | IN_MOVED_TO)))
        return;
    if (id_is_uuid(id))
        notice_agent(f, id);
}

static void notice_files(struct fake *f)
{
    _Alignas(struct inotify_event) char batch[4096];
    ssize_t len;

    while ((len = read(f->inotify_fd, batch, sizeof(batch))) > 0)
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const void *)(batch + at);
            notice_file(f, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
}

static void notice_connection(struct fake *f)
{
    bool is_up = !has_file(f, "down");

    lock_take(&f->lock);
    bool was_up = f->is_up;
    f->is_up = is_up;
    cond_broadcast(&f->changed);
    lock_drop(&f->lock);
    if (is_up != was_up)
        hub_emit(f->hub, is_up ? VIRT_EVENT_CONNECTED : VIRT_EVENT_DISCONNECTED, "");
}

static struct fake_event *take_events(struct fake *f)
{
    HOLD(&f->lock);

    return TAKE(f->events);
}

static void tell(struct fake *f, const struct fake_event *event)
{
    switch (event->news) {
    case FAKE_CHANGED:
        hub_emit(f->hub, VIRT_EVENT_DOMAIN, event->id);
        break;
    case FAKE_RESTARTED:
        hub_emit_reboot(f->hub, event->id);
        break;
    case FAKE_AGENT:
        hub_emit(f->hub, VIRT_EVENT_AGENT, event->id);
        break;
    }
}

static void tell_events(struct fake *f)
{
    struct fake_event *events = take_events(f);

    while (events) {
        AUTO_FREE struct fake_event *event = events;
        events = event->next;
        tell(f, event);
    }
}

static bool is_closing(struct fake *f)
{
    HOLD(&f->lock);

    return f->is_closing;
}

static void *fake_main(void *arg)
{
    struct fake *f = arg;
    struct pollfd fds[] = { { .fd = f->inotify_fd, .events = POLLIN }, { .fd = f->wake_fd, .events = POLLIN } };

    while (!is_closing(f)) {
        notice_connection(f);
        tell_events(f);
        (void)poll(fds, ARRAY_LEN(fds), -1);
        notice_files(f);
        drain(f->wake_fd);
    }
    return NULL;
}

void fake_notify(struct fake *f, const char *id, enum fake_news news)
{
    struct fake_event *event = calloc(1, sizeof(*event));

    if (!event)
        return; /* waiters look for themselves once a second */
    (void)str_copy(event->id, sizeof(event->id), id);
    event->news = news;
    lock_take(&f->lock);
    struct fake_event **p = &f->events;
    while (*p)
        p = &(*p)->next;
    *p = event;
    lock_drop(&f->lock);
    wake(f);
}

/* ---- the gate ---- */

static int closed(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
}

int fake_gate(struct fake *f, struct err *e)
{
    HOLD(&f->lock);

    while (!f->is_closing && has_file(f, "hang"))
        (void)cond_wait_ms(&f->changed, &f->lock, HANG_POLL_MS);
    if (!f->is_closing && !has_file(f, "down"))
        return 0;
    (void)closed(e);
    return err_detail(e, "the fake is down");
}

bool fake_is_connected(void *self)
{
    struct fake *f = self;
    HOLD(&f->lock);

    return f->is_up && !has_file(f, "down");
}

int fake_wait_connected(void *self, int64_t timeout_ms, struct err *e)
{
    struct fake *f = self;
    int64_t until = clock_boot_ms() + timeout_ms;
    HOLD(&f->lock);

    while (!f->is_up) {
        int64_t left = until - clock_boot_ms();
        if (left <= 0)
            return closed(e);
        (void)cond_wait_ms(&f->changed, &f->lock, left);
    }
    return 0;
}

/* ---- lives ---- */

void *fake_ref(void *self)
{
    atomic_fetch_add(&((struct fake *)self)->refs, 1);
    return self;
}

static void free_events(struct fake_event *events)
{
    while (events) {
        struct fake_event *event = events;
        events = event->next;
        free(event);
    }
}

void fake_unref(void *self)
{
    struct fake *f = self;

    if (!f || atomic_fetch_sub(&f->refs, 1) > 1)
        return;
    free_events(f->events);
    hub_free(f->hub);
    cond_done(&f->changed);
    lock_done(&f->lock);
    lock_done(&f->files);
    cleanup_close(&f->inotify_fd);
    cleanup_close(&f->wake_fd);
    free(f->uri);
    free(f);
}

static struct fake *fake_new(const struct virt_config *config, struct hub *hub)
{
    struct fake *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    atomic_init(&f->refs, 1);
    f->config = config;
    f->uri = str_dup(config->uri);
    f->hub = hub_ref(hub);
    f->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    f->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    lock_init(&f->files, RANK_VIRT);
    lock_init(&f->lock, RANK_LEAF);
    cond_init(&f->changed);
    return f;
}

static int watch_dir(struct fake *f, struct err *e)
{
    if (f->inotify_fd < 0 || f->wake_fd < 0)
        return err_errno(e, errno, "cannot watch the fake's directory");
    if (mkdir(fake_dir(f), 0700) < 0 && errno != EEXIST)
        return err_errno(e, errno, "cannot make the fake's directory");
    if (inotify_add_watch(f->inotify_fd, fake_dir(f), IN_CREATE | IN_DELETE | IN_MOVE) < 0)
        return err_errno(e, errno, "cannot watch the fake's directory");
    return 0;
}

int fake_open(const struct virt_config *config, struct hub *hub, void **self, struct err *e)
{
    struct fake *f = str_starts_with(config->uri, "fake:///") ? fake_new(config, hub) : NULL;

    if (!f)
        return err_set(e, ERR_CONFIG, "the fake's URI must be fake:///absolute/dir");
    int rc = f->uri ? watch_dir(f, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
    if (rc < 0 || thread_start(&f->thread, "virt-fake", fake_main, f, e) < 0) {
        fake_unref(f);
        return -1;
    }
    *self = f;
    return 0;
}

void fake_close(void *self)
{
    struct fake *f = self;

    lock_take(&f->lock);
    f->is_closing = true;
    cond_broadcast(&f->changed);
    lock_drop(&f->lock);
    wake(f);
    (void)pthread_join(f->thread, NULL);
    fake_unref(f);
}
