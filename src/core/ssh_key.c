/* core/ssh_key: what a public key is, and how a pair is made. libssh knows the arithmetic; what a line may look like is decided
 * here, on its text and on the bytes behind its base64 (RFC 4253, section 6.6). */
#include "ssh_key.h"

#include <arpa/inet.h>
#include <libssh/libssh.h>
#include <stdlib.h>
#include <string.h>

#include "ssh_private.h"

#include "base/base64.h"
#include "base/str.h"
#include "core/keypair.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MADE = 3072 };

static const char *const known_types[] = {
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
};

/* ---- reading ---- */

/* One line, taken apart; it borrows from the line. */
struct line_parts {
    const char *type;
    size_t type_len;
    const char *base64;
    size_t base64_len;
    const char *comment; /* NULL: none */
};

static bool is_known_type(const char *type, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(known_types); i++)
        if (strlen(known_types[i]) == len && memcmp(known_types[i], type, len) == 0)
            return true;
    return false;
}

static int refuse(struct err *e, const char *field, const char *why)
{
    return err_set_field(e, ERR_INVALID_FIELD, field, "%s: %s", field, why);
}

static int split(const char *line, const char *field, struct line_parts *out, struct err *e)
{
    struct line_parts p = { .type = line, .type_len = strcspn(line, " ") };
    const char *rest = line + p.type_len + strspn(line + p.type_len, " ");

    if (strlen(line) > SSH_KEY_MAX)
        return refuse(e, field, "the key is too long");
    if (strstr(line, "PRIVATE KEY"))
        return refuse(e, field, "this is a private key, to be kept secret: send the public one, the file that ends in .pub");
    if (!str_is_printable(line))
        return refuse(e, field, "a public key is one line of text");
    if (!is_known_type(p.type, p.type_len))
        return refuse(e, field,
                      "begin with the key's type: ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256, -nistp384, -nistp521, "
                      "or their sk- kinds; options before it, DSA and certificates are not taken");
    p.base64 = rest;
    p.base64_len = strcspn(rest, " ");
    rest += p.base64_len + strspn(rest + p.base64_len, " ");
    p.comment = *rest ? rest : NULL;
    *out = p;
    return 0;
}

/* The next length-prefixed string of an ssh blob; false when there is none. */
struct ssh_string_view {
    const uint8_t *data;
    size_t len;
};
static bool next_string(struct ssh_string_view *blob, struct ssh_string_view *out)
{
    uint32_t len;

    if (blob->len < sizeof len)
        return false;
    memcpy(&len, blob->data, sizeof len);
    len = ntohl(len);
    if (len > blob->len - sizeof len)
        return false;
    *out = (struct ssh_string_view){ blob->data + sizeof len, len };
    blob->data += sizeof len + len;
    blob->len -= sizeof len + len;
    return true;
}

static size_t bits_of(struct ssh_string_view number)
{
    while (number.len > 0 && number.data[0] == 0) {
        number.data++;
        number.len--;
    }
    return number.len == 0 ? 0 : number.len * 8 - (size_t)(__builtin_clz(number.data[0]) - 24);
}

/* The type stands inside the bytes again; an RSA modulus shows its size there. */
static int check_blob(const struct line_parts *p, const char *field, struct err *e)
{
    AUTO_FREE uint8_t *bytes = NULL;
    struct ssh_string_view blob = { 0 }, type, exponent, modulus;

    if (p->base64_len == 0 || base64_decode(p->base64, p->base64_len, &bytes, &blob.len) < 0)
        return refuse(e, field, "behind the type the key must stand in base64");
    blob.data = bytes;
    if (!next_string(&blob, &type) || type.len != p->type_len || memcmp(type.data, p->type, type.len) != 0)
        return refuse(e, field, "the key's bytes are not of the type that the line begins with");
    if (strncmp(p->type, "ssh-rsa", p->type_len) != 0)
        return 0;
    if (!next_string(&blob, &exponent) || !next_string(&blob, &modulus))
        return refuse(e, field, "the key is cut short");
    return bits_of(modulus) >= RSA_BITS_MIN ? 0 : refuse(e, field, "an RSA key has at least 2048 bits");
}

static int fingerprint(ssh_key key, enum ssh_publickey_hash_type type, char **out, struct err *e)
{
    unsigned char *hash = NULL;
    char *text = NULL;
    size_t len = 0;

    if (ssh_get_publickey_hash(key, type, &hash, &len) == SSH_OK) {
        text = ssh_get_fingerprint_hash(type, hash, len);
        ssh_clean_pubkey_hash(&hash);
    }
    if (text)
        *out = str_dup(type == SSH_PUBLICKEY_HASH_MD5 && str_starts_with(text, "MD5:") ? text + strlen("MD5:") : text);
    ssh_string_free_char(text);
    return text && *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int describe(ssh_key key, struct keypair *out, struct err *e)
{
    if (fingerprint(key, SSH_PUBLICKEY_HASH_SHA256, &out->fingerprint_sha256, e) < 0)
        return -1;
    return fingerprint(key, SSH_PUBLICKEY_HASH_MD5, &out->fingerprint_md5, e);
}

/* What libssh understood, written again, must be what was sent: else fingerprints would be of another key than ssh's. */
static int check_same(ssh_key key, const char *base64, const char *field, struct err *e)
{
    char *again = NULL;
    bool is_same = ssh_pki_export_pubkey_base64(key, &again) == SSH_OK && strcmp(again, base64) == 0;

    ssh_string_free_char(again);
    return is_same ? 0 : refuse(e, field, "the key has parts that do not belong to it");
}

static int import(const struct line_parts *p, const char *base64, const char *field, struct keypair *out, struct err *e)
{
    ssh_key key = NULL;
    int rc;

    if (ssh_pki_import_pubkey_base64(base64, ssh_key_type_from_name(out->type), &key) != SSH_OK)
        return refuse(e, field, "the key is damaged");
    rc = check_same(key, base64, field, e) < 0 ? -1 : describe(key, out, e);
    ssh_key_free(key);
    if (rc < 0)
        return -1;
    out->public_key = str_printf("%s %s%s%s", out->type, base64, p->comment ? " " : "", p->comment ? p->comment : "");
    return out->public_key ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int ssh_key_read(const char *line, const char *field, struct keypair *out, struct err *e)
{
    struct line_parts p = { 0 };
    AUTO_FREE char *base64 = NULL;

    if (split(line, field, &p, e) < 0 || check_blob(&p, field, e) < 0)
        return -1;
    base64 = strndup(p.base64, p.base64_len);
    out->type = strndup(p.type, p.type_len);
    if (!base64 || !out->type)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return import(&p, base64, field, out, e);
}

int keypair_check_key(const char *line, const char *field, struct err *e)
{
    AUTO(keypair) k = calloc(1, sizeof *k);

    return k ? ssh_key_read(line, field, k, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- making ---- */

static const struct made_kind {
    const char *name;
    enum ssh_keytypes_e type;
    int bits;
} made_kinds[] = {
    [SSH_KEY_ED25519] = { "ed25519", SSH_KEYTYPE_ED25519, 0 },
    [SSH_KEY_RSA] = { "rsa", SSH_KEYTYPE_RSA, RSA_BITS_MADE },
};

int ssh_key_kind_from_string(const char *s, enum ssh_key_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(made_kinds); i++) {
        if (strcmp(made_kinds[i].name, s) == 0) {
            *out = (enum ssh_key_kind)i;
            return 0;
        }
    }
    return -1;
}

static int write_public(ssh_key key, const char *comment, struct keypair *out, struct err *e)
{
    char *base64 = NULL;

    out->type = str_dup(ssh_key_type_to_char(ssh_key_type(key)));
    if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK && out->type)
        out->public_key = str_printf("%s %s %s", out->type, base64, comment);
    ssh_string_free_char(base64);
    return out->public_key ? describe(key, out, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int ssh_key_make(enum ssh_key_kind kind, const char *comment, struct keypair *out, char **private_key, struct err *e)
{
    const struct made_kind *made = &made_kinds[kind];
    ssh_key key = NULL;
    char *exported = NULL;
    int rc;

    if (ssh_pki_generate(made->type, made->bits, &key) != SSH_OK)
        return err_set(e, ERR_INTERNAL, "the key could not be made");
    if (ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &exported) != SSH_OK)
        rc = err_set(e, ERR_INTERNAL, "the key could not be written");
    else
        rc = write_public(key, comment, out, e);
    ssh_key_free(key);
    if (rc == 0)
        rc = ssh_private_to_openssh(exported, comment, private_key, e);
    ssh_key_wipe(exported);
    return rc;
}

void ssh_key_wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}
