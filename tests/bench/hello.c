/* hello [THREADS] - the floor for requests per second: libmicrohttpd alone, with the daemon's kind of threads (a pool on epoll),
 * and answers that are ready in memory. GET /N answers N bytes. Listens on a free port of 127.0.0.1, which it prints; ends when
 * stdin does. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 4 << 20, CONNECTION_MEMORY = 32 * 1024, CONNECTION_LIMIT = 1024, IDLE_S = 60 };

static char body[BODY_MAX];

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **request)
{
    static int is_begun;
    unsigned long long len = strtoull(url + 1, NULL, 10);

    (void)arg, (void)method, (void)version, (void)data, (void)size;
    if (!*request) { /* the first call has the header only: an answer in it would end the connection */
        *request = &is_begun;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len < BODY_MAX ? len : BODY_MAX, body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc = MHD_add_response_header(response, "Content-Type", "application/json");
    if (rc == MHD_YES)
        rc = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return rc;
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    memset(body, 'x', sizeof(body));
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, NULL,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_THREAD_POOL_SIZE, threads,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
    if (!daemon) {
        (void)fprintf(stderr, "hello: cannot start\n");
        return EXIT_FAILURE;
    }
    (void)printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)fflush(stdout);
    while (getchar() != EOF)
        continue;
    MHD_stop_daemon(daemon);
    return 0;
}
