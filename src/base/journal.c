/* The journal: when stderr leads there, lines go to it by its own protocol, with priorities and a field for each pair. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log_line.h"

/* Behind ours: it brings syslog's LOG_INFO and others, which are macros. */
#define SD_JOURNAL_SUPPRESS_LOCATION /* it would be this file, for every line */
#include <systemd/sd-journal.h>

#define SOCKET_PATH "/run/systemd/journal/socket"

enum { FIXED_FIELDS = 4, FIELDS_MAX_BYTES = 2 * LINE_MAX_BYTES };

struct entry {
    struct line line; /* the fields, one behind the other */
    size_t start;     /* of the one that is being made */
    struct iovec fields[FIXED_FIELDS + PAIRS_MAX];
    size_t count;
};

/* What does not fit is left out. */
static void field_end(struct entry *n)
{
    if (n->line.is_full)
        n->line.len = n->start;
    else
        n->fields[n->count++] = (struct iovec){ n->line.text + n->start, n->line.len - n->start };
    n->start = n->line.len;
    n->line.is_full = false;
}

static void add_field(struct entry *n, const char *name, const char *value)
{
    line_adds(&n->line, name);
    line_adds(&n->line, "=");
    line_add_value(&n->line, value, QUOTE_NEVER);
    field_end(n);
}

/* "vm" becomes COMPUTED_VM: keys are words of ours. */
static void add_pair_field(struct entry *n, const struct log_pair *p)
{
    char name[64] = "COMPUTED_";
    size_t len = sizeof("COMPUTED_") - 1;

    for (const char *key = p->key; *key && len < sizeof(name) - 1; key++)
        name[len++] = (char)toupper((unsigned char)*key);
    add_field(n, name, p->value ? p->value : "-");
}

static void fill(struct entry *n, const struct log_event *ev)
{
    static const char *const priorities[] = { "7", "6", "4", "3" }; /* by our levels: debug, info, warning, error */
    struct log_pair msg = { "msg", ev->msg };

    n->line.size = LINE_MAX_BYTES;
    line_adds(&n->line, "MESSAGE=");
    line_add_value(&n->line, ev->msg, QUOTE_NEVER);
    line_add_pairs(&n->line, ev);
    n->line.size = FIELDS_MAX_BYTES;
    n->line.is_full = false; /* it says so itself */
    field_end(n);
    add_field(n, "PRIORITY", priorities[ev->level]);
    add_field(n, "SYSLOG_IDENTIFIER", "computed");
    add_pair_field(n, &msg);
    for (size_t i = 0; i < ev->count; i++)
        add_pair_field(n, &ev->pairs[i]);
}

static bool send_event(const struct log_event *ev)
{
    char text[FIELDS_MAX_BYTES];
    struct entry n = { .line = { .text = text } };

    if (access(SOCKET_PATH, F_OK) < 0)
        return false; /* which sd_journal_sendv would take for sent */
    fill(&n, ev);
    return sd_journal_sendv(n.fields, (int)n.count) == 0;
}

/* $JOURNAL_STREAM alone proves nothing: whoever started us may have sent stderr elsewhere since (systemd.exec(5)). */
static bool is_stderr_the_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat st;
    char end;

    return stream && sscanf(stream, "%ju:%ju%c", &device, &inode, &end) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           device == st.st_dev && inode == st.st_ino;
}

bool log_use_journal(void)
{
    if (!is_stderr_the_journal())
        return false;
    log_set_sink(send_event);
    return true;
}
