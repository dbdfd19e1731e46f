/* fuzz/websocket: any bytes as what a client sends, in two pieces, cut where the first byte says. Nothing is answered but frames
 * of a server's; what is over stays over; and when the client has closed, the end comes soon. */
#include "../../src/http/websocket.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 64 * 1024, READ_STEP = 512 }; /* what the socket pair takes at once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Frames of a server's are whole and not masked: pongs and closes, which are short. */
static void check_answer(const uint8_t *at, size_t len)
{
    while (len > 0) {
        require(len >= 2 && (at[0] == 0x8A || at[0] == 0x88) && at[1] < 126);
        size_t frame = 2 + (size_t)at[1];
        require(frame <= len);
        at += frame;
        len -= frame;
    }
}

static void hear(int peer)
{
    static uint8_t answer[1 << 20];
    size_t len = 0;
    ssize_t n;

    while ((n = recv(peer, answer + len, sizeof answer - len, MSG_DONTWAIT)) > 0)
        len += (size_t)n;
    check_answer(answer, len);
}

static void say(struct websocket *ws, int peer, const uint8_t *data, size_t len)
{
    bool was_over = websocket_is_over(ws), was_closing = websocket_is_closing(ws);

    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(peer, data + sent, len - sent < READ_STEP ? len - sent : READ_STEP, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            break;
        sent += (size_t)n;
        websocket_receive(ws);
        hear(peer);
        require(!was_over || websocket_is_over(ws));
        require(!was_closing || websocket_is_closing(ws));
    }
}

static void follow(int own, int peer, const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    AUTO(websocket) ws = NULL;
    size_t cut = data[0] % size;

    require(websocket_new(own, data, cut < READ_STEP ? cut : 0, &ws, &e) == 0);
    websocket_receive(ws);
    hear(peer);
    say(ws, peer, data + cut, size - cut);
    (void)shutdown(peer, SHUT_WR);
    for (size_t i = 0; !websocket_is_over(ws); i++) {
        require(i < 2 + size / READ_STEP * 2);
        websocket_receive(ws);
        hear(peer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];

    if (size < 1 || size > INPUT_MAX)
        return 0;
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    follow(pair[0], pair[1], data, size);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}
