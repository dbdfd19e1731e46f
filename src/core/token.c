/* core/token: making, finding and revoking tokens. What one is good for when it is used is identity's. */
#include "token.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/project.h"
#include "store/role.h"

#define PREFIX "ct_"
enum { SECRET_BYTES = 32, DAY_MS = 24 * 3600 * 1000 };

/* ---- making ---- */

static void make_secret(char text[TOKEN_TEXT_SIZE])
{
    uint8_t bytes[SECRET_BYTES];
    size_t at = strlen(PREFIX);

    randombytes_buf(bytes, sizeof bytes);
    (void)str_copy(text, TOKEN_TEXT_SIZE, PREFIX);
    (void)sodium_bin2base64(text + at, TOKEN_TEXT_SIZE - at, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

static int check_name(const char *name, struct err *e)
{
    if (!name || !name[0] || (strlen(name) <= TOKEN_NAME_MAX && str_is_printable(name)))
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "name", "name must be at most %d bytes of printable characters", TOKEN_NAME_MAX);
}

/* When it expires: what is asked for or the configuration's, but not behind ends_ms. */
static int choose_end(const struct core *c, const struct token_issue *issue, int64_t now, int64_t *out, struct err *e)
{
    int64_t max_ms = c->config.token_lifetime_max_ms ? c->config.token_lifetime_max_ms : 365LL * DAY_MS;
    int64_t usual_ms = c->config.token_lifetime_ms ? c->config.token_lifetime_ms : DAY_MS;
    int64_t wanted_ms = issue->spec->lifetime_ms ? issue->spec->lifetime_ms : usual_ms;

    if (wanted_ms < 0 || (issue->spec->lifetime_ms && wanted_ms > max_ms))
        return err_set_field(e, ERR_INVALID_FIELD, "lifetime_s", "lifetime_s must be at most %lld", (long long)max_ms / 1000);
    *out = now + wanted_ms;
    if (issue->ends_ms && *out > issue->ends_ms)
        *out = issue->ends_ms;
    return 0;
}

static int check_roles(const struct token_issue *issue, struct err *e)
{
    if ((roles_implied(issue->spec->roles) & ~issue->available) == 0)
        return 0;
    return err_set_field(e, ERR_FORBIDDEN, "roles", "roles must be among those that you have in the project");
}

static int token_of_spec(const struct change *ch, const struct token_issue *issue, struct token **out, struct err *e)
{
    AUTO(token) k = calloc(1, sizeof *k);

    if (!k || !(k->name = str_dup(issue->spec->name ? issue->spec->name : "")))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    id_hex32(k->id);
    (void)str_copy(k->user, sizeof k->user, ch->who->user_id);
    (void)str_copy(k->project, sizeof k->project, ch->who->project);
    k->roles = issue->spec->roles ? issue->spec->roles : issue->roles;
    k->created_at_ms = clock_wall_ms();
    if (choose_end(ch->core, issue, k->created_at_ms, &k->expires_at_ms, e) < 0)
        return -1;
    *out = TAKE(k);
    return 0;
}

static int insert(const struct change *ch, const struct token *k, struct actor *out, struct err *e)
{
    struct quota_delta one = { .of = { [QUOTA_TOKENS] = 1 } };
    AUTO_TOKEN_GRANT g = { 0 };
    bool is_found = false;

    if (quota_reserve(ch, k->project, &one, e) < 0 || store_token_insert(ch->txn, k, e) < 0 ||
        store_token_grant_by_id(ch->txn, k->id, k->created_at_ms, &g, &is_found, e) < 0)
        return -1;
    if (!is_found || !identity_of_grant(&g, out))
        return err_set(e, ERR_FORBIDDEN, "the token would be good for nothing");
    return 0;
}

int token_issue(const struct change *ch, const struct token_issue *issue, struct login_result *out, struct err *e)
{
    AUTO(token) k = NULL;
    struct actor actor = *ch->who;

    if (check_name(issue->spec->name, e) < 0 || check_roles(issue, e) < 0 || token_of_spec(ch, issue, &k, e) < 0)
        return -1;
    make_secret(out->text);
    sha256_of(out->text, strlen(out->text), k->sha256);
    if (insert(ch, k, &actor, e) < 0)
        return -1;
    out->actor = actor;
    out->token = TAKE(k);
    return 0;
}

void login_result_done(struct login_result *r)
{
    token_free(r->token);
    r->token = NULL;
    explicit_bzero(r->text, sizeof r->text);
}

/* ---- another one for who has one ---- */

static int refuse_rowless(const struct actor *who, struct err *e)
{
    if (who->user_id[0])
        return 0;
    return err_set(e, ERR_CONFLICT, "a token belongs to a user, and this request comes from none: log in with a password");
}

/* A token that was given for some roles only says nothing of other projects. */
static int choose_project(const struct change *ch, const struct token *own, const char *ref, struct actor *at, struct err *e)
{
    AUTO(project) p = NULL;
    unsigned assigned = 0;

    if (!ref || str_equal(ref, ch->who->project))
        return 0;
    if (store_project_get(ch->txn, ch->who->user_id, ref, &p, e) < 0)
        return -1;
    if (str_equal(p->id, ch->who->project))
        return 0;
    if (own->roles)
        return err_set_field(e, ERR_FORBIDDEN, "project", "a token with some roles only makes none for another project");
    if (store_role_mask(ch->txn, ch->who->user_id, p->id, &assigned, e) < 0)
        return -1;
    (void)str_copy(at->project, sizeof at->project, p->id);
    at->roles = roles_implied(assigned);
    return 0;
}

static int create(const struct change *ch, const struct token_spec *spec, struct login_result *out, struct err *e)
{
    AUTO(token) own = NULL;
    struct actor at = *ch->who;
    struct token_issue issue = { .spec = spec };

    if (store_token_get(ch->txn, ch->who->user_id, ch->who->token, clock_wall_ms(), &own, e) < 0 ||
        choose_project(ch, own, spec->project, &at, e) < 0)
        return -1;
    issue.available = at.roles;
    issue.roles = own->roles;
    issue.ends_ms = own->expires_at_ms;
    if (token_issue(&(struct change){ ch->core, &at, ch->txn }, &issue, out, e) < 0)
        return -1;
    return identity_audit(&(struct change){ ch->core, &at, ch->txn }, "token:create", "token", out->token->id, e);
}

int token_create(struct core *c, const struct actor *who, const struct token_spec *spec, struct login_result *out, struct err *e)
{
    AUTO(txn) t = NULL;
    struct login_result made = { 0 };

    if (refuse_rowless(who, e) < 0 || txn_write(c->store, &t, e) < 0)
        return -1;
    if (create(&(struct change){ c, who, t }, spec, &made, e) < 0 || txn_commit(t, e) < 0) {
        login_result_done(&made);
        return -1;
    }
    *out = made;
    explicit_bzero(made.text, sizeof made.text);
    return 0;
}

/* ---- the rest ---- */

static const char *owner_scope(const struct actor *who)
{
    return who->sees_all ? NULL : who->user_id;
}

int token_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct token_list *out,
               bool *has_more, struct err *e)
{
    struct token_filter f = { .user = owner_scope(who), .now_ms = clock_wall_ms(), .marker = marker, .limit = limit };
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_token_list(t, &f, out, has_more, e);
}

int token_get(struct core *c, const struct actor *who, const char *id, struct token **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_token_get(t, owner_scope(who), id, clock_wall_ms(), out, e);
}

int token_revoke(struct core *c, const struct actor *who, const char *id, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(token) k = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_token_get(t, owner_scope(who), id, clock_wall_ms(), &k, e) < 0 ||
        store_token_delete(t, k->id, e) < 0)
        return -1;
    struct actor at = actor_in(who, k->project);
    if (identity_audit(&(struct change){ c, &at, t }, "token:revoke", "token", k->id, e) < 0)
        return -1;
    return txn_commit(t, e);
}
