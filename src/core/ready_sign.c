/* core/ready_sign: the signs. cloud-init begins with "Cloud-init v. 22.4.2 running …" and ends with "Cloud-init v. 22.4.2
 * finished at …"; a getty asks "name login: ". The text is the guest's: any bytes, in any order. */
#include "ready_sign.h"

#include <string.h>

enum { ESCAPE = 0x1b, HOSTNAME_MAX = 255 };

struct span {
    const char *at, *end;
};

/* NULs too may stand in it. */
static bool contains(struct span s, const char *what)
{
    size_t len = strlen(what);

    for (; (size_t)(s.end - s.at) >= len; s.at++)
        if (memcmp(s.at, what, len) == 0)
            return true;
    return false;
}

static bool is_of_cloud_init(struct span line)
{
    return contains(line, "Cloud-init v.");
}

static bool is_cloud_init_done(struct span line)
{
    return is_of_cloud_init(line) && contains(line, " finished at ");
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* Carriage returns, and what a getty clears the screen with: ESC [ parameters letter. */
static const char *skip_controls(struct span s)
{
    while (s.at < s.end && (*s.at == '\r' || *s.at == ESCAPE)) {
        bool is_sequence = *s.at == ESCAPE && s.end - s.at > 1 && s.at[1] == '[';

        s.at += is_sequence ? 2 : 1;
        while (is_sequence && s.at < s.end && (unsigned char)*s.at < '@')
            s.at++;
        s.at += is_sequence && s.at < s.end;
    }
    return s.at;
}

static bool is_login_prompt(struct span line)
{
    static const char prompt[] = " login:";
    const char *name = skip_controls(line), *at = name;

    while (at < line.end && is_name_char(*at))
        at++;
    if (at == name || at - name > HOSTNAME_MAX || (size_t)(line.end - at) < strlen(prompt) ||
        memcmp(at, prompt, strlen(prompt)) != 0)
        return false;
    for (at += strlen(prompt); at < line.end; at++)
        if (*at != ' ' && *at != '\r')
            return false;
    return true;
}

void ready_sign_read(const char *text, size_t len, struct ready_signs *signs, size_t *unread)
{
    const char *end = text + len;

    *unread = 0;
    for (struct span line = { .at = text }; line.at < end; line.at = line.end + 1) {
        const char *newline = memchr(line.at, '\n', (size_t)(end - line.at));

        line.end = newline ? newline : end;
        signs->has_cloud_init |= is_of_cloud_init(line);
        signs->is_done |= is_cloud_init_done(line);
        signs->has_prompt |= is_login_prompt(line);
        *unread = newline ? 0 : (size_t)(end - line.at);
    }
}
