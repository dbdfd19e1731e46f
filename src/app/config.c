/* config: the table of keys. A key that is not in it is an error; every key has a default, a meaning, and an environment variable
 * of its own. */
#include "config.h"

#include <ctype.h>
#include <grp.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ini.h"
#include "base/ipv4.h"
#include "base/str.h"
#include "core/guests.h"
#include "http/http.h"
#include "model/quota.h"

#define DEFAULT_FILE        "/etc/computed/computed.conf"
#define INSTALLED_TEMPLATES "/usr/share/computed/templates"

enum { VALUE_MAX = 1024, GROUP_BUFFER = 65536 };
#define RATIO_MIN 0.01
#define RATIO_MAX 1000.0

enum key_kind { KEY_STRING, KEY_NUMBER, KEY_DURATION, KEY_RATIO, KEY_WORD };

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    const char *initial;
    const char *const *words; /* KEY_WORD: by the enum's value; NULL-terminated */
    uint64_t min, max;        /* KEY_NUMBER; KEY_DURATION in milliseconds */
    const char *meaning;
};

static const char *const virt_words[] = { "auto", "kvm", "qemu", NULL };
static const char *const auth_words[] = { "none", "token", NULL };
static const char *const metrics_words[] = { "admin", "loopback", NULL };
static const char *const yes_no_words[] = { "no", "yes", NULL };
static const char *const log_words[] = { "debug", "info", "warn", "error", NULL };

#define AT(member) offsetof(struct config, member)
#define DAY_MS     (24ULL * 3600 * 1000)

static const struct key keys[] = {
    { "listen", KEY_STRING, AT(listen), "127.0.0.1:8081", NULL, 0, 0,
      "addresses by commas: HOST:PORT (port 0 picks one), [V6]:PORT, unix:/path" },
    { "hosts", KEY_STRING, AT(hosts), "", NULL, 0, 0, "further names, by commas, that a request's Host header may carry" },
    { "state_dir", KEY_STRING, AT(state_dir), "/var/lib/computed", NULL, 0, 0,
      "database, images and disks; QEMU's user must reach it" },
    { "libvirt_uri", KEY_STRING, AT(libvirt_uri), "", NULL, 0, 0,
      "empty: qemu:///system when it opens read-write, else, for a person (uid 1000 and above), qemu:///session" },
    { "virt_type", KEY_WORD, AT(virt_type), "auto", virt_words, 0, 0, "auto proves by running a guest; kvm and qemu insist" },
    { "auth", KEY_WORD, AT(auth), "none", auth_words, 0, 0,
      "none: everybody who reaches the address is the administrator; token: who has a token (computed init, computectl login)" },
    { "token_lifetime", KEY_DURATION, AT(token_lifetime_ms), "24h", NULL, 1000, 3650 * DAY_MS,
      "of a token that was asked for without one" },
    { "token_lifetime_max", KEY_DURATION, AT(token_lifetime_max_ms), "365d", NULL, 1000, 3650 * DAY_MS,
      "the longest that may be asked for" },
    { "admin_group", KEY_STRING, AT(admin_group), "", NULL, 0, 0,
      "auth=token: members of this group of the host are administrators on unix:/path, as root is; empty: root alone" },
    { "metrics", KEY_WORD, AT(metrics), "admin", metrics_words, 0, 0,
      "admin: GET /metrics is for administrators; loopback: peers on loopback addresses and unix sockets need no token for it" },
    { "tls_cert", KEY_STRING, AT(tls_cert), "", NULL, 0, 0,
      "certificate, its issuers behind it, as PEM: with tls_key every HOST:PORT speaks TLS; SIGHUP reads both again" },
    { "tls_key", KEY_STRING, AT(tls_key), "", NULL, 0, 0, "its private key as PEM, without a password" },
    { "insecure", KEY_WORD, AT(insecure), "no", yes_no_words, 0, 0,
      "yes: others may reach an address without TLS, and read the passwords and tokens that are sent to it" },
    { "template_dir", KEY_STRING, AT(template_dir), "", NULL, 0, 0,
      "where domain.xml is; empty: the program's own, else " INSTALLED_TEMPLATES },
    { "region", KEY_STRING, AT(region), "local", NULL, 0, 0, "this host's name to clients that ask for a region" },
    { "workers", KEY_NUMBER, AT(workers), "4", NULL, 1, 64, "operations that run at the same time" },
    { "http_threads", KEY_NUMBER, AT(http_threads), "2", NULL, 1, 32, "threads that answer requests, per address" },
    { "stop_grace", KEY_DURATION, AT(stop_grace_ms), "10s", NULL, 0, 3600 * 1000,
      "from asking a guest to shut down to its power-off" },
    { "host_shutdown", KEY_WORD, AT(host_shutdown), "shutdown", guests_action_words, 0, 0,
      "guests when the host shuts down (host stop-guests): asked to shut down, suspended to disk, or left to others" },
    { "survey_deadline", KEY_DURATION, AT(survey_deadline_ms), "500ms", NULL, 10, 60 * 1000,
      "how long a list waits for libvirt before it answers from the rows" },
    { "create_deadline", KEY_DURATION, AT(create_deadline_ms), "10min", NULL, 1000, DAY_MS,
      "a create that takes longer is undone" },
    { "power_deadline", KEY_DURATION, AT(power_deadline_ms), "2min", NULL, 1000, DAY_MS, "start, stop, reboot, pause, resume" },
    { "delete_deadline", KEY_DURATION, AT(delete_deadline_ms), "2min", NULL, 1000, DAY_MS, "then a delete is tried more rarely" },
    { "image_deadline", KEY_DURATION, AT(image_deadline_ms), "1h", NULL, 1000, DAY_MS, "hashing and inspecting an image" },
    { "probe_deadline", KEY_DURATION, AT(probe_deadline_ms), "15s", NULL, 100, 10 * 60 * 1000,
      "for the probing guest to answer, per attempt" },
    { "stop_deadline", KEY_DURATION, AT(stop_deadline_ms), "20s", NULL, 0, 10 * 60 * 1000,
      "from SIGTERM to exit: what is under way is finished or parked" },
    { "operation_retention", KEY_DURATION, AT(operation_retention_ms), "7d", NULL, 60 * 1000, 3650 * DAY_MS,
      "ended operations are kept so long" },
    { "operation_keep", KEY_NUMBER, AT(operation_keep), "10000", NULL, 100, 10000000, "and at most so many" },
    { "event_retention", KEY_DURATION, AT(event_retention_ms), "7d", NULL, 60 * 1000, 3650 * DAY_MS, "events are kept so long" },
    { "event_connections", KEY_NUMBER, AT(event_connections), "1000", NULL, 0, 1000000, "event streams at the same time" },
    { "event_stall", KEY_DURATION, AT(event_stall_ms), "30s", NULL, 100, DAY_MS,
      "a stream whose reader takes nothing for so long is cut off" },
    { "audit_retention", KEY_DURATION, AT(audit_retention_ms), "90d", NULL, 60 * 1000, 3650 * DAY_MS,
      "lines of the audit log are kept so long" },
    { "audit_keep", KEY_NUMBER, AT(audit_keep), "1000000", NULL, 100, 100000000, "and at most so many" },
    { "tombstone_days", KEY_NUMBER, AT(tombstone_days), "7", NULL, 0, 3650,
      "what was terminated in the workspace API stays readable there so long" },
    { "default_quota", KEY_STRING, AT(default_quota),
      "vms=10, vcpus=20, memory_mib=51200, disk_gib=1000, images=20, networks=10, ports=50, keypairs=100, tokens=1000", NULL, 0,
      0, "what a project may have that an administrator has set no limits for; unlimited, or not to be named, is no limit" },
    { "network_pools", KEY_STRING, AT(network_pools), "10.77.0.0/16,172.27.0.0/16,192.168.128.0/17", NULL, 0, 0,
      "private ranges, by commas, that networks without a cidr of their own take their subnets from" },
    { "network_prefix", KEY_NUMBER, AT(network_prefix), "24", NULL, 16, 29, "the size of such a subnet: 24 is 253 guests" },
    { "cpu_overcommit", KEY_RATIO, AT(cpu_overcommit), "16", NULL, 0, 0, "virtual CPUs that are promised per CPU of the host" },
    { "memory_overcommit", KEY_RATIO, AT(memory_overcommit), "1", NULL, 0, 0,
      "memory that is promised, by the host's less the reserve" },
    { "disk_overcommit", KEY_RATIO, AT(disk_overcommit), "4", NULL, 0, 0,
      "disk space that is promised, by the size of state_dir's file system" },
    { "memory_reserve_mib", KEY_NUMBER, AT(memory_reserve_mib), "512", NULL, 0, 1 << 24,
      "memory that is never promised: the host's own" },
    { "disk_reserve_gib", KEY_NUMBER, AT(disk_reserve_gib), "1", NULL, 0, 1 << 20, "with less really free, nothing new is made" },
    { "import_allow", KEY_STRING, AT(import_allow), "", NULL, 0, 0,
      "ranges, by commas, that images may be fetched from although they are private, loopback or link-local" },
    { "import_max_gib", KEY_NUMBER, AT(import_max_gib), "64", NULL, 1, 1 << 20, "an image that is larger is not fetched" },
    { "import_rate_mib_s", KEY_NUMBER, AT(import_rate_mib_s), "0", NULL, 0, 1 << 20,
      "the pace of each import; 0: as fast as it goes" },
    { "import_deadline", KEY_DURATION, AT(import_deadline_ms), "1h", NULL, 1000, 7 * DAY_MS, "fetching an image from a URL" },
    { "guest_port", KEY_NUMBER, AT(guest_port), "8775", NULL, 0, 65535,
      "where guests tell, at their network's gateway, that they are up; 0: nowhere" },
    { "log_level", KEY_WORD, AT(log_level), "info", log_words, 0, 0, "debug, info, warn or error" },
};

/* ---- values ---- */

static const struct unit {
    const char *name;
    uint64_t ms;
} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", DAY_MS } };

static int parse_duration(const char *text, uint64_t *out)
{
    char digits[16];
    size_t n = strspn(text, "0123456789");
    uint64_t value = 0;

    if (n == 0 || n >= sizeof digits)
        return -1;
    (void)str_copy(digits, n + 1, text);
    if (str_to_u64(digits, 1000000000000ULL, &value) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_equal(text + n, units[i].name)) {
            *out = value * units[i].ms;
            return 0;
        }
    }
    return -1;
}

/* The beginning of a text, for a message: cut between characters. */
typedef char excerpt[65];
static const char *excerpt_of(const char *text, excerpt out)
{
    (void)str_copy(out, sizeof(excerpt), text);
    return out;
}

static int set_number(const struct key *k, void *at, const char *text, struct err *e)
{
    excerpt shown;
    uint64_t value = 0;
    int parsed = k->kind == KEY_DURATION ? parse_duration(text, &value) : str_to_u64(text, UINT64_MAX, &value);

    if (parsed < 0 || value < k->min || value > k->max)
        return err_set(e, ERR_CONFIG, "%s: '%s' is not a %s from %llu to %llu%s", k->name, excerpt_of(text, shown),
                       k->kind == KEY_DURATION ? "time (500ms, 10s, 2min, 1h, 7d)" : "number", (unsigned long long)k->min,
                       (unsigned long long)k->max, k->kind == KEY_DURATION ? " ms" : "");
    *(uint64_t *)at = value;
    return 0;
}

/* Digits and a dot only: no sign, no exponent, no "inf". */
static int set_ratio(const struct key *k, void *at, const char *text, struct err *e)
{
    excerpt shown;
    char *end = NULL;
    double value = isdigit((unsigned char)text[0]) && !text[strspn(text, "0123456789.")] ? strtod(text, &end) : 0;

    if (!end || *end || value < RATIO_MIN || value > RATIO_MAX)
        return err_set(e, ERR_CONFIG, "%s: '%s' is not a ratio from %g to %g", k->name, excerpt_of(text, shown), RATIO_MIN,
                       RATIO_MAX);
    *(double *)at = value;
    return 0;
}

static int set_word(const struct key *k, void *at, const char *text, struct err *e)
{
    AUTO_BUF known = { 0 };
    excerpt shown;

    for (int i = 0; k->words[i]; i++) {
        if (strcmp(k->words[i], text) == 0) {
            *(int *)at = i; /* every enum in struct config has int's size: the tables above start at 0 */
            return 0;
        }
        buf_addf(&known, "%s%s", i > 0 ? ", " : "", k->words[i]);
    }
    return err_set(e, ERR_CONFIG, "%s: '%s' is none of: %s", k->name, excerpt_of(text, shown), known.data ? known.data : "");
}

static int set_string(const struct key *k, void *at, const char *text, struct err *e)
{
    char *copy = NULL;

    if (strlen(text) > VALUE_MAX || (text[0] && !str_is_printable(text)))
        return err_set(e, ERR_CONFIG, "%s: at most %d printable characters", k->name, VALUE_MAX);
    copy = str_dup(text);
    if (!copy)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    free(*(char **)at);
    *(char **)at = copy;
    return 0;
}

static int set_key(struct config *c, const struct key *k, const char *text, struct err *e)
{
    void *at = (char *)c + k->offset;

    switch (k->kind) {
    case KEY_STRING:
        return set_string(k, at, text, e);
    case KEY_WORD:
        return set_word(k, at, text, e);
    case KEY_NUMBER:
    case KEY_DURATION:
        return set_number(k, at, text, e);
    case KEY_RATIO:
        return set_ratio(k, at, text, e);
    }
    return err_set(e, ERR_INTERNAL, "unknown kind of key");
}

/* ---- sources ---- */

static int on_ini(void *arg, const char *section, const char *name, const char *value, struct err *e)
{
    excerpt shown;

    if (section[0] && strcmp(section, "computed") != 0)
        return err_set(e, ERR_CONFIG, "unknown section [%s]; the only one is [computed]", excerpt_of(section, shown));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return set_key(arg, &keys[i], value, e);
    return err_set(e, ERR_CONFIG, "unknown key '%s'", excerpt_of(name, shown));
}

static int read_file(const char *path, struct config *c, struct err *e)
{
    if (ini_read(path ? path : DEFAULT_FILE, on_ini, c, e) == 0)
        return 0;
    if (e->code == ERR_NOT_FOUND && !path) {
        err_clear(e);
        return 0;
    }
    return -1;
}

static int read_environment(struct config *c, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char name[64] = "COMPUTED_";
        const char *value;
        size_t at = strlen(name);

        for (const char *s = keys[i].name; *s && at < sizeof name - 1; s++)
            name[at++] = (char)toupper((unsigned char)*s);
        value = getenv(name);
        if (value && set_key(c, &keys[i], value, e) < 0)
            return err_wrap(e, "environment %s", name);
    }
    return 0;
}

/* The program's own: below the prefix that it was installed to, or in its build tree. */
static char *find_templates(void)
{
    static const char *const folders[] = { "share/computed/templates", "templates" };
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    exe[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(exe, '/');

        if (!slash)
            break;
        *slash = '\0';
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
            AUTO_FREE char *dir = str_printf("%s/%s", exe, folders[i]);
            AUTO_FREE char *file = dir ? str_printf("%s/domain.xml", dir) : NULL;
            if (file && access(file, R_OK) == 0)
                return TAKE(dir);
        }
    }
    return str_dup(INSTALLED_TEMPLATES);
}

int config_load(const char *path, struct config *out, struct err *e)
{
    AUTO_CONFIG c = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (set_key(&c, &keys[i], keys[i].initial, e) < 0)
            return -1;
    if (read_file(path, &c, e) < 0 || read_environment(&c, e) < 0)
        return -1;
    if (!c.template_dir[0]) {
        free(c.template_dir);
        c.template_dir = find_templates();
    }
    if (!c.template_dir)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = c;
    c = (struct config){ 0 };
    return 0;
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].kind == KEY_STRING)
            free(*(char **)((char *)c + keys[i].offset));
    *c = (struct config){ 0 };
}

/* ---- checks ---- */

int config_split(const char *key, const char *text, char ***out, struct err *e)
{
    char **list = calloc(1, (LISTEN_MAX + 1) * sizeof *list + strlen(text) + 1);
    char *copy;
    size_t n = 0;

    if (!list)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    copy = (char *)(list + LISTEN_MAX + 1);
    (void)str_copy(copy, strlen(text) + 1, text);
    for (char *rest = copy, *item = strsep(&rest, ","); item; item = strsep(&rest, ",")) {
        item += strspn(item, " \t");
        item[strcspn(item, " \t")] = '\0';
        if (!item[0])
            continue;
        if (n == LISTEN_MAX) {
            free(list);
            return err_set(e, ERR_CONFIG, "%s: at most %d entries", key, LISTEN_MAX);
        }
        list[n++] = item;
    }
    *out = list;
    return 0;
}

/* Digits and dots only, so that 127.0.0.1.example.org is not taken for a loopback address. */
static bool is_loopback_v4(const char *address)
{
    return str_starts_with(address, "127.") && address[strspn(address, "0123456789.")] == ':';
}

static bool is_private(const char *address)
{
    return str_starts_with(address, "unix:/") || is_loopback_v4(address) || str_starts_with(address, "[::1]:");
}

static int check_public(const struct config *c, const char *address, struct err *e)
{
    if (c->auth == AUTH_NONE)
        return err_set(e, ERR_CONFIG,
                       "'%s' is reachable for others, and auth=none would make each of them the administrator; "
                       "say auth=token, or listen on 127.0.0.1, [::1] or unix:/path",
                       address);
    if (!c->tls_cert[0] && c->insecure == INSECURE_NO)
        return err_set(e, ERR_CONFIG,
                       "'%s' is reachable for others, and without TLS they can read the passwords and tokens that are "
                       "sent to it; set tls_cert and tls_key, listen on 127.0.0.1, [::1] or unix:/path, or say insecure=yes",
                       address);
    return 0;
}

int config_check_address(const struct config *c, const char *address, struct err *e)
{
    if (http_check_address(address, e) < 0)
        return -1;
    return is_private(address) ? 0 : check_public(c, address, e);
}

static int check_tls(const struct config *c, struct err *e)
{
    if (!c->tls_cert[0] == !c->tls_key[0])
        return 0;
    return err_set(e, ERR_CONFIG, "%s: missing; tls_cert and tls_key go together", c->tls_cert[0] ? "tls_key" : "tls_cert");
}

static int check_listen(const struct config *c, struct err *e)
{
    AUTO_FREE char **addresses = NULL;

    if (config_split("listen", c->listen, &addresses, e) < 0)
        return -1;
    if (!addresses[0])
        return err_set(e, ERR_CONFIG, "listen: no address");
    for (size_t i = 0; addresses[i]; i++)
        if (config_check_address(c, addresses[i], e) < 0)
            return err_wrap(e, "listen");
    return 0;
}

static int check_pools(const struct config *c, struct err *e)
{
    AUTO_FREE char **pools = NULL;
    struct cidr cidr;

    if (config_split("network_pools", c->network_pools, &pools, e) < 0)
        return -1;
    if (!pools[0])
        return err_set(e, ERR_CONFIG, "network_pools: no range");
    for (size_t i = 0; pools[i]; i++) {
        if (cidr_parse(pools[i], &cidr) < 0 || !cidr_is_private(cidr))
            return err_set(e, ERR_CONFIG, "network_pools: '%s' is not a private range such as 10.77.0.0/16", pools[i]);
        if (cidr.prefix > c->network_prefix)
            return err_set(e, ERR_CONFIG, "network_pools: '%s' is smaller than one network (network_prefix is %llu)", pools[i],
                           (unsigned long long)c->network_prefix);
    }
    return 0;
}

static int check_import_allow(const struct config *c, struct err *e)
{
    AUTO_FREE char **ranges = NULL;
    struct cidr cidr;

    if (config_split("import_allow", c->import_allow, &ranges, e) < 0)
        return -1;
    for (size_t i = 0; ranges[i]; i++)
        if (cidr_parse(ranges[i], &cidr) < 0)
            return err_set(e, ERR_CONFIG, "import_allow: '%s' is not a range such as 192.168.1.0/24", ranges[i]);
    return 0;
}

static int check_quota(const struct config *c, struct err *e)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    struct err why = ERR_INIT;

    if (quota_limits_parse(c->default_quota, limits, &why) < 0)
        return err_set(e, ERR_CONFIG, "default_quota: %s", why.msg);
    return 0;
}

/* getgrnam_r's own error and a group that is not there are the same mistake. */
int config_admin_gid(const struct config *c, uint32_t *out, struct err *e)
{
    char buffer[GROUP_BUFFER];
    struct group group, *found = NULL;
    excerpt shown;

    if (!c->admin_group[0]) {
        *out = 0;
        return 0;
    }
    if (getgrnam_r(c->admin_group, &group, buffer, sizeof buffer, &found) != 0 || !found)
        return err_set(e, ERR_CONFIG, "admin_group: there is no group '%s'", excerpt_of(c->admin_group, shown));
    if (found->gr_gid == 0)
        return err_set(e, ERR_CONFIG, "admin_group: '%s' is root's own group; name another", excerpt_of(c->admin_group, shown));
    *out = found->gr_gid;
    return 0;
}

static int check_tokens(const struct config *c, struct err *e)
{
    uint32_t gid;

    if (c->token_lifetime_ms > c->token_lifetime_max_ms)
        return err_set(e, ERR_CONFIG, "token_lifetime: longer than token_lifetime_max");
    return config_admin_gid(c, &gid, e);
}

int config_check(const struct config *c, struct err *e)
{
    if (c->state_dir[0] != '/')
        return err_set(e, ERR_CONFIG, "state_dir: '%s' is not an absolute path", c->state_dir);
    if (check_tokens(c, e) < 0 || check_tls(c, e) < 0 || check_listen(c, e) < 0 || check_pools(c, e) < 0)
        return -1;
    return check_import_allow(c, e) < 0 ? -1 : check_quota(c, e);
}

bool config_has_tcp(const struct config *c)
{
    AUTO_FREE char **addresses = NULL;
    struct err e = ERR_INIT;
    bool has_tcp = false;

    if (config_split("listen", c->listen, &addresses, &e) < 0)
        return true; /* the careful answer */
    for (size_t i = 0; addresses[i]; i++)
        has_tcp = has_tcp || !str_starts_with(addresses[i], "unix:");
    return has_tcp;
}

/* ---- printing ---- */

static void print_duration(uint64_t ms, FILE *to)
{
    size_t best = 1; /* ms */

    for (size_t i = 1; i < ARRAY_LEN(units); i++)
        if (ms % units[i].ms == 0 && ms > 0)
            best = i;
    (void)fprintf(to, "%llu%s", (unsigned long long)(ms / units[best].ms), units[best].name);
}

void config_print(const struct config *c, FILE *to)
{
    (void)fprintf(to, "[computed]\n");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct key *k = &keys[i];
        const void *at = (const char *)c + k->offset;

        (void)fprintf(to, "\n# %s\n%s = ", k->meaning, k->name);
        switch (k->kind) {
        case KEY_STRING:
            (void)fprintf(to, "%s", *(char *const *)at);
            break;
        case KEY_WORD:
            (void)fprintf(to, "%s", k->words[*(const int *)at]);
            break;
        case KEY_NUMBER:
            (void)fprintf(to, "%llu", (unsigned long long)*(const uint64_t *)at);
            break;
        case KEY_DURATION:
            print_duration(*(const uint64_t *)at, to);
            break;
        case KEY_RATIO:
            (void)fprintf(to, "%.15g", *(const double *)at);
            break;
        }
        (void)fprintf(to, "\n");
    }
}

void config_print_defaults(FILE *to)
{
    (void)fprintf(to, "[computed]\n");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        (void)fprintf(to, "\n# %s\n#%s =%s%s\n", keys[i].meaning, keys[i].name, keys[i].initial[0] ? " " : "", keys[i].initial);
}
