/* api/native/page: lists in pages. */
#ifndef API_NATIVE_PAGE_H
#define API_NATIVE_PAGE_H

#include "base/id.h"
#include "base/json.h"
#include "http/http.h"

enum { PAGE_LIMIT_MAX = 1000, PAGE_LIMIT_DEFAULT = 100 };

struct page {
    const char *const *parameters; /* the query parameters of this list, NULL-terminated */
    uint64_t limit;
    const char *cursor; /* the parameter that says where a page begins; NULL: "marker" */
    const char *marker; /* borrowed from the request; NULL: the first page */
};
/* Refuses parameters that are not in the list. */
int page_decode(const struct request *r, const char *const *parameters, struct page *out, struct err *e);
/* {"next": path}: the same query with `marker` (the id of the last item) as its cursor, or null when that is NULL. NULL: no
 * memory. */
json_t *page_further(const struct request *r, const struct page *p, const char *marker);

/* A page of a list whose marker is an item's id, from its query to its answer: begin, ask core, add each item, reply. */
struct listing {
    const char *marker; /* for core: behind which item it begins; NULL: with the first */
    uint32_t limit;
    bool has_more; /* from core */
    struct page page;
    struct buf body;
    uuid_text last; /* the id of the item that was added last */
};
static inline void listing_done(struct listing *l)
{
    buf_done(&l->body);
}
#define AUTO_LISTING __attribute__((cleanup(listing_done))) struct listing
extern const char *const page_parameters[]; /* of a list without filters */
/* `name` is the list's in the answer. Refuses parameters that are not in the list. */
int listing_begin(struct listing *l, const struct request *r, const char *name, const char *const *parameters, struct err *e);
void listing_add(struct listing *l, json_t *item); /* takes it; NULL is "no memory" */
int listing_reply(struct listing *l, struct request *r, struct err *e);

#endif
