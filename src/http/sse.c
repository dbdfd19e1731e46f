/* Server-sent events: an answer without end, whose pieces libmicrohttpd asks for on its own threads; while there is nothing to
 * tell, its connection is suspended, and the sender wakes it. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "stream.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum { PIECE = 8192, RETRY_MS = 2000 };

struct sse {
    struct sse *next; /* in the room's list of those that sleep */
    struct feed *feed;
    struct client *conn;
    struct MHD_Connection *connection;
    struct buf text; /* made, and from `sent` on not yet taken */
    size_t sent;
    int64_t spoke_boot_ms;
    bool has_left;
    bool is_owed; /* the source failed: it is asked again soon */
};

static void sse_free(void *arg)
{
    struct sse *s = arg;

    feed_free(s->feed);
    buf_done(&s->text);
    free(s);
}

static void add_message(struct buf *b, const struct stream_message *m)
{
    if (m->id > 0)
        buf_addf(b, "id: %llu\n", (unsigned long long)m->id);
    buf_addf(b, "event: %s\ndata: ", m->event);
    buf_adds(b, m->text);
    buf_adds(b, "\n\n");
}

static bool is_silent(const struct sse *s, int64_t now_ms)
{
    return now_ms - s->spoke_boot_ms >= s->feed->room->ping_ms / 2;
}

/* As much as makes a piece. A failure to read ends the turn. */
static void make_text(struct sse *s)
{
    struct err e = ERR_INIT;
    struct stream_message m;
    int rc = 0;

    while (s->text.len < PIECE && (rc = s->feed->source.next(s->feed->subscriber, &m, &e)) > 0)
        add_message(&s->text, &m);
    s->is_owed = rc < 0;
    if (s->is_owed)
        log_err(LOG_WARN, "a stream could not be read; it is tried again", &e, NULL);
    if (s->text.len == 0 && is_silent(s, clock_boot_ms()))
        buf_adds(&s->text, ":\n\n"); /* a comment: proxies and we see whether somebody is there */
}

static ssize_t take_text(struct sse *s, char *to, size_t max)
{
    size_t left = s->text.len - s->sent, len = left < max ? left : max;

    memcpy(to, s->text.data + s->sent, len);
    s->sent += len;
    if (s->sent == s->text.len) {
        buf_done(&s->text);
        s->sent = 0;
    }
    s->spoke_boot_ms = clock_boot_ms();
    client_deadline_in(s->conn, s->feed->room->stall_ms); /* until libmicrohttpd asks again */
    return (ssize_t)len;
}

/* From the end of this call on another thread may resume it. What came since `wakes` was read has woken nobody: then it goes on
 * at once. */
static void fall_asleep(struct sse *s, uint64_t wakes)
{
    bool is_late;

    client_deadline_off(s->conn);
    MHD_suspend_connection(s->connection);
    {
        HOLD(&s->feed->room->lock);
        is_late = atomic_load(&s->feed->room->wakes) != wakes;
        if (!is_late) {
            s->next = s->feed->room->asleep;
            s->feed->room->asleep = s;
        }
    }
    if (is_late)
        MHD_resume_connection(s->connection);
}

static ssize_t on_piece(void *arg, uint64_t at, char *to, size_t max)
{
    struct sse *s = arg;
    uint64_t wakes = atomic_load(&s->feed->room->wakes);

    (void)at;
    if (atomic_load(&s->feed->room->is_ending) || !s->feed->source.is_welcome(s->feed->subscriber))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (s->text.len == 0)
        make_text(s);
    if (s->text.failed || s->has_left)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (s->text.len > 0)
        return take_text(s, to, max);
    fall_asleep(s, wakes);
    return 0;
}

struct MHD_Response *sse_response(struct feed *feed, struct client *conn, struct MHD_Connection *connection)
{
    struct sse *s = calloc(1, sizeof(*s));
    struct MHD_Response *response;

    if (!s)
        return NULL;
    *s = (struct sse){ .feed = feed, .conn = conn, .connection = connection };
    buf_addf(&s->text, "retry: %d\n\n", RETRY_MS); /* and the head of the answer goes at once */
    response = s->text.failed ? NULL : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, on_piece, s, sse_free);
    if (!response) {
        buf_done(&s->text);
        free(s);
    }
    return response;
}

/* One that sleeps cannot go away: libmicrohttpd does not look at it, and so does not see its client leave either. */
static bool is_due(struct sse *s, int64_t now_ms)
{
    s->has_left = client_has_left(s->conn);
    return s->has_left || s->is_owed || is_silent(s, now_ms) || !s->feed->source.is_welcome(s->feed->subscriber);
}

static struct sse *take_sleepers(struct stream_room *room)
{
    struct sse *all;
    HOLD(&room->lock);

    all = room->asleep;
    room->asleep = NULL;
    return all;
}

static void put_back(struct stream_room *room, struct sse *s)
{
    HOLD(&room->lock);

    s->next = room->asleep;
    room->asleep = s;
}

void sse_wake(struct stream_room *room, bool is_for_all)
{
    int64_t now_ms = clock_boot_ms();
    struct sse *next;

    if (is_for_all)
        atomic_fetch_add(&room->wakes, 1);
    for (struct sse *s = take_sleepers(room); s; s = next) {
        next = s->next;
        if (is_for_all || is_due(s, now_ms))
            MHD_resume_connection(s->connection); /* and from now on it may be gone */
        else
            put_back(room, s);
    }
}
