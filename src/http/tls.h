/* Private to http: the certificate and key that the TCP addresses show. Handshakes under way and connections that are made keep
 * the pair they began with; it is freed when the last of them is gone. */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <microhttpd.h>

#include "base/cleanup.h"
#include "base/err.h"

struct tls;
struct tls_pair;

/* Reads both files (PEM; certificates from the server's own upwards). ERR_CONFIG begins with the key, "tls_cert" or "tls_key",
 * and names the file that is unreadable, malformed, expired, or does not fit to the other. */
int tls_new(const char *cert_path, const char *key_path, struct tls **out, struct err *e);
void tls_free(struct tls *t); /* after every connection is closed */
DEFINE_AUTO(tls, tls_free)
/* Reads the files again, for the handshakes to come; after a failure the old pair stays. Any thread. */
int tls_reload(struct tls *t, struct err *e);

/* For MHD_OPTION_ARRAY; static. */
struct MHD_OptionItem *tls_options(void);
/* On accept, before the handshake: the connection shows the present pair. The caller gives it back by tls_pair_put() when the
 * connection is gone. NULL on a connection without TLS. */
struct tls_pair *tls_attach(struct tls *t, struct MHD_Connection *connection);
void tls_pair_put(struct tls_pair *pair); /* NULL is fine */

#endif
