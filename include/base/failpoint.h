/* base/failpoint: places where a test can make reality fail. They cost nothing unless built with -DCOMPUTED_FAILPOINTS.
 *
 *     FAILPOINT(e, "vm_create.overlay.before");      a statement in a function that returns -1 on failure
 *     FAILPOINT_EVAL(e, "…")                         an expression, 0 or -1
 *
 * One stands before and one after each durable or outward effect. Armed by the environment COMPUTED_FAILPOINTS
 * or by the file that COMPUTED_FAILPOINTS_FILE names (read again when its mtime changes); grammar, entries by ';' or newline:
 *     NAME=die | error(CODE_WORD) | hang(MS) | stop      [,nth=N] [,once]
 *     trace=FILE                                         each pass appends its name to FILE, a line each
 * die is kill -9 of this process, hang waits that long, stop raises SIGSTOP. nth=N acts at the Nth pass and later, counted per
 * name since it was armed; once only one time. The name * is every failpoint, all counted as one. Replace the file by rename(2),
 * so that a half-written one is never read. Nonsense in it, or a name that this build does not have, ends the process: a test
 * that arms nothing must not pass. */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include "base/err.h"

#ifdef COMPUTED_FAILPOINTS
struct failpoint {
    const char *name;
    const char *file;
    int line;
};
int failpoint_pass(const struct failpoint *fp, struct err *e);
#define FAILPOINT_EVAL(e, point)                                                                                                 \
    __extension__({                                                                                                              \
        static struct failpoint fp_ __attribute__((section("failpoints"), used, aligned(8))) = { point, __FILE__, __LINE__ };    \
        failpoint_pass(&fp_, (e));                                                                                               \
    })
#else
#define FAILPOINT_EVAL(e, point) ((void)(e), 0)
#endif

#define FAILPOINT(e, point)                                                                                                      \
    do {                                                                                                                         \
        if (FAILPOINT_EVAL(e, point) < 0)                                                                                        \
            return -1;                                                                                                           \
    } while (0)

/* Prints every failpoint of this build, one a line, sorted: name, file:line. Says so when the build has none. */
void failpoint_list(void);

#endif
