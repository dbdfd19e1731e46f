/* Configuration files: libinih parses, this file stands before it. libinih accepts silently, and is not let see:
 *   - a line longer than its buffer: the rest becomes a line of its own;
 *   - an indented line: it continues the value above, as a second call with the same key;
 *   - " ;" or "<tab>;" in a value: the rest is dropped as a comment;
 *   - a NUL byte: the line ends there; a byte order mark: skipped at the start, part of the key elsewhere;
 *   - text after "[section]": dropped; a section name over 49 bytes: cut;
 *   - the same key twice: the last wins; a line with no key before "=".
 * What keys mean is their reader's affair. */
#include "base/ini.h"

#include <errno.h>
#include <ini.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#include "base/cleanup.h"
#include "base/str.h"

enum { FILE_MAX_BYTES = 1024 * 1024, LINE_MAX_BYTES = 4096, SECTION_MAX_BYTES = 49 };

struct ini_key {
    char *section, *key;
};

/* One pass over one file: libinih asks for lines and calls back with keys, in turns, so `line_no` is the line of the key. */
struct reading {
    const char *path;
    const char *next, *end;
    int line_no;
    ini_fn *fn;
    void *arg;
    struct err *e;
    bool has_failed;
    struct ini_key *keys;
    size_t key_count;
};

static void reading_done(struct reading *r)
{
    for (size_t i = 0; i < r->key_count; i++) {
        free(r->keys[i].section);
        free(r->keys[i].key);
    }
    free(r->keys);
}

/* libinih's switches are variables of the library; they are set once, and say the same as the checks here. */
static void configure_libinih(void)
{
    ini_use_stack = false;
    ini_max_line = LINE_MAX_BYTES + 3; /* CR, LF, NUL */
    ini_initial_alloc = ini_max_line;  /* what the buffer really has */
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_bom = false;
    ini_stop_on_first_error = true;
}

static int fail_line(struct reading *r, const char *reason)
{
    r->has_failed = true;
    return err_set(r->e, ERR_CONFIG, "%s:%d: %s", r->path, r->line_no, reason);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *section_trap(const char *line, size_t len)
{
    const char *close = memchr(line, ']', len);

    if (!close)
        return "a section needs a ']'";
    if (close + 1 != line + len)
        return "there is text after the section";
    if (close - line - 1 > SECTION_MAX_BYTES)
        return "the name of the section is too long";
    return NULL;
}

static const char *key_trap(const char *line, size_t len)
{
    if (is_blank(line[0]))
        return "the line is indented";
    if (line[0] == '=' || line[0] == ':')
        return "there is no key";
    if (!memchr(line, '=', len) && !memchr(line, ':', len))
        return "this is neither a section nor key = value";
    for (size_t i = 1; i < len; i++)
        if (line[i] == ';' && strchr(" \t=:", line[i - 1]))
            return "a comment needs a line of its own (' ;' inside a value, or one that begins with ';')";
    return NULL;
}

/* What is refused is quoted on somebody's terminal: no control character may get there, C1's not either. */
static bool is_printable(const char *line, size_t len)
{
    AUTO_FREE char *copy = strndup(line, len);

    if (!copy || strlen(copy) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (copy[i] == '\t')
            copy[i] = ' ';
    return len == 0 || str_is_printable(copy);
}

/* What libinih would take otherwise than it is meant; NULL for a line that is fine. `len` is without the end of line. */
static const char *line_trap(const char *line, size_t len)
{
    size_t indent = 0;

    if (len > LINE_MAX_BYTES)
        return "the line is longer than 4096 bytes";
    if (len >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0)
        return "the line begins with a byte order mark";
    if (!is_printable(line, len))
        return "the line holds a control character, or is not UTF-8";
    while (indent < len && is_blank(line[indent]))
        indent++;
    if (indent == len || strchr(";#", line[indent]))
        return NULL;
    while (is_blank(line[len - 1]))
        len--;
    return line[0] == '[' ? section_trap(line, len) : key_trap(line, len);
}

/* libinih's fgets(). NULL ends the parsing, at the end of the file or at a trap. */
static char *next_line(char *out, int size, void *stream)
{
    struct reading *r = stream;

    if (r->has_failed || r->next == r->end)
        return NULL;
    const char *line = r->next;
    const char *newline = memchr(line, '\n', (size_t)(r->end - line));
    size_t len = (size_t)((newline ? newline : r->end) - line);
    r->next = newline ? newline + 1 : r->end;
    r->line_no++;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    const char *trap = len >= (size_t)size ? "the line is too long" : line_trap(line, len);
    if (trap) {
        (void)fail_line(r, trap);
        return NULL;
    }
    memcpy(out, line, len);
    out[len] = '\0';
    return out;
}

static int remember_key(struct reading *r, const char *section, const char *key)
{
    for (size_t i = 0; i < r->key_count; i++)
        if (strcmp(r->keys[i].section, section) == 0 && strcmp(r->keys[i].key, key) == 0)
            return fail_line(r, "the key is here for the second time");

    AUTO_FREE char *section_copy = str_dup(section);
    AUTO_FREE char *key_copy = str_dup(key);
    struct ini_key *keys = reallocarray(r->keys, r->key_count + 1, sizeof(*keys));
    if (keys)
        r->keys = keys;
    if (!keys || !section_copy || !key_copy)
        return fail_line(r, "out of memory");
    r->keys[r->key_count++] = (struct ini_key){ TAKE(section_copy), TAKE(key_copy) };
    return 0;
}

/* libinih's handler: 0 is its word for failure. */
static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;

    if (r->has_failed || remember_key(r, section, key) < 0)
        return 0;
    if (r->fn(r->arg, section, key, value, r->e) < 0) {
        r->has_failed = true;
        (void)err_wrap(r->e, "%s:%d", r->path, r->line_no);
        return 0;
    }
    return 1;
}

static int read_text(const char *path, struct buf *text, struct err *e)
{
    if (file_read(path, FILE_MAX_BYTES, text) == 0)
        return 0;
    if (errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no such file", path);
    if (errno == EFBIG)
        return err_set(e, ERR_CONFIG, "%s: the file is longer than 1 MiB", path);
    (void)err_errno(e, errno, "%s", path);
    AUTO_FREE char *reason = str_dup(e->detail);
    return err_set(e, ERR_CONFIG, "%s", reason ? reason : path);
}

int ini_read(const char *path, ini_fn *fn, void *arg, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO_BUF text = { 0 };

    if (read_text(path, &text, e) < 0)
        return -1;
    (void)pthread_once(&once, configure_libinih);
    __attribute__((cleanup(reading_done))) struct reading r = {
        .path = path, .next = text.data, .end = text.data + text.len, .fn = fn, .arg = arg, .e = e
    };
    int rc = ini_parse_stream(next_line, &r, on_key, &r);
    if (r.has_failed)
        return -1;
    if (rc != 0) /* a line that libinih refuses although line_trap() did not, or no memory for its buffer */
        return err_set(e, ERR_CONFIG, "%s:%d: the line cannot be read", path, rc < 0 ? 0 : rc);
    return 0;
}
