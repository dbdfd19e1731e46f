/* disk/names: one table of patterns for each folder. Opens nothing. */
#include "names.h"

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* A pattern is, in this order and each optional: a UUID, a literal, a decimal number of so many digits at most, and, behind
 * that, one of the ends of a database's names. */
struct pattern {
    const char *literal;
    mode_t type;
    bool has_uuid;
    size_t digits_max;
    bool is_database;
};

static const struct pattern state_patterns[] = {
    { .literal = NAME_DATABASE, .type = S_IFREG, .is_database = true },
    { .literal = NAME_DATABASE ".new", .type = S_IFREG, .is_database = true },
    { .literal = NAME_DATABASE ".before-", .type = S_IFREG, .digits_max = 9 },
    { .literal = NAME_DATABASE ".broken-", .type = S_IFREG, .digits_max = 12, .is_database = true },
    { .literal = NAME_DATABASE ".replaced-", .type = S_IFREG, .digits_max = 12, .is_database = true },
    { .literal = NAME_LOCK, .type = S_IFREG },
    { .literal = NAME_IMAGES, .type = S_IFDIR },
    { .literal = NAME_INSTANCES, .type = S_IFDIR },
    { .literal = NAME_NETWORKS, .type = S_IFDIR },
    { .literal = NAME_KEYPAIRS, .type = S_IFDIR },
    { .literal = "probe", .type = S_IFDIR },
    { .literal = NAME_QUARANTINE, .type = S_IFDIR },
    { .literal = NAME_JOURNAL, .type = S_IFREG },
};
static const struct pattern images_patterns[] = {
    { .literal = ".qcow2", .type = S_IFREG, .has_uuid = true },
    { .literal = ".raw", .type = S_IFREG, .has_uuid = true },
    { .literal = "." NAME_PART_SUFFIX, .type = S_IFREG, .has_uuid = true },
    { .literal = "." NAME_FETCH_SUFFIX, .type = S_IFREG, .has_uuid = true },
    { .literal = "." NAME_SIDECAR_SUFFIX, .type = S_IFREG, .has_uuid = true },
    { .literal = "." NAME_SIDECAR_TMP_SUFFIX, .type = S_IFREG, .has_uuid = true },
};
static const struct pattern instances_patterns[] = {
    { .literal = "", .type = S_IFDIR, .has_uuid = true },
};
static const struct pattern instance_patterns[] = {
    { .literal = NAME_OVERLAY, .type = S_IFREG },    { .literal = NAME_OVERLAY_TMP, .type = S_IFREG },
    { .literal = NAME_CONSOLE, .type = S_IFREG },    { .literal = NAME_CONSOLE ".", .type = S_IFREG, .digits_max = 1 },
    { .literal = NAME_SEED, .type = S_IFREG },       { .literal = NAME_SEED_TMP, .type = S_IFREG },
    { .literal = NAME_VM_SIDECAR, .type = S_IFREG }, { .literal = NAME_VM_SIDECAR_TMP, .type = S_IFREG },
};
static const struct pattern sidecars_patterns[] = {
    { .literal = "." NAME_SIDECAR_SUFFIX, .type = S_IFREG, .has_uuid = true },
    { .literal = "." NAME_SIDECAR_TMP_SUFFIX, .type = S_IFREG, .has_uuid = true },
};

static const struct {
    const struct pattern *patterns;
    size_t count;
} folders[FOLDER_COUNT] = {
    [FOLDER_STATE] = { state_patterns, ARRAY_LEN(state_patterns) },
    [FOLDER_IMAGES] = { images_patterns, ARRAY_LEN(images_patterns) },
    [FOLDER_INSTANCES] = { instances_patterns, ARRAY_LEN(instances_patterns) },
    [FOLDER_INSTANCE] = { instance_patterns, ARRAY_LEN(instance_patterns) },
    [FOLDER_SIDECARS] = { sidecars_patterns, ARRAY_LEN(sidecars_patterns) },
};

static bool starts_with_uuid(const char *name)
{
    uuid_text id = "";

    if (strnlen(name, UUID_LEN) < UUID_LEN)
        return false;
    memcpy(id, name, UUID_LEN);
    return id_is_uuid(id);
}

static bool is_end(const struct pattern *p, const char *rest)
{
    return *rest == '\0' || (p->is_database && (strcmp(rest, "-wal") == 0 || strcmp(rest, "-shm") == 0));
}

static bool pattern_fits(const struct pattern *p, const char *name)
{
    size_t literal_len = strlen(p->literal), digits;

    if (p->has_uuid && !starts_with_uuid(name))
        return false;
    if (p->has_uuid)
        name += UUID_LEN;
    if (strncmp(name, p->literal, literal_len) != 0)
        return false;
    name += literal_len;
    digits = strspn(name, "0123456789");
    return is_end(p, name + digits) && (p->digits_max ? digits > 0 && digits <= p->digits_max : digits == 0);
}

static bool has_type(int dir, const char *name, mode_t type)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

static const struct pattern *pattern_of(enum folder in, const char *name)
{
    for (size_t i = 0; i < folders[in].count; i++)
        if (pattern_fits(&folders[in].patterns[i], name))
            return &folders[in].patterns[i];
    return NULL;
}

bool name_is_known(enum folder in, int dir, const char *name)
{
    const struct pattern *p = pattern_of(in, name);

    return p && has_type(dir, name, p->type);
}

bool name_is_usurped(enum folder in, int dir, const char *name)
{
    return pattern_of(in, name) && has_type(dir, name, S_IFLNK);
}

void name_of_image(const char *image_id, const char *suffix, image_name out)
{
    assert(id_is_uuid(image_id));
    (void)snprintf(out, IMAGE_NAME_SIZE, "%s.%s", image_id, suffix);
}
