/* Many readers of one event stream, as WebSockets, for tests/bench/events.py. LISTENERS PORT PATH, then lines on stdin:
 *
 *     open N   N more; answers "N" when all are open
 *     wait K   until each has got its K-th message; answers "FIRST LAST": when the first and the last of them got it, in
 *              nanoseconds on CLOCK_MONOTONIC
 *
 * Pings are answered. Whatever else goes wrong ends it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LISTENERS_MAX = 20000, BATCH = 256, HEADER_MAX = 4096, OP_TEXT = 0x81, OP_PING = 0x89 };

struct listener {
    int fd;
    unsigned messages;
    unsigned char head[4]; /* of a frame that is not complete */
    size_t head_len, skip; /* bytes of its payload that are still to come */
};

static struct listener listeners[LISTENERS_MAX];
static size_t count, late; /* late: those that have not got the message that is waited for */
static unsigned wanted;
static int64_t first_ns, last_ns;
static int epoll;
static struct sockaddr_in address = { .sin_family = AF_INET };
static char request[512];

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void read_101(int fd)
{
    char head[HEADER_MAX + 1];
    size_t len = 0;

    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        require(len < HEADER_MAX && recv(fd, head + len, 1, 0) == 1, "handshake");
        len++;
    }
    head[len] = '\0';
    require(strncmp(head, "HTTP/1.1 101 ", 13) == 0, head);
}

static void open_one(void)
{
    struct listener *l = &listeners[count++];
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = l };

    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(l->fd >= 0 && connect(l->fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    require(send(l->fd, request, strlen(request), 0) == (ssize_t)strlen(request), "send");
    read_101(l->fd);
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &event) == 0, "epoll_ctl");
}

static void open_more(unsigned long number)
{
    require(number <= LISTENERS_MAX - count, "too many");
    for (unsigned long i = 0; i < number; i++)
        open_one();
    (void)printf("%lu\n", number);
}

static void on_frame(struct listener *l)
{
    static const unsigned char pong[] = { 0x8A, 0x80, 0, 0, 0, 0 };

    if (l->head[0] == OP_PING)
        require(send(l->fd, pong, sizeof pong, 0) == sizeof pong, "pong");
    else
        require(l->head[0] == OP_TEXT, "a frame that is none of ours");
    if (l->head[0] != OP_TEXT || ++l->messages != wanted)
        return;
    last_ns = now_ns();
    first_ns = first_ns ? first_ns : last_ns;
    late--;
}

/* Messages are shorter than 64 KiB. */
static size_t head_size(const struct listener *l)
{
    return l->head_len < 2 || l->head[1] < 126 ? 2 : 4;
}

static void take(struct listener *l, const unsigned char *at, size_t len)
{
    while (len > 0) {
        size_t skipped = l->skip < len ? l->skip : len;
        l->skip -= skipped;
        at += skipped;
        len -= skipped;
        while (len > 0 && l->skip == 0 && l->head_len < head_size(l)) {
            l->head[l->head_len++] = *at++;
            len--;
        }
        if (l->skip > 0 || l->head_len < 2 || l->head_len < head_size(l))
            continue;
        l->skip = l->head[1] < 126 ? l->head[1] : (size_t)l->head[2] << 8 | l->head[3];
        l->head_len = 0;
        on_frame(l);
    }
}

static void wait_for(unsigned number)
{
    struct epoll_event events[BATCH];
    unsigned char block[4096];

    wanted = number;
    first_ns = last_ns = 0;
    late = 0;
    for (size_t i = 0; i < count; i++)
        late += listeners[i].messages < number;
    while (late > 0) {
        int ready = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            struct listener *l = events[i].data.ptr;
            ssize_t n = recv(l->fd, block, sizeof block, 0);
            require(n > 0, "recv");
            take(l, block, (size_t)n);
        }
    }
    (void)printf("%lld %lld\n", (long long)first_ns, (long long)last_ns);
}

static void obey(const char *line)
{
    unsigned long number = 0;

    if (sscanf(line, "open %lu", &number) == 1)
        open_more(number);
    else if (sscanf(line, "wait %lu", &number) == 1)
        wait_for((unsigned)number);
    else
        require(false, line);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    char line[64];

    if (argc != 3)
        return 2;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        argv[2]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    while (fgets(line, sizeof line, stdin))
        obey(line);
    return 0;
}
