/* The host: what it has, what of it may be promised, and what is; and its maintenance. */
#include "../object.h"
#include "../reply.h"
#include "native.h"

#include "core/capacity.h"

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *vcpus_json(const struct host_view *h)
{
    const struct capacity *c = &h->capacity;

    return OBJECT({ "real", number(c->cpus) }, { "overcommit", json_real(h->cpu_overcommit) },
                  { "limit", number(c->vcpus_limit) }, { "promised", number(c->vcpus_promised) });
}

static json_t *memory_json(const struct host_view *h)
{
    const struct capacity *c = &h->capacity;

    return OBJECT({ "real", number(c->memory_mib) }, { "available", number(c->memory_available_mib) },
                  { "reserve", number(h->memory_reserve_mib) }, { "overcommit", json_real(h->memory_overcommit) },
                  { "limit", number(c->memory_limit_mib) }, { "promised", number(c->memory_promised_mib) });
}

static json_t *disk_json(const struct host_view *h)
{
    const struct capacity *c = &h->capacity;

    return OBJECT({ "real", number(c->disk_bytes) }, { "available", number(c->disk_free_bytes) },
                  { "reserve", number(h->disk_reserve_gib << 30) }, { "overcommit", json_real(h->disk_overcommit) },
                  { "limit", number(c->disk_limit_bytes) }, { "promised", number(c->disk_promised_bytes) });
}

static json_t *maintenance_json(const struct maintenance *m)
{
    return OBJECT({ "since", json_time(m->since_ms) }, { "reason", json_string(m->reason) }, { "by", json_string(m->by) });
}

static json_t *host_json(const struct host_view *h)
{
    json_t *capacity = OBJECT({ "vcpus", vcpus_json(h) }, { "memory_mib", memory_json(h) }, { "disk_bytes", disk_json(h) });

    return OBJECT({ "hostname", json_string(h->hostname) }, { "virt_type", text_or_null(h->virt_type) },
                  { "cpu", text_or_null(h->cpu) }, { "networking", json_string(h->has_bridges ? "bridges" : "user") },
                  { "vms", number(h->capacity.vms) }, { "capacity", capacity },
                  { "maintenance", maintenance_is_on(&h->maintenance) ? maintenance_json(&h->maintenance) : json_null() });
}

int host_show(struct request *r, struct err *e)
{
    AUTO_HOST_VIEW view = { 0 };

    if (query_none(r, e) < 0 || host_view(request_user(r), request_actor(r), &view, e) < 0)
        return -1;
    return reply_json(r, 200, host_json(&view), e);
}

/* ---- maintenance ---- */

int host_maintenance_begin(struct request *r, struct err *e)
{
    static const struct json_field field = { "reason", JSON_FIELD_STRING, .is_required = true, .min = 1,
                                             .max = MAINTENANCE_REASON_MAX };
    AUTO_JSON body = NULL;
    AUTO_FREE char *reason = NULL;
    AUTO_MAINTENANCE m = { 0 };

    if (query_none(r, e) < 0 || body_parse(r, false, &body, e) < 0 || json_decode(body, &field, 1, &reason, e) < 0 ||
        maintenance_begin(request_user(r), request_actor(r), reason, &m, e) < 0)
        return -1;
    return reply_json(r, 200, maintenance_json(&m), e);
}

int host_maintenance_end(struct request *r, struct err *e)
{
    if (query_none(r, e) < 0 || maintenance_end(request_user(r), request_actor(r), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}
