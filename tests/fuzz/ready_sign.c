/* fuzz/ready_sign: any bytes as a console's text. The signs that are in the whole are found when the text comes in two parts as
 * well, cut where the first byte says, as long as what was unread is seen again; none is ever lost. */
#include "../../src/core/ready_sign.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* In memory of just that size, so that a sanitizer sees a read behind its end. */
static void look(const uint8_t *text, size_t len, struct ready_signs *signs, size_t *unread)
{
    AUTO_FREE char *copy = malloc(len > 0 ? len : 1);

    require(copy);
    memcpy(copy, text, len);
    ready_sign_read(copy, len, signs, unread);
    require(*unread <= len && !memchr(copy + len - *unread, '\n', *unread));
}

static bool has_all(const struct ready_signs *s, const struct ready_signs *wanted)
{
    return (s->has_cloud_init || !wanted->has_cloud_init) && (s->has_prompt || !wanted->has_prompt) &&
           (s->is_done || !wanted->is_done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ready_signs whole = { 0 }, parts = { 0 };
    size_t unread;

    if (size < 2)
        return 0;
    const uint8_t *text = data + 1;
    size_t len = size - 1, cut = data[0] % len;
    look(text, len, &whole, &unread);
    look(text, cut, &parts, &unread);
    const struct ready_signs before = parts;
    look(text + cut - unread, len - cut + unread, &parts, &unread);
    require(has_all(&parts, &whole) && has_all(&parts, &before));
    return 0;
}
