/* core/user: users of the domain Default, for administrators; a user sees and changes itself (its password). */
#ifndef CORE_USER_H
#define CORE_USER_H

#include "core/core.h"
#include "model/identity.h"

/* Members that are NULL stay, or get their default. Passwords are hashed on the thread of core/identity. */
struct user_change {
    const char *name, *description, *password;
    const bool *is_enabled;
    const char *original_password; /* needed when one changes one's own with a token */
};
struct user_draft;
/* ref NULL: a new user. done(arg) as login_begin's; then user_write_finish. ERR_FORBIDDEN: who is no administrator changes its
 * own password and nothing else. ERR_INVALID_FIELD, ERR_USER_NOT_FOUND, ERR_TOO_MANY_REQUESTS, ERR_UNAVAILABLE. */
int user_write_begin(struct core *c, const struct actor *who, const char *ref, const struct user_change *change,
                     void (*done)(void *arg), void *arg, struct user_draft **out, struct err *e);
/* ERR_NAME_TAKEN, ERR_USER_NOT_FOUND, ERR_UNAUTHORIZED (original_password). A changed password or a disabled user ends all its
 * tokens, but the one that asks. The last enabled administrator cannot be disabled: ERR_CONFLICT. Caller frees *out. */
int user_write_finish(struct user_draft *d, struct user **out, struct err *e);
void user_draft_free(struct user_draft *d); /* wipes passwords; not before done */
DEFINE_AUTO(user_draft, user_draft_free)

int user_get(struct core *c, const struct actor *who, const char *ref, struct user **out, struct err *e); /* by id or name */
int user_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct user_list *out, bool *has_more,
              struct err *e);
int user_delete(struct core *c, const struct actor *who, const char *ref,
                struct err *e); /* ERR_CONFLICT: the last administrator */

/* `computed init`: a random password for the administrator, who has none yet; text is for printing once. ERR_CONFLICT when it has
 * one, unless is_again. Without a core: before the daemon runs. */
int user_init_admin(struct store *s, bool is_again, char text[32], struct err *e);

#endif
