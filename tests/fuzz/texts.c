/* fuzz/texts: one line as each of the small texts that clients and files bring: IPv4 addresses and networks, MAC addresses, URLs,
 * names, times, limits of quotas. What is taken has one spelling, and is what it says. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipv4.h"
#include "base/str.h"
#include "disk/transfer.h"
#include "model/name.h"
#include "model/quota.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_ipv4(const char *text)
{
    uint32_t address;
    ipv4_text again;

    if (ipv4_parse(text, &address) < 0)
        return;
    ipv4_format(address, again);
    require(str_equal(text, again));
}

static void try_cidr(const char *text)
{
    struct cidr c;
    cidr_text again;

    if (cidr_parse(text, &c) < 0)
        return;
    cidr_format(c, again);
    require(str_equal(text, again) && c.prefix <= 32);
    require(cidr_contains(c, c.base) && cidr_contains(c, cidr_last(c)) && cidr_overlaps(c, c));
    require(cidr_last(c) == UINT32_MAX || !cidr_contains(c, cidr_last(c) + 1) || c.prefix == 0);
    require(!cidr_is_private(c) || (!ipv4_is_global(c.base) && !ipv4_is_global(cidr_last(c))));
}

static void try_mac(const char *text)
{
    require(mac_check(text) < 0 || (strlen(text) == MAC_LEN && strspn(text, "0123456789abcdef:") == MAC_LEN));
}

/* Nobody is named before the host. */
static void try_url(const char *text)
{
    struct err e = ERR_INIT;
    const char *host = strchr(text, ':');

    if (transfer_check_url(text, &e) < 0) {
        require(e.code == ERR_INVALID_FIELD && str_equal(e.field, "url"));
        return;
    }
    require(strlen(text) <= TRANSFER_URL_MAX && str_is_printable(text));
    require(host && (strncasecmp(text, "http:", 5) == 0 || strncasecmp(text, "https:", 6) == 0));
    host += 1 + strspn(host + 1, "/");
    require(*host != '\0' && !memchr(host, '@', strcspn(host, "/?#")));
}

static void try_name(const char *text)
{
    struct err e = ERR_INIT;

    if (name_check(text, NAME_RULE_STRICT, "name", &e) == 0)
        require(strlen(text) <= NAME_STRICT_MAX && name_check(text, NAME_RULE_UNICODE, "name", &e) == 0);
    else
        require(e.code == ERR_INVALID_FIELD && str_equal(e.field, "name"));
}

/* A zone may lead out of the years that can be written: the nearest moment that can is said then. */
static void try_time(const char *text)
{
    int64_t ms, again_ms;
    rfc3339_text again;

    if (clock_from_rfc3339(text, &ms) < 0)
        return;
    clock_rfc3339(ms, again);
    require(strspn(text, "0123456789+-:.TZ") == strlen(text));
    require(clock_from_rfc3339(again, &again_ms) == 0);
    require(again_ms == ms || strncmp(text, "0000-01-01T", 11) == 0 || strncmp(text, "9999-12-31T", 11) == 0);
}

static void try_limits(const char *text)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    struct err e = ERR_INIT;

    if (quota_limits_parse(text, limits, &e) < 0) {
        require(e.code == ERR_INVALID && e.msg[0] != '\0');
        return;
    }
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++) {
        require(limits[i] >= QUOTA_NO_LIMIT && limits[i] <= QUOTA_LIMIT_MAX);
        require(limits[i] == QUOTA_NO_LIMIT || strstr(text, quota_resource_to_string((enum quota_resource)i)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = strndup((const char *)data, size);

    require(text);
    try_ipv4(text);
    try_cidr(text);
    try_mac(text);
    try_url(text);
    try_name(text);
    try_time(text);
    try_limits(text);
    return 0;
}
