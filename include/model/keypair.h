/* model/keypair: public ssh keys by name. The private half is nobody's but the owner's. */
#ifndef MODEL_KEYPAIR_H
#define MODEL_KEYPAIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "model/list.h"

enum { SSH_KEY_MAX = 16 * 1024, SSH_KEYS_MAX = 32 }; /* bytes of one public key's line; keys of one VM */

struct keypair {
    uuid_text id;
    char *name; /* unique in the project */
    hex32_text project;
    char *type;               /* "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256" … */
    char *public_key;         /* one line as in authorized_keys: type, base64, comment when there was one */
    char *fingerprint_sha256; /* "SHA256:…", base64 without padding, as ssh-keygen prints it */
    char *fingerprint_md5;    /* "aa:bb:…", without prefix, as Nova and EC2 print it */
    int64_t created_at_ms;
};
void keypair_free(struct keypair *k);
DEFINE_AUTO(keypair, keypair_free)
DEFINE_LIST(keypair)

#endif
