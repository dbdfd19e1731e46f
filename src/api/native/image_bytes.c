/* An image's bytes: sent once as a stream, read as a file. */
#include <string.h>

#include "../await.h"
#include "../reply.h"
#include "native.h"

#include "base/base64.h"
#include "core/image.h"

/* ---- upload ---- */
struct sending {
    struct await await;
    struct image_upload *upload;
};

static void sending_free(void *arg)
{
    struct sending *sending = arg;

    image_upload_free(sending->upload);
    free(sending);
}

int images_upload_begin(struct request *r, struct err *e)
{
    struct sending *sending;

    if (query_none(r, e) < 0)
        return -1;
    sending = calloc(1, sizeof(*sending));
    if (!sending)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, sending, sending_free);
    return image_upload_begin(request_user(r), request_actor(r), request_param(r, "ref"), &sending->upload, e);
}

int images_upload_chunk(struct request *r, const void *data, size_t len, struct err *e)
{
    struct sending *sending = request_data(r);

    return image_upload_write(sending->upload, data, len, e);
}

static int seal(struct request *r, struct err *e)
{
    struct sending *sending = request_data(r);

    return image_upload_seal(sending->upload, await_done, &sending->await, e);
}

static int reply_uploaded(struct request *r, struct err *e)
{
    struct sending *sending = request_data(r);

    if (await_result(&sending->await, e) < 0 || image_upload_result(sending->upload, e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}

int images_upload_end(struct request *r, struct err *e)
{
    struct sending *sending = request_data(r);

    return await_start(&sending->await, r, seal, reply_uploaded, e);
}

/* ---- download ---- */

/* Other doors allow names with quotes, slashes and Unicode: none of them is for a file's name. */
static char *disposition_of(const struct image *i)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    AUTO_FREE char *name = str_dup(i->name);

    for (char *c = name; c && *c; c++)
        if (!strchr(fine, *c) || (c == name && *c == '.'))
            *c = '_';
    return name ? str_printf("attachment; filename=\"%s.%s\"", name, disk_format_to_string(i->disk_format)) : NULL;
}

static unsigned digit_of(char hex)
{
    return (unsigned)(hex <= '9' ? hex - '0' : hex - 'a' + 10);
}

/* RFC 9530. */
static char *digest_of(const struct image *i)
{
    uint8_t bytes[SHA256_LEN];

    for (size_t n = 0; n < sizeof(bytes); n++)
        bytes[n] = (uint8_t)(digit_of(i->sha256[2 * n]) << 4 | digit_of(i->sha256[2 * n + 1]));
    AUTO_FREE char *base64 = base64_encode(bytes, sizeof(bytes));
    return base64 ? str_printf("sha-256=:%s:", base64) : NULL;
}

static int add_headers(struct request *r, const struct image *i, struct err *e)
{
    AUTO_FREE char *disposition = disposition_of(i);
    AUTO_FREE char *etag = str_printf("\"%s\"", i->sha256);
    AUTO_FREE char *digest = digest_of(i);

    if (!disposition || !etag || !digest)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (request_add_header(r, "Content-Disposition", disposition, e) < 0 || request_add_header(r, "ETag", etag, e) < 0)
        return -1;
    return request_add_header(r, "Repr-Digest", digest, e);
}

int images_download(struct request *r, struct err *e)
{
    AUTO(image) image = NULL;
    AUTO_CLOSE int fd = -1;

    if (query_none(r, e) < 0 || image_open(request_user(r), request_actor(r), request_param(r, "ref"), &image, &fd, e) < 0)
        return -1;
    if (add_headers(r, image, e) < 0)
        return -1;
    return request_reply_file(r, 200, "application/octet-stream", TAKE_FD(fd), image->size_bytes, e);
}
