/* core/ssh_private: from the DER of an RSA key (RFC 5958, RFC 8017 A.1.2) to "openssh-key-v1" (OpenSSH's PROTOCOL.key). An
 * integer has the same bytes in both, so that no arithmetic is needed. All secret bytes lie in buffers that are wiped. */
#include "ssh_private.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ssh_key.h"

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/id.h"
#include "base/str.h"

enum { SECRET_MAX = 32 * 1024, LINE_LEN = 70, CIPHER_BLOCK = 8 };
enum { DER_INTEGER = 0x02, DER_OCTETS = 0x04, DER_SEQUENCE = 0x30 };

#define BEGIN_OPENSSH "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define END_OPENSSH   "-----END OPENSSH PRIVATE KEY-----\n"

/* ---- secret bytes: never moved, so that no copy stays behind ---- */

struct secret {
    uint8_t *data; /* SECRET_MAX */
    size_t len;
    bool failed;
};

static struct secret secret_new(void)
{
    uint8_t *data = malloc(SECRET_MAX);

    return (struct secret){ .data = data, .failed = data == NULL };
}

static void secret_done(struct secret *s)
{
    if (s->data)
        explicit_bzero(s->data, SECRET_MAX);
    free(s->data);
}
#define AUTO_SECRET __attribute__((cleanup(secret_done))) struct secret

static void add(struct secret *s, const void *data, size_t len)
{
    s->failed = s->failed || len > SECRET_MAX - s->len;
    if (s->failed || len == 0)
        return;
    memcpy(s->data + s->len, data, len);
    s->len += len;
}

static void add_u32(struct secret *s, uint32_t n)
{
    n = htonl(n);
    add(s, &n, sizeof n);
}

static void add_string(struct secret *s, const void *data, size_t len)
{
    add_u32(s, (uint32_t)len);
    add(s, data, len);
}

static void add_text(struct secret *s, const char *text)
{
    add_string(s, text, strlen(text));
}

/* ---- DER ---- */

struct der {
    const uint8_t *data;
    size_t len;
};

/* Takes the next element's content off *from; false when its tag is another, or it is cut short. */
static bool der_next(struct der *from, uint8_t tag, struct der *out)
{
    size_t head = 2, len;

    if (from->len < head || from->data[0] != tag)
        return false;
    len = from->data[1];
    if (len >= 0x80) {
        size_t bytes = len & 0x7f;

        if (bytes == 0 || bytes > 3 || from->len < head + bytes)
            return false;
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | from->data[head + i];
        head += bytes;
    }
    if (len > from->len - head)
        return false;
    *out = (struct der){ from->data + head, len };
    from->data += head + len;
    from->len -= head + len;
    return true;
}

/* In RFC 8017's order; the two in the middle are not wanted by OpenSSH. */
enum rsa_part { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QINV, RSA_PARTS };

static bool read_rsa(struct der key, struct der parts[RSA_PARTS])
{
    struct der version, algorithm, inner, body;

    if (!der_next(&key, DER_SEQUENCE, &body) || !der_next(&body, DER_INTEGER, &version))
        return false;
    if (der_next(&body, DER_SEQUENCE, &algorithm)) { /* PKCS#8 wraps PKCS#1 */
        if (!der_next(&body, DER_OCTETS, &inner) || !der_next(&inner, DER_SEQUENCE, &body) ||
            !der_next(&body, DER_INTEGER, &version))
            return false;
    }
    for (int i = 0; i < RSA_PARTS; i++)
        if (!der_next(&body, DER_INTEGER, &parts[i]))
            return false;
    return true;
}

/* ---- openssh-key-v1 ---- */

static void add_part(struct secret *s, const struct der *part)
{
    add_string(s, part->data, part->len);
}

static void add_public(struct secret *s, const struct der parts[RSA_PARTS])
{
    add_text(s, "ssh-rsa");
    add_part(s, &parts[RSA_E]);
    add_part(s, &parts[RSA_N]);
}

static void add_private(struct secret *s, const struct der parts[RSA_PARTS], const char *comment)
{
    static const enum rsa_part order[] = { RSA_N, RSA_E, RSA_D, RSA_QINV, RSA_P, RSA_Q };
    hex32_text check; /* twice the same: with a passphrase, it would tell that it was the right one */

    id_hex32(check);
    add(s, check, 4);
    add(s, check, 4);
    add_text(s, "ssh-rsa");
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        add_part(s, &parts[order[i]]);
    add_text(s, comment);
    for (uint8_t pad = 1; s->len % CIPHER_BLOCK != 0; pad++)
        add(s, &pad, 1);
}

static void add_key(struct secret *s, const struct der parts[RSA_PARTS], const char *comment)
{
    static const char magic[] = "openssh-key-v1"; /* with its NUL */
    AUTO_SECRET public_half = secret_new();
    AUTO_SECRET private_half = secret_new();

    add_public(&public_half, parts);
    add_private(&private_half, parts, comment);
    add(s, magic, sizeof magic);
    add_text(s, "none"); /* cipher */
    add_text(s, "none"); /* key derivation */
    add_text(s, "");
    add_u32(s, 1);
    add_string(s, public_half.data, public_half.len);
    add_string(s, private_half.data, private_half.len);
    s->failed = s->failed || public_half.failed || private_half.failed;
}

/* ---- armour ---- */

/* The text between the first line and the last, its line ends left out. */
static void add_body(struct secret *s, const char *pem)
{
    const char *begin = strchr(pem, '\n');
    const char *end = begin ? strstr(begin, "\n-----END") : NULL;

    s->failed = s->failed || !end;
    while (!s->failed && begin < end) {
        size_t len;

        begin++;
        len = strcspn(begin, "\r\n");
        add(s, begin, len);
        begin += len;
        begin += *begin == '\r';
    }
}

static char *armour(const char *base64)
{
    AUTO_SECRET text = secret_new();

    add(&text, BEGIN_OPENSSH, strlen(BEGIN_OPENSSH));
    for (size_t at = 0, len = strlen(base64); at < len; at += LINE_LEN) {
        add(&text, base64 + at, len - at < LINE_LEN ? len - at : LINE_LEN);
        add(&text, "\n", 1);
    }
    add(&text, END_OPENSSH, sizeof END_OPENSSH); /* with its NUL */
    return text.failed ? NULL : str_dup((char *)text.data);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int armoured(struct der der, const char *comment, char **out, struct err *e)
{
    struct der parts[RSA_PARTS];
    AUTO_SECRET key = secret_new();
    char *base64, *text = NULL;

    if (!read_rsa(der, parts))
        return err_set(e, ERR_INTERNAL, "the private key could not be written");
    add_key(&key, parts, comment);
    base64 = key.failed ? NULL : base64_encode(key.data, key.len);
    if (base64)
        text = armour(base64);
    ssh_key_wipe(base64);
    if (!text)
        return no_memory(e);
    *out = text;
    return 0;
}

static int convert(const char *pem, const char *comment, char **out, struct err *e)
{
    AUTO_SECRET body = secret_new();
    uint8_t *bytes = NULL;
    size_t len = 0;
    int rc;

    add_body(&body, pem);
    if (body.failed || base64_decode((char *)body.data, body.len, &bytes, &len) < 0)
        return no_memory(e); /* libssh has just written it: nothing else is wrong with it */
    rc = armoured((struct der){ bytes, len }, comment, out, e);
    explicit_bzero(bytes, len);
    free(bytes);
    return rc;
}

int ssh_private_to_openssh(const char *pem, const char *comment, char **out, struct err *e)
{
    char *text;

    if (!str_starts_with(pem, BEGIN_OPENSSH))
        return convert(pem, comment, out, e);
    text = str_dup(pem);
    if (!text)
        return no_memory(e);
    *out = text;
    return 0;
}
