/* Private to virt: the reader threads that take surveys (surveyor.c, reader.c). Generic: a source says how to ask. */
#ifndef VIRT_SURVEY_H
#define VIRT_SURVEY_H

#include "virt/virt.h"

/* How a driver is asked. The functions are called on reader threads, may block without limit, and may go on after the driver was
 * closed; is_down alone is called on askers' threads and must not block. */
struct survey_source {
    void *(*ref)(void *context);
    void (*unref)(void *context);
    bool (*is_down)(void *context); /* known not to answer: nobody needs to try */
    int (*open)(void *context, void **reader, struct err *e);
    bool (*is_alive)(void *reader);
    void (*close)(void *reader);
    int (*read_all)(void *reader, struct virt_survey *into, struct err *e);
    /* `handle` (may be NULL) is one that read_all gave for this id. An absent domain is VIRT_ABSENT, not an error. */
    int (*read_one)(void *reader, void *handle, struct virt_observation *out, struct err *e);
    void (*free_handle)(void *handle); /* may be NULL when there are no handles */
};

/* For sources. add takes over the handle, also when it fails; sort comes after the last add and before edit. */
int survey_add(struct virt_survey *s, const struct virt_observation *o, void *handle, struct err *e);
void survey_sort(struct virt_survey *s);
struct virt_observation *survey_edit(struct virt_survey *s, const char *id);

struct surveyor;
struct surveyor_config {
    const struct survey_source *source;
    void *context;
    struct timer *timer;
    uint32_t readers;
    int64_t (*stamp)(void *arg);
    void *arg;
};
int surveyor_new(const struct surveyor_config *config, struct surveyor **out, struct err *e);
/* Answers every asker (NULL); a reader that does not come back within a second is left behind. */
void surveyor_close(struct surveyor *s);
void surveyor_ask_all(struct surveyor *s, int64_t deadline_ms, virt_survey_fn *fn, void *arg);
struct survey_wish {
    struct virt_survey *base;
    const uuid_text *ids;
    size_t count;
};
void surveyor_ask_each(struct surveyor *s, const struct survey_wish *wish, int64_t deadline_ms, virt_survey_fn *fn, void *arg);
uint32_t surveyor_stuck(struct surveyor *s);

#endif
