/* job/saga_log: what the log says of an operation: that it has begun, each step when it has ended, how it ended. Whose it is
 * stands on every line of the thread that works on it, libvirt's calls included. */
#include <stdio.h>
#include <string.h>

#include "saga.h"

#include "base/log.h"
#include "base/str.h"

/* The key of the target: "vm" of "vm.create". */
static void set_noun(struct saga *s)
{
    size_t len = s->kind ? strcspn(s->kind->name, ".") : sizeof(s->noun);

    if (len >= sizeof(s->noun))
        (void)str_copy(s->noun, sizeof(s->noun), "target");
    else
        (void)snprintf(s->noun, sizeof(s->noun), "%.*s", (int)len, s->kind->name);
}

void saga_log_enter(struct saga *s)
{
    const struct job *j = s->job;
    const char *request = j->actor.request_id;
    const char *const pairs[] = { s->noun,     j->target, "kind",       j->kind,
                                  "operation", j->id,     "request_id", request[0] ? request : NULL,
                                  NULL };

    set_noun(s);
    _Static_assert(sizeof(pairs) == sizeof(s->context), "room for all");
    memcpy(s->context, pairs, sizeof(pairs));
    log_set_context(s->context);
}

void saga_log_leave(void)
{
    log_set_context(NULL);
}

/* Whole ones: what rows keep. */
static const char *ms_text(int64_t ms, log_ms_text out)
{
    (void)snprintf(out, sizeof(log_ms_text), "%lld", (long long)ms);
    return out;
}

/* Between two readings of the wall clock, which may jump. */
static const char *wall_ms(int64_t from_ms, int64_t to_ms, log_ms_text out)
{
    return ms_text(to_ms > from_ms ? to_ms - from_ms : 0, out);
}

void saga_log_claim(const struct saga *s, bool is_first)
{
    const struct job *j = s->job;
    log_ms_text queued;

    if (is_first)
        log_info("operation begun", "queued_ms", wall_ms(j->created_at_ms, clock_wall_ms(), queued), "user",
                 j->actor.user[0] ? j->actor.user : NULL, "project", j->actor.project, NULL);
    else if (s->kind && j->step < s->kind->step_count)
        log_info(j->direction == JOB_FORWARD ? "operation goes on" : "operation is undone", "step", s->kind->steps[j->step].name,
                 NULL);
}

void saga_log_step(const struct saga *s, const struct job_step *step, int64_t us, const struct err *why)
{
    static const char *const words[][2] = {
        [JOB_FORWARD] = { "step done", "step failed" },
        [JOB_BACKWARD] = { "undo done", "undo failed" },
    };
    log_ms_text ms;

    (void)log_ms(us, ms);
    if (why)
        log_info(words[s->job->direction][1], "step", step->name, "ms", ms, "code", err_code_word(why->code), NULL);
    else
        log_info(words[s->job->direction][0], "step", step->name, "ms", ms, NULL);
}

/* What somebody asked for is no reason to warn. */
static enum log_level level_of(const struct err *why)
{
    return why->code == ERR_CANCELLED ? LOG_INFO : LOG_WARN;
}

void saga_log_turn(const struct err *why)
{
    log_err(level_of(why), "operation turns back", why, NULL);
}

void saga_log_again(const struct saga *s, const char *what, int64_t in_ms, const struct err *why)
{
    char attempt[12];
    log_ms_text in;

    (void)snprintf(attempt, sizeof(attempt), "%u", s->job->attempts);
    log_err(s->job->attempts == 1 ? LOG_WARN : LOG_INFO, what, why, "attempt", attempt, "in_ms", ms_text(in_ms, in), NULL);
}

void saga_log_end(const struct saga *s, const struct err *outcome)
{
    log_ms_text ms;

    (void)wall_ms(s->job->created_at_ms, s->job->ended_at_ms, ms);
    if (outcome)
        log_err(level_of(outcome), "operation failed", outcome, "ms", ms, NULL);
    else
        log_info("operation succeeded", "ms", ms, NULL);
}
