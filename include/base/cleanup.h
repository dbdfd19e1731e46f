/* base/cleanup: ownership that the scope ends.
 *     AUTO(vm) vm = NULL;          vm_free() at scope exit
 *     AUTO_FREE char *path = NULL; free() at scope exit
 *     AUTO_CLOSE int fd = -1;      close() at scope exit
 *     *out = TAKE(vm);             handed over: vm is NULL now
 * Each type that wants AUTO says DEFINE_AUTO(vm, vm_free) in its header. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define DEFINE_AUTO(type, free_fn)                                                                                               \
    static inline void type##_auto_free(struct type **p)                                                                         \
    {                                                                                                                            \
        free_fn(*p);                                                                                                             \
    }
#define AUTO(type) __attribute__((cleanup(type##_auto_free))) struct type *

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}
#define AUTO_FREE __attribute__((cleanup(cleanup_free)))

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define AUTO_CLOSE __attribute__((cleanup(cleanup_close)))

#define TAKE(p)                                                                                                                  \
    __extension__({                                                                                                              \
        __typeof__(p) taken_ = (p);                                                                                              \
        (p) = NULL;                                                                                                              \
        taken_;                                                                                                                  \
    })
#define TAKE_FD(fd)                                                                                                              \
    __extension__({                                                                                                              \
        int taken_fd_ = (fd);                                                                                                    \
        (fd) = -1;                                                                                                               \
        taken_fd_;                                                                                                               \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
