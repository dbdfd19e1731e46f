/* Pages of lists: limit and marker in, the next page's path out. Filters are the lists' own. */
#include "page.h"

#include <string.h>

#include "../link.h"
#include "../object.h"

#include "base/id.h"
#include "base/str.h"

int page_decode(const struct request *r, const char *const *parameters, struct page *out, struct err *e)
{
    struct page page = { .parameters = parameters, .limit = PAGE_LIMIT_DEFAULT, .marker = request_query(r, "marker") };

    if (request_query_allow(r, parameters, e) < 0 || request_query_u64(r, "limit", 1, PAGE_LIMIT_MAX, &page.limit, e) < 0)
        return -1;
    if (page.marker && !id_is_uuid(page.marker) && !str_is_hex(page.marker, HEX32_LEN))
        return err_set_field(e, ERR_INVALID_FIELD, "marker", "marker must be the id of the last item seen");
    *out = page;
    return 0;
}

static json_t *next_path(const struct request *r, const struct page *p, const char *marker)
{
    const char *cursor = p->cursor ? p->cursor : "marker";
    AUTO_BUF b = { 0 };

    buf_adds(&b, request_path(r));
    for (const char *const *name = p->parameters; *name; name++) {
        const char *value = strcmp(*name, cursor) == 0 ? marker : request_query(r, *name);
        if (value)
            link_add(&b, *name, value);
    }
    link_keep_project(&b, r);
    return b.failed ? NULL : json_string(b.data);
}

json_t *page_further(const struct request *r, const struct page *p, const char *marker)
{
    return OBJECT({ "next", marker ? next_path(r, p, marker) : json_null() });
}
