/* Private to http: the room of streams: who is in it, the thread that serves WebSockets and wakes the others, and the end. */
#ifndef HTTP_STREAM_PRIVATE_H
#define HTTP_STREAM_PRIVATE_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/thread.h"
#include "http/stream.h"

struct client;
struct sse;
struct subscription;

struct stream_room {
    int64_t ping_ms, stall_ms;
    uint32_t max;
    atomic_uint count; /* streams of both kinds, those that are being made included */
    atomic_bool is_ending;
    _Atomic uint64_t wakes; /* counted by the sender: since when there may be something new for server-sent events */
    atomic_bool has_news;   /* for the sender */
    pthread_t sender;
    bool is_running;
    int epoll, bell; /* the bell is an eventfd */

    struct lock lock; /* RANK_LEAF */
    struct cond changed;
    struct subscription *joining GUARDED_BY(lock); /* WebSockets that the sender does not know yet */
    bool is_closed GUARDED_BY(lock);               /* the sender has gone */
    struct sse *asleep GUARDED_BY(lock);           /* suspended: theirs is what the sender alone may touch */

    struct subscription *sockets; /* the sender's own */
    bool has_more;                /* some have not had all there is: likewise */
    bool has_dead;                /* some are to be let go: likewise */
};

/* By its streams_max and the like, 0 standing for nothing else any more. No streams: no room, and no thread. */
int stream_room_new(const struct http_config *config, struct stream_room **out, struct err *e);
/* Every stream is told to end: 1001 for a WebSocket, the end of the answer for the others. Does not wait. */
void stream_room_end(struct stream_room *room);
/* Waits for that, for some seconds: then WebSockets have been cut off, and libmicrohttpd may stop, which ends the others. */
void stream_room_stop(struct stream_room *room);
void stream_room_free(struct stream_room *room);
void stream_room_wake(struct stream_room *room);

/* What a stream is told, and who: the source with its subscriber, and one of the room's places. */
struct feed {
    struct stream_room *room;
    struct stream_source source;
    void *subscriber;
};
/* Takes the subscriber over, also on failure. ERR_UNAVAILABLE: no place is free, or the room is ending. room may be NULL. */
int feed_new(struct stream_room *room, const struct stream_source *source, void *subscriber, struct feed **out, struct err *e);
void feed_free(struct feed *f);
DEFINE_AUTO(feed, feed_free)

/* The WebSocket of a request that is answered with 101; the request's until it is upgraded. Owns the feed; NULL: no memory, and
 * the feed is still the caller's. */
struct subscription *subscription_new(struct feed *feed);
void subscription_free(struct subscription *s);
/* libmicrohttpd has given the socket: from here on it is the sender's. */
void subscription_start(struct subscription *s, int fd, struct MHD_UpgradeResponseHandle *upgrade, const void *early,
                        size_t early_len);

/* ---- sse.c ---- */
/* The answer, which owns the feed; NULL: no memory, and the feed is still the caller's. */
struct MHD_Response *sse_response(struct feed *feed, struct client *conn, struct MHD_Connection *connection);
/* Wakes those that sleep: all of them, or whose time has come. */
void sse_wake(struct stream_room *room, bool is_for_all);

#endif
