/* core/doctor_view: a look for a client: a thread looks while the request sleeps. One look at a time: it reads everything. */
#include "doctor_view.h"

#include <stdlib.h>

#include "internal.h"

#include "base/str.h"
#include "core/doctor.h"

enum { VIRT_DEADLINE_MS = 5000 };

struct doctor_room {
    struct lock lock; /* RANK_LEAF */
    pthread_t thread;
    bool has_thread GUARDED_BY(lock); /* to be joined */
    bool is_busy GUARDED_BY(lock);    /* somebody's look goes on */
    bool is_closed GUARDED_BY(lock);
};

struct doctor_view {
    struct core *core;
    void (*done)(void *arg);
    void *arg;
    struct doctor_report report;
    struct err err;
};

int doctor_room_new(struct doctor_room **out, struct err *e)
{
    struct doctor_room *d = calloc(1, sizeof *d);

    if (!d)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&d->lock, RANK_LEAF);
    *out = d;
    return 0;
}

/* True: `out` is to be joined, by the caller alone. */
static bool take_thread(struct doctor_room *d, pthread_t *out)
{
    HOLD(&d->lock);
    bool has = d->has_thread;

    *out = d->thread;
    d->has_thread = false;
    return has;
}

void doctor_room_close(struct doctor_room *d)
{
    pthread_t thread;

    if (!d)
        return;
    {
        HOLD(&d->lock);
        d->is_closed = true;
    }
    if (take_thread(d, &thread))
        (void)pthread_join(thread, NULL);
}

void doctor_room_free(struct doctor_room *d)
{
    if (!d)
        return;
    doctor_room_close(d);
    lock_done(&d->lock);
    free(d);
}

static int enter(struct doctor_room *d, struct err *e)
{
    HOLD(&d->lock);
    if (d->is_closed)
        return err_set(e, ERR_UNAVAILABLE, "the service is stopping");
    if (d->is_busy)
        return err_set(e, ERR_UNAVAILABLE, "the doctor is looking already; try again later");
    d->is_busy = true;
    return 0;
}

static void leave(struct doctor_room *d)
{
    HOLD(&d->lock);
    d->is_busy = false;
}

static void *look(void *arg)
{
    struct doctor_view *v = arg;
    struct doctor_config config = {
        .state_dir = disk_state_dir(v->core->disk),
        .libvirt_uri = virt_uri(v->core->virt),
        .is_running = true,
        .virt_deadline_ms = VIRT_DEADLINE_MS,
    };

    (void)doctor_look(&config, &v->report, &v->err); /* a failure is in v->err */
    leave(v->core->doctor);
    v->done(v->arg);
    return NULL;
}

/* The last look's thread has left, and ends by itself; so does this one. */
static int start(struct doctor_room *d, struct doctor_view *v, struct err *e)
{
    pthread_t last;

    if (take_thread(d, &last))
        (void)pthread_join(last, NULL);
    HOLD(&d->lock);
    if (d->is_closed)
        return err_set(e, ERR_UNAVAILABLE, "the service is stopping");
    if (thread_start(&d->thread, "doctor", look, v, e) < 0)
        return -1;
    d->has_thread = true;
    return 0;
}

int doctor_view_begin(struct core *c, void (*done)(void *arg), void *arg, struct doctor_view **out, struct err *e)
{
    struct doctor_view *v;

    if (enter(c->doctor, e) < 0)
        return -1;
    v = calloc(1, sizeof *v);
    if (!v) {
        leave(c->doctor);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    *v = (struct doctor_view){ .core = c, .done = done, .arg = arg };
    *out = v; /* before it is begun: done may come at once */
    if (start(c->doctor, v, e) == 0)
        return 0;
    *out = NULL;
    leave(c->doctor);
    doctor_view_free(v);
    return -1;
}

int doctor_view_finish(struct doctor_view *v, const struct doctor_report **out, struct err *e)
{
    if (v->err.code != ERR_NONE) {
        *e = v->err;
        return -1;
    }
    *out = &v->report;
    return 0;
}

void doctor_view_free(struct doctor_view *v)
{
    if (!v)
        return;
    doctor_report_done(&v->report);
    free(v);
}
