/* credentials: where the daemon is, and what `computectl login` keeps: an address and the token for it, in
 * ~/.config/computed/credentials ($XDG_CONFIG_HOME is obeyed), which its owner alone may read. */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include "base/err.h"

struct credentials {
    char *url, *token, *expires_at; /* owned; NULL: none */
};
/* Leaves *out empty when nobody has logged in. */
int credentials_load(struct credentials *out, struct err *e);
/* Atomically, in place of what was kept. */
int credentials_save(const struct credentials *c, struct err *e);
int credentials_forget(struct err *e);
void credentials_done(struct credentials *c); /* wipes the token */
#define AUTO_CREDENTIALS __attribute__((cleanup(credentials_done))) struct credentials

/* `given`, else the kept address, else the unix socket when somebody listens there, else http://127.0.0.1:8081. Borrowed. */
const char *credentials_url(const struct credentials *c, const char *given);
/* $COMPUTED_TOKEN, else the kept one: it is shown to no other address than its own. NULL: none. Borrowed. */
const char *credentials_token(const struct credentials *c, const char *url);

#endif
