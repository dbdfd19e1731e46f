/* model/quota: resources and their words, and limits written as such. */
#include "model/quota.h"

#include <string.h>

#include "table.h"

#include "base/cleanup.h"
#include "base/str.h"

static const char *const words[QUOTA_RESOURCE_COUNT] = {
    [QUOTA_VMS] = "vms",           [QUOTA_VCPUS] = "vcpus",       [QUOTA_MEMORY_MIB] = "memory_mib",
    [QUOTA_DISK_GIB] = "disk_gib", [QUOTA_IMAGES] = "images",     [QUOTA_NETWORKS] = "networks",
    [QUOTA_PORTS] = "ports",       [QUOTA_KEYPAIRS] = "keypairs", [QUOTA_TOKENS] = "tokens",
};

const char *quota_resource_to_string(enum quota_resource r)
{
    return (unsigned)r < QUOTA_RESOURCE_COUNT ? words[r] : NULL;
}

int quota_resource_from_string(const char *s, enum quota_resource *out)
{
    int i = table_find(words, QUOTA_RESOURCE_COUNT, s);

    if (i < 0)
        return -1;
    *out = (enum quota_resource)i;
    return 0;
}

/* ---- limits as words ---- */

enum { EXCERPT_MAX = 40 };

/* Without blanks at either end; cuts into the text. */
static char *trim(char *s)
{
    static const char blanks[] = " \t";
    size_t len;

    s += strspn(s, blanks);
    for (len = strlen(s); len > 0 && strchr(blanks, s[len - 1]);)
        s[--len] = '\0';
    return s;
}

static int parse_limit(const char *word, const char *text, int64_t *out, struct err *e)
{
    uint64_t n = 0;

    if (str_equal(text, "unlimited") || str_equal(text, "-1")) {
        *out = QUOTA_NO_LIMIT;
        return 0;
    }
    if (str_to_u64(text, QUOTA_LIMIT_MAX, &n) < 0)
        return err_set(e, ERR_INVALID, "'%.*s' is no limit of %s: a number or unlimited", EXCERPT_MAX, text, word);
    *out = (int64_t)n;
    return 0;
}

/* One "<resource>=<limit>". */
static int parse_item(char *item, int64_t out[QUOTA_RESOURCE_COUNT], unsigned *seen, struct err *e)
{
    char *value = strchr(item, '=');
    const char *word;
    enum quota_resource r;

    if (value)
        *value++ = '\0';
    word = trim(item);
    if (quota_resource_from_string(word, &r) < 0)
        return err_set(e, ERR_INVALID,
                       "'%.*s' is no resource: vms, vcpus, memory_mib, disk_gib, images, networks, ports,"
                       " keypairs, tokens",
                       EXCERPT_MAX, word);
    if (!value)
        return err_set(e, ERR_INVALID, "%s has no limit: write %s=NUMBER or %s=unlimited", word, word, word);
    if (*seen & 1U << r)
        return err_set(e, ERR_INVALID, "%s is named twice", word);
    *seen |= 1U << r;
    return parse_limit(word, trim(value), &out[r], e);
}

int quota_limits_parse(const char *text, int64_t out[QUOTA_RESOURCE_COUNT], struct err *e)
{
    AUTO_FREE char *copy = str_dup(text);
    int64_t limits[QUOTA_RESOURCE_COUNT];
    unsigned seen = 0;

    if (!copy)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        limits[i] = QUOTA_NO_LIMIT;
    for (char *rest = copy, *item; (item = strsep(&rest, ","));)
        if (trim(item)[0] && parse_item(item, limits, &seen, e) < 0)
            return -1;
    memcpy(out, limits, sizeof limits);
    return 0;
}
