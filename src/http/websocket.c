/* WebSockets: handshake and frames. Who is sent what, and when it is over, is stream.c's. */
#include "websocket.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "base/base64.h"
#include "base/str.h"

/* ---- handshake ---- */

enum { KEY_BYTES = 16, SHA1_BYTES = 20 };

/* Whether a comma-separated header names it. */
static bool has_token(const char *list, const char *token)
{
    size_t len = strlen(token);

    while (list && *list) {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, " \t,");
        if (n == len && strncasecmp(list, token, len) == 0)
            return true;
        list += n;
    }
    return false;
}

bool websocket_is_wanted(const struct head *head)
{
    return has_token(head->upgrade, "websocket");
}

static bool is_key(const char *key)
{
    AUTO_FREE uint8_t *bytes = NULL;
    size_t len;

    return key && strlen(key) == (KEY_BYTES + 2) / 3 * 4 && base64_decode(key, strlen(key), &bytes, &len) == 0 &&
           len == KEY_BYTES;
}

int websocket_check(const struct head *head, struct err *e)
{
    if (!has_token(head->connection, "upgrade"))
        return err_set(e, ERR_INVALID, "malformed handshake: Connection must be Upgrade");
    if (!str_equal(head->websocket_version, "13"))
        return err_set(e, ERR_INVALID, "malformed handshake: Sec-WebSocket-Version must be 13");
    if (!is_key(head->websocket_key))
        return err_set(e, ERR_INVALID, "malformed handshake: Sec-WebSocket-Key must be 16 bytes in base64");
    return 0;
}

int websocket_accept(const char *key, websocket_accept_text out, struct err *e)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 4.2.2 */
    AUTO_FREE char *both = str_printf("%s%s", key, guid);
    AUTO_FREE char *text = NULL;
    uint8_t digest[SHA1_BYTES];

    if (both && gnutls_hash_fast(GNUTLS_DIG_SHA1, both, strlen(both), digest) == 0)
        text = base64_encode(digest, sizeof(digest));
    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)str_copy(out, sizeof(websocket_accept_text), text);
    return 0;
}

/* ---- frames ---- */

/* A control frame has 125 bytes at the most, and nothing else is expected. What is read at once is little, because each ping is
 * answered; and who sends more than this between two pings of ours does so on purpose. */
enum { MESSAGE_MAX = 125, READ_MAX = 512, SAID_MAX = 16 * 1024 };

struct websocket {
    int fd;
    wslay_event_context_ptr frames;
    char *early; /* came with the request; NULL: all read */
    size_t early_len, early_at;
    size_t allowance; /* what this websocket_receive may still read */
    size_t said;      /* by the client, since our last ping */
    bool is_blocked, is_over, is_waiting_for_pong;
    bool is_closing;  /* by our own word */
    bool is_draining; /* all is said on both sides, or will not be heard: the client is to close */
};

static ssize_t would_block(struct websocket *ws)
{
    wslay_event_set_error(ws->frames, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t gone(struct websocket *ws)
{
    ws->is_over = true;
    wslay_event_set_error(ws->frames, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t read_early(struct websocket *ws, uint8_t *to, size_t len)
{
    size_t left = ws->early_len - ws->early_at;

    len = len < left ? len : left;
    memcpy(to, ws->early + ws->early_at, len);
    ws->early_at += len;
    if (ws->early_at == ws->early_len) {
        free(ws->early);
        ws->early = NULL;
    }
    return (ssize_t)len;
}

static ssize_t on_read(wslay_event_context_ptr frames, uint8_t *to, size_t len, int flags, void *arg)
{
    struct websocket *ws = arg;
    ssize_t n;

    (void)frames;
    (void)flags;
    len = len < ws->allowance ? len : ws->allowance;
    if (len == 0)
        return would_block(ws);
    n = ws->early ? read_early(ws, to, len) : recv(ws->fd, to, len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return would_block(ws);
    if (n <= 0)
        return gone(ws);
    ws->allowance -= (size_t)n;
    ws->said += (size_t)n;
    return n;
}

static ssize_t on_write(wslay_event_context_ptr frames, const uint8_t *data, size_t len, int flags, void *arg)
{
    struct websocket *ws = arg;
    ssize_t n = send(ws->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));

    (void)frames;
    if (n > 0)
        return n;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return gone(ws);
    ws->is_blocked = true;
    return would_block(ws);
}

/* That a close is queued already is fine: nothing more is to be said. */
static void queued(struct websocket *ws, int rc)
{
    if (rc != 0 && rc != WSLAY_ERR_NO_MORE_MSG)
        ws->is_over = true;
}

static void queue_close(struct websocket *ws, unsigned code, const char *reason)
{
    ws->is_closing = true;
    queued(ws, wslay_event_queue_close(ws->frames, (uint16_t)code, (const uint8_t *)reason, strlen(reason)));
}

static void on_message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
    struct websocket *ws = arg;

    (void)frames;
    if (m->opcode == WSLAY_PONG)
        ws->is_waiting_for_pong = false;
    else if (m->opcode == WSLAY_TEXT_FRAME || m->opcode == WSLAY_BINARY_FRAME)
        queue_close(ws, WSLAY_CODE_UNSUPPORTED_DATA, "this stream takes no messages");
}

static const struct wslay_event_callbacks callbacks = { .recv_callback = on_read,
                                                        .send_callback = on_write,
                                                        .on_msg_recv_callback = on_message };

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

int websocket_new(int fd, const void *early, size_t early_len, struct websocket **out, struct err *e)
{
    AUTO(websocket) ws = calloc(1, sizeof(*ws));

    if (early_len > READ_MAX)
        return err_set(e, ERR_INVALID, "the client spoke before it was answered");
    if (!ws || wslay_event_context_server_init(&ws->frames, &callbacks, ws) != 0)
        return no_memory(e);
    wslay_event_config_set_max_recv_msg_length(ws->frames, MESSAGE_MAX);
    ws->fd = fd;
    if (early_len > 0) {
        ws->early = malloc(early_len);
        if (!ws->early)
            return no_memory(e);
        memcpy(ws->early, early, early_len);
        ws->early_len = early_len;
    }
    *out = TAKE(ws);
    return 0;
}

void websocket_free(struct websocket *ws)
{
    if (!ws)
        return;
    if (ws->frames)
        wslay_event_context_free(ws->frames);
    free(ws->early);
    free(ws);
}

/* The client has what we had to say, or never will: it is to close now. Closing first, with bytes of its unread, would make the
 * kernel take back the last of ours. */
static void drain(struct websocket *ws)
{
    char block[READ_MAX];
    ssize_t n = recv(ws->fd, block, sizeof(block), MSG_DONTWAIT);

    ws->is_over = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void settle(struct websocket *ws, int rc)
{
    if (rc != 0) {
        ws->is_over = true; /* no memory, or the socket is gone: the frames cannot be gone on with */
        return;
    }
    if (wslay_event_want_write(ws->frames) || !wslay_event_get_close_sent(ws->frames) || ws->is_draining)
        return;
    ws->is_draining = true;
    (void)shutdown(ws->fd, SHUT_WR);
}

void websocket_flush(struct websocket *ws)
{
    if (ws->is_over || ws->is_draining)
        return;
    ws->is_blocked = false;
    settle(ws, wslay_event_send(ws->frames));
}

void websocket_send(struct websocket *ws, const char *text)
{
    const struct wslay_event_msg message = { WSLAY_TEXT_FRAME, (const uint8_t *)text, strlen(text) };

    queued(ws, wslay_event_queue_msg(ws->frames, &message));
    websocket_flush(ws);
}

void websocket_ping(struct websocket *ws)
{
    const struct wslay_event_msg ping = { WSLAY_PING, NULL, 0 };

    ws->is_waiting_for_pong = true;
    ws->said = 0;
    queued(ws, wslay_event_queue_msg(ws->frames, &ping));
    websocket_flush(ws);
}

void websocket_close(struct websocket *ws, enum websocket_close_code code, const char *reason)
{
    queue_close(ws, code, reason);
    websocket_flush(ws);
}

void websocket_receive(struct websocket *ws)
{
    if (ws->is_over)
        return;
    if (ws->is_draining) {
        drain(ws);
        return;
    }
    ws->allowance = READ_MAX;
    if (wslay_event_recv(ws->frames) != 0)
        ws->is_closing = true; /* libwslay has queued the frame that says so, if there was memory */
    if (ws->is_over)
        return;
    if (ws->said > SAID_MAX)
        queue_close(ws, WEBSOCKET_POLICY, "too much is said");
    websocket_flush(ws);
}

bool websocket_is_blocked(const struct websocket *ws)
{
    return ws->is_blocked;
}

bool websocket_is_closing(const struct websocket *ws)
{
    return ws->is_closing || ws->is_draining || !wslay_event_get_read_enabled(ws->frames);
}

bool websocket_is_over(const struct websocket *ws)
{
    return ws->is_over;
}

bool websocket_is_answering(const struct websocket *ws)
{
    return !ws->is_waiting_for_pong;
}
