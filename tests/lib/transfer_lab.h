/* transfer_lab: a web server on loopback that behaves as badly as it is asked to, and the main of tests whose program is also the
 * child that downloads. */
#ifndef TESTS_TRANSFER_LAB_H
#define TESTS_TRANSFER_LAB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "disk_lab.h"

#include "disk/transfer.h"

struct server {
    const struct lab *lab; /* whose files it serves */
    pthread_t thread;
    int listener;
    unsigned port;
};

static inline bool server_send(int to, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(to, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        data = (const char *)data + n;
        len -= (size_t)n;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static inline bool server_say(int to, const char *fmt, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;

    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    return len >= 0 && server_send(to, text, (size_t)len);
}

/* Until the client goes away. */
static inline void server_wait_for_end(int client)
{
    struct pollfd fd = { .fd = client, .events = POLLRDHUP };

    while (poll(&fd, 1, -1) < 0 || !(fd.revents & (POLLRDHUP | POLLHUP | POLLERR)))
        continue;
}

static inline void server_file(const struct server *s, int client, const char *name, bool is_chunked)
{
    AUTO_FREE char *path = lab_path(s->lab, name);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char block[16384];
    ssize_t n;

    if (fd < 0) {
        (void)server_say(client, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone");
        return;
    }
    if (is_chunked)
        (void)server_say(client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    else
        (void)server_say(client, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n", lab_size(s->lab, name));
    while ((n = read(fd, block, sizeof block)) > 0)
        if ((is_chunked && !server_say(client, "%zx\r\n", (size_t)n)) || !server_send(client, block, (size_t)n) ||
            (is_chunked && !server_say(client, "\r\n")))
            return;
    if (is_chunked)
        (void)server_say(client, "0\r\n\r\n");
}

static inline void server_answer(const struct server *s, int client, const char *path)
{
    static const char rubbish[65536] = { 1 };

    if (str_starts_with(path, "/to/")) {
        (void)server_say(client, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                         path + 4);
    } else if (str_equal(path, "/cut")) {
        (void)server_say(client, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nshort");
    } else if (str_equal(path, "/mute")) {
        (void)server_say(client, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nshort");
        server_wait_for_end(client);
    } else if (str_equal(path, "/deaf")) {
        server_wait_for_end(client);
    } else if (str_equal(path, "/endless")) {
        (void)server_say(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while (server_send(client, rubbish, sizeof rubbish))
            continue;
    } else if (str_equal(path, "/nothing")) {
        (void)server_say(client, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    } else if (str_starts_with(path, "/chunked/")) {
        server_file(s, client, path + 9, true);
    } else {
        server_file(s, client, path + 1, false);
    }
}

static inline void server_serve(const struct server *s, int client)
{
    char head[4096] = "", path[1024] = "";
    size_t len = 0;
    ssize_t n;

    while (!strstr(head, "\r\n\r\n") && len < sizeof head - 1 && (n = recv(client, head + len, sizeof head - 1 - len, 0)) > 0) {
        len += (size_t)n;
        head[len] = '\0';
    }
    if (sscanf(head, "GET %1023s HTTP/", path) == 1)
        server_answer(s, client, path);
}

static inline void *server_run(void *arg)
{
    const struct server *s = arg;

    for (;;) {
        AUTO_CLOSE int client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

        if (client < 0)
            return NULL;
        server_serve(s, client);
    }
}

static inline void server_open(struct server *s, const struct lab *l)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    s->lab = l;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(s->listener, 16), 0);
    ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static inline void server_close(struct server *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listener);
}
#define SERVER __attribute__((cleanup(server_close))) struct server

/* A program with tests is also what the daemon is to its children: itself. */
#define TRANSFER_MAIN(name, ...)                                                                                                 \
    int main(int argc, char **argv)                                                                                              \
    {                                                                                                                            \
        const TTest *const tests[] = { __VA_ARGS__ };                                                                            \
        if (argc == 2 && strcmp(argv[1], "--fetch") == 0)                                                                        \
            return transfer_child_main();                                                                                        \
        return unit_run(name, tests, sizeof(tests) / sizeof(tests[0]));                                                          \
    }

#endif
