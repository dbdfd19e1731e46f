/* Failpoints at run time: what is armed (environment and file), how often each name was passed, and the acts themselves.
 * Test builds only; a release build has nothing but an empty list. */
#include "base/failpoint.h"

#include <stdio.h>

#ifdef COMPUTED_FAILPOINTS

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "file.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"

enum { ARMED_MAX = 64, ARMING_FILE_MAX = 64 * 1024, HANG_MAX_MS = 3600 * 1000 };

enum act { ACT_NONE, ACT_DIE, ACT_ERROR, ACT_HANG, ACT_STOP };

struct armed {
    const struct failpoint *point; /* the first of its name, or any_point */
    enum act act;
    enum err_code code;   /* ACT_ERROR */
    uint64_t hang_ms;     /* ACT_HANG */
    uint64_t nth, passes; /* acts from the nth pass on */
    bool is_once, is_spent;
};

struct arming {
    struct armed list[ARMED_MAX];
    size_t count;
    FILE *trace; /* NULL: nobody wants to know */
};

struct file_stamp {
    struct timespec mtime;
    off_t size;
    ino_t inode;
};

/* The linker gathers the section and names its ends; weak, because a program without failpoints has no such section. */
extern const struct failpoint __start_failpoints[] __attribute__((weak));
extern const struct failpoint __stop_failpoints[] __attribute__((weak));

/* A bare mutex, not a ranked lock: failpoints stand under locks of every rank, and nothing else is taken while this one is held.
 */
static pthread_mutex_t armed_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_env_read;
static const char *arming_file;
static struct file_stamp arming_stamp;
static struct arming from_env, from_file;

static _Noreturn void refuse_arming(const char *what, const char *text)
{
    log_error("failpoint: refused", "reason", what, "text", text, NULL);
    abort();
}

static size_t point_count(void)
{
    return (size_t)(__stop_failpoints - __start_failpoints);
}

static const struct failpoint any_point = { "*", "", 0 };

static const struct failpoint *point_find(const char *name)
{
    if (strcmp(name, any_point.name) == 0)
        return &any_point;
    for (size_t i = 0; i < point_count(); i++)
        if (strcmp(__start_failpoints[i].name, name) == 0)
            return &__start_failpoints[i];
    return NULL;
}

/* "word(inside)": cuts the parentheses off and returns the inside, or NULL. */
static char *cut_parentheses(char *text)
{
    char *open = strchr(text, '(');
    size_t len = strlen(text);

    if (!open || text[len - 1] != ')')
        return NULL;
    text[len - 1] = '\0';
    *open = '\0';
    return open + 1;
}

static void parse_act(struct armed *a, char *text)
{
    char *inside = cut_parentheses(text);

    if (!inside && strcmp(text, "die") == 0) {
        a->act = ACT_DIE;
    } else if (!inside && strcmp(text, "stop") == 0) {
        a->act = ACT_STOP;
    } else if (inside && strcmp(text, "error") == 0) {
        a->act = ACT_ERROR;
        a->code = err_code_from_word(inside);
        if (a->code == ERR_NONE || strcmp(err_code_word(a->code), inside) != 0)
            refuse_arming("unknown error code", inside);
    } else if (inside && strcmp(text, "hang") == 0) {
        a->act = ACT_HANG;
        if (str_to_u64(inside, HANG_MAX_MS, &a->hang_ms) < 0)
            refuse_arming("not a number of milliseconds", inside);
    } else {
        refuse_arming("unknown action", text);
    }
}

static void parse_option(struct armed *a, const char *text)
{
    if (strcmp(text, "once") == 0)
        a->is_once = true;
    else if (!str_starts_with(text, "nth=") || str_to_u64(text + 4, UINT32_MAX, &a->nth) < 0 || a->nth == 0)
        refuse_arming("unknown option", text);
}

static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    for (size_t len = strlen(s); len > 0 && strchr(" \t\r", s[len - 1]); len--)
        s[len - 1] = '\0';
    return s;
}

static void open_trace(struct arming *arming, const char *path)
{
    if (arming->trace)
        refuse_arming("a second trace", path);
    arming->trace = fopen(path, "ae");
    if (!arming->trace)
        refuse_arming("cannot open", path);
}

/* NAME=ACTION[,option]..., or trace=FILE */
static void parse_entry(struct arming *arming, char *entry)
{
    char *act = strchr(entry, '=');

    if (!act)
        refuse_arming("no action", entry);
    *act++ = '\0';
    if (strcmp(trim(entry), "trace") == 0) {
        open_trace(arming, trim(act));
        return;
    }
    if (arming->count == ARMED_MAX)
        refuse_arming("too many entries", entry);

    struct armed *a = &arming->list[arming->count++];
    *a = (struct armed){ .point = point_find(trim(entry)), .nth = 1 };
    if (!a->point)
        refuse_arming("no failpoint of this name in this build", entry);
    parse_act(a, trim(strsep(&act, ",")));
    while (act)
        parse_option(a, trim(strsep(&act, ",")));
}

static void disarm(struct arming *arming)
{
    if (arming->trace)
        (void)fclose(arming->trace);
    *arming = (struct arming){ .count = 0 };
}

static void parse_arming(struct arming *arming, char *text)
{
    disarm(arming);
    while (text) {
        char *entry = trim(strsep(&text, ";\n"));
        if (*entry != '\0')
            parse_entry(arming, entry);
    }
}

static void read_env(void)
{
    const char *text = getenv("COMPUTED_FAILPOINTS");

    is_env_read = true;
    arming_file = getenv("COMPUTED_FAILPOINTS_FILE");
    if (text) {
        AUTO_FREE char *copy = strdup(text);
        if (!copy)
            refuse_arming("out of memory", text);
        parse_arming(&from_env, copy);
    }
}

/* A file that is not there arms nothing. The inode counts too: a file replaced within one tick may have the old time and size. */
static void reread_file(void)
{
    AUTO_BUF text = { 0 };
    struct stat st = { 0 };

    if (stat(arming_file, &st) < 0 && errno != ENOENT)
        refuse_arming("cannot stat", arming_file);
    struct file_stamp now = { st.st_mtim, st.st_size, st.st_ino };
    if (now.inode == arming_stamp.inode && now.size == arming_stamp.size && now.mtime.tv_sec == arming_stamp.mtime.tv_sec &&
        now.mtime.tv_nsec == arming_stamp.mtime.tv_nsec)
        return;
    arming_stamp = now;
    disarm(&from_file);
    if (now.inode == 0)
        return;
    if (file_read(arming_file, ARMING_FILE_MAX, &text) < 0)
        refuse_arming("cannot read", arming_file);
    parse_arming(&from_file, text.data);
}

/* On its way before the act: the last line is what was passed last, whatever comes of it. */
static void trace_pass(struct arming *arming, const char *name)
{
    if (arming->trace && (fprintf(arming->trace, "%s\n", name) < 0 || fflush(arming->trace) != 0))
        refuse_arming("cannot trace", name);
}

/* Counts the pass for every entry of that name; the first that is due acts. */
static void count_pass(struct arming *arming, const char *name, struct armed *due)
{
    trace_pass(arming, name);
    for (size_t i = 0; i < arming->count; i++) {
        struct armed *a = &arming->list[i];
        if ((a->point != &any_point && strcmp(a->point->name, name) != 0) || ++a->passes < a->nth || a->is_spent ||
            due->act != ACT_NONE)
            continue;
        *due = *a;
        a->is_spent = a->is_once;
    }
}

static void hang(uint64_t ms)
{
    struct timespec left = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

static int perform(const struct armed *a, const char *name, struct err *e)
{
    switch (a->act) {
    case ACT_NONE:
        return 0;
    case ACT_DIE:
        (void)raise(SIGKILL);
        return 0;
    case ACT_STOP:
        (void)raise(SIGSTOP);
        return 0;
    case ACT_HANG:
        hang(a->hang_ms);
        return 0;
    case ACT_ERROR:
        return err_set(e, a->code, "failpoint %s", name);
    }
    return 0;
}

int failpoint_pass(const struct failpoint *fp, struct err *e)
{
    struct armed due = { .act = ACT_NONE };

    (void)pthread_mutex_lock(&armed_mutex);
    if (!is_env_read)
        read_env();
    if (arming_file)
        reread_file();
    count_pass(&from_env, fp->name, &due);
    count_pass(&from_file, fp->name, &due);
    (void)pthread_mutex_unlock(&armed_mutex);
    return perform(&due, fp->name, e);
}

static int compare_points(const void *a, const void *b)
{
    const struct failpoint *x = *(const struct failpoint *const *)a;
    const struct failpoint *y = *(const struct failpoint *const *)b;
    int by_name = strcmp(x->name, y->name);

    return by_name != 0 ? by_name : x->line - y->line;
}

void failpoint_list(void)
{
    size_t count = point_count();
    AUTO_FREE const struct failpoint **sorted = calloc(count + 1, sizeof(*sorted));

    if (!sorted)
        return;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &__start_failpoints[i];
    qsort(sorted, count, sizeof(*sorted), compare_points);
    for (size_t i = 0; i < count; i++)
        printf("%s %s:%d\n", sorted[i]->name, sorted[i]->file, sorted[i]->line);
    if (count == 0)
        printf("this program has no failpoints\n");
}

#else

void failpoint_list(void)
{
    printf("this build has no failpoints\n");
}

#endif
