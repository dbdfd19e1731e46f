/* The reader threads, started when there is work for them. One whose asker gave up counts as stuck and may be replaced; when it
 * comes back, and is one too many, it leaves. How libvirt is asked is the source's affair, who is waiting is surveyor.c's. */
#include <string.h>

#include "surveyor_parts.h"

#include "base/clock.h"

enum { SPARE_READERS = 4 }; /* replacements for stuck ones, beyond `readers` */

static bool is_surplus(const struct surveyor *s)
{
    return s->threads - s->stuck > s->config.readers;
}

static bool can_start_reader(const struct surveyor *s)
{
    return s->threads - s->stuck < s->config.readers && s->threads < s->config.readers + SPARE_READERS;
}

static struct request *next_request(struct reader *reader)
{
    struct surveyor *s = reader->s;
    HOLD(&s->lock);

    while (!s->queue && !s->is_closing && !is_surplus(s)) {
        s->idle++;
        cond_wait(&s->work, &s->lock);
        s->idle--;
    }
    if (s->is_closing || is_surplus(s)) {
        s->threads--; /* in one step with the decision, so that two do not leave where one is too many */
        return NULL;
    }
    struct request *r = s->queue;
    surveyor_dequeue(s, r);
    r->reader = reader;
    reader->now = r;
    return r;
}

static bool is_wanted(struct surveyor *s, struct request *r)
{
    HOLD(&s->lock);

    return r->asks != NULL;
}

static int read_each(struct reader *reader, struct request *r, struct virt_survey *into, struct err *e)
{
    const struct survey_source *source = reader->s->config.source;

    for (size_t i = 0; i < r->count; i++) {
        struct survey_row *row = r->base ? survey_row_of(r->base, r->ids[i]) : NULL;
        struct virt_observation o = { 0 };
        if (!is_wanted(reader->s, r))
            return err_set(e, ERR_TIMEOUT, "nobody waits for this survey any more");
        memcpy(o.id, r->ids[i], sizeof(o.id));
        if (source->read_one(reader->connection, row ? row->handle : NULL, &o, e) < 0 || survey_add(into, &o, NULL, e) < 0)
            return -1;
    }
    survey_sort(into);
    return 0;
}

static struct virt_survey *ask_once(struct reader *reader, struct request *r)
{
    const struct surveyor_config *c = &reader->s->config;
    struct err e = ERR_INIT;

    if (!is_wanted(reader->s, r))
        return NULL;
    AUTO(virt_survey) found = survey_new(c->source, c->stamp ? c->stamp(c->arg) : 0, clock_wall_ms());
    if (!found)
        return NULL;
    int rc = r->is_all ? c->source->read_all(reader->connection, found, &e) : read_each(reader, r, found, &e);
    return rc < 0 ? NULL : TAKE(found);
}

static void disconnect(struct reader *reader)
{
    if (reader->connection)
        reader->s->config.source->close(TAKE(reader->connection));
}

/* An old connection may have died unnoticed, so it gets a second chance; a fresh one does not. */
static struct virt_survey *take_survey(struct reader *reader, struct request *r)
{
    const struct survey_source *source = reader->s->config.source;
    struct err e = ERR_INIT;

    for (bool is_fresh = false; !is_fresh;) {
        if (reader->connection && !source->is_alive(reader->connection))
            disconnect(reader);
        is_fresh = !reader->connection;
        if (is_fresh && source->open(reader->s->config.context, &reader->connection, &e) < 0)
            return NULL;
        struct virt_survey *found = ask_once(reader, r);
        if (found || !is_wanted(reader->s, r))
            return found;
        disconnect(reader);
    }
    return NULL;
}

static void finish_request(struct reader *reader, struct request *r, struct virt_survey *found)
{
    struct surveyor *s = reader->s;

    lock_take(&s->lock);
    struct ask *asks = surveyor_claim_asks(r);
    if (reader->is_stuck)
        s->stuck--;
    reader->is_stuck = false;
    reader->now = NULL;
    lock_drop(&s->lock);
    surveyor_answer(asks, found);
    surveyor_free_request(r);
}

static void unlink_reader(struct reader *reader)
{
    struct surveyor *s = reader->s;
    HOLD(&s->lock);

    for (struct reader **p = &s->readers; *p; p = &(*p)->next)
        if (*p == reader) {
            *p = reader->next;
            break;
        }
    cond_broadcast(&s->gone);
}

static void *reader_main(void *arg)
{
    struct reader *reader = arg;
    struct surveyor *s = reader->s;
    struct request *r;

    while ((r = next_request(reader))) {
        AUTO(virt_survey) found = take_survey(reader, r);
        finish_request(reader, r, found);
    }
    disconnect(reader);
    unlink_reader(reader);
    free(reader);
    surveyor_unref(s);
    return NULL;
}

/* With the lock held. */
static int start_reader(struct surveyor *s)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    struct err e = ERR_INIT;
    pthread_t thread;

    if (!reader)
        return -1;
    reader->s = s;
    if (thread_start(&thread, "virt-reader", reader_main, reader, &e) < 0) {
        free(reader);
        return -1;
    }
    (void)pthread_detach(thread); /* one that hangs in libvirt could never be joined */
    reader->next = s->readers;
    s->readers = reader;
    s->threads++;
    s->refs++;
    return 0;
}

bool reader_rouse(struct surveyor *s)
{
    if (s->idle > 0)
        cond_signal(&s->work);
    if (s->idle < s->queued && can_start_reader(s))
        (void)start_reader(s);
    return s->threads > s->stuck;
}
