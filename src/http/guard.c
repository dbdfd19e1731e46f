/* The guard: framing, Host, Origin, body and Accept. It knows headers only; routes, credentials and bytes of bodies are others'.
 */
#include "guard.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { CRLF_LEN = 2, HOST_MAX = 255 };
static const char blanks[] = " \t";

/* Headers that the guard reads. Each may stand once: a second one is an attempt to be understood in two ways. */
struct known_header {
    const char *name;
    size_t offset;
};
static const struct known_header known_headers[] = {
    { "Host", offsetof(struct head, host) },
    { "Origin", offsetof(struct head, origin) },
    { "Sec-Fetch-Site", offsetof(struct head, fetch_site) },
    { "Content-Type", offsetof(struct head, content_type) },
    { "Content-Length", offsetof(struct head, content_length) },
    { "Transfer-Encoding", offsetof(struct head, transfer_encoding) },
    { "Expect", offsetof(struct head, expect) },
    { "X-Request-Id", offsetof(struct head, request_id) },
    { "Authorization", offsetof(struct head, authorization) },
    { "X-Auth-Token", offsetof(struct head, auth_token) },
    { "X-Tenant-ID", offsetof(struct head, tenant) },
    { "Upgrade", offsetof(struct head, upgrade) },
    { "Sec-WebSocket-Key", offsetof(struct head, websocket_key) },
    { "Sec-WebSocket-Version", offsetof(struct head, websocket_version) },
};

/* libmicrohttpd leaves the lines where it read them, one behind the other, and puts NULs for the separators: CR and LF, the
 * colon, the blanks of the request line. So the head was spelled plainly if and only if its parts touch: a folded line has been
 * copied elsewhere, a bare LF leaves one NUL for two, a NUL of the client's ends a part early. */
struct walk {
    const char *end; /* behind the part that came last */
    struct head *head;
    struct err *e;
    int rc;
};

static int bad_framing(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "malformed request: %s", what);
}

static bool is_next_line(const char *end, const char *line)
{
    return (uintptr_t)line == (uintptr_t)end + CRLF_LEN && end[0] == '\0' && end[1] == '\0';
}

static bool is_token(const char *s, size_t len)
{
    static const char tchar[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return len > 0 && strspn(s, tchar) == len;
}

/* After the colon only blanks, then the value. */
static bool is_value_behind(const char *name_end, const char *value)
{
    if ((uintptr_t)value <= (uintptr_t)name_end || *name_end != '\0')
        return false;
    for (const char *at = name_end + 1; at != value; at++)
        if (*at != ' ' && *at != '\t')
            return false;
    return true;
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
            return true;
    return false;
}

static int keep_known(struct head *head, const char *name, const char *value, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(known_headers); i++) {
        const char **slot = (const char **)((char *)head + known_headers[i].offset);
        if (strcasecmp(known_headers[i].name, name) != 0)
            continue;
        if (*slot)
            return err_set(e, ERR_INVALID, "malformed request: more than one %s header", known_headers[i].name);
        *slot = value;
        return 0;
    }
    return 0;
}

static int check_header(struct walk *w, const char *name, const char *value, size_t value_len)
{
    size_t name_len = strlen(name);

    if (!is_next_line(w->end, name))
        return bad_framing(w->e, "folded or unterminated header line");
    if (!is_token(name, name_len))
        return bad_framing(w->e, "header name");
    if (!is_value_behind(name + name_len, value) || has_control(value, value_len))
        return bad_framing(w->e, "header value");
    w->end = value + value_len;
    return keep_known(w->head, name, value, w->e);
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct walk *w = arg;

    (void)kind;
    w->rc = check_header(w, name, value ? value : "", value ? strlen(value) : 0);
    return w->rc < 0 ? MHD_NO : MHD_YES;
}

static bool is_plain_line(const struct request_line *line)
{
    const char *method_end = line->method + strlen(line->method);

    return is_token(line->method, strlen(line->method)) && !line->has_blank &&
           (uintptr_t)line->target == (uintptr_t)method_end + 1 && (uintptr_t)line->version == (uintptr_t)line->target_end + 1;
}

static int walk_head(struct MHD_Connection *connection, const struct request_line *line, struct head *head, struct err *e)
{
    struct walk w = { .end = line->version + strlen(line->version), .head = head, .e = e };
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    if (!is_plain_line(line))
        return bad_framing(e, "request line");
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &w);
    if (w.rc < 0)
        return -1;
    if (!info || (uintptr_t)w.end + 2 * CRLF_LEN != (uintptr_t)line->method + info->header_size ||
        !is_next_line(w.end, w.end + CRLF_LEN))
        return bad_framing(e, "end of the header");
    return 0;
}

static int check_body_framing(struct head *head, bool is_http_1_0, struct err *e)
{
    if (head->transfer_encoding && head->content_length)
        return bad_framing(e, "both Content-Length and Transfer-Encoding");
    if (head->transfer_encoding && (is_http_1_0 || strcasecmp(head->transfer_encoding, "chunked") != 0))
        return bad_framing(e, "Transfer-Encoding");
    if (head->content_length && str_to_u64(head->content_length, INT64_MAX, &head->body_len) < 0)
        return bad_framing(e, "Content-Length");
    head->is_chunked = head->transfer_encoding != NULL;
    head->has_body = head->is_chunked || head->body_len > 0;
    return 0;
}

int guard_framing(struct MHD_Connection *connection, const struct request_line *line, struct head *head, struct err *e)
{
    bool is_http_1_0 = strcmp(line->version, "HTTP/1.0") == 0;

    if (walk_head(connection, line, head, e) < 0 || check_body_framing(head, is_http_1_0, e) < 0)
        return -1;
    if (!head->host && !is_http_1_0)
        return bad_framing(e, "no Host header");
    /* These may stand more than once; the first counts. */
    head->accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
    head->connection = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Connection");
    return 0;
}

/* "name", "name:port", "[::1]:port" -> the name. */
static bool split_host(const char *value, char *name, size_t size)
{
    bool is_bracketed = value[0] == '[';
    const char *start = value + is_bracketed;
    size_t len = strcspn(start, is_bracketed ? "]" : ":");
    const char *rest = start + len + (is_bracketed && start[len] == ']');
    uint64_t port;

    if (len == 0 || len >= size || (is_bracketed && start[len] != ']'))
        return false;
    if (*rest != '\0' && (*rest != ':' || str_to_u64(rest + 1, UINT16_MAX, &port) < 0))
        return false;
    memcpy(name, start, len);
    name[len] = '\0';
    return is_bracketed == (strchr(name, ':') != NULL);
}

static bool is_listed(const char *name, const char *const *hosts)
{
    for (; hosts && *hosts; hosts++)
        if (strcasecmp(name, *hosts) == 0)
            return true;
    return false;
}

static int check_host(const char *host, const struct client *conn, const char *const *hosts, struct err *e)
{
    char name[HOST_MAX + 1];

    if (!host || conn->is_unix)
        return 0; /* no browser sends HTTP/1.0 without a Host, nor speaks to a unix socket */
    if (split_host(host, name, sizeof(name)) &&
        (strcasecmp(name, "localhost") == 0 || is_listed(name, hosts) || client_is_local_address(conn, name)))
        return 0;
    return err_set(e, ERR_HOST_REFUSED, "the Host header names a host that this service does not answer for");
}

/* Without TLS a proxy in front may speak it; with TLS a page that came without is somebody else's work. */
static bool is_same_origin(const char *origin, const char *host, bool is_tls)
{
    static const char *const schemes[] = { "https://", "http://" };

    for (size_t i = 0; i < (is_tls ? 1 : ARRAY_LEN(schemes)); i++)
        if (str_starts_with(origin, schemes[i]))
            return host && strcasecmp(origin + strlen(schemes[i]), host) == 0;
    return false; /* "null" too */
}

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool is_foreign_fetch(const char *fetch_site)
{
    return fetch_site && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0;
}

int guard_source(const struct head *head, const char *method, const struct client *conn, const char *const *hosts, struct err *e)
{
    if (check_host(head->host, conn, hosts, e) < 0)
        return -1;
    if ((head->origin && !is_same_origin(head->origin, head->host, conn->tls_pair)) ||
        (!is_safe(method) && is_foreign_fetch(head->fetch_site)))
        return err_set(e, ERR_ORIGIN_REFUSED, "requests from pages of another origin are refused");
    return 0;
}

/* application/json, alone or with charset=utf-8. */
static bool is_json(const char *content_type)
{
    static const char type[] = "application/json";
    static const char *const charsets[] = { "charset=utf-8", "charset=\"utf-8\"" };
    const char *at;

    if (!content_type || strncasecmp(content_type, type, strlen(type)) != 0)
        return false;
    at = content_type + strlen(type);
    at += strspn(at, blanks);
    if (*at == '\0')
        return true;
    if (*at++ != ';')
        return false;
    at += strspn(at, blanks);
    for (size_t i = 0; i < ARRAY_LEN(charsets); i++) {
        size_t len = strlen(charsets[i]);
        if (strncasecmp(at, charsets[i], len) == 0 && at[len + strspn(at + len, blanks)] == '\0')
            return true;
    }
    return false;
}

static int check_body(const struct head *head, const struct route *route, size_t body_max_bytes, struct err *e)
{
    static const char *const bodied[] = { "POST", "PUT", "PATCH" };
    bool may_have_body = false;

    if (!head->has_body || route->chunk)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(bodied); i++)
        may_have_body |= strcmp(route->method, bodied[i]) == 0;
    if (!may_have_body || (route->flags & ROUTE_NO_BODY))
        return err_set(e, ERR_INVALID, "this request takes no body");
    if (head->body_len > body_max_bytes)
        return err_set(e, ERR_TOO_LARGE, "the body is larger than %zu bytes", body_max_bytes);
    if (!(route->flags & ROUTE_ANY_BODY) && !is_json(head->content_type))
        return err_set(e, ERR_UNSUPPORTED_MEDIA, "the body must be application/json");
    return 0;
}

/* Quality values are not weighed: a type that is named is taken as wanted. */
static bool is_acceptable(const char *accept)
{
    static const char *const ranges[] = { "*/*",    "application/*", "application/json",  "application/problem+json",
                                          "text/*", "text/plain",    "text/event-stream", "application/octet-stream" };

    while (*accept) {
        accept += strspn(accept, " \t,");
        size_t len = strcspn(accept, " \t;,");
        for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
            if (len == strlen(ranges[i]) && strncasecmp(accept, ranges[i], len) == 0)
                return true;
        accept += strcspn(accept, ",");
    }
    return false;
}

int guard_content(const struct head *head, const struct route *route, size_t body_max_bytes, struct err *e)
{
    if (check_body(head, route, body_max_bytes, e) < 0)
        return -1;
    if (head->accept && *head->accept && !is_acceptable(head->accept))
        return err_set(e, ERR_NOT_ACCEPTABLE, "answers are application/json");
    return 0;
}
