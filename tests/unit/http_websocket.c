/* WebSockets: the handshake by RFC 6455's own example, frames out, and what becomes of clients that say too much. */
#include <errno.h>
#include <sys/socket.h>

#include "../../src/http/websocket.h"
#include "unit.h"

#include "base/str.h"

static struct err e = ERR_INIT;

/* ---- handshake ---- */

static struct head rfc_head(void)
{
    return (struct head){ .connection = "keep-alive, Upgrade",
                          .upgrade = "WebSocket",
                          .websocket_key = "dGhlIHNhbXBsZSBub25jZQ==",
                          .websocket_version = "13" };
}

START_TEST(the_rfcs_example_is_answered)
{
    const struct head head = rfc_head();
    websocket_accept_text accept;

    ck_assert(websocket_is_wanted(&head));
    unit_ok(websocket_check(&head, &e));
    unit_ok(websocket_accept(head.websocket_key, accept, &e));
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455, 1.3 */
}
END_TEST

START_TEST(another_upgrade_is_not_ours)
{
    ck_assert(!websocket_is_wanted(&(struct head){ .upgrade = "h2c" }));
    ck_assert(!websocket_is_wanted(&(struct head){ .upgrade = "websockets" }));
    ck_assert(!websocket_is_wanted(&(struct head){ 0 }));
    ck_assert(websocket_is_wanted(&(struct head){ .upgrade = "h2c, websocket" }));
}
END_TEST

START_TEST(a_wrong_handshake_is_refused)
{
    static const char *const keys[] = { NULL,
                                        "",
                                        "dGhlIHNhbXBsZSBub25jZQ=",
                                        "dGhlIHNhbXBsZSBub25jZQ==x",
                                        "dGhlIHNhbXBsZSBub25jZSE=",
                                        "!!!!!!!!!!!!!!!!!!!!!!==",
                                        "c2hvcnQ=" };
    struct head head = rfc_head();

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        head.websocket_key = keys[i];
        unit_fails(websocket_check(&head, &e), ERR_INVALID);
    }
    head = rfc_head();
    head.websocket_version = "8";
    unit_fails(websocket_check(&head, &e), ERR_INVALID);
    head = rfc_head();
    head.connection = "close";
    unit_fails(websocket_check(&head, &e), ERR_INVALID);
}
END_TEST

/* ---- frames ---- */

static int peer, own;
static struct websocket *ws;

static void open_pair(const void *early, size_t early_len)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    own = pair[0];
    peer = pair[1];
    unit_ok(websocket_new(own, early, early_len, &ws, &e));
}

static void close_pair(void)
{
    websocket_free(ws);
    (void)close(own);
    (void)close(peer);
}

/* A client's frame, whole and masked with zeros. */
static void say_bytes(unsigned first, const void *payload, size_t len)
{
    unsigned char head[8] = { (unsigned char)first, (unsigned char)(0x80 | (len < 126 ? len : 126)) };
    size_t head_len = 6;

    if (len >= 126) {
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        head_len = 8;
    }
    ck_assert_int_eq(send(peer, head, head_len, 0), (ssize_t)head_len);
    ck_assert_int_eq(send(peer, payload, len, 0), (ssize_t)len);
}

static void say(unsigned opcode, const char *payload)
{
    say_bytes(0x80 | opcode, payload, strlen(payload));
}

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* The next frame of the server's, a short one. */
static unsigned hear(char *payload, size_t size)
{
    unsigned char head[2];

    ck_assert_int_eq(recv(peer, head, 2, MSG_WAITALL), 2);
    ck_assert_uint_lt(head[1], 126);
    ck_assert_uint_lt(head[1], size);
    ck_assert_int_eq(recv(peer, payload, head[1], head[1] > 0 ? MSG_WAITALL : MSG_DONTWAIT), head[1] > 0 ? head[1] : -1);
    payload[head[1]] = '\0';
    return head[0];
}

static void expect_close(unsigned code)
{
    char payload[126];

    ck_assert_uint_eq(hear(payload, sizeof payload), 0x80 | CLOSE);
    ck_assert_uint_eq((unsigned)(unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
    ck_assert(websocket_is_closing(ws));
    ck_assert_int_eq(recv(peer, payload, 1, 0), 0); /* nothing more is said */
    ck_assert(!websocket_is_over(ws));              /* until the client has closed too */
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    while (!websocket_is_over(ws))
        websocket_receive(ws);
}

START_TEST(messages_go_as_text)
{
    char payload[126];

    open_pair(NULL, 0);
    websocket_send(ws, "{\"seq\":1}");
    ck_assert_uint_eq(hear(payload, sizeof payload), 0x80 | TEXT);
    ck_assert_str_eq(payload, "{\"seq\":1}");
    close_pair();
}
END_TEST

START_TEST(pings_go_both_ways)
{
    char payload[126];

    open_pair(NULL, 0);
    ck_assert(websocket_is_answering(ws));
    say(PING, "there?");
    websocket_receive(ws);
    ck_assert_uint_eq(hear(payload, sizeof payload), 0x80 | PONG);
    ck_assert_str_eq(payload, "there?");
    websocket_ping(ws);
    ck_assert(!websocket_is_answering(ws));
    ck_assert_uint_eq(hear(payload, sizeof payload), 0x80 | PING);
    say(PONG, "");
    websocket_receive(ws);
    ck_assert(websocket_is_answering(ws));
    close_pair();
}
END_TEST

START_TEST(clients_have_nothing_to_say)
{
    static const char long_text[200] = { 0 };
    static const struct {
        unsigned first;
        size_t len;
        unsigned code;
    } table[] = { { 0x80 | TEXT, 5, 1003 }, { 0x80 | BINARY, 0, 1003 }, { 0x80 | TEXT, 126, 1009 }, { TEXT, 126, 1009 } };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        open_pair(NULL, 0);
        say_bytes(table[i].first, long_text, table[i].len);
        websocket_receive(ws);
        expect_close(table[i].code);
        close_pair();
    }
}
END_TEST

START_TEST(a_frame_that_is_none_ends_it)
{
    static const unsigned char unmasked[] = { 0x80 | PING, 0 }, reserved[] = { 0xF0 | TEXT, 0x80, 0, 0, 0, 0 };
    static const struct {
        const unsigned char *bytes;
        size_t len;
    } table[] = { { unmasked, sizeof unmasked }, { reserved, sizeof reserved } };
    char payload[126];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        open_pair(NULL, 0);
        ck_assert_int_eq(send(peer, table[i].bytes, table[i].len, 0), (ssize_t)table[i].len);
        websocket_receive(ws);
        ck_assert(websocket_is_closing(ws));
        ck_assert_uint_eq(hear(payload, sizeof payload), 0x80 | CLOSE);
        ck_assert_int_eq(recv(peer, payload, 1, 0), 0);
        close_pair();
    }
}
END_TEST

START_TEST(who_talks_without_end_is_closed)
{
    char payload[126], ping[101];

    memset(ping, 'x', 100);
    ping[100] = '\0';
    open_pair(NULL, 0);
    for (int i = 0; !websocket_is_closing(ws); i++) {
        ck_assert_int_lt(i, 200); /* 16 KiB is less than that */
        say(PING, ping);
        while (recv(peer, payload, sizeof payload, MSG_DONTWAIT) > 0)
            continue;
        websocket_receive(ws);
    }
    close_pair();
}
END_TEST

START_TEST(what_came_early_is_heard)
{
    static const unsigned char ping[] = { 0x80 | PING, 0x82, 0, 0, 0, 0, 'h', 'i' };
    static const char much[513];
    char payload[126];

    open_pair(ping, sizeof ping);
    websocket_receive(ws);
    ck_assert_uint_eq(hear(payload, sizeof payload), 0x80 | PONG);
    ck_assert_str_eq(payload, "hi");
    close_pair();
    unit_fails(websocket_new(-1, much, sizeof much, &ws, &e), ERR_INVALID);
}
END_TEST

START_TEST(the_first_word_of_the_end_counts)
{
    open_pair(NULL, 0);
    websocket_close(ws, WEBSOCKET_POLICY, "no longer valid");
    websocket_close(ws, WEBSOCKET_GOING_AWAY, "stopping");
    websocket_send(ws, "too late");
    websocket_ping(ws);
    expect_close(1008);
    close_pair();
}
END_TEST

START_TEST(a_reader_that_does_not_read_blocks)
{
    const int small = 4096;
    char text[1001], block[4096];
    int sent = 0;

    memset(text, 'x', 1000);
    text[1000] = '\0';
    open_pair(NULL, 0);
    ck_assert_int_eq(setsockopt(own, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (; !websocket_is_blocked(ws); sent++)
        websocket_send(ws, text);
    ck_assert_int_lt(sent, 1000);
    ck_assert(!websocket_is_over(ws));
    size_t heard = 0, frame = 4 + 1000; /* of that length: a header of four bytes */
    while (heard < (size_t)sent * frame) {
        ssize_t n = recv(peer, block, sizeof block, MSG_DONTWAIT);
        ck_assert(n > 0 || errno == EAGAIN);
        heard += n > 0 ? (size_t)n : 0;
        websocket_flush(ws);
    }
    ck_assert(!websocket_is_blocked(ws));
    ck_assert_uint_eq(heard, (size_t)sent * frame);
    close_pair();
}
END_TEST

START_TEST(a_client_that_vanishes_is_over)
{
    open_pair(NULL, 0);
    (void)close(peer);
    websocket_receive(ws);
    ck_assert(websocket_is_over(ws));
    websocket_send(ws, "nobody hears it");
    websocket_free(ws);
    (void)close(own);

    open_pair(NULL, 0);
    (void)close(peer);
    websocket_send(ws, "nobody hears it");
    ck_assert(websocket_is_over(ws));
    websocket_free(ws);
    (void)close(own);
}
END_TEST

UNIT_MAIN("http_websocket", the_rfcs_example_is_answered, another_upgrade_is_not_ours, a_wrong_handshake_is_refused,
          messages_go_as_text, pings_go_both_ways, clients_have_nothing_to_say, a_frame_that_is_none_ends_it,
          who_talks_without_end_is_closed, what_came_early_is_heard, the_first_word_of_the_end_counts,
          a_reader_that_does_not_read_blocks, a_client_that_vanishes_is_over)
