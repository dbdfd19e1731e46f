/* Pages of lists: limit and marker in, the next page's path out. Filters are the lists' own. */
#include "page.h"

#include <string.h>

#include "../link.h"
#include "../object.h"
#include "../reply.h"

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

const char *const page_parameters[] = { "limit", "marker", NULL };

int listing_begin(struct listing *l, const struct request *r, const char *name, const char *const *parameters, struct err *e)
{
    if (page_decode(r, parameters, &l->page, e) < 0)
        return -1;
    l->marker = l->page.marker;
    l->limit = (uint32_t)l->page.limit;
    json_list_begin(&l->body, name);
    return 0;
}

void listing_add(struct listing *l, json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "id"));

    json_list_item(&l->body, item);
    (void)str_copy(l->last, sizeof l->last, id ? id : "");
    json_decref(item);
}

int listing_reply(struct listing *l, struct request *r, struct err *e)
{
    const char *next = l->has_more && l->last[0] ? l->last : NULL;

    return reply_list(r, &l->body, page_further(r, &l->page, next), e);
}
