/* The journal: when lines go there, and what an entry holds. Its socket and what takes entries are ours here (--wrap, see the
 * Makefile); tests/e2e/test_logging.py asks a real one. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "unit.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"

enum { FIELDS_MAX = 64 };

static char *fields[FIELDS_MAX];
static size_t field_count;
static bool has_socket;
static int answer; /* of sd_journal_sendv: 0, or -errno */

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    (void)mode;
    ck_assert_str_eq(path, "/run/systemd/journal/socket");
    errno = ENOENT;
    return has_socket ? 0 : -1;
}

int __wrap_sd_journal_sendv(const struct iovec *iov, int n);
int __wrap_sd_journal_sendv(const struct iovec *iov, int n)
{
    ck_assert_int_le(n, FIELDS_MAX);
    if (answer < 0)
        return answer;
    for (field_count = 0; field_count < (size_t)n; field_count++) {
        free(fields[field_count]);
        fields[field_count] = str_printf("%.*s", (int)iov[field_count].iov_len, (const char *)iov[field_count].iov_base);
        ck_assert_ptr_nonnull(fields[field_count]);
    }
    return 0;
}

static bool has_field(const char *text)
{
    for (size_t i = 0; i < field_count; i++)
        if (str_equal(fields[i], text))
            return true;
    return false;
}

/* ---- stderr: a pipe ---- */

static int read_end = -1, kept_stderr = -1;

static void stderr_is_a_pipe(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    read_end = ends[0];
    kept_stderr = dup(STDERR_FILENO);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[1]);
}

/* All that was written there; stderr is what it was again. */
static const char *stderr_ends(void)
{
    static char text[32768];

    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    ssize_t len = read(read_end, text, sizeof(text) - 1);
    (void)close(read_end);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void announce(const char *between, unsigned long long device, unsigned long long inode)
{
    AUTO_FREE char *text = str_printf("%llu%s%llu", device, between, inode);

    ck_assert_int_eq(setenv("JOURNAL_STREAM", text, 1), 0);
}

static void stderr_is_the_journal(void)
{
    struct stat st;

    stderr_is_a_pipe();
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    announce(":", st.st_dev, st.st_ino);
    has_socket = true;
    answer = 0;
    field_count = 0;
    ck_assert(log_use_journal());
}

START_TEST(a_line_is_an_entry)
{
    static const char *const context[] = { "operation", "17", NULL };

    stderr_is_the_journal();
    log_set_context(context);
    errno = 7;
    log_warn("step done", "step", "seed", "queued_ms", "2", "user", NULL, NULL);
    ck_assert_int_eq(errno, 7);
    ck_assert_str_eq(stderr_ends(), "");
    ck_assert_uint_eq(field_count, 8);
    ck_assert_str_eq(fields[0], "MESSAGE=step done step=seed queued_ms=2 user=- operation=17");
    ck_assert(has_field("PRIORITY=4") && has_field("SYSLOG_IDENTIFIER=computed") && has_field("COMPUTED_MSG=step done"));
    ck_assert(has_field("COMPUTED_STEP=seed") && has_field("COMPUTED_QUEUED_MS=2") && has_field("COMPUTED_USER=-") &&
              has_field("COMPUTED_OPERATION=17"));
}
END_TEST

START_TEST(levels_are_priorities)
{
    static const char *const priorities[] = {
        [LOG_DEBUG] = "PRIORITY=7",
        [LOG_INFO] = "PRIORITY=6",
        [LOG_WARN] = "PRIORITY=4",
        [LOG_ERROR] = "PRIORITY=3",
    };

    stderr_is_the_journal();
    log_set_level(LOG_DEBUG);
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        log_write((enum log_level)level, "m", NULL);
        ck_assert_msg(has_field(priorities[level]), "level %d", level);
    }
    ck_assert_str_eq(stderr_ends(), "");
}
END_TEST

START_TEST(errors_have_fields)
{
    struct err e = ERR_INIT;

    (void)err_set(&e, ERR_TIMEOUT, "too late");
    (void)err_detail(&e, "by a day");
    stderr_is_the_journal();
    log_err(LOG_ERROR, "m", &e, "vm", "6b29", NULL);
    ck_assert_str_eq(fields[0], "MESSAGE=m vm=6b29 code=timeout err=\"too late\" detail=\"by a day\"");
    ck_assert(has_field("COMPUTED_VM=6b29") && has_field("COMPUTED_CODE=timeout") && has_field("COMPUTED_ERR=too late") &&
              has_field("COMPUTED_DETAIL=by a day"));
    ck_assert_str_eq(stderr_ends(), "");
}
END_TEST

START_TEST(values_cannot_forge_fields)
{
    AUTO_BUF longest = { 0 };

    while (longest.len < 2000)
        buf_adds(&longest, "x");
    stderr_is_the_journal();
    log_info("a\nPRIORITY=0", "v", "b\nMESSAGE=c \"d\"", "w", longest.data, NULL);
    ck_assert(str_starts_with(fields[0], "MESSAGE=a\\nPRIORITY=0 v=\"b\\nMESSAGE=c \\\"d\\\"\" w=x"));
    ck_assert(has_field("COMPUTED_V=b\\nMESSAGE=c \\\"d\\\""));
    ck_assert_uint_eq(strlen(fields[field_count - 1]), strlen("COMPUTED_W=") + 1024 + strlen("..."));
    ck_assert_str_eq(stderr_ends(), "");
}
END_TEST

/* Each value takes six times its length. */
START_TEST(what_does_not_fit_is_left_out)
{
    char value[1025];

    memset(value, '\x01', 1024);
    value[1024] = '\0';
    stderr_is_the_journal();
    log_info("m", "a", value, "b", value, "c", value, "d", "1", NULL);
    const char *message = fields[0];
    ck_assert(str_starts_with(message, "MESSAGE=m a="));
    ck_assert_uint_le(strlen(message), 8192);
    ck_assert_str_eq(message + strlen(message) - strlen(" truncated=yes"), " truncated=yes");
    for (size_t i = 0; i < field_count; i++)
        ck_assert(strchr(fields[i], '=') && fields[i][strlen(fields[i]) - 1] != '=');
    ck_assert(has_field("PRIORITY=6") && has_field("COMPUTED_D=1"));
    ck_assert_str_eq(stderr_ends(), "");
}
END_TEST

START_TEST(what_the_journal_does_not_take_goes_to_stderr)
{
    stderr_is_the_journal();
    answer = -ECONNREFUSED;
    log_info("nobody reads", "vm", "6b29", NULL);
    answer = 0;
    has_socket = false;
    log_warn("nobody is there", NULL);
    const char *text = stderr_ends();
    ck_assert_ptr_nonnull(strstr(text, "Z level=info msg=\"nobody reads\" vm=6b29\n"));
    ck_assert_ptr_nonnull(strstr(text, "Z level=warn msg=\"nobody is there\"\n"));
    ck_assert_uint_eq(field_count, 0);
}
END_TEST

/* What started us may have sent stderr elsewhere since, and anybody can set a variable. */
START_TEST(another_stderr_is_not_the_journal)
{
    struct stat st;

    stderr_is_a_pipe();
    has_socket = true;
    field_count = 0;
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    announce(":", st.st_dev, st.st_ino + 1);
    ck_assert(!log_use_journal());
    announce(":", st.st_dev + 1, st.st_ino);
    ck_assert(!log_use_journal());
    announce(" ", st.st_dev, st.st_ino);
    ck_assert(!log_use_journal());
    announce(":x", st.st_dev, st.st_ino);
    ck_assert(!log_use_journal());
    (void)setenv("JOURNAL_STREAM", "", 1);
    ck_assert(!log_use_journal());
    (void)unsetenv("JOURNAL_STREAM");
    ck_assert(!log_use_journal());
    log_info("m", NULL);
    ck_assert_ptr_nonnull(strstr(stderr_ends(), "Z level=info msg=\"m\"\n"));
    ck_assert_uint_eq(field_count, 0);
}
END_TEST

UNIT_MAIN("base_journal", a_line_is_an_entry, levels_are_priorities, errors_have_fields, values_cannot_forge_fields,
          what_does_not_fit_is_left_out, what_the_journal_does_not_take_goes_to_stderr, another_stderr_is_not_the_journal)
