/* core/maintenance: one setting, which every create reads in its own transaction. Which creates, they say themselves. */
#include "maintenance.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "record.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/setting.h"

#define SETTING_KEY "host.maintenance"

void maintenance_done(struct maintenance *m)
{
    free(m->reason);
    free(m->by);
    *m = (struct maintenance){ 0 };
}

/* ---- the setting: an object, or null while it is off ---- */

static int fill(struct maintenance *m, int64_t since_ms, const char *reason, const char *by, struct err *e)
{
    *m = (struct maintenance){ .since_ms = since_ms, .reason = str_dup(reason), .by = str_dup(by) };
    if (m->reason && m->by)
        return 0;
    maintenance_done(m);
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

int maintenance_find(struct txn *t, struct maintenance *out, struct err *e)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON j = NULL;
    json_int_t since_ms = 0;
    const char *reason = NULL, *by = NULL;

    *out = (struct maintenance){ 0 };
    if (store_setting_find(t, SETTING_KEY, &text, e) < 0)
        return -1;
    if (!text || str_equal(text, "null"))
        return 0;
    if (json_parse(text, strlen(text), &j, e) < 0 ||
        json_unpack(j, "{s:I, s:s, s:s}", "since_ms", &since_ms, "reason", &reason, "by", &by) < 0)
        return err_set(e, ERR_INTERNAL, "what the database says of the host's maintenance cannot be read");
    return fill(out, since_ms, reason, by, e);
}

static int keep(struct txn *t, const struct maintenance *m, struct err *e)
{
    AUTO_JSON j = json_pack("{s:I, s:s, s:s}", "since_ms", (json_int_t)m->since_ms, "reason", m->reason, "by", m->by);
    AUTO_FREE char *text = j ? json_text(j) : NULL;

    return text ? store_setting_set(t, SETTING_KEY, text, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int maintenance_check(struct txn *t, struct err *e)
{
    AUTO_MAINTENANCE m = { 0 };

    if (maintenance_find(t, &m, e) < 0)
        return -1;
    if (!maintenance_is_on(&m))
        return 0;
    return err_set(e, ERR_MAINTENANCE, "this host is in maintenance and makes nothing new: %s", m.reason);
}

/* ---- on, off ---- */

static int check_reason(const char *reason, struct err *e)
{
    if (reason[0] && strlen(reason) <= MAINTENANCE_REASON_MAX && str_is_printable(reason))
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "reason", "reason must be 1 to %d bytes of printable text",
                         MAINTENANCE_REASON_MAX);
}

/* Asked again with the same reason, nothing changes. */
static int turn_on(const struct change *ch, const char *reason, struct maintenance *out, struct err *e)
{
    AUTO_MAINTENANCE now = { 0 }, next = { 0 };

    if (maintenance_find(ch->txn, &now, e) < 0)
        return -1;
    if (!maintenance_is_on(&now) || !str_equal(now.reason, reason)) {
        if (fill(&next, maintenance_is_on(&now) ? now.since_ms : clock_wall_ms(), reason, ch->who->user, e) < 0 ||
            keep(ch->txn, &next, e) < 0 ||
            record_maintenance(ch->txn, "host.maintenance.on", ch->core->default_project, &next, e) < 0)
            return -1;
    } else {
        next = now;
        now = (struct maintenance){ 0 };
    }
    *out = next;
    next = (struct maintenance){ 0 };
    return store_audit_add(ch->txn, &(struct audit){ ch->who, "host:maintenance", "maintenance", "on", "accepted" }, e);
}

int maintenance_begin(struct core *c, const struct actor *who, const char *reason, struct maintenance *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_MAINTENANCE m = { 0 };

    if (check_reason(reason, e) < 0 || txn_write(c->store, &t, e) < 0 ||
        turn_on(&(struct change){ c, who, t }, reason, &m, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = m;
    m = (struct maintenance){ 0 };
    return 0;
}

int maintenance_end(struct core *c, const struct actor *who, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_MAINTENANCE m = { 0 };

    if (txn_write(c->store, &t, e) < 0 || maintenance_find(t, &m, e) < 0)
        return -1;
    if (maintenance_is_on(&m) && (store_setting_set(t, SETTING_KEY, "null", e) < 0 ||
                                  record_maintenance(t, "host.maintenance.off", c->default_project, &m, e) < 0))
        return -1;
    if (store_audit_add(t, &(struct audit){ who, "host:maintenance", "maintenance", "off", "accepted" }, e) < 0)
        return -1;
    return txn_commit(t, e);
}
