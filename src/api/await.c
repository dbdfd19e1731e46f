/* Suspending and resuming in the one order that has no race. What is waited for is the caller's. */
#include "await.h"

int await_start(struct await *a, struct request *r, request_fn *begin, request_fn *then, struct err *e)
{
    a->request = r;
    a->err = (struct err)ERR_INIT;
    atomic_init(&a->missing, 2);
    if (request_suspend(r, then, e) < 0)
        return -1;
    if (begin(r, &a->err) < 0)
        await_done(a); /* in the place of the callback that will not come; it is not the last */
    await_done(a);
    return 0;
}

void await_done(void *await)
{
    struct await *a = await;

    if (atomic_fetch_sub(&a->missing, 1) == 1)
        request_resume(a->request);
}

int await_result(const struct await *a, struct err *e)
{
    if (a->err.code == ERR_NONE)
        return 0;
    *e = a->err;
    return -1;
}
