/* One libcurl handle, one exchange at a time, and the turning of the daemon's problems into errors. Which calls are made is
 * verbs.c's. */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

enum {
    CONNECT_S = 10,
    CALL_S = 120,     /* more than the 60 s that the daemon may wait for an operation */
    SILENCE_S = 3600, /* behind the last byte of an upload the daemon hashes and inspects */
    ANSWER_MAX = 64 << 20,
};

struct client {
    CURL *curl;
    char *base;        /* "http://host:port" or "https://host:port" */
    char *socket;      /* path, or NULL */
    char *credentials; /* a header, or NULL */
    char *scope;       /* "project=…", escaped; or NULL */
    char *cacert;      /* path, or NULL: the system's authorities */
    long status;
    char reason[CURL_ERROR_SIZE];
};

struct exchange {
    CURL *curl; /* borrowed */
    const char *method;
    const char *path;
    const char *body;        /* JSON text or NULL */
    FILE *file;              /* or a file to send */
    FILE *target;            /* where the bytes of a success go; NULL: to answer */
    client_line_fn *on_line; /* or who gets its lines, as they come */
    void *on_line_arg;
    curl_off_t file_size;
    int percent; /* as last told */
    struct buf answer;
    bool is_too_long;
};

void client_free(struct client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    free(c->base);
    free(c->socket);
    str_wipe(c->credentials);
    free(c->scope);
    free(c->cacert);
    free(c);
}

static int set_address(struct client *c, const char *url, struct err *e)
{
    if (str_starts_with(url, "unix:/")) {
        c->socket = str_dup(url + strlen("unix:"));
        c->base = str_dup("http://localhost");
    } else if (str_starts_with(url, "http://") || str_starts_with(url, "https://")) {
        c->base = str_dup(url);
        for (size_t len = c->base ? strlen(c->base) : 0; len > 0 && c->base[len - 1] == '/'; len--)
            c->base[len - 1] = '\0';
    } else {
        return err_set(e, ERR_INVALID, "the address must be http://HOST:PORT, https://HOST:PORT or unix:/PATH, not '%s'", url);
    }
    if (!c->base || (str_starts_with(url, "unix:/") && !c->socket))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return 0;
}

int client_new(const char *url, struct client **out, struct err *e)
{
    AUTO(client) c = calloc(1, sizeof(*c));

    if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    c->curl = curl_easy_init();
    if (!c->curl)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (set_address(c, url, e) < 0)
        return -1;
    *out = TAKE(c);
    return 0;
}

int client_trust(struct client *c, const char *cacert, struct err *e)
{
    free(c->cacert);
    c->cacert = str_dup(cacert);
    return c->cacert ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int client_set_token(struct client *c, const char *token, struct err *e)
{
    str_wipe(c->credentials);
    c->credentials = token ? str_printf("X-Auth-Token: %s", token) : NULL;
    return token && !c->credentials ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

int client_set_project(struct client *c, const char *project, struct err *e)
{
    char *escaped = project ? curl_easy_escape(c->curl, project, 0) : NULL;

    free(c->scope);
    c->scope = escaped ? str_printf("project=%s", escaped) : NULL;
    curl_free(escaped);
    return project && !c->scope ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

/* Passes on the lines that are whole; the rest stays. */
static void pass_lines(struct exchange *x)
{
    char *line = x->answer.data, *end;

    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        x->on_line(x->on_line_arg, line);
        line = end + 1;
    }
    x->answer.len -= (size_t)(line - x->answer.data);
    memmove(x->answer.data, line, x->answer.len + 1);
}

static size_t take_answer(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    long status = 0;

    if (x->target || x->on_line)
        curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && x->target)
        return fwrite(data, 1, size * count, x->target);
    if (x->answer.len + size * count > ANSWER_MAX) {
        x->is_too_long = true;
        return 0;
    }
    buf_add(&x->answer, data, size * count);
    if (status == 200 && x->on_line && !x->answer.failed)
        pass_lines(x);
    return x->answer.failed ? 0 : size * count;
}

static int show_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct exchange *x = arg;
    curl_off_t total = x->target ? down_total : up_total, now = x->target ? down : up;
    int percent = total > 0 ? (int)(now * 100 / total) : 0;

    if (percent == x->percent)
        return 0;
    x->percent = percent;
    fprintf(stderr, "\r  %3d %% of %lld MiB%s", percent, (long long)(total >> 20),
            percent == 100 && !x->target ? ", being checked" : "");
    return 0;
}

/* A file takes its time: what must not last is silence. */
static void set_file(CURL *curl, struct exchange *x)
{
    if (x->file) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READDATA, x->file);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, x->file_size);
    }
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    if (isatty(STDERR_FILENO)) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    }
}

static void set_exchange(struct client *c, struct exchange *x, const char *url, struct curl_slist *headers)
{
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    if (c->cacert)
        curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->cacert);
    curl_easy_setopt(c->curl, CURLOPT_PROXY, ""); /* the environment's is for the internet */
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->reason);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, x);
    if (x->file || x->target)
        set_file(c->curl, x);
    else if (x->on_line)
        curl_easy_setopt(c->curl, CURLOPT_TCP_KEEPALIVE, 1L); /* it lasts as long as it lasts */
    else
        curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)CALL_S);
    if (x->body)
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, x->body);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, x->method);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The daemon's problem document in a line; or what came in its place. */
static int refusal(const struct client *c, const struct buf *answer, struct err *e)
{
    struct err ignored = ERR_INIT;
    AUTO_JSON problem = NULL;

    (void)json_parse(answer->data ? answer->data : "", answer->len, &problem, &ignored);
    const char *code = member(problem, "code"), *detail = member(problem, "detail"), *id = member(problem, "request_id");
    if (!code)
        return err_set(e, ERR_UNAVAILABLE, "HTTP status %ld without an explanation", c->status);
    (void)err_set(e, err_code_from_word(code), "%s: %s (request %s)", code, detail ? detail : "no detail", id ? id : "unknown");
    if (member(problem, "admin_detail"))
        (void)err_detail(e, "%s", member(problem, "admin_detail"));
    return -1;
}

static bool is_json(const struct client *c)
{
    const char *type = NULL;

    curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
    return type && str_starts_with(type, "application/json");
}

/* The path with the project to work in, unless it has one: that of a next page does. */
static char *url_of(const struct client *c, const char *path)
{
    const char *query = strchr(path, '?');

    if (!c->scope || (query && strstr(query, "project=")))
        return str_printf("%s%s", c->base, path);
    return str_printf("%s%s%c%s", c->base, path, query ? '&' : '?', c->scope);
}

static int add_header(struct curl_slist **headers, const char *header, struct err *e)
{
    struct curl_slist *longer = curl_slist_append(*headers, header);

    if (!longer)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *headers = longer;
    return 0;
}

static int make_headers(const struct client *c, const struct exchange *x, struct curl_slist **out, struct err *e)
{
    const char *type = x->file ? "Content-Type: application/octet-stream" : "Content-Type: application/json";

    if ((x->file || x->body) && add_header(out, type, e) < 0)
        return -1;
    if (x->on_line && add_header(out, "Accept: text/event-stream", e) < 0)
        return -1;
    return c->credentials ? add_header(out, c->credentials, e) : 0;
}

/* Of a socket that cannot be connected to, libcurl names the host that stands for it; errno is the reason. */
static int no_answer(struct client *c, CURLcode rc, struct err *e)
{
    const char *why = c->reason[0] != '\0' ? c->reason : curl_easy_strerror(rc);
    long number = 0;

    if (c->socket && rc == CURLE_COULDNT_CONNECT && curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &number) == CURLE_OK &&
        number != 0)
        why = strerror((int)number);
    return err_set(e, ERR_UNAVAILABLE, "no answer from %s: %s", c->socket ? c->socket : c->base, why);
}

static int perform(struct client *c, struct exchange *x, struct err *e)
{
    AUTO_FREE char *url = url_of(c, x->path);
    struct curl_slist *headers = NULL;

    if (!url)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (make_headers(c, x, &headers, e) < 0) {
        curl_slist_free_all(headers);
        return -1;
    }
    x->curl = c->curl;
    set_exchange(c, x, url, headers);
    CURLcode rc = curl_easy_perform(c->curl);
    curl_slist_free_all(headers);
    if (x->is_too_long)
        return err_set(e, ERR_TOO_LARGE, "the daemon's answer is longer than %d MiB", ANSWER_MAX >> 20);
    if (rc != CURLE_OK)
        return no_answer(c, rc, e);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &c->status);
    /* /health says what is wrong as an ordinary document: the only failure that is one. */
    if (c->status >= 300 && !is_json(c))
        return refusal(c, &x->answer, e);
    return 0;
}

int client_call(struct client *c, const char *method, const char *path, const json_t *body, json_t **out, struct err *e)
{
    AUTO_FREE char *text = body ? json_text(body) : NULL;
    struct exchange x = { .method = method, .path = path, .body = text };

    if (body && !text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    int rc = perform(c, &x, e);
    if (rc == 0 && out && x.answer.len == 0)
        *out = NULL;
    else if (rc == 0 && out)
        rc = json_parse(x.answer.data, x.answer.len, out, e);
    buf_done(&x.answer);
    return rc;
}

int client_text(struct client *c, const char *path, char **out, struct err *e)
{
    struct exchange x = { .method = "GET", .path = path };
    int rc = perform(c, &x, e);

    if (rc == 0)
        *out = x.answer.data ? buf_take(&x.answer) : str_dup("");
    buf_done(&x.answer);
    if (rc == 0 && !*out)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return rc;
}

int client_upload(struct client *c, const char *path, const char *file, struct err *e)
{
    struct exchange x = { .method = "PUT", .path = path };
    struct stat st;

    x.file = fopen(file, "re");
    if (!x.file)
        return err_set(e, ERR_INVALID, "%s: %s", file, strerror(errno));
    int rc = fstat(fileno(x.file), &st);
    if (rc < 0 || !S_ISREG(st.st_mode)) {
        rc = err_set(e, ERR_INVALID, "%s: not a regular file", file);
    } else {
        x.file_size = st.st_size;
        rc = perform(c, &x, e);
        if (isatty(STDERR_FILENO))
            fputc('\n', stderr);
    }
    (void)fclose(x.file);
    buf_done(&x.answer);
    return rc;
}

int client_download(struct client *c, const char *path, const char *file, struct err *e)
{
    struct exchange x = { .method = "GET", .path = path };

    x.target = fopen(file, "wxe");
    if (!x.target)
        return err_set(e, ERR_INVALID, "%s: %s", file, strerror(errno));
    int rc = perform(c, &x, e);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if (fclose(x.target) != 0 && rc == 0)
        rc = err_set(e, ERR_INTERNAL, "%s: %s", file, strerror(errno));
    if (rc < 0)
        (void)unlink(file);
    buf_done(&x.answer);
    return rc;
}

int client_follow(struct client *c, const char *path, client_line_fn *on_line, void *arg, struct err *e)
{
    struct exchange x = { .method = "GET", .path = path, .on_line = on_line, .on_line_arg = arg };
    int rc = perform(c, &x, e);

    buf_done(&x.answer);
    return rc;
}

long client_status(const struct client *c)
{
    return c->status;
}

char *client_path(struct client *c, const char *pattern, const char *segment)
{
    const char *place = strstr(pattern, "{}");
    char *escaped = curl_easy_escape(c->curl, segment, 0);
    char *path = escaped ? str_printf("%.*s%s%s", (int)(place - pattern), pattern, escaped, place + strlen("{}")) : NULL;

    curl_free(escaped);
    return path;
}
