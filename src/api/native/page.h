/* api/native/page: lists in pages. */
#ifndef API_NATIVE_PAGE_H
#define API_NATIVE_PAGE_H

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

#endif
