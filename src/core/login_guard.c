/* core/login_guard: token buckets, each as one number: the time at which it will be full again. */
#include "login_guard.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "model/identity.h"

enum { SETS = 256, WAYS = 8 };

static const struct limit {
    int64_t at_once, period_ms;
} of_user = { 5, 5000 }, of_address = { 20, 2000 };

struct bucket {
    uint64_t key;
    int64_t full_boot_ms; /* 0, or long ago: nothing is owed */
};

struct login_guard {
    uint8_t secret[crypto_shorthash_KEYBYTES]; /* nobody can tell which texts share a set */
    struct lock lock;                          /* RANK_LEAF */
    struct bucket sets[SETS][WAYS] GUARDED_BY(lock);
};

int login_guard_new(struct login_guard **out, struct err *e)
{
    struct login_guard *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    randombytes_buf(g->secret, sizeof g->secret);
    lock_init(&g->lock, RANK_LEAF);
    *out = g;
    return 0;
}

void login_guard_free(struct login_guard *g)
{
    if (!g)
        return;
    lock_done(&g->lock);
    free(g);
}

/* Whoever has an IPv6 address has 2^64 of them. */
static void name_address(const char *address, char out[ADDRESS_MAX + 1])
{
    struct in6_addr v6;

    (void)str_copy(out, ADDRESS_MAX + 1, address);
    if (inet_pton(AF_INET6, out, &v6) != 1)
        return;
    memset(v6.s6_addr + 8, 0, 8);
    (void)inet_ntop(AF_INET6, &v6, out, ADDRESS_MAX + 1);
}

/* user "": the address alone. */
static uint64_t key_of(const struct login_guard *g, const char *user, const char *address)
{
    char text[ADDRESS_MAX + 1 + USER_NAME_MAX + 1] = "";
    size_t len;
    uint64_t key;

    name_address(address, text);
    len = strlen(text) + 1;
    (void)str_copy(text + len, sizeof text - len, user);
    len += strlen(text + len);
    (void)crypto_shorthash((uint8_t *)&key, (const uint8_t *)text, len, g->secret);
    return key;
}

/* The bucket with this key; without one, the one that is full first: what can best be forgotten. */
static struct bucket *bucket_of(struct login_guard *g, uint64_t key)
{
    struct bucket *set = g->sets[key % SETS], *fullest = set;

    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].full_boot_ms < fullest->full_boot_ms)
            fullest = &set[i];
    }
    return fullest;
}

/* How long until one more may be taken; 0: now. */
static int64_t wait_ms(struct login_guard *g, uint64_t key, const struct limit *limit)
{
    HOLD(&g->lock);
    const struct bucket *b = bucket_of(g, key);
    int64_t owed_ms = b->key == key ? b->full_boot_ms - clock_boot_ms() : 0;
    int64_t spare_ms = (limit->at_once - 1) * limit->period_ms;

    return owed_ms > spare_ms ? owed_ms - spare_ms : 0;
}

int login_guard_check(struct login_guard *g, const char *user, const char *address, struct err *e)
{
    int64_t of_both_ms = wait_ms(g, key_of(g, user, address), &of_user);
    int64_t of_one_ms = wait_ms(g, key_of(g, "", address), &of_address);
    int seconds = (int)(((of_both_ms > of_one_ms ? of_both_ms : of_one_ms) + 999) / 1000);

    if (seconds == 0)
        return 0;
    err_set(e, ERR_TOO_MANY_REQUESTS, "too many failed logins; try again in %d s", seconds);
    e->retry_after_s = seconds;
    return -1;
}

/* Those that were under way at once may all have been wrong: then more is owed than the bucket holds. */
static void take_one(struct login_guard *g, uint64_t key, const struct limit *limit)
{
    HOLD(&g->lock);
    struct bucket *b = bucket_of(g, key);
    int64_t now = clock_boot_ms();

    if (b->key != key)
        *b = (struct bucket){ .key = key };
    b->full_boot_ms = (b->full_boot_ms > now ? b->full_boot_ms : now) + limit->period_ms;
}

void login_guard_failed(struct login_guard *g, const char *user, const char *address)
{
    take_one(g, key_of(g, user, address), &of_user);
    take_one(g, key_of(g, "", address), &of_address);
}

void login_guard_forgive(struct login_guard *g, const char *user, const char *address)
{
    uint64_t key = key_of(g, user, address);

    HOLD(&g->lock);
    struct bucket *b = bucket_of(g, key);
    if (b->key == key)
        b->full_boot_ms = 0;
}
