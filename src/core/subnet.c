/* core/subnet: arithmetic on pools and what is taken of them. Who took it is not known here. */
#include "subnet.h"

#include <stdbool.h>
#include <string.h>

#include "model/network.h"

/* Reads the pool at *at and moves on behind it; false at the end (config has checked that there is nothing else). */
static bool next_pool(const char **at, struct cidr *out)
{
    cidr_text text;
    size_t len;

    *at += strspn(*at, ", ");
    len = strcspn(*at, ", ");
    if (len == 0 || len > CIDR_LEN)
        return false;
    memcpy(text, *at, len);
    text[len] = '\0';
    *at += len;
    return cidr_parse(text, out) == 0;
}

/* Something taken that overlaps c, or NULL. */
static const struct cidr *blocker(const struct subnet_rules *rules, struct cidr c)
{
    for (size_t i = 0; i < rules->taken_count; i++)
        if (cidr_overlaps(rules->taken[i], c))
            return &rules->taken[i];
    return NULL;
}

/* Leaps over what blocks, so that a large neighbour costs one step. */
static bool choose_in(const struct subnet_rules *rules, struct cidr pool, struct cidr *out)
{
    uint64_t size = 1ULL << (32 - rules->prefix);
    uint64_t base = pool.base, end = (uint64_t)cidr_last(pool) + 1;

    while (base + size <= end) {
        struct cidr c = { (uint32_t)base, rules->prefix };
        const struct cidr *b = blocker(rules, c);

        if (!b) {
            *out = c;
            return true;
        }
        base = cidr_last(b->prefix < c.prefix ? *b : c) + 1ULL;
    }
    return false;
}

int subnet_choose(const struct subnet_rules *rules, struct cidr *out, struct err *e)
{
    const char *at = rules->pools;
    struct cidr pool;

    while (next_pool(&at, &pool))
        if (choose_in(rules, pool, out))
            return 0;
    return err_set(e, ERR_NO_CAPACITY, "no subnet is free: the host's routes and other networks cover all that may be given out");
}

int subnet_check(const struct subnet_rules *rules, const char *text, struct cidr *out, struct err *e)
{
    struct cidr c;

    if (cidr_parse(text, &c) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "cidr", "cidr must be a network such as 10.1.2.0/24, without host bits");
    if (!cidr_is_private(c))
        return err_set_field(e, ERR_INVALID_FIELD, "cidr", "cidr must be private: in 10/8, 172.16/12, 192.168/16 or 100.64/10");
    if (c.prefix < NETWORK_PREFIX_MIN || c.prefix > NETWORK_PREFIX_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "cidr", "cidr's prefix must be %d to %d", NETWORK_PREFIX_MIN,
                             NETWORK_PREFIX_MAX);
    if (blocker(rules, c))
        return err_set_field(e, ERR_CIDR_TAKEN, "cidr", "%s overlaps another network or a route of this host", text);
    *out = c;
    return 0;
}
