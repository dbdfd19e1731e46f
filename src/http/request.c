/* The request as handlers see it: who, where, what was sent. Answers are response.c's, the order of things dispatch.c's. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "server.h"

#include "base/clock.h"
#include "base/id.h"

struct request *request_new(struct http *http, struct client *conn, struct MHD_Connection *connection, const char *target)
{
    struct request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->http = http;
    r->conn = conn;
    r->connection = connection;
    r->line = (struct request_line){ .target = target, .target_end = target + strlen(target), .has_blank = strchr(target, ' ') };
    r->started_us = clock_tick_us();
    r->door = route_door(http->doors, target);
    (void)str_copy(r->method, sizeof(r->method), "-");
    if (target_init(&r->target, target) == 0)
        return r;
    request_free(r);
    return NULL;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    if (r->data_free)
        r->data_free(r->data);
    if (r->response)
        MHD_destroy_response(r->response);
    subscription_free(r->subscription);
    buf_done(&r->body);
    buf_done(&r->headers);
    target_done(&r->target);
    free(r);
}

static bool is_request_id(const char *s)
{
    size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return len > 0 && len <= REQUEST_ID_MAX && s[len] == '\0';
}

void request_set_id(struct request *r)
{
    uuid_text fresh;

    if (r->head.request_id && is_request_id(r->head.request_id)) {
        (void)str_copy(r->id, sizeof(r->id), r->head.request_id);
        return;
    }
    id_uuid(fresh);
    (void)str_copy(r->id, sizeof(r->id), fresh);
}

void *request_user(const struct request *r)
{
    return r->http->config.arg;
}

const char *request_method(const struct request *r)
{
    return r->method;
}

const char *request_path(const struct request *r)
{
    return r->target.path;
}

const char *request_route(const struct request *r)
{
    return r->entry ? r->entry->label : NULL;
}

const struct door *request_door(const struct request *r)
{
    return r->door;
}

const char *request_action(const struct request *r)
{
    return r->entry ? r->entry->route->action : NULL;
}

const char *request_id(const struct request *r)
{
    return r->id;
}

const struct actor *request_actor(const struct request *r)
{
    return &r->actor;
}

bool request_local_peer(const struct request *r, uint32_t *uid, bool *is_in_group)
{
    if (!r->conn->has_peer)
        return false;
    *uid = r->conn->peer_uid;
    *is_in_group = r->conn->is_peer_in_group;
    return true;
}

bool request_is_from_host(const struct request *r)
{
    return r->conn->is_on_host;
}

const char *request_param(const struct request *r, const char *name)
{
    return r->entry ? route_param(r->entry, &r->target, name) : NULL;
}

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *request_query(const struct request *r, const char *name)
{
    return target_query(&r->target, name);
}

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* The route's own parameters, or its door's. */
static bool is_allowed(const struct request *r, const char *name, const char *const *names)
{
    bool is_public = !r->entry || r->entry->route->flags & ROUTE_PUBLIC;

    return is_listed(name, names) || (!is_public && r->door->parameters && is_listed(name, r->door->parameters));
}

int request_query_allow(const struct request *r, const char *const *names, struct err *e)
{
    for (size_t i = 0; i < r->target.pair_count; i++) {
        const struct query_pair *pair = &r->target.pairs[i];
        if (!is_allowed(r, pair->name, names))
            return err_set_field(e, ERR_INVALID_FIELD, pair->name, "unknown query parameter");
        if (target_query(&r->target, pair->name) != pair->value)
            return err_set_field(e, ERR_INVALID_FIELD, pair->name, "the query parameter stands more than once");
    }
    return 0;
}

int request_query_u64(const struct request *r, const char *name, uint64_t min, uint64_t max, uint64_t *out, struct err *e)
{
    const char *text = request_query(r, name);
    uint64_t value;

    if (!text)
        return 0;
    if (str_to_u64(text, max, &value) < 0 || value < min)
        return err_set_field(e, ERR_INVALID_FIELD, name, "must be a number from %llu to %llu", (unsigned long long)min,
                             (unsigned long long)max);
    *out = value;
    return 0;
}

const char *request_body(const struct request *r, size_t *len)
{
    if (len)
        *len = r->body.len;
    return r->body.len > 0 ? r->body.data : "";
}

uint64_t request_body_received(const struct request *r)
{
    return r->received;
}

void request_set_data(struct request *r, void *data, void (*free_fn)(void *))
{
    if (r->data_free)
        r->data_free(r->data);
    r->data = data;
    r->data_free = free_fn;
}

void *request_data(const struct request *r)
{
    return r->data;
}
