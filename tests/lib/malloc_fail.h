/* malloc_fail: makes the nth allocation fail, of all that the daemon's own code, jansson, libxml2 and SQLite do on any thread but
 * the one that says malloc_fail_spare_me(). The program is linked with --wrap (see the Makefile); the libraries are given the
 * same functions. The memory of libmicrohttpd, libssh and libarchive is their own. */
#ifndef TESTS_MALLOC_FAIL_H
#define TESTS_MALLOC_FAIL_H

#include <errno.h>
#include <libxml/xmlmemory.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long malloc_fail_countdown; /* 0: not armed, or over */
static _Thread_local bool malloc_fail_is_spared;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_reallocarray(void *at, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_reallocarray(void *at, size_t count, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t len);

static bool malloc_fail_is_due(void)
{
    long left = malloc_fail_is_spared ? 0 : atomic_load(&malloc_fail_countdown);

    while (left > 0 && !atomic_compare_exchange_weak(&malloc_fail_countdown, &left, left - 1))
        continue;
    if (left == 1)
        errno = ENOMEM;
    return left == 1;
}

void *__wrap_malloc(size_t size)
{
    return malloc_fail_is_due() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return malloc_fail_is_due() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return malloc_fail_is_due() ? NULL : __real_realloc(at, size);
}

void *__wrap_reallocarray(void *at, size_t count, size_t size)
{
    return malloc_fail_is_due() ? NULL : __real_reallocarray(at, count, size);
}

char *__wrap_strndup(const char *s, size_t len)
{
    size_t n = strnlen(s, len);
    char *copy = __wrap_malloc(n + 1);

    if (copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *s)
{
    return __wrap_strndup(s, SIZE_MAX);
}

/* ---- SQLite wants sizes as ints, and to ask for them ---- */

static inline void *malloc_fail_sqlite_malloc(int size)
{
    return __wrap_malloc((size_t)size);
}

static inline void *malloc_fail_sqlite_realloc(void *at, int size)
{
    return __wrap_realloc(at, (size_t)size);
}

static inline int malloc_fail_sqlite_size(void *at)
{
    return (int)malloc_usable_size(at);
}

static inline int malloc_fail_sqlite_roundup(int size)
{
    return (size + 7) & ~7;
}

static inline int malloc_fail_sqlite_init(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static inline void malloc_fail_sqlite_shutdown(void *arg)
{
    (void)arg;
}

/* Once, before the libraries are used. False: one of them refuses. */
static inline bool malloc_fail_init(void)
{
    static const sqlite3_mem_methods methods = { malloc_fail_sqlite_malloc,   free,
                                                 malloc_fail_sqlite_realloc,  malloc_fail_sqlite_size,
                                                 malloc_fail_sqlite_roundup,  malloc_fail_sqlite_init,
                                                 malloc_fail_sqlite_shutdown, NULL };

    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK &&
           xmlMemSetup(free, __wrap_malloc, __wrap_realloc, __wrap_strdup) == 0;
}

static inline void malloc_fail_spare_me(void)
{
    malloc_fail_is_spared = true;
}

static inline void malloc_fail_arm(long nth)
{
    atomic_store(&malloc_fail_countdown, nth);
}

/* False: there were not that many. */
static inline bool malloc_fail_disarm(void)
{
    return atomic_exchange(&malloc_fail_countdown, 0) == 0;
}

#endif
