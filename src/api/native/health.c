/* /health: whether this daemon can do its work now, for people and for load balancers. */
#include "core/health.h"

#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "native.h"

struct checking {
    struct await await;
    struct health_view *view;
};

static void checking_free(void *arg)
{
    struct checking *checking = arg;

    health_view_free(checking->view);
    free(checking);
}

static json_t *words_or_null(const char *s)
{
    return json_string_or_null(s[0] != '\0' ? s : NULL);
}

static json_t *health_json(const struct health *h, bool is_healthy)
{
    json_t *libvirt =
        OBJECT({ "status", json_string(h->is_libvirt_ok ? "ok" : "error") }, { "uri", words_or_null(h->libvirt_uri) });
    json_t *virt = OBJECT({ "type", words_or_null(h->virt_type) }, { "cpu", words_or_null(h->cpu) },
                          { "proven", json_boolean(h->is_probed) });

    return OBJECT({ "status", json_string(is_healthy ? "healthy" : "degraded") }, { "service", json_string("compute-service") },
                  { "version", json_string(COMPUTED_VERSION) }, { "database", json_string(h->is_database_ok ? "ok" : "error") },
                  { "libvirt", libvirt }, { "virt", virt }, { "warning", words_or_null(h->warning) },
                  { "maintenance", json_boolean(h->is_in_maintenance) },
                  { "operations_open", json_integer((json_int_t)h->open_operations) },
                  { "stuck_readers", json_integer(h->stuck_readers) });
}

static int begin(struct request *r, struct err *e)
{
    struct checking *checking = request_data(r);

    return health_view_begin(request_user(r), await_done, &checking->await, &checking->view, e);
}

static int reply_health(struct request *r, struct err *e)
{
    struct checking *checking = request_data(r);
    struct health health = { 0 };

    if (await_result(&checking->await, e) < 0)
        return -1;
    health_view_finish(checking->view, &health);
    bool is_healthy = health.is_database_ok && health.is_libvirt_ok;
    if (!is_healthy && request_add_header(r, "Retry-After", "5", e) < 0)
        return -1;
    return reply_json(r, is_healthy ? 200 : 503, health_json(&health, is_healthy), e);
}

int health_show(struct request *r, struct err *e)
{
    struct checking *checking;

    if (query_none(r, e) < 0)
        return -1;
    checking = calloc(1, sizeof(*checking));
    if (!checking)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, checking, checking_free);
    return await_start(&checking->await, r, begin, reply_health, e);
}
