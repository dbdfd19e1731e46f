/* store/setting: what the daemon remembers about itself, and first answers to idempotency keys. */
#ifndef STORE_SETTING_H
#define STORE_SETTING_H

#include <stdint.h>

#include "base/hash.h"
#include "store/store.h"

/* *out is NULL when the key was never set; caller frees. */
int store_setting_find(struct txn *t, const char *key, char **out, struct err *e);
int store_setting_set(struct txn *t, const char *key, const char *value, struct err *e);

/* A key is one user's in one project: nobody meets another one's answers. */
struct idempotency {
    const char *project;
    const char *user_id; /* "": one who has none (struct actor) */
    const char *key;     /* the client's header */
    const char *request; /* "POST /v1/vms" */
    sha256_text body_sha256;
    int status;     /* the first answer */
    char *answer;   /* its body; owned by whoever filled it */
    char *location; /* its Location header, or NULL */
};
/* Fills status, answer and location of *i (0 and NULL when the key is new). ERR_IDEMPOTENCY_KEY_REUSED: same key, other request
 * or body. */
int store_idempotency_find(struct txn *t, struct idempotency *i, struct err *e);
/* ERR_CONFLICT when another request with this key was first. */
int store_idempotency_insert(struct txn *t, const struct idempotency *i, struct err *e);
int store_idempotency_prune(struct txn *t, int64_t before_ms, struct err *e);

#endif
