/* The doctor of the running daemon: its report, when its thread has looked. */
#include "api/doctor.h"

#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "native.h"

struct visit {
    struct await await;
    struct doctor_view *view;
};

static void visit_free(void *arg)
{
    struct visit *visit = arg;

    doctor_view_free(visit->view);
    free(visit);
}

static json_t *finding_json(const struct finding *f)
{
    return OBJECT({ "code", json_string(f->code) }, { "severity", json_string(doctor_severity_to_string(f->severity)) },
                  { "subject", json_string(f->subject) }, { "text", json_string(f->text) },
                  { "command", json_string_or_null(f->command) }, { "is_fixable", json_boolean(f->mend != DOCTOR_MEND_NONE) });
}

/* Takes item over; a failure makes the array NULL. */
static void append(json_t **array, json_t *item)
{
    if (*array && json_array_append_new(*array, item) < 0) {
        json_decref(*array);
        *array = NULL;
    }
}

json_t *doctor_json(const struct doctor_report *r)
{
    json_t *findings = json_array(), *unseen = json_array();

    for (size_t i = 0; i < r->count; i++)
        append(&findings, finding_json(&r->findings[i]));
    for (size_t i = 0; i < r->unseen_count; i++)
        append(&unseen, json_string(r->unseen[i]));
    return OBJECT({ "is_healthy", json_boolean(r->count == 0 && r->unseen_count == 0) }, { "looked_at", json_time(r->at_ms) },
                  { "findings", findings }, { "unseen", unseen });
}

static int begin(struct request *r, struct err *e)
{
    struct visit *visit = request_data(r);

    return doctor_view_begin(request_user(r), await_done, &visit->await, &visit->view, e);
}

static int answer(struct request *r, struct err *e)
{
    struct visit *visit = request_data(r);
    const struct doctor_report *report;

    if (await_result(&visit->await, e) < 0 || doctor_view_finish(visit->view, &report, e) < 0)
        return -1;
    return reply_json(r, 200, doctor_json(report), e);
}

int doctor_show(struct request *r, struct err *e)
{
    struct visit *visit;

    if (query_none(r, e) < 0)
        return -1;
    visit = calloc(1, sizeof(*visit));
    if (!visit)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, visit, visit_free);
    return await_start(&visit->await, r, begin, answer, e);
}
