/* identity_lab: users, projects and logins in a core lab that was started. */
#ifndef TESTS_IDENTITY_LAB_H
#define TESTS_IDENTITY_LAB_H

#include "core_lab.h"

#include "core/identity.h"
#include "core/project.h"
#include "core/token.h"
#include "core/user.h"

#define LAB_PASSWORD "correct horse"

/* What done() does, and who waits for it. */
struct waiter {
    struct lock lock;
    struct cond changed;
    unsigned calls;
};

static inline void waiter_init(struct waiter *w)
{
    lock_init(&w->lock, RANK_LEAF);
    cond_init(&w->changed);
    w->calls = 0;
}

static inline void waiter_end(struct waiter *w)
{
    cond_done(&w->changed);
    lock_done(&w->lock);
}

static inline void on_done(void *arg)
{
    struct waiter *w = arg;
    HOLD(&w->lock);

    w->calls++;
    cond_broadcast(&w->changed);
}

static inline void wait_done(struct waiter *w, unsigned calls)
{
    HOLD(&w->lock);

    while (w->calls < calls)
        if (!cond_wait_ms(&w->changed, &w->lock, LAB_DEADLINE_MS))
            ck_abort_msg("no password was looked at");
}

static inline void identity_lab_set_up(void)
{
    core_lab_set_up();
    who.roles = ROLES_ALL;
    lab_start();
}

/* ref NULL: a new one. *out may be NULL. */
static inline int lab_write_user(const struct actor *by, const char *ref, const struct user_change *change, struct user **out)
{
    AUTO(user_draft) d = NULL;
    AUTO(user) u = NULL;
    struct waiter w;
    int rc;

    waiter_init(&w);
    rc = user_write_begin(core, by, ref, change, on_done, &w, &d, &e);
    if (rc == 0) {
        wait_done(&w, 1);
        rc = user_write_finish(d, &u, &e);
    }
    waiter_end(&w);
    if (rc == 0 && out)
        *out = TAKE(u);
    return rc;
}

/* With a password, and perhaps a role in a project. */
static inline void lab_add_user(const char *name, const char *in_project, const char *role)
{
    unit_ok(lab_write_user(&who, NULL, &(struct user_change){ .name = name, .password = LAB_PASSWORD }, NULL));
    if (role)
        unit_ok(role_grant(core, &who, name, in_project, role, &e));
}

static inline void lab_new_project(const char *name)
{
    AUTO(project) p = NULL;

    unit_ok(project_create(core, &who, &(struct project_change){ .name = name }, &p, &e));
}

/* *out is copied when the login succeeds, without its token; may be NULL. */
static inline int lab_login_with(const struct login_request *want, struct login_result *out)
{
    AUTO(login) l = NULL;
    const struct login_result *made = NULL;
    struct waiter w;
    int rc;

    waiter_init(&w);
    rc = login_begin(core, want, on_done, &w, &l, &e);
    if (rc == 0) {
        wait_done(&w, 1);
        rc = login_finish(l, &made, &e);
    }
    waiter_end(&w);
    if (rc == 0 && out) {
        *out = *made;
        out->token = NULL;
    }
    return rc;
}

static inline int lab_login(const char *user, const char *password, struct login_result *out)
{
    return lab_login_with(&(struct login_request){ .user = user, .password = password, .address = "192.0.2.1" }, out);
}

/* How often an action stands in the audit log with this outcome. */
static inline void lab_audited(const char *action, const char *outcome, unsigned count)
{
    AUTO_FREE char *sql = str_printf("SELECT count(*) FROM audit WHERE action = '%s' AND outcome = '%s'", action, outcome);
    AUTO_FREE char *found = lab_ask(lab_path, sql);
    AUTO_FREE char *wanted = str_printf("%u", count);

    ck_assert_str_eq(found, wanted);
}

#endif
