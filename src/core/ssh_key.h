/* core/ssh_key: ssh keys as text: read and judged, made, told apart by their fingerprints. */
#ifndef CORE_SSH_KEY_H
#define CORE_SSH_KEY_H

#include "base/err.h"
#include "model/keypair.h"

/* Fills type, public_key and the fingerprints of *out from one line of authorized_keys: a type, its base64, perhaps a comment.
 * ERR_INVALID_FIELD naming `field`. */
int ssh_key_read(const char *line, const char *field, struct keypair *out, struct err *e);

enum ssh_key_kind { SSH_KEY_ED25519, SSH_KEY_RSA };
/* "ed25519", "rsa"; -1: another. */
int ssh_key_kind_from_string(const char *s, enum ssh_key_kind *out);
/* Makes a pair: *out is filled as by ssh_key_read, *private_key is OpenSSH's own format, for ssh_key_wipe. RSA takes 0.2 to 2
 * seconds. */
int ssh_key_make(enum ssh_key_kind kind, const char *comment, struct keypair *out, char **private_key, struct err *e);
/* Overwrites a secret text and frees it; NULL is fine. */
void ssh_key_wipe(char *text);

#endif
