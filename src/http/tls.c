/* The certificate and the key: read, checked, shown in handshakes, and replaced while others still use them. The sessions
 * themselves are libmicrohttpd's. */
#include "tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"

enum { CHAIN_MAX = 16, KEY_ID_MAX = 64 };

/* TLS 1.3 and 1.2 with authenticated ciphers and elliptic curves: no static RSA, no finite-field Diffie-Hellman, no CBC, no
 * SHA-1.
 */
static const char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC:-SHA1:"
                                 "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:%SERVER_PRECEDENCE";

struct tls_pair {
    _Atomic unsigned users; /* connections, and struct tls while it is the present one */
    unsigned count;
    gnutls_pcert_st chain[CHAIN_MAX]; /* the server's own first */
    gnutls_privkey_t key;
};

struct tls {
    char *cert_path, *key_path;
    struct lock lock; /* RANK_LEAF */
    struct tls_pair *present GUARDED_BY(lock);
};

static void pair_free(struct tls_pair *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->count; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    gnutls_privkey_deinit(p->key);
    free(p);
}
DEFINE_AUTO(tls_pair, pair_free)

void tls_pair_put(struct tls_pair *pair)
{
    if (pair && atomic_fetch_sub(&pair->users, 1) == 1)
        pair_free(pair);
}

/* ---- reading ---- */

static void pem_done(gnutls_datum_t *pem)
{
    if (pem->data)
        gnutls_memset(pem->data, 0, pem->size);
    gnutls_free(pem->data);
}
#define AUTO_PEM __attribute__((cleanup(pem_done))) gnutls_datum_t

static int read_pem(const char *key, const char *path, gnutls_datum_t *out, struct err *e)
{
    errno = 0;
    if (gnutls_load_file(path, out) == GNUTLS_E_SUCCESS)
        return 0;
    return err_set(e, ERR_CONFIG, "%s: cannot read '%s': %s", key, path, strerror(errno ? errno : EIO));
}

static int check_dates(const char *path, gnutls_x509_crt_t own, struct err *e)
{
    int64_t now_s = clock_wall_ms() / 1000, from_s = gnutls_x509_crt_get_activation_time(own),
            until_s = gnutls_x509_crt_get_expiration_time(own);
    rfc3339_text text;

    if (until_s <= now_s) {
        clock_rfc3339(until_s * 1000, text);
        return err_set(e, ERR_CONFIG, "tls_cert: the certificate in '%s' has expired at %s", path, text);
    }
    if (from_s > now_s) {
        clock_rfc3339(from_s * 1000, text);
        return err_set(e, ERR_CONFIG, "tls_cert: the certificate in '%s' is not valid before %s", path, text);
    }
    return 0;
}

static int take_chain(struct tls_pair *p, const char *path, gnutls_x509_crt_t *list, unsigned count, struct err *e)
{
    unsigned taken = count;
    int rc;

    if (count == 0 || count > CHAIN_MAX)
        return err_set(e, ERR_CONFIG, "tls_cert: '%s' has %u certificates; 1 to %d are expected", path, count, CHAIN_MAX);
    if (check_dates(path, list[0], e) < 0)
        return -1;
    rc = gnutls_pcert_import_x509_list(p->chain, list, &taken, 0);
    if (rc < 0)
        return err_set(e, ERR_CONFIG, "tls_cert: '%s': %s", path, gnutls_strerror(rc));
    p->count = taken;
    return 0;
}

static int read_chain(struct tls_pair *p, const char *path, struct err *e)
{
    AUTO_PEM pem = { 0 };
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int rc;

    if (read_pem("tls_cert", path, &pem, e) < 0)
        return -1;
    rc = gnutls_x509_crt_list_import2(&list, &count, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (rc < 0)
        return err_set(e, ERR_CONFIG, "tls_cert: '%s' holds no certificates in PEM, the server's own first: %s", path,
                       gnutls_strerror(rc));
    rc = take_chain(p, path, list, count, e);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    return rc;
}

static int read_key(struct tls_pair *p, const char *path, struct err *e)
{
    AUTO_PEM pem = { 0 };
    int rc;

    if (read_pem("tls_key", path, &pem, e) < 0)
        return -1;
    if (gnutls_privkey_init(&p->key) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    rc = gnutls_privkey_import_x509_raw(p->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return err_set(e, ERR_CONFIG, "tls_key: '%s' holds no private key in PEM without a password: %s", path,
                       gnutls_strerror(rc));
    return 0;
}

static bool has_key_id(gnutls_pubkey_t key, unsigned char *out, size_t *len)
{
    return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, out, len) == 0;
}

/* Whether the certificate is about this key: both have the same public half. */
static bool is_match(const struct tls_pair *p)
{
    unsigned char certified[KEY_ID_MAX], held[KEY_ID_MAX];
    size_t certified_len = sizeof(certified), held_len = sizeof(held);
    gnutls_pubkey_t half = NULL;
    bool is_same = gnutls_pubkey_init(&half) == 0 && gnutls_pubkey_import_privkey(half, p->key, 0, 0) == 0 &&
                   has_key_id(half, held, &held_len) && has_key_id(p->chain[0].pubkey, certified, &certified_len) &&
                   held_len == certified_len && memcmp(certified, held, held_len) == 0;

    gnutls_pubkey_deinit(half);
    return is_same;
}

static int read_pair(const struct tls *t, struct tls_pair **out, struct err *e)
{
    AUTO(tls_pair) p = calloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    p->users = 1;
    if (read_chain(p, t->cert_path, e) < 0 || read_key(p, t->key_path, e) < 0)
        return -1;
    if (!is_match(p))
        return err_set(e, ERR_CONFIG, "tls_key: '%s' is not the key of the certificate in '%s'", t->key_path, t->cert_path);
    *out = TAKE(p);
    return 0;
}

/* ---- the present pair ---- */

int tls_new(const char *cert_path, const char *key_path, struct tls **out, struct err *e)
{
    AUTO(tls) t = calloc(1, sizeof(*t));

    if (!t)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&t->lock, RANK_LEAF);
    t->cert_path = str_dup(cert_path);
    t->key_path = str_dup(key_path);
    if (!t->cert_path || !t->key_path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (tls_reload(t, e) < 0)
        return -1;
    *out = TAKE(t);
    return 0;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    tls_pair_put(t->present);
    lock_done(&t->lock);
    free(t->cert_path);
    free(t->key_path);
    free(t);
}

static struct tls_pair *exchange(struct tls *t, struct tls_pair *fresh)
{
    struct tls_pair *old;
    HOLD(&t->lock);

    old = t->present;
    t->present = fresh;
    return old;
}

int tls_reload(struct tls *t, struct err *e)
{
    struct tls_pair *fresh = NULL;

    if (read_pair(t, &fresh, e) < 0)
        return -1;
    tls_pair_put(exchange(t, fresh));
    return 0;
}

static struct tls_pair *take_present(struct tls *t)
{
    HOLD(&t->lock);

    atomic_fetch_add(&t->present->users, 1);
    return t->present;
}

/* ---- handshakes ---- */

/* Without flags the pair stays ours. A connection that was let go on accept has none. */
static int show(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain, unsigned *count,
                gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
    struct tls_pair *pair = gnutls_session_get_ptr(session);

    (void)info;
    if (!pair)
        return -1;
    *chain = pair->chain;
    *count = pair->count;
    *ocsp = NULL;
    *ocsp_count = 0;
    *key = pair->key;
    *flags = 0;
    return 0;
}

struct MHD_OptionItem *tls_options(void)
{
    static struct MHD_OptionItem options[] = {
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)priorities },
        { MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)show },
        { MHD_OPTION_END, 0, NULL },
    };

    return options;
}

/* The pointer of the session is libmicrohttpd's for pre-shared keys, and ours for certificates. */
struct tls_pair *tls_attach(struct tls *t, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    struct tls_pair *pair = NULL;

    if (!info)
        return NULL;
    pair = t ? take_present(t) : NULL;
    gnutls_session_set_ptr(info->tls_session, pair);
    return pair;
}
