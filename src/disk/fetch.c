/* disk/fetch: libcurl brings bytes, libarchive pulls and unpacks them, holes are left where there are zeros. Runs in a child and
 * trusts nobody; which addresses it may connect to is address.c's. */
#include "fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "file.h"

#include "base/clock.h"
#include "base/hash.h"

enum { REPORT_MS = 1000, POLL_MS = 500, REDIRECTS_MAX = 5, CONNECT_MS = 30000, SLOW_BYTES_S = 512, SLOW_S = 60 };
enum { CHUNK = 64 << 10, EXPANSION_SLACK = 16 << 20, ALLOWED_MAX = 64 };

struct fetch {
    /* orders */
    const char *url, *sha256;
    uint64_t size_max, rate_max, expansion;
    struct cidr allowed[ALLOWED_MAX];
    size_t allowed_count;
    /* the download */
    CURLM *multi;
    CURL *easy;
    struct buf arrived, handed; /* not yet taken by libarchive; what it reads now */
    struct sha256 *hash;
    uint64_t received, total;
    int64_t reported_ms;
    uint64_t reported;
    bool is_done, is_address_refused;
    char said[CURL_ERROR_SIZE];
    /* what comes out */
    struct archive *archive;
    uint64_t written;
    struct err err;
};

static void fetch_done(struct fetch *f)
{
    if (f->archive)
        (void)archive_read_free(f->archive);
    if (f->multi && f->easy)
        (void)curl_multi_remove_handle(f->multi, f->easy);
    curl_easy_cleanup(f->easy);
    (void)curl_multi_cleanup(f->multi);
    buf_done(&f->arrived);
    buf_done(&f->handed);
    sha256_free(f->hash);
}

/* ---- reporting ---- */

static void say(json_t *line)
{
    AUTO_FREE char *text = line ? json_text(line) : NULL;

    if (text)
        (void)dprintf(CHILD_REPORT, "%s\n", text);
    json_decref(line);
}

static void report_progress(struct fetch *f)
{
    int64_t now = clock_boot_ms(), since = now - f->reported_ms;

    if (since < REPORT_MS)
        return;
    say(json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)f->received, "total", (json_int_t)f->total, "rate",
                  (json_int_t)((f->received - f->reported) * 1000 / (uint64_t)since)));
    f->reported_ms = now;
    f->reported = f->received;
}

static void report_verdict(const struct fetch *f, int result)
{
    if (result == 0)
        say(json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)f->received, "total", (json_int_t)f->total, "rate", (json_int_t)0));
    if (result == 0)
        say(json_pack("{s:s}", "verdict", "done"));
    else
        say(json_pack("{s:s, s:s, s:s}", "verdict", err_code_word(f->err.code), "message", f->err.msg, "detail", f->err.detail));
}

/* ---- libcurl ---- */

static int too_large(struct fetch *f, const char *what)
{
    return err_set(&f->err, ERR_DOWNLOAD, "%s more than the %" PRIu64 " MiB that are let in", what, f->size_max >> 20);
}

/* The answer's own status: those of redirects are behind us when bytes come. */
static int check_answer(struct fetch *f)
{
    curl_off_t length = -1;
    long status = 0;

    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status != 200)
        return err_set(&f->err, ERR_DOWNLOAD, "the server answered with status %ld", status);
    if (length > 0)
        f->total = (uint64_t)length;
    return f->total > f->size_max ? too_large(f, "the file has") : 0;
}

static size_t receive(char *data, size_t size, size_t count, void *arg)
{
    struct fetch *f = arg;
    size_t len = size * count;

    if (f->received == 0 && check_answer(f) < 0)
        return 0;
    f->received += len;
    if (f->received > f->size_max) {
        (void)too_large(f, "the file has");
        return 0;
    }
    sha256_add(f->hash, data, len);
    buf_add(&f->arrived, data, len);
    return f->arrived.failed ? 0 : len;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct fetch *f = arg;

    (void)purpose;
    if (address_is_allowed(&to->addr, f->allowed, f->allowed_count))
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    f->is_address_refused = true;
    return CURL_SOCKET_BAD;
}

static const struct {
    CURLcode code;
    const char *message;
} failures[] = {
    { CURLE_COULDNT_RESOLVE_HOST, "the server's name cannot be resolved" },
    { CURLE_COULDNT_CONNECT, "the server cannot be reached" },
    { CURLE_TOO_MANY_REDIRECTS, "the server redirects too often" },
    { CURLE_UNSUPPORTED_PROTOCOL, "the server redirects to something that is neither http nor https" },
    { CURLE_PARTIAL_FILE, "the download was cut off" },
    { CURLE_RECV_ERROR, "the download was cut off" },
    { CURLE_GOT_NOTHING, "the server answered nothing" },
    { CURLE_OPERATION_TIMEDOUT, "the server is too slow" },
    { CURLE_PEER_FAILED_VERIFICATION, "the server's certificate is not trusted" },
    { CURLE_SSL_CONNECT_ERROR, "no secure connection to the server can be made" },
    { CURLE_FILESIZE_EXCEEDED, "the file is larger than what is let in" },
};

static int download_failed(struct fetch *f, CURLcode code)
{
    const char *message = "the download failed";
    long status = 0;

    if (f->err.code != ERR_NONE)
        return -1;
    if (f->arrived.failed || code == CURLE_OUT_OF_MEMORY)
        return err_set(&f->err, ERR_NO_MEMORY, "out of memory");
    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return err_set(&f->err, ERR_DOWNLOAD, "the server answered with status %ld", status);
    if (f->is_address_refused && code == CURLE_COULDNT_CONNECT)
        return err_set(&f->err, ERR_DOWNLOAD, "the URL leads to an address that must not be fetched from");
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].code == code)
            message = failures[i].message;
    err_set(&f->err, ERR_DOWNLOAD, "%s", message);
    return err_detail(&f->err, "%s: %s", curl_easy_strerror(code), f->said);
}

static int download_ended(struct fetch *f, CURLcode code)
{
    f->is_done = true;
    if (code != CURLE_OK)
        return download_failed(f, code);
    return f->received > 0 || check_answer(f) == 0 ? 0 : -1;
}

/* Until bytes have arrived, or all is there. */
static int download_more(struct fetch *f)
{
    while (f->arrived.len == 0 && !f->is_done) {
        CURLMsg *m;
        int running = 0, left;

        if (curl_multi_perform(f->multi, &running) != CURLM_OK)
            return download_failed(f, CURLE_OUT_OF_MEMORY);
        report_progress(f);
        m = curl_multi_info_read(f->multi, &left);
        if (m && m->msg == CURLMSG_DONE && download_ended(f, m->data.result) < 0)
            return -1;
        if (f->arrived.len == 0 && !f->is_done)
            (void)curl_multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
    }
    return 0;
}

#define OPTION(name, value) (curl_easy_setopt(f->easy, CURLOPT_##name, value) == CURLE_OK)

static bool download_set_limits(struct fetch *f)
{
    return OPTION(PROTOCOLS_STR, "http,https") && OPTION(REDIR_PROTOCOLS_STR, "http,https") && OPTION(FOLLOWLOCATION, 1L) &&
           OPTION(MAXREDIRS, (long)REDIRECTS_MAX) && OPTION(PROXY, "") && OPTION(NOSIGNAL, 1L) && OPTION(FAILONERROR, 1L) &&
           OPTION(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && OPTION(CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
           OPTION(LOW_SPEED_LIMIT, (long)SLOW_BYTES_S) && OPTION(LOW_SPEED_TIME, (long)SLOW_S) &&
           OPTION(MAXFILESIZE_LARGE, (curl_off_t)f->size_max) && OPTION(MAX_RECV_SPEED_LARGE, (curl_off_t)f->rate_max);
}

static int download_begin(struct fetch *f)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(&f->err, ERR_INTERNAL, "the download cannot be prepared");
    f->multi = curl_multi_init();
    f->easy = curl_easy_init();
    f->hash = sha256_new();
    if (!f->multi || !f->easy || !f->hash)
        return err_set(&f->err, ERR_NO_MEMORY, "out of memory");
    if (!download_set_limits(f) || !OPTION(URL, f->url) || !OPTION(USERAGENT, "computed/" COMPUTED_VERSION) ||
        !OPTION(WRITEFUNCTION, receive) || !OPTION(WRITEDATA, f) || !OPTION(OPENSOCKETFUNCTION, open_socket) ||
        !OPTION(OPENSOCKETDATA, f) || !OPTION(ERRORBUFFER, f->said) || curl_multi_add_handle(f->multi, f->easy) != CURLM_OK)
        return err_set(&f->err, ERR_INTERNAL, "the download cannot be prepared");
    f->reported_ms = clock_boot_ms();
    return 0;
}

/* Behind the end of what is compressed may be more: it belongs to the checksum. */
static int download_rest(struct fetch *f)
{
    do {
        f->arrived.len = 0;
        if (download_more(f) < 0)
            return -1;
    } while (!f->is_done || f->arrived.len > 0);
    return 0;
}

/* ---- unpacking ---- */

static la_ssize_t pull(struct archive *a, void *arg, const void **out)
{
    struct fetch *f = arg;
    struct buf empty = f->handed;

    if (download_more(f) < 0) {
        archive_set_error(a, EIO, "the download failed");
        return -1;
    }
    f->handed = f->arrived;
    f->arrived = empty;
    f->arrived.len = 0;
    *out = f->handed.data;
    return (la_ssize_t)f->handed.len;
}

static bool is_packed(const struct fetch *f)
{
    return archive_filter_count(f->archive) > 1; /* the last is the bytes as they come */
}

static int unpack_failed(struct fetch *f, const char *message)
{
    const char *said = archive_error_string(f->archive);

    if (f->err.code != ERR_NONE)
        return -1;
    if (archive_errno(f->archive) == ENOMEM)
        return err_set(&f->err, ERR_IMAGE_REFUSED, "the image takes too much memory to unpack");
    err_set(&f->err, ERR_IMAGE_REFUSED, "%s", message);
    return err_detail(&f->err, "%s", said ? said : "libarchive does not say why");
}

/* Bytes recognise their compression, names do not. A library that would start another program for it is refused. */
static int unpack_begin(struct fetch *f)
{
    struct archive_entry *entry = NULL;
    int result;

    if (download_more(f) < 0)
        return -1;
    if (f->received == 0)
        return err_set(&f->err, ERR_IMAGE_REFUSED, "the image is empty");
    f->archive = archive_read_new();
    if (!f->archive)
        return err_set(&f->err, ERR_NO_MEMORY, "out of memory");
    if (archive_read_support_filter_gzip(f->archive) != ARCHIVE_OK || archive_read_support_filter_xz(f->archive) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(f->archive) != ARCHIVE_OK || archive_read_support_format_raw(f->archive) != ARCHIVE_OK)
        return err_set(&f->err, ERR_INTERNAL, "this host's libarchive cannot unpack");
    if (archive_read_open2(f->archive, f, NULL, pull, NULL, NULL) != ARCHIVE_OK)
        return unpack_failed(f, "the compressed image is empty or damaged");
    result = archive_read_next_header(f->archive, &entry);
    if (result == ARCHIVE_EOF)
        return err_set(&f->err, ERR_IMAGE_REFUSED, "the image is empty");
    return result == ARCHIVE_OK ? 0 : unpack_failed(f, "the compressed image is damaged");
}

static bool is_zero(const char *data, size_t len)
{
    return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int write_chunks(struct fetch *f, const char *data, size_t len)
{
    while (len > 0) {
        size_t n = CHUNK - f->written % CHUNK;

        if (n > len)
            n = len;
        if (!is_zero(data, n) && file_write_at(CHILD_FILES, data, n, f->written) < 0)
            return err_errno(&f->err, errno, "the image cannot be written");
        f->written += n;
        data += n;
        len -= n;
    }
    return 0;
}

static int unpack_block(struct fetch *f, const void *data, size_t len)
{
    if (len > f->size_max - f->written)
        return too_large(f, "the image has");
    if (is_packed(f) && f->written + len > EXPANSION_SLACK && (f->written + len - EXPANSION_SLACK) / f->expansion > f->received)
        return err_set(&f->err, ERR_IMAGE_REFUSED, "the image is more than %" PRIu64 " times larger than what it is packed in",
                       f->expansion);
    return write_chunks(f, data, len);
}

static int unpack_all(struct fetch *f)
{
    const void *data = NULL;
    la_int64_t offset = 0;
    size_t len = 0;
    int result;

    for (result = archive_read_data_block(f->archive, &data, &len, &offset); result == ARCHIVE_OK;
         result = archive_read_data_block(f->archive, &data, &len, &offset))
        if (unpack_block(f, data, len) < 0)
            return -1;
    if (result != ARCHIVE_EOF)
        return unpack_failed(f, "the compressed image is damaged");
    if (ftruncate(CHILD_FILES, (off_t)f->written) < 0)
        return err_errno(&f->err, errno, "the image cannot be written");
    return 0;
}

/* ---- the whole ---- */

static int read_orders(struct fetch *f, json_t *orders)
{
    json_t *allowed = json_object_get(orders, "allowed");
    json_int_t size = 0, rate = 0, expansion = 0;

    if (json_unpack(orders, "{s:s, s?s, s:I, s:I, s:I}", "url", &f->url, "sha256", &f->sha256, "size_bytes", &size,
                    "rate_bytes_s", &rate, "expansion", &expansion) < 0 ||
        expansion < 1 || json_array_size(allowed) > ALLOWED_MAX)
        return err_set(&f->err, ERR_INTERNAL, "the orders of the download cannot be read");
    f->size_max = (uint64_t)size;
    f->rate_max = (uint64_t)rate;
    f->expansion = (uint64_t)expansion;
    for (size_t i = 0; i < json_array_size(allowed); i++) {
        const char *text = json_string_value(json_array_get(allowed, i));

        if (!text || cidr_parse(text, &f->allowed[f->allowed_count++]) < 0)
            return err_set(&f->err, ERR_INTERNAL, "the orders of the download cannot be read");
    }
    return 0;
}

static int check_hash(struct fetch *f)
{
    sha256_text have;

    sha256_end(f->hash, have);
    if (!f->sha256 || strcmp(have, f->sha256) == 0)
        return 0;
    return err_set(&f->err, ERR_DOWNLOAD, "the downloaded bytes have another sha256: %s", have);
}

int fetch_main(json_t *orders)
{
    __attribute__((cleanup(fetch_done))) struct fetch f = { .err = ERR_INIT };
    int result = read_orders(&f, orders) < 0 || download_begin(&f) < 0 || unpack_begin(&f) < 0 || unpack_all(&f) < 0 ||
                         download_rest(&f) < 0 || check_hash(&f) < 0
                     ? -1
                     : 0;

    report_verdict(&f, result);
    return result < 0 ? 1 : 0;
}
