/* Pages of lists: limit and marker in, the next page's path out. Filters are the lists' own. */
#include "page.h"

#include <string.h>

#include "object.h"

#include "base/id.h"

int page_decode(const struct request *r, const char *const *parameters, struct page *out, struct err *e)
{
    struct page page = { .parameters = parameters, .limit = PAGE_LIMIT_DEFAULT, .marker = request_query(r, "marker") };

    if (request_query_allow(r, parameters, e) < 0 || request_query_u64(r, "limit", 1, PAGE_LIMIT_MAX, &page.limit, e) < 0)
        return -1;
    if (page.marker && !id_is_uuid(page.marker))
        return err_set_field(e, ERR_INVALID_FIELD, "marker", "marker must be the id of the last item seen");
    *out = page;
    return 0;
}

/* Everything but RFC 3986's unreserved characters. */
static void add_encoded(struct buf *b, const char *s)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *s; s++)
        if (strchr(unreserved, *s))
            buf_add(b, s, 1);
        else
            buf_addf(b, "%%%02X", (unsigned char)*s);
}

static void add_parameter(struct buf *b, const char *name, const char *value)
{
    buf_adds(b, strchr(b->data ? b->data : "", '?') ? "&" : "?");
    buf_adds(b, name);
    buf_adds(b, "=");
    add_encoded(b, value);
}

static json_t *next_path(const struct request *r, const struct page *p, const char *marker)
{
    AUTO_BUF b = { 0 };

    buf_adds(&b, request_path(r));
    for (const char *const *name = p->parameters; *name; name++) {
        const char *value = strcmp(*name, "marker") == 0 ? marker : request_query(r, *name);
        if (value)
            add_parameter(&b, *name, value);
    }
    return b.failed ? NULL : json_string(b.data);
}

json_t *page_further(const struct request *r, const struct page *p, const char *marker)
{
    return OBJECT({ "next", marker ? next_path(r, p, marker) : json_null() });
}
