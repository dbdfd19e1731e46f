/* core/user: users. A password that is set or verified is looked at on the thread of core/password first; then one transaction.
 */
#include "core/user.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/project.h"
#include "store/role.h"
#include "store/token.h"
#include "store/user.h"

struct user_draft {
    struct core *core;
    struct actor who;
    hex32_text id; /* "": a new one */
    char *name, *description;
    bool is_enabled, says_enabled;
    struct password_work work;
};

/* ---- who may ---- */

static int find(struct txn *t, const struct actor *who, const char *ref, struct user **out, struct err *e)
{
    AUTO(user) u = NULL;

    if (store_user_get(t, ref, &u, e) < 0)
        return -1;
    if (!who->is_admin && !str_equal(u->id, who->user_id))
        return err_set(e, ERR_USER_NOT_FOUND, "there is no user '%s'", ref);
    *out = TAKE(u);
    return 0;
}

static bool is_oneself(const struct actor *who, const char *user)
{
    return who->user_id[0] && str_equal(who->user_id, user);
}

/* ---- creating and changing ---- */

static int check_change(const struct actor *who, const char *ref, const struct user_change *change, struct err *e)
{
    if (!who->is_admin && (!ref || change->name || change->description || change->is_enabled))
        return err_set(e, ERR_FORBIDDEN, "you may change your password; all else of users is for administrators");
    if (!ref && !change->name)
        return err_set_field(e, ERR_INVALID_FIELD, "name", "name is missing");
    if (change->name && identity_check_name(change->name, USER_NAME_MAX, e) < 0)
        return -1;
    if (change->description && identity_check_description(change->description, e) < 0)
        return -1;
    return change->password ? password_check(change->password, "password", e) : 0;
}

static int copy_change(const struct user_change *change, struct user_draft *d, struct err *e)
{
    d->name = str_dup(change->name);
    d->description = str_dup(change->description);
    d->work.wanted = str_dup(change->password);
    if ((change->name && !d->name) || (change->description && !d->description) || (change->password && !d->work.wanted))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    d->says_enabled = change->is_enabled != NULL;
    d->is_enabled = !change->is_enabled || *change->is_enabled;
    return 0;
}

/* Who changes the own password shows that it is not only the token that is there. */
static int want_original(struct user_draft *d, const struct user *u, const struct user_change *change, struct err *e)
{
    if (!change->password || !is_oneself(&d->who, u->id))
        return 0;
    if (!change->original_password)
        return err_set_field(e, ERR_INVALID_FIELD, "original_password", "original_password is missing");
    if (strlen(change->original_password) > PASSWORD_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "original_password", "original_password is too long");
    d->work.given = str_dup(change->original_password);
    d->work.hash = str_dup(u->password_hash);
    if (!d->work.given || (u->password_hash && !d->work.hash))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)str_copy(d->work.user, sizeof d->work.user, u->id);
    return login_guard_check(d->core->login_guard, u->id, d->who.address, e);
}

static int find_target(struct user_draft *d, const char *ref, const struct user_change *change, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(user) u = NULL;

    if (txn_read(d->core->store, &t, e) < 0 || find(t, &d->who, ref, &u, e) < 0)
        return -1;
    (void)str_copy(d->id, sizeof d->id, u->id);
    return want_original(d, u, change, e);
}

int user_write_begin(struct core *c, const struct actor *who, const char *ref, const struct user_change *change,
                     void (*done)(void *arg), void *arg, struct user_draft **out, struct err *e)
{
    AUTO(user_draft) d = NULL;

    if (check_change(who, ref, change, e) < 0)
        return -1;
    d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    d->core = c;
    d->who = *who;
    d->work.task.done = done;
    d->work.task.arg = arg;
    if (copy_change(change, d, e) < 0 || (ref && find_target(d, ref, change, e) < 0))
        return -1;
    *out = d; /* before it is submitted: done may come at once */
    if (password_begin(c->passwords, &d->work, e) < 0) {
        *out = NULL;
        return -1;
    }
    (void)TAKE(d);
    return 0;
}

static int judge_original(const struct user_draft *d, struct err *e)
{
    if (d->work.task.err.code != ERR_NONE) {
        *e = d->work.task.err;
        return -1;
    }
    if (!d->work.given || d->work.is_right)
        return 0;
    login_guard_failed(d->core->login_guard, d->id, d->who.address);
    return err_set_field(e, ERR_UNAUTHORIZED, "original_password", "original_password is wrong");
}

static int new_user(struct txn *t, struct user **out, struct err *e)
{
    AUTO(user) u = calloc(1, sizeof *u);

    if (!u || !(u->description = str_dup("")))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    id_hex32(u->id);
    u->is_enabled = true;
    u->created_at_ms = clock_wall_ms();
    if (store_domain_default(t, u->domain, e) < 0)
        return -1;
    *out = TAKE(u);
    return 0;
}

static int apply(const struct user_draft *d, struct user *u, struct err *e)
{
    if (d->work.given && !str_equal(u->password_hash, d->work.hash))
        return err_set(e, ERR_CONFLICT, "the password has been changed meanwhile");
    if (d->says_enabled)
        u->is_enabled = d->is_enabled;
    if (identity_replace(&u->name, d->name, e) < 0 || identity_replace(&u->description, d->description, e) < 0)
        return -1;
    return identity_replace(&u->password_hash, d->work.made, e);
}

static int insert(const struct change *ch, const struct user *u, struct err *e)
{
    return store_user_insert(ch->txn, u, e) < 0 ? -1 : identity_audit(ch, "user:create", "user", u->id, e);
}

/* Who had the old password, or is not welcome any more, keeps nothing; but one who changes the own password goes on. */
static int end_tokens(const struct change *ch, const struct user *u, struct err *e)
{
    return store_token_delete_others(ch->txn, u->id, is_oneself(ch->who, u->id) ? ch->who->token : "", e);
}

static int update(const struct change *ch, const struct user *u, bool ends_tokens, struct err *e)
{
    uint64_t administrators = 0;

    if (store_role_count_administrators(ch->txn, &administrators, e) < 0 || store_user_change(ch->txn, u, e) < 0 ||
        identity_keep_administrator(ch->txn, administrators, e) < 0 || (ends_tokens && end_tokens(ch, u, e) < 0))
        return -1;
    return identity_audit(ch, "user:update", "user", u->id, e);
}

static int write_user(const struct change *ch, const struct user_draft *d, struct user **out, struct err *e)
{
    AUTO(user) u = NULL;
    int rc;

    if ((d->id[0] ? store_user_get(ch->txn, d->id, &u, e) : new_user(ch->txn, &u, e)) < 0 || apply(d, u, e) < 0)
        return -1;
    rc = d->id[0] ? update(ch, u, d->work.made || !u->is_enabled, e) : insert(ch, u, e);
    if (rc == 0)
        *out = TAKE(u);
    return rc;
}

int user_write_finish(struct user_draft *d, struct user **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(user) u = NULL;

    if (judge_original(d, e) < 0 || txn_write(d->core->store, &t, e) < 0 ||
        write_user(&(struct change){ d->core, &d->who, t }, d, &u, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(u);
    return 0;
}

void user_draft_free(struct user_draft *d)
{
    if (!d)
        return;
    password_work_done(&d->work);
    free(d->name);
    free(d->description);
    free(d);
}

/* ---- the rest ---- */

int user_get(struct core *c, const struct actor *who, const char *ref, struct user **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : find(t, who, ref, out, e);
}

int user_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct user_list *out, bool *has_more,
              struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_user_list(t, identity_own(who), marker, limit, out, has_more, e);
}

int user_delete(struct core *c, const struct actor *who, const char *ref, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(user) u = NULL;
    uint64_t administrators = 0;

    if (txn_write(c->store, &t, e) < 0 || find(t, who, ref, &u, e) < 0 ||
        store_role_count_administrators(t, &administrators, e) < 0 || store_user_delete(t, u->id, e) < 0 ||
        identity_keep_administrator(t, administrators, e) < 0 ||
        identity_audit(&(struct change){ c, who, t }, "user:delete", "user", u->id, e) < 0)
        return -1;
    return txn_commit(t, e);
}

/* ---- computed init ---- */

enum { INIT_PASSWORD_BYTES = 18 };
static const char init_name[] = "admin";

/* The row that the migration made, or a new one: somebody may have deleted it. */
static int take_admin(struct txn *t, struct user **out, bool *is_new, struct err *e)
{
    AUTO(user) u = NULL;

    if (store_user_find(t, init_name, &u, e) < 0)
        return -1;
    *is_new = !u;
    if (!u && (new_user(t, &u, e) < 0 || identity_replace(&u->name, init_name, e) < 0))
        return -1;
    *out = TAKE(u);
    return 0;
}

static int write_admin(struct txn *t, struct user *u, bool is_new, struct err *e)
{
    struct actor who = { .user = "computed init" };
    struct role_assignment a = { .role = ROLE_ADMIN };
    bool has_changed;

    u->is_enabled = true;
    (void)str_copy(a.user, sizeof a.user, u->id);
    if ((is_new ? store_user_insert(t, u, e) : store_user_change(t, u, e)) < 0 || store_project_default(t, a.project, e) < 0 ||
        store_role_grant(t, &a, &has_changed, e) < 0 || store_token_delete_others(t, u->id, "", e) < 0)
        return -1;
    (void)str_copy(who.project, sizeof who.project, a.project);
    return store_audit_add(t, &(struct audit){ &who, is_new ? "user:create" : "user:update", "user", u->id, "accepted" }, e);
}

static void make_password(char text[32])
{
    uint8_t bytes[INIT_PASSWORD_BYTES];

    randombytes_buf(bytes, sizeof bytes);
    (void)sodium_bin2base64(text, 32, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

int user_init_admin(struct store *s, bool is_again, char text[32], struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(user) u = NULL;
    AUTO_FREE char *hash = NULL;
    bool is_new = false;

    if (sodium_init() < 0)
        return err_set(e, ERR_INTERNAL, "libsodium does not start");
    if (txn_write(s, &t, e) < 0 || take_admin(t, &u, &is_new, e) < 0)
        return -1;
    if (u->password_hash && !is_again)
        return err_set(e, ERR_CONFLICT, "user '%s' has a password already", init_name);
    make_password(text);
    if (password_hash(text, &hash, e) < 0 || identity_replace(&u->password_hash, hash, e) < 0 || write_admin(t, u, is_new, e) < 0)
        return -1;
    return txn_commit(t, e);
}
