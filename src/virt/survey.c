/* What a survey found: rows sorted by id, counted references. Who asks, and when, is surveyor.c's. */
#include <stdatomic.h>
#include <string.h>

#include "survey_rows.h"

struct virt_survey *survey_new(const struct survey_source *source, int64_t stamp, int64_t asked_ms)
{
    struct virt_survey *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    s->source = source;
    s->stamp = stamp;
    s->asked_ms = asked_ms;
    return s;
}

struct virt_survey *virt_survey_ref(struct virt_survey *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void virt_survey_free(struct virt_survey *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].handle)
            s->source->free_handle(s->rows[i].handle);
    free(s->rows);
    free(s);
}

static int grow(struct virt_survey *s)
{
    size_t cap = s->cap > 0 ? 2 * s->cap : 16;
    struct survey_row *rows = reallocarray(s->rows, cap, sizeof(*rows));

    if (!rows)
        return -1;
    s->rows = rows;
    s->cap = cap;
    return 0;
}

int survey_add(struct virt_survey *s, const struct virt_observation *o, void *handle, struct err *e)
{
    if (s->count == s->cap && grow(s) < 0) {
        if (handle)
            s->source->free_handle(handle);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    s->rows[s->count++] = (struct survey_row){ *o, handle };
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct survey_row *x = a, *y = b;

    return strcmp(x->o.id, y->o.id);
}

void survey_sort(struct virt_survey *s)
{
    if (s->count > 1)
        qsort(s->rows, s->count, sizeof(*s->rows), compare_rows);
}

static int compare_id(const void *id, const void *row)
{
    return strcmp(id, ((const struct survey_row *)row)->o.id);
}

struct survey_row *survey_row_of(const struct virt_survey *s, const char *id)
{
    return s->count > 0 ? bsearch(id, s->rows, s->count, sizeof(*s->rows), compare_id) : NULL;
}

struct virt_observation *survey_edit(struct virt_survey *s, const char *id)
{
    struct survey_row *row = survey_row_of(s, id);

    return row ? &row->o : NULL;
}

const struct virt_observation *virt_survey_find(const struct virt_survey *s, const char *id)
{
    const struct survey_row *row = survey_row_of(s, id);

    return row ? &row->o : NULL;
}

int64_t virt_survey_stamp(const struct virt_survey *s)
{
    return s->stamp;
}

int64_t virt_survey_asked_ms(const struct virt_survey *s)
{
    return s->asked_ms;
}
