/* Private to surveyor.c and reader.c: who asks, what is to be asked, and who asks it. */
#ifndef VIRT_SURVEYOR_PARTS_H
#define VIRT_SURVEYOR_PARTS_H

#include "survey_rows.h"

#include "base/thread.h"

/* Referenced by its request's list and by its timer; whoever sets is_answered calls fn. */
struct ask {
    struct surveyor *s;
    struct request *request GUARDED_BY(s->lock);
    struct ask *next GUARDED_BY(s->lock);
    virt_survey_fn *fn;
    void *arg;
    uint64_t timer_id;
    unsigned refs GUARDED_BY(s->lock);
    bool is_answered GUARDED_BY(s->lock);
};

/* One survey to be taken: in the queue until a reader takes it. */
struct request {
    struct request *next GUARDED_BY(s->lock);
    struct reader *reader GUARDED_BY(s->lock); /* NULL while it waits in the queue */
    struct ask *asks GUARDED_BY(s->lock);
    bool is_all;
    struct virt_survey *base;
    uuid_text *ids;
    size_t count;
};

struct reader {
    struct surveyor *s;
    void *connection; /* the reader's thread alone */
    struct reader *next GUARDED_BY(s->lock);
    struct request *now GUARDED_BY(s->lock);
    bool is_stuck GUARDED_BY(s->lock);
};

struct surveyor {
    struct surveyor_config config;
    struct lock lock; /* RANK_VIRT; never held across the source or a callback */
    struct cond work, gone;
    unsigned refs GUARDED_BY(lock); /* the owner's and each reader's */
    struct request *queue GUARDED_BY(lock);
    struct reader *readers GUARDED_BY(lock);
    unsigned queued GUARDED_BY(lock), asks GUARDED_BY(lock);
    unsigned threads GUARDED_BY(lock), idle GUARDED_BY(lock), stuck GUARDED_BY(lock);
    bool is_closing GUARDED_BY(lock);
};

/* ---- surveyor.c ---- */
void surveyor_unref(struct surveyor *s);
void surveyor_free_request(struct request *r); /* NULL is fine */
/* With the lock held: takes the request out of the queue. */
void surveyor_dequeue(struct surveyor *s, struct request *r);
/* With the lock held: takes the asks off the request; they are the caller's to answer. */
struct ask *surveyor_claim_asks(struct request *r);
/* Without the lock: calls all of them back. */
void surveyor_answer(struct ask *asks, struct virt_survey *found);

/* ---- reader.c ---- */
/* With the lock held: sees to it that somebody takes what is queued. False when nobody ever might. */
bool reader_rouse(struct surveyor *s);

#endif
