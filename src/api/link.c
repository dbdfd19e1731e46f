/* Paths with a query. */
#include "link.h"

#include <string.h>

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

void link_add(struct buf *b, const char *name, const char *value)
{
    buf_adds(b, strchr(b->data ? b->data : "", '?') ? "&" : "?");
    buf_adds(b, name);
    buf_adds(b, "=");
    add_encoded(b, value);
}

void link_keep_project(struct buf *b, const struct request *r)
{
    const char *project = request_query(r, "project");

    if (project)
        link_add(b, "project", project);
}

int link_location(struct request *r, const char *path, struct err *e)
{
    AUTO_BUF b = { 0 };

    buf_adds(&b, path);
    link_keep_project(&b, r);
    return b.failed ? err_set(e, ERR_NO_MEMORY, "out of memory") : request_add_header(r, "Location", b.data, e);
}
