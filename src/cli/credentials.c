/* The file of credentials, and the choice of address and token. */
#include "credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "local.h"

#include "base/cleanup.h"
#include "base/json.h"

enum { FILE_MAX = 16 << 10 };

static const char default_socket[] = "/run/computed/computed.sock";
static const char default_socket_url[] = "unix:/run/computed/computed.sock";
static const char default_url[] = "http://127.0.0.1:8081";

void credentials_done(struct credentials *c)
{
    free(c->url);
    str_wipe(c->token);
    free(c->expires_at);
    *c = (struct credentials){ 0 };
}

/* ---- the file ---- */

/* NULL: there is no home. */
static char *directory(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config && config[0] == '/')
        return str_printf("%s/computed", config);
    return home && home[0] == '/' ? str_printf("%s/.config/computed", home) : NULL;
}

static char *file_path(void)
{
    AUTO_FREE char *dir = directory();

    return dir ? str_printf("%s/credentials", dir) : NULL;
}

static int refuse(const char *path, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "%s: %s", path, strerror(errno));
}

int credentials_load(struct credentials *out, struct err *e)
{
    AUTO_FREE char *path = file_path();
    AUTO_FREE char *text = NULL;
    AUTO_JSON json = NULL;

    if (!path || (access(path, F_OK) < 0 && errno == ENOENT))
        return 0;
    if (local_read(path, FILE_MAX, &text, e) < 0)
        return -1;
    if (json_parse(text, strlen(text), &json, e) < 0)
        return err_wrap(e, "%s", path);
    *out = (struct credentials){
        .url = str_dup(json_string_value(json_object_get(json, "url"))),
        .token = str_dup(json_string_value(json_object_get(json, "token"))),
        .expires_at = str_dup(json_string_value(json_object_get(json, "expires_at"))),
    };
    return 0;
}

/* With the folders above it. */
static int make_directory(const char *path, struct err *e)
{
    AUTO_FREE char *part = str_dup(path);

    if (!part)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return refuse(part, e);
        *slash = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? refuse(path, e) : 0;
}

static char *text_of(const struct credentials *c)
{
    AUTO_JSON json = json_pack("{s:s*, s:s*, s:s*}", "url", c->url, "token", c->token, "expires_at", c->expires_at);

    return json ? json_text(json) : NULL;
}

static int write_new(const char *path, const char *text, struct err *e)
{
    AUTO_FREE char *fresh = str_printf("%s.XXXXXX", path);
    AUTO_CLOSE int fd = fresh ? mkstemp(fresh) : -1; /* 0600 */

    if (!fresh)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (fd < 0)
        return refuse(fresh, e);
    int rc = local_write(fd, fresh, text, e);
    if (rc == 0 && rename(fresh, path) < 0)
        rc = refuse(path, e);
    if (rc < 0)
        (void)unlink(fresh);
    return rc;
}

int credentials_save(const struct credentials *c, struct err *e)
{
    AUTO_FREE char *dir = directory();
    AUTO_FREE char *path = file_path();
    char *text;
    int rc;

    if (!dir || !path)
        return err_set(e, ERR_INVALID, "$HOME is not set: there is no place to keep the token");
    if (make_directory(dir, e) < 0)
        return -1;
    text = text_of(c);
    rc = text ? write_new(path, text, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
    str_wipe(text);
    return rc;
}

int credentials_forget(struct err *e)
{
    AUTO_FREE char *path = file_path();

    return path && unlink(path) < 0 && errno != ENOENT ? refuse(path, e) : 0;
}

/* ---- the choice ---- */

static bool somebody_listens(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && str_copy(address.sun_path, sizeof(address.sun_path), path) &&
           connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

const char *credentials_url(const struct credentials *c, const char *given)
{
    if (given)
        return given;
    if (c->url)
        return c->url;
    return somebody_listens(default_socket) ? default_socket_url : default_url;
}

const char *credentials_token(const struct credentials *c, const char *url)
{
    const char *token = getenv("COMPUTED_TOKEN");

    if (token && token[0] != '\0')
        return token;
    return str_equal(c->url, url) ? c->token : NULL;
}
