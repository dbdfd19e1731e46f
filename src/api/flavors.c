/* api/flavors: one list, in whichever shape. */
#include "flavors.h"

#include "reply.h"

#include "core/flavor.h"

int reply_flavors(struct request *r, json_t *(*item)(const struct flavor *f), struct err *e)
{
    AUTO_LIST(flavor) list = { 0 };
    AUTO_BUF b = { 0 };

    if (query_none(r, e) < 0 || flavor_list(request_user(r), request_actor(r), &list, e) < 0)
        return -1;
    json_list_begin(&b, "flavors");
    for (size_t i = 0; i < list.count; i++) {
        AUTO_JSON one = item(list.items[i]);
        json_list_item(&b, one);
    }
    return reply_list(r, &b, json_object(), e);
}
