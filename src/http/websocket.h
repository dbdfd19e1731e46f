/* Private to http: WebSockets (RFC 6455), the server's half: the handshake's headers, and the frames of one connection, by
 * libwslay. Clients have nothing to say but pings, pongs and that they leave: any other message ends it (1003, 1009).
 *
 * Nothing here waits: what the socket does not take is kept (is_blocked), and goes with websocket_flush. One thread. */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard.h"

#include "base/cleanup.h"
#include "base/err.h"

enum { WEBSOCKET_ACCEPT_LEN = 28 };
typedef char websocket_accept_text[WEBSOCKET_ACCEPT_LEN + 1];

bool websocket_is_wanted(const struct head *head);
/* Checks the handshake of one that is wanted. ERR_INVALID. */
int websocket_check(const struct head *head, struct err *e);
/* Sec-WebSocket-Accept for a checked key. */
int websocket_accept(const char *key, websocket_accept_text out, struct err *e);

enum websocket_close_code {
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_POLICY = 1008, /* no longer welcome; or it says too much */
};

struct websocket;
/* The socket stays the caller's. `early`: bytes behind the request that were read with it; copied. */
int websocket_new(int fd, const void *early, size_t early_len, struct websocket **out, struct err *e);
void websocket_free(struct websocket *ws);
DEFINE_AUTO(websocket, websocket_free)

/* What is over stays over: each of these may be called at any time, and does nothing more then. */
void websocket_send(struct websocket *ws, const char *text);
void websocket_ping(struct websocket *ws);
void websocket_close(struct websocket *ws, enum websocket_close_code code, const char *reason);
void websocket_receive(struct websocket *ws); /* a bounded piece of what there is */
void websocket_flush(struct websocket *ws);

bool websocket_is_blocked(const struct websocket *ws);   /* the socket must become writable first */
bool websocket_is_closing(const struct websocket *ws);   /* either side has said so */
bool websocket_is_over(const struct websocket *ws);      /* the socket can be closed */
bool websocket_is_answering(const struct websocket *ws); /* the last ping has its pong; or there was none yet */

#endif
