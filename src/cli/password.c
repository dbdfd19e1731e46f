/* A line without echo. */
#include "password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/str.h"

enum { PASSWORD_MAX = 1024, CTRL_C = 3 };

/* Reads up to the end of a line or of all, byte by byte: what is behind it may be another password. False: it does not fit. */
static bool read_bytes(char *line, size_t size)
{
    size_t len = 0;

    while (len + 1 < size) {
        ssize_t n = read(STDIN_FILENO, &line[len], 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || line[len] == '\n')
            return true;
        if (line[len++] == CTRL_C)
            return true;
    }
    return false;
}

/* The line without its end. */
static int read_line(char **out, struct err *e)
{
    size_t size = PASSWORD_MAX + 2;
    char *line = calloc(1, size);

    if (!line)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    bool is_whole = read_bytes(line, size);
    size_t len = strcspn(line, "\r\n\003");
    bool is_cancelled = line[len] == CTRL_C;
    line[len] = '\0';
    if (is_whole && !is_cancelled) {
        *out = line;
        return 0;
    }
    str_wipe(line);
    return is_cancelled ? err_set(e, ERR_CANCELLED, "cancelled")
                        : err_set(e, ERR_INVALID, "a password has at most %d bytes", PASSWORD_MAX);
}

/* Ctrl-C ends the line and no signal comes, so that the terminal never stays without echo. */
static int read_hidden(const struct termios *shown, const char *prompt, char **out, struct err *e)
{
    struct termios hidden = *shown;

    hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    hidden.c_cc[VEOL] = CTRL_C;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0)
        return err_set(e, ERR_INTERNAL, "the terminal cannot hide what is typed");
    fputs(prompt, stderr);
    int rc = read_line(out, e);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, shown);
    fputc('\n', stderr);
    return rc;
}

int password_read(const char *prompt, char **out, struct err *e)
{
    struct termios shown;

    return tcgetattr(STDIN_FILENO, &shown) == 0 ? read_hidden(&shown, prompt, out, e) : read_line(out, e);
}

int password_read_new(const char *prompt, char **out, struct err *e)
{
    char *first = NULL, *second = NULL;

    if (password_read(prompt, &first, e) < 0)
        return -1;
    int rc = isatty(STDIN_FILENO) ? password_read("The same again: ", &second, e) : 0;
    if (rc == 0 && second && !str_equal(first, second))
        rc = err_set(e, ERR_INVALID, "these were two passwords");
    str_wipe(second);
    if (rc == 0)
        *out = first;
    else
        str_wipe(first);
    return rc;
}
