/* core/login: a user and a password become a token. The arithmetic is password's, how often one may be wrong is login_guard's. */
#include <stdlib.h>
#include <string.h>

#include "token.h"

#include "base/str.h"
#include "core/audit.h"
#include "store/audit.h"
#include "store/project.h"
#include "store/role.h"
#include "store/user.h"

enum { PROJECTS_LOOKED_AT = 100 };

struct login {
    struct core *core;
    struct actor who; /* as named; with an id when there is such a user */
    hex32_text user;  /* "": there is none */
    char *project;    /* NULL: the only one */
    char *name;       /* of the token */
    struct token_spec spec;
    struct password_work work;
    struct login_result result;
};

/* Whoever asks learns nothing of which it was. */
static int refuse(struct err *e)
{
    return err_set(e, ERR_UNAUTHORIZED, "the user or the password is wrong");
}

/* What failures are counted by: the same for a user's name and its id. */
static const char *guarded_name(const struct login *l)
{
    return l->user[0] ? l->user : l->who.user;
}

/* ---- the beginning ---- */

static int check_lengths(const struct login_request *want, struct err *e)
{
    if (strlen(want->user) > USER_NAME_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "user", "user must be at most %d bytes long", USER_NAME_MAX);
    if (strlen(want->password) > PASSWORD_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "password", "password must be at most %d bytes long", PASSWORD_MAX);
    return 0;
}

static int copy_request(const struct login_request *want, struct login *l, struct err *e)
{
    (void)str_copy(l->who.user, sizeof l->who.user, want->user);
    (void)str_copy(l->who.address, sizeof l->who.address, want->address ? want->address : "");
    (void)str_copy(l->who.request_id, sizeof l->who.request_id, want->request_id ? want->request_id : "");
    l->project = str_dup(want->project);
    l->name = str_dup(want->name);
    l->work.given = str_dup(want->password);
    if (!l->work.given || (want->project && !l->project) || (want->name && !l->name))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    l->spec = (struct token_spec){ .name = l->name, .roles = want->roles, .lifetime_ms = want->lifetime_ms };
    return 0;
}

static int find_user(struct login *l, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(user) u = NULL;

    if (txn_read(l->core->store, &t, e) < 0 || store_user_find(t, l->who.user, &u, e) < 0)
        return -1;
    if (!u)
        return 0;
    (void)str_copy(l->user, sizeof l->user, u->id);
    (void)str_copy(l->work.user, sizeof l->work.user, u->id);
    l->work.hash = TAKE(u->password_hash);
    return 0;
}

static int begin(struct login *l, struct login **out, struct err *e)
{
    if (login_guard_check(l->core->login_guard, guarded_name(l), l->who.address, e) < 0)
        return -1;
    *out = l; /* before it is submitted: done may come at once */
    if (password_begin(l->core->passwords, &l->work, e) == 0)
        return 0;
    *out = NULL;
    return -1;
}

int login_begin(struct core *c, const struct login_request *want, void (*done)(void *arg), void *arg, struct login **out,
                struct err *e)
{
    AUTO(login) l = NULL;

    if (check_lengths(want, e) < 0)
        return -1;
    l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    l->core = c;
    l->work.task.done = done;
    l->work.task.arg = arg;
    if (copy_request(want, l, e) < 0 || find_user(l, e) < 0)
        return -1;
    if (begin(l, out, e) < 0) {
        audit_refusal(c, &l->who, "login", l->user[0] ? l->user : NULL, e);
        return -1;
    }
    (void)TAKE(l);
    return 0;
}

/* ---- the end ---- */

/* The only one there is. */
static int find_only_project(struct txn *t, const char *user, hex32_text out, struct err *e)
{
    AUTO_LIST(project) all = { 0 };
    unsigned count = 0;
    bool has_more;

    if (store_project_list(t, user, NULL, PROJECTS_LOOKED_AT, &all, &has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i]->is_enabled && count++ == 0)
            (void)str_copy(out, sizeof(hex32_text), all.items[i]->id);
    if (count == 0)
        return err_set_field(e, ERR_FORBIDDEN, "project", "you have no role in any project");
    return count == 1 ? 0 : err_set_field(e, ERR_INVALID_FIELD, "project", "project is missing: you have roles in several");
}

/* Of those without a role for this user none is said to be there. */
static int find_project(struct txn *t, const struct login *l, hex32_text out, struct err *e)
{
    AUTO(project) p = NULL;

    if (!l->project)
        return find_only_project(t, l->user, out, e);
    if (store_project_get(t, l->user, l->project, &p, e) < 0 && e->code != ERR_PROJECT_NOT_FOUND)
        return -1;
    if (!p || !p->is_enabled)
        return err_set_field(e, ERR_FORBIDDEN, "project", "you have no role in project '%s'", l->project);
    (void)str_copy(out, sizeof(hex32_text), p->id);
    return 0;
}

/* The user as it is now, which may have changed since its password was looked at. */
static int check_user(struct txn *t, struct login *l, struct err *e)
{
    AUTO(user) u = NULL;

    if (store_user_find(t, l->user, &u, e) < 0)
        return -1;
    if (!u || !u->is_enabled || !str_equal(u->password_hash, l->work.hash))
        return refuse(e);
    (void)str_copy(l->who.user, sizeof l->who.user, u->name);
    (void)str_copy(l->who.user_id, sizeof l->who.user_id, u->id);
    return 0;
}

static int make_token(const struct change *ch, struct login *l, struct err *e)
{
    struct token_issue issue = { .spec = &l->spec };
    unsigned assigned = 0;

    if (check_user(ch->txn, l, e) < 0 || find_project(ch->txn, l, l->who.project, e) < 0 ||
        store_role_mask(ch->txn, l->user, l->who.project, &assigned, e) < 0)
        return -1;
    issue.available = roles_implied(assigned);
    if (token_issue(ch, &issue, &l->result, e) < 0)
        return -1;
    return store_audit_add(ch->txn, &(struct audit){ &l->who, "login", "token", l->result.token->id, "succeeded" }, e);
}

static int finish(struct login *l, struct err *e)
{
    AUTO(txn) t = NULL;

    if (l->work.task.err.code != ERR_NONE) {
        *e = l->work.task.err;
        return -1;
    }
    if (!l->work.is_right) {
        login_guard_failed(l->core->login_guard, guarded_name(l), l->who.address);
        return refuse(e);
    }
    login_guard_forgive(l->core->login_guard, guarded_name(l), l->who.address);
    if (txn_write(l->core->store, &t, e) < 0 || make_token(&(struct change){ l->core, &l->who, t }, l, e) < 0)
        return -1;
    return txn_commit(t, e);
}

int login_finish(struct login *l, const struct login_result **out, struct err *e)
{
    if (finish(l, e) < 0) {
        audit_refusal(l->core, &l->who, "login", l->user[0] ? l->user : NULL, e);
        return -1;
    }
    *out = &l->result;
    return 0;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    password_work_done(&l->work);
    login_result_done(&l->result);
    free(l->project);
    free(l->name);
    free(l);
}
