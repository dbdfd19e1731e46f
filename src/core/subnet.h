/* core/subnet: which addresses a network takes. Pure: what is taken already is given. */
#ifndef CORE_SUBNET_H
#define CORE_SUBNET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ipv4.h"

struct subnet_rules {
    const char *pools; /* comma-separated CIDRs, asked in this order */
    uint32_t prefix;   /* of what is chosen */
    const struct cidr *taken;
    size_t taken_count;
};
/* The first subnet of the pools that overlaps nothing. ERR_NO_CAPACITY. */
int subnet_choose(const struct subnet_rules *rules, struct cidr *out, struct err *e);
/* One that somebody asks for. ERR_INVALID_FIELD and ERR_CIDR_TAKEN, both naming "cidr". */
int subnet_check(const struct subnet_rules *rules, const char *text, struct cidr *out, struct err *e);

#endif
