/* /openapi.json: the description of this door, the file openapi.json beside this one, carried in the program. */
#include "../reply.h"
#include "native.h"

extern const char openapi_json[], openapi_json_end[];

int openapi_show(struct request *r, struct err *e)
{
    AUTO_BUF b = { 0 };

    if (query_none(r, e) < 0)
        return -1;
    buf_add(&b, openapi_json, (size_t)(openapi_json_end - openapi_json));
    return reply_buf(r, 200, "application/json", &b, e);
}
