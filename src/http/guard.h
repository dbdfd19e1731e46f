/* Private to http: what is refused before a handler runs. libmicrohttpd 0.9.75 lets through what a proxy in front may read
 * differently (two Content-Lengths, folded lines, bare line feeds, …); the guard lets through only what has one reading. */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#include "base/err.h"
#include "http/http.h"

/* The request line where libmicrohttpd read it, each part NUL-terminated. */
struct request_line {
    const char *method;
    const char *target, *target_end; /* the end as it was before libmicrohttpd decoded the target in place */
    bool has_blank;                  /* in the target, before that */
    const char *version;
};

/* What the guard reads in the header; borrowed from libmicrohttpd until the request is over. NULL: absent. */
struct head {
    const char *host, *origin, *fetch_site, *content_type, *content_length, *transfer_encoding, *accept, *expect, *request_id;
    const char *authorization, *auth_token, *tenant;                      /* who reads them, reads the only one */
    const char *connection, *upgrade, *websocket_key, *websocket_version; /* `connection`: the first of perhaps several */
    uint64_t body_len;                                                    /* of Content-Length */
    bool is_chunked;
    bool has_body;
};

/* The head must be spelled in exactly one way. After a failure nothing behind this head may be read as a request. ERR_INVALID. */
int guard_framing(struct MHD_Connection *connection, const struct request_line *line, struct head *head, struct err *e);
/* Host and Origin: a page from elsewhere must not drive a daemon on localhost. ERR_HOST_REFUSED, ERR_ORIGIN_REFUSED. */
int guard_source(const struct head *head, const char *method, const struct client *conn, const char *const *hosts, struct err *e);
/* Whether the route takes such a body and can answer in a wanted type. ERR_INVALID, ERR_TOO_LARGE, ERR_UNSUPPORTED_MEDIA,
 * ERR_NOT_ACCEPTABLE. */
int guard_content(const struct head *head, const struct route *route, size_t body_max_bytes, struct err *e);

#endif
