/* Private to survey.c and surveyor.c: the insides of a survey. */
#ifndef VIRT_SURVEY_ROWS_H
#define VIRT_SURVEY_ROWS_H

#include <stdatomic.h>

#include "survey.h"

struct survey_row {
    struct virt_observation o;
    void *handle;
};

struct virt_survey {
    atomic_uint refs;
    const struct survey_source *source;
    int64_t stamp, asked_ms;
    struct survey_row *rows;
    size_t count, cap;
};

/* Empty, with one reference; NULL: no memory. */
struct virt_survey *survey_new(const struct survey_source *source, int64_t stamp, int64_t asked_ms);
struct survey_row *survey_row_of(const struct virt_survey *s, const char *id);

#endif
