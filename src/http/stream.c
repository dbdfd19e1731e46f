/* The room of streams: the sender, one thread for all WebSockets, which also wakes the answers that sleep (sse.c). It knows no
 * events: whoever has taken what it got is asked what comes next. */
#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

#include "base/clock.h"
#include "base/log.h"

enum {
    TICK_MS = 1000,
    GOODBYE_MS = 2000,        /* from our word that it is over to the end of the connection */
    LEAVE_MS = 3000,          /* at the end of the room, for all */
    TURN = 64,                /* messages for one before the others have their turn */
    BATCH = 64,               /* of epoll */
    SEND_BUFFER = 128 * 1024, /* the kernel's, for each: how far behind its socket a reader may be */
};

/* A WebSocket. */
struct subscription {
    struct subscription *next; /* in the room's joining or sockets */
    struct stream_room *room;
    struct feed *feed;
    struct websocket *ws; /* NULL before it is upgraded */
    int fd;
    struct MHD_UpgradeResponseHandle *upgrade; /* NULL: the socket is our own */
    uint32_t watched;                          /* epoll's events */
    int64_t ping_boot_ms;                      /* when the next is due */
    int64_t blocked_boot_ms, closing_boot_ms;  /* since when; 0: it is not */
};

/* ---- entering and leaving ---- */

static void ring_bell(struct stream_room *room)
{
    const uint64_t one = 1;

    (void)!write(room->bell, &one, sizeof(one)); /* it fails when it is ringing already */
}

/* In an empty room the sender sleeps until it is told: the first who comes wakes it, for it looks after all of them. */
static int enter(struct stream_room *room, struct err *e)
{
    if (!room || atomic_load(&room->is_ending))
        return err_set(e, ERR_UNAVAILABLE, room ? "the service is stopping" : "there are no streams here");
    unsigned before = atomic_fetch_add(&room->count, 1);
    if (before == 0)
        ring_bell(room);
    if (before < room->max)
        return 0;
    atomic_fetch_sub(&room->count, 1);
    return err_set(e, ERR_UNAVAILABLE, "there are %u streams already, which is the most", room->max);
}

static void leave(struct stream_room *room)
{
    HOLD(&room->lock);

    atomic_fetch_sub(&room->count, 1);
    cond_broadcast(&room->changed);
}

int feed_new(struct stream_room *room, const struct stream_source *source, void *subscriber, struct feed **out, struct err *e)
{
    struct feed *f = NULL;

    if (enter(room, e) < 0) {
        source->free(subscriber);
        return -1;
    }
    f = malloc(sizeof(*f));
    if (!f) {
        leave(room);
        source->free(subscriber);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    *f = (struct feed){ room, *source, subscriber };
    *out = f;
    return 0;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    f->source.free(f->subscriber);
    leave(f->room);
    free(f);
}

struct subscription *subscription_new(struct feed *feed)
{
    struct subscription *s = calloc(1, sizeof(*s));

    if (s)
        *s = (struct subscription){ .room = feed->room, .feed = feed, .fd = -1 };
    return s;
}

/* libmicrohttpd closes what is its own. */
static void close_socket(struct subscription *s)
{
    if (s->upgrade)
        (void)MHD_upgrade_action(s->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    else if (s->fd >= 0)
        (void)close(s->fd);
}

void subscription_free(struct subscription *s)
{
    if (!s)
        return;
    websocket_free(s->ws);
    close_socket(s);
    feed_free(s->feed);
    free(s);
}

static void tune(int fd)
{
    const int yes = 1, size = SEND_BUFFER;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* a unix socket has no such thing */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* False when the sender has gone already. */
static bool join(struct stream_room *room, struct subscription *s)
{
    HOLD(&room->lock);

    if (room->is_closed)
        return false;
    s->next = room->joining;
    room->joining = s;
    ring_bell(room);
    return true;
}

void subscription_start(struct subscription *s, int fd, struct MHD_UpgradeResponseHandle *upgrade, const void *early,
                        size_t early_len)
{
    struct err e = ERR_INIT;

    s->fd = fd;
    s->upgrade = upgrade;
    tune(fd);
    if (websocket_new(fd, early, early_len, &s->ws, &e) < 0) {
        log_err(LOG_WARN, "a stream was not begun", &e, NULL);
        subscription_free(s);
        return;
    }
    if (!join(s->room, s))
        subscription_free(s);
}

/* ---- one WebSocket, on the sender's thread ---- */

static bool check_welcome(struct subscription *s)
{
    bool is_welcome = s->feed->source.is_welcome(s->feed->subscriber);

    if (!is_welcome)
        websocket_close(s->ws, WEBSOCKET_POLICY, "the credentials are no longer valid");
    return is_welcome;
}

/* What it takes, until it is blocked or has all there is. */
static void tell(struct subscription *s)
{
    struct err e = ERR_INIT;
    struct stream_message m;
    int rc = 1;

    for (int i = 0; i < TURN && rc > 0; i++) {
        if (websocket_is_blocked(s->ws) || websocket_is_closing(s->ws) || websocket_is_over(s->ws) || !check_welcome(s))
            return;
        rc = s->feed->source.next(s->feed->subscriber, &m, &e);
        if (rc > 0)
            websocket_send(s->ws, m.text);
    }
    s->room->has_more |= rc > 0;
    if (rc < 0)
        log_err(LOG_WARN, "a stream could not be read; it is tried again", &e, NULL);
}

static void since(int64_t *at, bool is_so, int64_t now_ms)
{
    *at = !is_so ? 0 : *at > 0 ? *at : now_ms;
}

static bool is_cut_off(const struct subscription *s, int64_t now_ms)
{
    if (websocket_is_over(s->ws) || (s->closing_boot_ms > 0 && now_ms - s->closing_boot_ms >= GOODBYE_MS))
        return true;
    return s->blocked_boot_ms > 0 && now_ms - s->blocked_boot_ms >= s->room->stall_ms;
}

/* Times begin here, and epoll learns what is waited for. While a reader is blocked nothing is read from it: it would only be
 * answered. */
static void settle(struct subscription *s, int64_t now_ms)
{
    bool is_blocked = websocket_is_blocked(s->ws);
    struct epoll_event wanted = { .events = is_blocked ? EPOLLOUT : EPOLLIN, .data.ptr = s };

    since(&s->blocked_boot_ms, is_blocked, now_ms);
    since(&s->closing_boot_ms, websocket_is_closing(s->ws), now_ms);
    s->room->has_dead |= is_cut_off(s, now_ms);
    if (wanted.events == s->watched)
        return;
    s->watched = wanted.events;
    (void)epoll_ctl(s->room->epoll, EPOLL_CTL_MOD, s->fd, &wanted);
}

static void on_socket(struct subscription *s, uint32_t events)
{
    if (events & EPOLLOUT)
        websocket_flush(s->ws);
    if (events & ~(uint32_t)EPOLLOUT)
        websocket_receive(s->ws);
    tell(s);
}

static void look_after(struct subscription *s, int64_t now_ms)
{
    if (atomic_load(&s->room->is_ending))
        websocket_close(s->ws, WEBSOCKET_GOING_AWAY, "the service is stopping");
    else
        (void)check_welcome(s);
    if (now_ms < s->ping_boot_ms || websocket_is_closing(s->ws))
        return;
    s->ping_boot_ms = now_ms + s->room->ping_ms;
    if (websocket_is_answering(s->ws))
        websocket_ping(s->ws);
    else
        websocket_close(s->ws, WEBSOCKET_GOING_AWAY, "no answer to a ping");
}

/* ---- the sender ---- */

static void welcome(struct subscription *s, int64_t now_ms)
{
    struct stream_room *room = s->room;
    struct epoll_event wanted = { .events = EPOLLIN, .data.ptr = s };

    if (epoll_ctl(room->epoll, EPOLL_CTL_ADD, s->fd, &wanted) < 0) {
        log_warn("a stream was not begun", "err", strerror(errno), NULL);
        subscription_free(s);
        return;
    }
    s->watched = wanted.events;
    s->ping_boot_ms = now_ms + room->ping_ms;
    s->next = room->sockets;
    room->sockets = s;
    websocket_receive(s->ws); /* what came early makes no event */
    tell(s);
    settle(s, now_ms);
}

static void take_in(struct stream_room *room, int64_t now_ms)
{
    struct subscription *s, *next;

    {
        HOLD(&room->lock);
        s = room->joining;
        room->joining = NULL;
    }
    for (; s; s = next) {
        next = s->next;
        welcome(s, now_ms);
    }
}

static void tell_all(struct stream_room *room, int64_t now_ms)
{
    for (struct subscription *s = room->sockets; s; s = s->next) {
        tell(s);
        settle(s, now_ms);
    }
}

static void look_after_all(struct stream_room *room, int64_t now_ms)
{
    for (struct subscription *s = room->sockets; s; s = s->next) {
        look_after(s, now_ms);
        settle(s, now_ms);
    }
}

static void bury(struct stream_room *room, int64_t now_ms)
{
    if (!room->has_dead)
        return;
    room->has_dead = false;
    for (struct subscription **at = &room->sockets; *at;) {
        struct subscription *s = *at;
        if (!is_cut_off(s, now_ms)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        (void)epoll_ctl(room->epoll, EPOLL_CTL_DEL, s->fd, NULL);
        subscription_free(s);
    }
}

/* The events of sockets; those of the bell are only for waking up. */
static void wait_for_sockets(struct stream_room *room, int timeout_ms)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(room->epoll, events, BATCH, timeout_ms);
    int64_t now_ms = clock_boot_ms();
    uint64_t rung;

    for (int i = 0; i < count; i++) {
        struct subscription *s = events[i].data.ptr;
        if (!s) {
            (void)!read(room->bell, &rung, sizeof(rung));
            continue;
        }
        on_socket(s, events[i].events);
        settle(s, now_ms);
    }
}

static int patience_ms(struct stream_room *room, int64_t tick_boot_ms)
{
    int64_t left_ms = tick_boot_ms - clock_boot_ms();

    if (room->has_more)
        return 0;
    if (atomic_load(&room->count) == 0 && !atomic_load(&room->is_ending))
        return -1;
    return left_ms > 0 ? (int)left_ms : 0;
}

/* What is committed while it is told is told in the next round. */
static void spread_news(struct stream_room *room)
{
    bool is_news = atomic_exchange(&room->has_news, false);

    if (!is_news && !room->has_more)
        return;
    room->has_more = false;
    if (is_news)
        sse_wake(room, true);
    tell_all(room, clock_boot_ms());
}

static void tick(struct stream_room *room, int64_t now_ms)
{
    sse_wake(room, atomic_load(&room->is_ending));
    look_after_all(room, now_ms);
    tell_all(room, now_ms); /* whose source failed is asked again */
}

/* Who joins later finds it closed. */
static bool close_door(struct stream_room *room)
{
    HOLD(&room->lock);

    room->is_closed = room->joining == NULL;
    return room->is_closed;
}

static void *send_all(void *arg)
{
    struct stream_room *room = arg;
    int64_t tick_boot_ms = 0;
    bool has_ended = false; /* all have been told */

    while (!has_ended || room->sockets || !close_door(room)) {
        wait_for_sockets(room, patience_ms(room, tick_boot_ms));
        bool is_end = atomic_load(&room->is_ending);
        int64_t now_ms = clock_boot_ms();
        take_in(room, now_ms);
        spread_news(room);
        if (now_ms >= tick_boot_ms || is_end != has_ended) {
            tick(room, now_ms);
            tick_boot_ms = now_ms + TICK_MS;
            has_ended = is_end;
        }
        bury(room, now_ms);
    }
    return NULL;
}

/* ---- the room ---- */

static int start(struct stream_room *room, struct err *e)
{
    struct epoll_event bell = { .events = EPOLLIN };

    room->epoll = epoll_create1(EPOLL_CLOEXEC);
    room->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (room->epoll < 0 || room->bell < 0 || epoll_ctl(room->epoll, EPOLL_CTL_ADD, room->bell, &bell) < 0)
        return err_errno(e, errno, "cannot wait for sockets");
    if (thread_start(&room->sender, "streams", send_all, room, e) < 0)
        return -1;
    room->is_running = true;
    return 0;
}

int stream_room_new(const struct http_config *config, struct stream_room **out, struct err *e)
{
    struct stream_room *room;

    if (config->streams_max == 0)
        return 0;
    room = calloc(1, sizeof(*room));
    if (!room)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    room->max = config->streams_max;
    room->ping_ms = config->stream_ping_ms;
    room->stall_ms = config->stream_stall_ms;
    room->epoll = room->bell = -1;
    lock_init(&room->lock, RANK_LEAF);
    cond_init(&room->changed);
    if (start(room, e) < 0) {
        stream_room_free(room);
        return -1;
    }
    *out = room;
    return 0;
}

void stream_room_wake(struct stream_room *room)
{
    atomic_store(&room->has_news, true);
    ring_bell(room);
}

void stream_room_end(struct stream_room *room)
{
    if (room && !atomic_exchange(&room->is_ending, true))
        ring_bell(room);
}

static void wait_until_empty(struct stream_room *room)
{
    int64_t until_ms = clock_boot_ms() + LEAVE_MS, left_ms;
    HOLD(&room->lock);

    while (atomic_load(&room->count) > 0 && (left_ms = until_ms - clock_boot_ms()) > 0)
        (void)cond_wait_ms(&room->changed, &room->lock, left_ms);
}

void stream_room_stop(struct stream_room *room)
{
    if (!room || !room->is_running)
        return;
    stream_room_end(room);
    wait_until_empty(room);
    (void)pthread_join(room->sender, NULL);
    room->is_running = false;
}

void stream_room_free(struct stream_room *room)
{
    if (!room)
        return;
    stream_room_stop(room);
    if (room->epoll >= 0)
        (void)close(room->epoll);
    if (room->bell >= 0)
        (void)close(room->bell);
    cond_done(&room->changed);
    lock_done(&room->lock);
    free(room);
}
