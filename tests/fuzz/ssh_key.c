/* fuzz/ssh_key: any text as a line of authorized_keys. A refusal names the field; what is taken is one printable line that is
 * taken again, with the same type, text and fingerprints. */
#include "../../src/core/ssh_key.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/keypair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_same(const struct keypair *a, const struct keypair *b)
{
    require(str_equal(a->type, b->type) && str_equal(a->public_key, b->public_key));
    require(str_equal(a->fingerprint_sha256, b->fingerprint_sha256) && str_equal(a->fingerprint_md5, b->fingerprint_md5));
}

static void check(const struct keypair *k)
{
    AUTO(keypair) again = calloc(1, sizeof *again);
    struct err e = ERR_INIT;

    require(again && str_is_printable(k->public_key) && strlen(k->public_key) <= SSH_KEY_MAX);
    require(str_starts_with(k->public_key, k->type) && k->public_key[strlen(k->type)] == ' ');
    require(str_starts_with(k->fingerprint_sha256, "SHA256:") && strlen(k->fingerprint_md5) == 16 * 3 - 1);
    require(ssh_key_read(k->public_key, "public_key", again, &e) == 0);
    require_same(k, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *line = strndup((const char *)data, size);
    AUTO(keypair) k = calloc(1, sizeof *k);
    struct err e = ERR_INIT, checked = ERR_INIT;

    require(line && k);
    int rc = ssh_key_read(line, "public_key", k, &e);
    require(keypair_check_key(line, "public_key", &checked) == rc);
    if (rc == 0)
        check(k);
    else
        require(e.code == ERR_INVALID_FIELD && str_equal(e.field, "public_key") && e.msg[0] != '\0');
    return 0;
}
