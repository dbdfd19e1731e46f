/* Private to http: listening sockets. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct listener {
    int fd;                    /* -1: none, or it is over */
    struct MHD_Daemon *daemon; /* NULL before the start; it serves what was accepted, and knows no listening socket */
    bool is_tls;
    bool is_passed; /* somebody else made the socket, and may go on listening when we have gone */
    char *url;
    char *unix_path;       /* of a file that we made; else NULL */
    struct stat unix_file; /* what we made there: nothing else is ever removed */
};

struct listen_options {
    bool is_free_bound; /* an IP address need not be this host's */
    bool is_tls;        /* IP addresses will speak it */
    gid_t group;        /* whose members may connect to a unix socket; 0: the process's own */
};

/* Binds and listens on "127.0.0.1:8081", "[::1]:0" or "unix:/path". ERR_CONFIG. */
int listener_open(struct listener *l, const char *address, const struct listen_options *o, struct err *e);
/* One that listens already, by http_passed_address()'s grace; takes the descriptor over, also on failure. */
int listener_adopt(struct listener *l, int fd, const struct listen_options *o, struct err *e);
/* Whether the socket listens on that address, however either is written. */
bool listener_is_at(int fd, const char *address);
/* Closes the socket: the kernel refuses new connections, unless somebody else has it too. What was accepted stays. */
void listener_stop(struct listener *l);
void listener_close(struct listener *l); /* also of a half-open one; removes the unix socket's file */

#endif
