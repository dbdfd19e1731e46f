/* core/keypair: ssh keys, imported or made here (libssh). A private key is in the answer that made it, and nowhere else. */
#ifndef CORE_KEYPAIR_H
#define CORE_KEYPAIR_H

#include "core/core.h"
#include "core/once.h"
#include "model/identity.h"
#include "model/keypair.h"

struct keypair_spec {
    char *name;       /* owned by the caller */
    char *public_key; /* NULL: one is made */
    char *type;       /* of one that is made: "ed25519" (NULL too) or "rsa" (3072 bits) */
};
/* The record of `once`. A keypair that is made is never kept for an idempotency key: its answer holds a secret, so a key in the
 * request is refused with ERR_INVALID_FIELD "Idempotency-Key" then. */
struct keypair_answer {
    const struct keypair *keypair;
    const char *private_key; /* OpenSSH's own format; NULL: imported */
};

/* ---- creating: a pair that is made here is half a second of arithmetic, for a thread of its own ---- */
struct keypair_draft;
/* Refuses what can be refused at once, and makes the pair unless spec brings a public key. done(arg) is called exactly once, from
 * any thread, perhaps before this returns: then call keypair_create_finish. When this fails, done is not called.
 * ERR_UNAVAILABLE: too many are being made. */
int keypair_create_begin(struct core *c, const struct keypair_spec *spec, void (*done)(void *arg), void *arg,
                         struct keypair_draft **out, struct err *e);
/* Writes the row and answers with a struct keypair_answer as record. */
int keypair_create_finish(struct keypair_draft *d, const struct actor *who, struct once *once, struct err *e);
void keypair_draft_free(struct keypair_draft *d); /* wipes the private key; not before done */
DEFINE_AUTO(keypair_draft, keypair_draft_free)

int keypair_get(struct core *c, const struct actor *who, const char *ref, struct keypair **out, struct err *e);
int keypair_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct keypair_list *out,
                 bool *has_more, struct err *e);
/* Guests that have the key keep it. */
int keypair_delete(struct core *c, const struct actor *who, const char *ref, struct err *e);
/* One line of authorized_keys: a type that ssh knows, its base64, and perhaps a comment. ERR_INVALID_FIELD naming `field`. */
int keypair_check_key(const char *line, const char *field, struct err *e);

#endif
