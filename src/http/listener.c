/* Listening sockets: parsing an address, binding, unix socket files, and sockets that a service manager has made. What is
 * accepted on them is not known here. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "http/http.h"

static const char unix_prefix[] = "unix:";
static const mode_t unix_mode = 0660;

static int config_errno(struct err *e, const char *address, const char *what)
{
    int errnum = errno;

    (void)err_set(e, ERR_CONFIG, "cannot listen on %s: %s", address, what);
    return err_detail(e, "%s: %s", what, strerror(errnum));
}

/* Somebody answers, or may soon: only a refused connection proves that the file was left behind. */
static bool is_left_behind(const struct sockaddr_un *sun)
{
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;

    if (fd < 0 || lstat(sun->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    return connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 && errno == ECONNREFUSED;
}

/* The file is born with the mode of the socket's inode, less the umask: never wider than unix_mode, not even for a moment. */
static int bind_unix(struct listener *l, const char *address, const struct sockaddr_un *sun, const struct listen_options *o,
                     struct err *e)
{
    if (is_left_behind(sun))
        (void)unlink(sun->sun_path);
    if (fchmod(l->fd, unix_mode) < 0 || bind(l->fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0)
        return config_errno(e, address, errno == EADDRINUSE ? "the address is in use" : "cannot bind");
    l->unix_path = str_dup(sun->sun_path);
    if (!l->unix_path || lstat(sun->sun_path, &l->unix_file) < 0)
        return config_errno(e, address, "cannot look at the socket file");
    if (o->group != 0 && lchown(sun->sun_path, (uid_t)-1, o->group) < 0)
        return config_errno(e, address, "cannot give the socket file to the group");
    if (chmod(sun->sun_path, unix_mode) < 0)
        return config_errno(e, address, "cannot set the mode of the socket file");
    return 0;
}

static int parse_unix(const char *address, struct sockaddr_un *out, struct err *e)
{
    const char *path = address + strlen(unix_prefix);

    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (path[0] != '/' || !str_copy(out->sun_path, sizeof(out->sun_path), path))
        return err_set(e, ERR_CONFIG, "'%s' is not an absolute path of less than %zu bytes", address, sizeof(out->sun_path));
    return 0;
}

static int open_unix(struct listener *l, const char *address, const struct listen_options *o, struct err *e)
{
    struct sockaddr_un sun;

    if (parse_unix(address, &sun, e) < 0)
        return -1;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return config_errno(e, address, "cannot make a socket");
    if (bind_unix(l, address, &sun, o, e) < 0)
        return -1;
    l->url = str_dup(address);
    return 0;
}

/* "127.0.0.1:8081" or "[::1]:8081", numbers only: a name could change its address behind the check for loopback. */
static int parse_tcp(const char *address, struct addrinfo **out, struct err *e)
{
    static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
    bool is_bracketed = address[0] == '[';
    const char *colon = strrchr(address, ':');
    uint64_t port;

    if (colon && colon > address && str_to_u64(colon + 1, UINT16_MAX, &port) == 0 && is_bracketed == (colon[-1] == ']')) {
        AUTO_FREE char *host = strndup(address + is_bracketed, (size_t)(colon - address) - 2 * (size_t)is_bracketed);
        if (host && is_bracketed == (strchr(host, ':') != NULL) && getaddrinfo(host, colon + 1, &hints, out) == 0)
            return 0;
    }
    return err_set(e, ERR_CONFIG, "'%s' is not an address like 127.0.0.1:8081, [::1]:8081 or unix:/path", address);
}

int http_check_address(const char *address, struct err *e)
{
    struct addrinfo *ai = NULL;
    struct sockaddr_un sun;

    if (str_starts_with(address, unix_prefix))
        return parse_unix(address, &sun, e);
    if (parse_tcp(address, &ai, e) < 0)
        return -1;
    freeaddrinfo(ai);
    return 0;
}

static int socket_tcp(struct listener *l, const char *address, const struct addrinfo *ai, const struct listen_options *o,
                      struct err *e)
{
    static const int on = 1;

    l->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return config_errno(e, address, "cannot make a socket");
    (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (o->is_free_bound && setsockopt(l->fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0) /* it holds for IPv6 too */
        return config_errno(e, address, "cannot bind freely");
    return 0;
}

static int bind_tcp(struct listener *l, const char *address, const struct addrinfo *ai, struct err *e)
{
    if (bind(l->fd, ai->ai_addr, ai->ai_addrlen) < 0)
        return config_errno(e, address, errno == EADDRINUSE ? "the address is in use" : "cannot bind");
    return 0;
}

/* As `listen` has it: "127.0.0.1:8081", "[::1]:8081". */
static char *tcp_address(int fd)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof(ss);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    bool is_v6;

    if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
        getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    is_v6 = ss.ss_family == AF_INET6;
    return str_printf("%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

static char *tcp_url(int fd, bool is_tls)
{
    AUTO_FREE char *address = tcp_address(fd);

    return address ? str_printf("%s://%s", is_tls ? "https" : "http", address) : NULL;
}

static int open_tcp(struct listener *l, const char *address, const struct listen_options *o, struct err *e)
{
    struct addrinfo *ai = NULL;

    if (parse_tcp(address, &ai, e) < 0)
        return -1;
    int rc = socket_tcp(l, address, ai, o, e) < 0 ? -1 : bind_tcp(l, address, ai, e);
    freeaddrinfo(ai);
    l->is_tls = o->is_tls;
    if (rc == 0)
        l->url = tcp_url(l->fd, l->is_tls);
    return rc;
}

int listener_open(struct listener *l, const char *address, const struct listen_options *o, struct err *e)
{
    *l = (struct listener){ .fd = -1 };
    if ((str_starts_with(address, unix_prefix) ? open_unix(l, address, o, e) : open_tcp(l, address, o, e)) < 0)
        return -1;
    if (!l->url)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (listen(l->fd, SOMAXCONN) < 0)
        return config_errno(e, address, errno == EADDRINUSE ? "the address is in use" : "cannot listen");
    return 0;
}

/* ---- sockets that somebody else has made ---- */

static bool is_stream_listener(int fd)
{
    int type = 0, is_listening = 0;
    socklen_t type_len = sizeof(type), listening_len = sizeof(is_listening);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &listening_len) == 0 && is_listening;
}

static bool is_tcp(int fd)
{
    int protocol = 0;
    socklen_t len = sizeof(protocol);

    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
           (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

/* A file says by its owner and mode who may connect; an abstract name says nothing. */
static int passed_unix(const struct sockaddr_un *sun, socklen_t len, char **out, struct err *e)
{
    size_t room = len - offsetof(struct sockaddr_un, sun_path);
    AUTO_FREE char *name = NULL;

    if (len <= offsetof(struct sockaddr_un, sun_path) || sun->sun_path[0] != '/') {
        name = len > offsetof(struct sockaddr_un, sun_path) + 1 ? strndup(sun->sun_path + 1, room - 1) : str_dup("");
        return err_set(e, ERR_CONFIG, "'@%s' is an abstract or unnamed socket, to which anybody here may connect; give it a path",
                       name && str_is_printable(name) ? name : "");
    }
    name = strndup(sun->sun_path, room);
    *out = name ? str_printf("%s%s", unix_prefix, name) : NULL;
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int http_passed_address(int fd, char **out, struct err *e)
{
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage room;
    } name = { .any = { 0 } };
    socklen_t len = sizeof(name);

    if (!is_stream_listener(fd) || getsockname(fd, &name.any, &len) < 0)
        return err_set(e, ERR_CONFIG, "it is no stream socket that listens");
    if (name.any.sa_family == AF_UNIX)
        return passed_unix(&name.un, len, out, e);
    if ((name.any.sa_family != AF_INET && name.any.sa_family != AF_INET6) || !is_tcp(fd))
        return err_set(e, ERR_CONFIG, "it is neither a TCP nor a unix socket");
    *out = tcp_address(fd);
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* Texts that differ may mean the same: [::1]:80 and [0:0:0:0:0:0:0:1]:80. */
static char *plain_tcp(const char *address)
{
    struct err ignored = ERR_INIT;
    struct addrinfo *ai = NULL;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    char *text = NULL;

    if (parse_tcp(address, &ai, &ignored) < 0)
        return NULL;
    if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        text = str_printf(ai->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    freeaddrinfo(ai);
    return text;
}

bool listener_is_at(int fd, const char *address)
{
    struct err ignored = ERR_INIT;
    AUTO_FREE char *have = NULL;
    AUTO_FREE char *want = str_starts_with(address, unix_prefix) ? str_dup(address) : plain_tcp(address);

    return want && http_passed_address(fd, &have, &ignored) == 0 && str_equal(have, want);
}

/* What is passed may block, for the flag is everybody's who has the socket: it is set, not asked for. */
int listener_adopt(struct listener *l, int fd, const struct listen_options *o, struct err *e)
{
    AUTO_FREE char *address = NULL;
    int flags = fcntl(fd, F_GETFL);

    *l = (struct listener){ .fd = fd, .is_passed = true };
    if (http_passed_address(fd, &address, e) < 0)
        return -1;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return config_errno(e, address, "cannot use the socket that was passed");
    l->is_tls = o->is_tls && !str_starts_with(address, unix_prefix);
    l->url = str_starts_with(address, unix_prefix) ? TAKE(address) : tcp_url(fd, l->is_tls);
    return l->url ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

void listener_stop(struct listener *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

static void remove_unix_file(const struct listener *l)
{
    struct stat st;

    if (l->unix_path && lstat(l->unix_path, &st) == 0 && st.st_dev == l->unix_file.st_dev && st.st_ino == l->unix_file.st_ino)
        (void)unlink(l->unix_path);
}

void listener_close(struct listener *l)
{
    listener_stop(l);
    if (l->daemon)
        MHD_stop_daemon(l->daemon);
    remove_unix_file(l);
    free(l->unix_path);
    free(l->url);
    *l = (struct listener){ .fd = -1 };
}
