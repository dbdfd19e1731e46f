/* libvirt's event loop: registered once per process, run by one thread while somebody has a connection.
 * Keepalive, close callbacks and events all live on it. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdatomic.h>

#include "connection.h"

#include "base/thread.h"

enum { LAST_ROUNDS = 8 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int tick = -1;
static struct lock loop_lock;
static unsigned users GUARDED_BY(loop_lock);
static pthread_t loop_thread GUARDED_BY(loop_lock);
static atomic_bool must_stop;

/* libvirt prints errors to stderr unless told otherwise; ours go into struct err. */
static void ignore_error(void *arg, virErrorPtr error)
{
    (void)arg, (void)error;
}

/* The timer exists to be fired: that is what makes a round return. */
static void on_tick(int id, void *arg)
{
    (void)id, (void)arg;
}

static void init_once(void)
{
    lock_init(&loop_lock, RANK_JOB); /* the lowest: nothing is held when connections come and go */
    virSetErrorFunc(NULL, ignore_error);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        return;
    tick = virEventAddTimeout(-1, on_tick, NULL, NULL);
}

static void *loop_main(void *arg)
{
    (void)arg;
    while (!atomic_load(&must_stop))
        (void)virEventRunDefaultImpl();
    /* Connections that were closed just now are freed by the rounds that follow. */
    for (int i = 0; i < LAST_ROUNDS; i++)
        (void)virEventRunDefaultImpl();
    return NULL;
}

int loop_get(struct err *e)
{
    (void)pthread_once(&once, init_once);
    if (tick < 0)
        return err_set(e, ERR_INTERNAL, "libvirt's client library cannot be initialised");
    HOLD(&loop_lock);
    if (users == 0) {
        virEventUpdateTimeout(tick, -1);
        atomic_store(&must_stop, false);
        if (thread_start(&loop_thread, "virt-events", loop_main, NULL, e) < 0)
            return -1;
    }
    users++;
    return 0;
}

void loop_put(void)
{
    HOLD(&loop_lock);

    if (--users > 0)
        return;
    atomic_store(&must_stop, true);
    virEventUpdateTimeout(tick, 0);
    (void)pthread_join(loop_thread, NULL);
}
