/* Parsing of the command line by two tables: the verbs and the options. What a verb does is elsewhere. */
#include "args.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_ALL_PROJECTS, /* a flag that is --project='*' */
    OPTION_TEXT,
    OPTION_NUMBER,
    OPTION_DURATION, /* kept as text, for 0 means something */
    OPTION_LIST,
    OPTION_WAIT /* a flag that may have a value: one of wait_words */
};

static const char *const wait_words[] = { "running", "ready" };

#define AT(member) offsetof(struct args, member)
static const struct option_spec {
    const char *name;
    enum option_kind kind;
    size_t offset;
    bool is_global; /* every verb takes it */
} options[] = {
    { "--url", OPTION_TEXT, AT(url), true },
    { "--cacert", OPTION_TEXT, AT(cacert), true },
    { "--json", OPTION_FLAG, AT(is_json), true },
    { "--project", OPTION_TEXT, AT(project), true },
    { "--all-projects", OPTION_ALL_PROJECTS, AT(project), true },
    { "--help", OPTION_FLAG, AT(is_help), true },
    { "-h", OPTION_FLAG, AT(is_help), true },
    { "--version", OPTION_FLAG, AT(is_version), true },
    { "--format", OPTION_TEXT, AT(format), false },
    { "--since", OPTION_TEXT, AT(since), false },
    { "--types", OPTION_TEXT, AT(types), false },
    { "--follow", OPTION_FLAG, AT(follow), false },
    { "--image", OPTION_TEXT, AT(image), false },
    { "--flavor", OPTION_TEXT, AT(flavor), false },
    { "--status", OPTION_TEXT, AT(status), false },
    { "--names", OPTION_FLAG, AT(is_names), false },
    { "--vcpus", OPTION_NUMBER, AT(vcpus), false },
    { "--memory-mib", OPTION_NUMBER, AT(memory_mib), false },
    { "--disk-gib", OPTION_NUMBER, AT(disk_gib), false },
    { "--lines", OPTION_NUMBER, AT(lines), false },
    { "--no-start", OPTION_FLAG, AT(no_start), false },
    { "--force", OPTION_FLAG, AT(force), false },
    { "--wait", OPTION_WAIT, AT(wait), false },
    { "--keypair", OPTION_TEXT, AT(keypair), false },
    { "--ssh-key", OPTION_LIST, AT(ssh_keys), false },
    { "--user-data", OPTION_TEXT, AT(user_data), false },
    { "--config-drive", OPTION_FLAG, AT(config_drive), false },
    { "--network", OPTION_LIST, AT(networks), false },
    { "--no-network", OPTION_FLAG, AT(no_network), false },
    { "--ttl", OPTION_DURATION, AT(ttl), false },
    { "--autostart", OPTION_FLAG, AT(autostart), false },
    { "--no-autostart", OPTION_FLAG, AT(no_autostart), false },
    { "--name", OPTION_TEXT, AT(new_name), false },
    { "--property", OPTION_LIST, AT(properties), false },
    { "--sha256", OPTION_TEXT, AT(sha256), false },
    { "--public-key", OPTION_TEXT, AT(public_key), false },
    { "--type", OPTION_TEXT, AT(type), false },
    { "--out", OPTION_TEXT, AT(out), false },
    { "--cidr", OPTION_TEXT, AT(cidr), false },
    { "--kind", OPTION_TEXT, AT(kind), false },
    { "--user", OPTION_TEXT, AT(user), false },
    { "--description", OPTION_TEXT, AT(description), false },
    { "--role", OPTION_LIST, AT(roles), false },
    { "--lifetime", OPTION_DURATION, AT(lifetime), false },
    { "--limit", OPTION_LIST, AT(limits), false },
    { "--action", OPTION_TEXT, AT(action), false },
    { "--reason", OPTION_TEXT, AT(reason), false },
};
#undef AT

/* What is still to be read, and what was read so far without knowing the verb. */
struct parser {
    int argc;
    char **argv;
    int at;
    const char *words[2 + OPERANDS_MAX]; /* noun, verb, operands */
    size_t word_count;
    bool seen[ARRAY_LEN(options)];
    struct args *args;
};

static int find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

int args_seconds(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 24 * 3600 } };
    size_t digits = strspn(text, "0123456789");
    char number[16];
    uint64_t value;

    if (digits == 0 || digits >= sizeof(number))
        return -1;
    (void)str_copy(number, digits + 1, text);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (str_to_u64(number, UINT32_MAX, &value) < 0)
            return -1;
        *out = value * units[i].seconds;
        return 0;
    }
    return -1;
}

static const char *find_wait_word(const char *text)
{
    for (size_t i = 0; text && i < ARRAY_LEN(wait_words); i++)
        if (strcmp(text, wait_words[i]) == 0)
            return wait_words[i];
    return NULL;
}

static int add_to_list(struct args_list *list, const char *name, const char *value, struct err *e)
{
    if (list->count == LIST_MAX)
        return err_set(e, ERR_INVALID, "%s may be given %d times", name, LIST_MAX);
    list->items[list->count++] = value;
    return 0;
}

static int set_option(struct args *args, const struct option_spec *o, const char *value, struct err *e)
{
    char *member = (char *)args + o->offset;
    uint64_t seconds;

    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)(void *)member = true;
        return 0;
    case OPTION_ALL_PROJECTS:
        *(const char **)(void *)member = "*";
        return 0;
    case OPTION_TEXT:
        *(const char **)(void *)member = value;
        return 0;
    case OPTION_NUMBER:
        if (str_to_u64(value, UINT32_MAX, (uint64_t *)(void *)member) < 0)
            return err_set(e, ERR_INVALID, "%s wants a number, not '%s'", o->name, value);
        return 0;
    case OPTION_DURATION:
        if (args_seconds(value, &seconds) < 0)
            return err_set(e, ERR_INVALID, "%s wants a time such as 90s, 10min, 2h or 7d, not '%s'", o->name, value);
        *(const char **)(void *)member = value;
        return 0;
    case OPTION_LIST:
        return add_to_list((struct args_list *)(void *)member, o->name, value, e);
    case OPTION_WAIT:
        *(const char **)(void *)member = find_wait_word(value ? value : wait_words[0]);
        return *(const char **)(void *)member
                   ? 0
                   : err_set(e, ERR_INVALID, "%s waits for running or ready, not '%s'", o->name, value);
    }
    return 0;
}

/* "--name value", "--name=value" or a flag. */
static int parse_option(struct parser *p, struct err *e)
{
    const char *word = p->argv[p->at++];
    const char *equals = strchr(word, '=');
    int i = find_option(word, equals ? (size_t)(equals - word) : strlen(word));

    if (i < 0)
        return err_set(e, ERR_INVALID, "unknown option '%s'", word);
    const struct option_spec *o = &options[i];
    const char *value = equals ? equals + 1 : NULL;
    const char *next = p->at < p->argc ? p->argv[p->at] : NULL;
    bool is_flag = o->kind == OPTION_FLAG || o->kind == OPTION_ALL_PROJECTS || o->kind == OPTION_WAIT;
    if (is_flag && o->kind != OPTION_WAIT && value)
        return err_set(e, ERR_INVALID, "%s takes no value", o->name);
    if (!is_flag && !value && !next)
        return err_set(e, ERR_INVALID, "%s wants a value", o->name);
    if (!value && (!is_flag || (o->kind == OPTION_WAIT && find_wait_word(next)))) {
        value = next;
        p->at++;
    }
    p->seen[i] = true;
    return set_option(p->args, o, value, e);
}

static int parse_words(struct parser *p, struct err *e)
{
    bool only_words = false; /* behind "--" */

    while (p->at < p->argc) {
        const char *word = p->argv[p->at];

        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
            p->at++;
        } else if (!only_words && word[0] == '-' && word[1] != '\0') {
            if (parse_option(p, e) < 0)
                return -1;
        } else {
            if (p->word_count == ARRAY_LEN(p->words))
                return err_set(e, ERR_INVALID, "'%s' is too much", word);
            p->words[p->word_count++] = word;
            p->at++;
        }
    }
    return 0;
}

static const struct verb *find_verb(const struct parser *p, const struct verb *verbs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(verbs[i].noun, p->words[0]) != 0)
            continue;
        if (verbs[i].name[0] == '\0' || (p->word_count > 1 && strcmp(verbs[i].name, p->words[1]) == 0))
            return &verbs[i];
    }
    return NULL;
}

static size_t operand_count(const char *synopsis)
{
    size_t count = 0;

    for (const char *s = synopsis; *s >= 'A' && *s <= 'Z'; s += *s == ' ') {
        count++;
        s += strcspn(s, " ");
    }
    return count;
}

static bool takes(const struct verb *verb, const struct option_spec *o)
{
    size_t len = strlen(o->name);

    if (o->is_global)
        return true;
    for (const char *s = strstr(verb->synopsis, o->name); s; s = strstr(s + len, o->name))
        if (strchr(" ])|[", s[len])) /* the terminating NUL included */
            return true;
    return false;
}

static int check_options(const struct parser *p, const struct verb *verb, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (p->seen[i] && !takes(verb, &options[i]))
            return err_set(e, ERR_INVALID, "'%s %s' takes no %s", verb->noun, verb->name, options[i].name);
    if (p->args->wait && strcmp(p->args->wait, "ready") == 0 && !strstr(verb->synopsis, "--wait["))
        return err_set(e, ERR_INVALID, "'%s %s' cannot wait for ready", verb->noun, verb->name);
    return 0;
}

static int take_operands(struct parser *p, const struct verb *verb, struct err *e)
{
    size_t first = verb->name[0] == '\0' ? 1 : 2;

    if (p->word_count - first != operand_count(verb->synopsis))
        return err_set(e, ERR_INVALID, "expected: computectl %s %s %s", verb->noun, verb->name, verb->synopsis);
    for (size_t i = first; i < p->word_count; i++)
        p->args->operands[i - first] = p->words[i];
    return 0;
}

/* ---- help ---- */

/* "help", "help NOUN", "help NOUN VERB", or --help behind these. */
static bool takes_topic(const struct parser *p, struct args *args)
{
    bool has_word = p->word_count > 0 && strcmp(p->words[0], "help") == 0;
    size_t first = has_word ? 1 : 0;

    if (!has_word && !args->is_help)
        return false;
    args->is_help = true;
    args->topic = p->word_count > first ? p->words[first] : NULL;
    args->topic_verb = p->word_count > first + 1 ? p->words[first + 1] : NULL;
    return true;
}

static bool is_noun(const char *word, const struct verb *verbs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(verbs[i].noun, word) == 0)
            return true;
    return false;
}

/* "vms" and "v" are near "vm"; NULL: nothing is. */
static const char *near_noun(const char *word, const struct verb *verbs, size_t count)
{
    for (size_t i = 0; word[0] && i < count; i++)
        if (str_starts_with(word, verbs[i].noun) || str_starts_with(verbs[i].noun, word))
            return verbs[i].noun;
    return NULL;
}

/* Which page tells what would have been right. */
static int point_to_help(const struct parser *p, const struct verb *verbs, size_t count, struct err *e)
{
    const char *noun = p->word_count > 0 ? p->words[0] : NULL;

    if (noun && !is_noun(noun, verbs, count))
        noun = near_noun(noun, verbs, count);
    if (noun)
        (void)err_detail(e, "`computectl help %s` tells more", noun);
    else
        (void)err_detail(e, "`computectl --help` tells more");
    return -1;
}

/* ---- all of it ---- */

static int take_verb(struct parser *p, const struct verb *verbs, size_t count, struct err *e)
{
    struct args *args = p->args;

    if (p->word_count == 0)
        return err_set(e, ERR_INVALID, "what is to be done?");
    args->verb = find_verb(p, verbs, count);
    if (!args->verb && p->word_count == 1 && is_noun(p->words[0], verbs, count))
        return err_set(e, ERR_INVALID, "what is to be done with '%s'?", p->words[0]);
    if (!args->verb)
        return err_set(e, ERR_INVALID, "there is no '%s%s%s'", p->words[0], p->word_count > 1 ? " " : "",
                       p->word_count > 1 ? p->words[1] : "");
    return take_operands(p, args->verb, e) < 0 ? -1 : check_options(p, args->verb, e);
}

int args_parse(int argc, char **argv, const struct verb *verbs, size_t verb_count, struct args *out, struct err *e)
{
    struct args args = { .url = getenv("COMPUTED_URL"), .cacert = getenv("COMPUTED_CACERT") };
    struct parser p = { .argc = argc, .argv = argv, .at = 1, .args = &args };

    if (parse_words(&p, e) < 0)
        return point_to_help(&p, verbs, verb_count, e);
    if (!args.is_version && !takes_topic(&p, &args) && take_verb(&p, verbs, verb_count, e) < 0)
        return point_to_help(&p, verbs, verb_count, e);
    *out = args;
    return 0;
}
