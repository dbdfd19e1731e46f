/* Private to http: listening sockets. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct listener {
    int fd;                    /* libmicrohttpd's to close once there is a daemon; -1: none */
    struct MHD_Daemon *daemon; /* NULL before the start */
    bool is_tls;
    char *url;
    char *unix_path;       /* NULL on TCP */
    struct stat unix_file; /* what we made there: nothing else is ever removed */
};

struct listen_options {
    bool is_free_bound; /* an IP address need not be this host's */
    bool is_tls;        /* IP addresses will speak it */
    gid_t group;        /* whose members may connect to a unix socket; 0: the process's own */
};

/* Binds and listens on "127.0.0.1:8081", "[::1]:0" or "unix:/path". ERR_CONFIG. */
int listener_open(struct listener *l, const char *address, const struct listen_options *o, struct err *e);
/* From now on new connections are refused by the kernel; libmicrohttpd does not notice. */
void listener_stop(struct listener *l);
void listener_close(struct listener *l); /* also of a half-open one; removes the unix socket's file */

#endif
