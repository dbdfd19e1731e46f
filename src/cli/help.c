/* Help is the table of verbs, folded. bash's completion reads `computectl help all`: a line that begins with "  computectl "
 * begins a verb, what follows it more deeply indented belongs to it. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "verbs.h"

#include "base/cleanup.h"
#include "base/str.h"

enum { WIDTH = 79, NOUN_WIDTH = 11, NOUN_INDENT = 2, SYNOPSIS_INDENT = 6 };

static const char help_everything[] = "all"; /* a noun for which every verb is meant */

/* ---- folding ---- */

struct fold {
    size_t indent; /* of every line but the first */
    size_t column;
};

/* Words that do not fit go on the next line. */
static void put(struct fold *f, const char *words, size_t len)
{
    if (f->column > f->indent && f->column + 1 + len > WIDTH) {
        (void)printf("\n%*s", (int)f->indent, "");
        f->column = f->indent;
    } else if (f->column > f->indent) {
        putchar(' ');
        f->column++;
    }
    (void)printf("%.*s", (int)len, words);
    f->column += len;
}

/* Up to the next option: an option and its value, and what stands in brackets, stay together. */
static size_t piece_len(const char *s)
{
    size_t depth = 0, len = 0;

    for (; s[len]; len++) {
        if (s[len] == ' ' && depth == 0 && strchr("-([", s[len + 1]))
            break;
        depth += s[len] == '(' || s[len] == '[';
        depth -= s[len] == ')' || s[len] == ']';
    }
    return len;
}

static void put_synopsis(const char *noun, const char *name, const char *synopsis)
{
    struct fold f = { .indent = SYNOPSIS_INDENT };

    f.column = (size_t)printf("  computectl %s%s%s", noun, name[0] ? " " : "", name);
    while (synopsis[0]) {
        size_t len = piece_len(synopsis);

        put(&f, synopsis, len);
        synopsis += len;
        synopsis += strspn(synopsis, " ");
    }
    putchar('\n');
}

/* ---- one screen ---- */

/* Those without a name of their own share a line. */
static void put_lone_verbs(void)
{
    struct fold f = { .indent = NOUN_INDENT, .column = (size_t)printf("%*s", NOUN_INDENT, "") };

    for (size_t i = 0; i < verb_count; i++)
        if (!verbs[i].name[0])
            put(&f, verbs[i].noun, strlen(verbs[i].noun));
    putchar('\n');
}

/* A noun and its verbs, which stand together in the table; the number of them. */
static size_t put_group(size_t first)
{
    struct fold f = { .indent = NOUN_INDENT + NOUN_WIDTH };
    size_t i = first;

    f.column = (size_t)printf("%*s%-*s", NOUN_INDENT, "", NOUN_WIDTH, verbs[first].noun);
    for (; i < verb_count && str_equal(verbs[i].noun, verbs[first].noun); i++)
        put(&f, verbs[i].name, strlen(verbs[i].name));
    putchar('\n');
    return i - first;
}

static void print_overview(void)
{
    (void)printf("usage: computectl VERB [OPTION]...\n");
    put_lone_verbs();
    for (size_t i = 0; i < verb_count;)
        i += verbs[i].name[0] ? put_group(i) : 1;
    (void)printf("\n"
                 "  --url URL      http://HOST:PORT, https://... or unix:/PATH ($COMPUTED_URL)\n"
                 "  --cacert FILE  authorities to believe, as PEM ($COMPUTED_CACERT)\n"
                 "  --project P    work in this project; --all-projects: in all (administrators)\n"
                 "  --json         the daemon's answer as it is\n"
                 "  --version      print the version and exit\n"
                 "computectl help vm, computectl vm create --help: more; computectl(1): the rest\n");
}

/* ---- groups ---- */

static bool is_meant(const struct verb *verb, const char *noun, const char *name)
{
    if (str_equal(noun, help_everything))
        return true;
    return str_equal(noun, verb->noun) && (!name || !verb->name[0] || str_equal(name, verb->name));
}

static bool print_verbs(const char *noun, const char *name)
{
    bool has_any = false;

    for (size_t i = 0; i < verb_count; i++) {
        if (!is_meant(&verbs[i], noun, name))
            continue;
        put_synopsis(verbs[i].noun, verbs[i].name, verbs[i].synopsis);
        has_any = true;
    }
    return has_any;
}

bool help_print(const char *noun, const char *name)
{
    if (!noun) {
        print_overview();
        return true;
    }
    if (!print_verbs(noun, name))
        return false;
    (void)printf("\nEvery verb takes these, too:\n");
    put_synopsis("...", "", "[--url URL] [--cacert FILE] [--project P | --all-projects] [--json] [--help] [--version]");
    (void)printf("\n"
                 "TIME is 90s, 10min, 2h or 7d; 0: for ever. NAME may be an id. What is followed\n"
                 "by ... may be given several times. --wait ends with the operation, and fails\n"
                 "when it does. Exit status: 0 done, 1 failed, 2 wrong usage.\n");
    return true;
}
