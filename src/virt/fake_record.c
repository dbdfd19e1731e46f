/* The fake's domains as files. Each is read anew every time, so that tests, and a daemon's next life, can change them. */
#include "fake_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#include "base/clock.h"

enum { RECORD_MAX = 1024 * 1024 };

static const struct power_word {
    const char *word;
    enum virt_power power;
} power_words[] = {
    { "stopped", VIRT_STOPPED },
    { "running", VIRT_RUNNING },
    { "paused", VIRT_PAUSED },
    { "crashed", VIRT_CRASHED },
};

static char *record_path(const char *dir, const char *id)
{
    return str_printf("%s/%s.json", dir, id);
}

static int read_whole(int fd, struct buf *out, struct err *e)
{
    char chunk[8192];
    ssize_t len;

    while ((len = read(fd, chunk, sizeof(chunk))) > 0 && out->len < RECORD_MAX)
        buf_add(out, chunk, (size_t)len);
    if (len < 0)
        return err_errno(e, errno, "cannot read a fake domain");
    return out->failed ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

int fake_record_load(const char *dir, const char *id, json_t **out, struct err *e)
{
    AUTO_FREE char *path = record_path(dir, id);
    AUTO_CLOSE int fd = path && id_is_uuid(id) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    AUTO_BUF text = { 0 };

    if (fd < 0)
        return err_set(e, ERR_DOMAIN_MISSING, "the domain does not exist");
    return read_whole(fd, &text, e) < 0 ? -1 : json_parse(text.data ? text.data : "", text.len, out, e);
}

static int write_whole(const char *path, const char *text)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);

    return fd >= 0 && write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

int fake_record_save(const char *dir, const char *id, const json_t *record, struct err *e)
{
    AUTO_FREE char *path = record_path(dir, id);
    AUTO_FREE char *temporary = str_printf("%s/.%s.tmp", dir, id);
    AUTO_FREE char *text = json_text(record);

    if (!path || !temporary || !text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (write_whole(temporary, text) < 0 || rename(temporary, path) < 0)
        return err_errno(e, errno, "cannot write a fake domain");
    return 0;
}

int fake_record_remove(const char *dir, const char *id, struct err *e)
{
    AUTO_FREE char *path = record_path(dir, id);

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(e, errno, "cannot remove a fake domain");
    return 0;
}

static bool is_record_name(const char *name, uuid_text id)
{
    if (strlen(name) != UUID_LEN + strlen(".json") || strcmp(name + UUID_LEN, ".json") != 0)
        return false;
    memcpy(id, name, UUID_LEN);
    id[UUID_LEN] = '\0';
    return id_is_uuid(id);
}

static void cleanup_dir(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

int fake_record_each(const char *dir, fake_record_fn *fn, void *arg, struct err *e)
{
    __attribute__((cleanup(cleanup_dir))) DIR *d = opendir(dir);
    struct dirent *entry;
    uuid_text id;

    if (!d)
        return err_errno(e, errno, "cannot list the fake domains");
    while ((entry = readdir(d)))
        if (is_record_name(entry->d_name, id) && fn(arg, id, e) < 0)
            return -1;
    return 0;
}

const char *fake_record_string(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

bool fake_record_flag(const json_t *record, const char *key)
{
    return json_is_true(json_object_get(record, key));
}

struct virt_state fake_record_state(const json_t *record)
{
    const char *word = fake_record_string(record, "state");
    struct virt_state state = { VIRT_STOPPED, state_reason_intern(fake_record_string(record, "reason")) };

    for (size_t i = 0; i < ARRAY_LEN(power_words); i++)
        if (str_equal(power_words[i].word, word))
            state.power = power_words[i].power;
    if (state.power == VIRT_STOPPED && fake_record_flag(record, "managed_save"))
        state = (struct virt_state){ VIRT_SUSPENDED, NULL };
    return state;
}

static const char *power_word(enum virt_power power)
{
    for (size_t i = 0; i < ARRAY_LEN(power_words); i++)
        if (power_words[i].power == power)
            return power_words[i].word;
    return power_words[0].word;
}

static bool is_active(enum virt_power power)
{
    return power == VIRT_RUNNING || power == VIRT_PAUSED;
}

int fake_record_set_state(json_t *record, enum virt_power power, const char *reason, struct err *e)
{
    bool was_active = is_active(fake_record_state(record).power);
    int rc = json_object_set_new(record, "state", json_string(power_word(power)));

    rc |= json_object_set_new(record, "reason", json_string_or_null(reason));
    if (is_active(power) && !was_active)
        rc |= json_object_set_new(record, "started_ms", json_integer(clock_wall_ms()));
    return rc < 0 ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

void fake_record_observe(const json_t *record, struct virt_observation *out)
{
    int64_t started_ms = json_integer_value(json_object_get(record, "started_ms"));
    int64_t ran_ms = clock_wall_ms() - started_ms;

    out->state = fake_record_state(record);
    out->has_usage = is_active(out->state.power);
    if (!out->has_usage)
        return;
    out->cpu_time_ns = ran_ms > 0 ? (uint64_t)ran_ms * 1000000 : 0;
    out->memory_used_mib = (uint64_t)json_integer_value(json_object_get(record, "memory_mib"));
}
