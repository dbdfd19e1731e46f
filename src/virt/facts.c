/* virt/facts: asking with a deadline: a thread asks, and is left behind when it hangs. Whom it asks is libvirt_facts.c's and
 * fake_facts.c's affair. */
#include "virt/facts.h"

#include <stdatomic.h>
#include <string.h>

#include "facts_parts.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"

enum { LEFT_BEHIND_MAX = 2 };

/* Held by the asker and by the thread; whoever lets go last frees it. */
struct asking {
    atomic_uint refs;
    char *uri;
    struct lock lock; /* RANK_LEAF */
    struct cond changed;
    bool is_done GUARDED_BY(lock);
    int result;
    struct err err;
    struct virt_facts *facts;
};

static atomic_uint threads; /* that ask at this moment */

static void asking_drop(struct asking *a)
{
    if (atomic_fetch_sub(&a->refs, 1) > 1)
        return;
    virt_facts_free(a->facts);
    cond_done(&a->changed);
    lock_done(&a->lock);
    free(a->uri);
    free(a);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b); /* the id is the first member */
}

static int ask(struct asking *a)
{
    struct virt_facts *f = a->facts;
    bool is_fake = str_starts_with(a->uri, "fake:");

    if ((is_fake ? fake_facts_read(a->uri, f, &a->err) : libvirt_facts_read(a->uri, f, &a->err)) < 0)
        return -1;
    if (f->domain_count > 0)
        qsort(f->domains, f->domain_count, sizeof(*f->domains), compare_ids);
    if (f->network_count > 0)
        qsort(f->networks, f->network_count, sizeof(*f->networks), compare_ids);
    return 0;
}

static void *asking_main(void *arg)
{
    struct asking *a = arg;

    a->result = ask(a);
    {
        HOLD(&a->lock);
        a->is_done = true;
        cond_broadcast(&a->changed);
    }
    asking_drop(a);
    (void)atomic_fetch_sub(&threads, 1);
    return NULL;
}

static struct asking *asking_new(const char *uri, struct err *e)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (!a) {
        (void)err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    atomic_init(&a->refs, 1);
    lock_init(&a->lock, RANK_LEAF);
    cond_init(&a->changed);
    a->uri = str_dup(uri ? uri : "");
    a->facts = calloc(1, sizeof(*a->facts));
    if (a->uri && a->facts)
        return a;
    (void)err_set(e, ERR_NO_MEMORY, "out of memory");
    asking_drop(a);
    return NULL;
}

static int start(struct asking *a, pthread_t *thread, struct err *e)
{
    if (atomic_fetch_add(&threads, 1) >= LEFT_BEHIND_MAX) {
        (void)atomic_fetch_sub(&threads, 1);
        return err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer: earlier questions still wait");
    }
    (void)atomic_fetch_add(&a->refs, 1);
    if (thread_start(thread, "virt-facts", asking_main, a, e) == 0)
        return 0;
    (void)atomic_fetch_sub(&threads, 1);
    asking_drop(a);
    return -1;
}

/* False when the time is over. */
static bool wait_for(struct asking *a, int64_t deadline_ms)
{
    int64_t until = clock_boot_ms() + deadline_ms;
    HOLD(&a->lock);

    for (int64_t left = deadline_ms; !a->is_done && left > 0; left = until - clock_boot_ms())
        (void)cond_wait_ms(&a->changed, &a->lock, left);
    return a->is_done;
}

static int take_answer(struct asking *a, bool is_done, struct virt_facts **out, struct err *e)
{
    if (!is_done)
        return err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
    if (a->result < 0) {
        *e = a->err;
        return -1;
    }
    *out = TAKE(a->facts);
    return 0;
}

int virt_facts_read(const char *uri, int64_t deadline_ms, struct virt_facts **out, struct err *e)
{
    struct asking *a = asking_new(uri, e);
    pthread_t thread;

    if (!a)
        return -1;
    if (start(a, &thread, e) < 0) {
        asking_drop(a);
        return -1;
    }
    bool is_done = wait_for(a, deadline_ms);
    if (is_done)
        (void)pthread_join(thread, NULL);
    else
        (void)pthread_detach(thread);
    int rc = take_answer(a, is_done, out, e);
    asking_drop(a);
    return rc;
}

/* ---- facts ---- */

static void texts_done(struct fact_texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i]);
    free(t->items);
}

static void entries_done(struct fact_entries *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].key);
        free(l->items[i].value);
    }
    free(l->items);
}

void fact_domain_done(struct fact_domain *d)
{
    free(d->name);
    texts_done(&d->files);
    texts_done(&d->macs);
}

void fact_network_done(struct fact_bridge *n)
{
    free(n->name);
    free(n->bridge);
    entries_done(&n->dhcp);
    entries_done(&n->dns);
}

void virt_facts_free(struct virt_facts *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->domain_count; i++)
        fact_domain_done(&f->domains[i]);
    for (size_t i = 0; i < f->network_count; i++)
        fact_network_done(&f->networks[i]);
    texts_done(&f->filters);
    free(f->domains);
    free(f->networks);
    free(f->uri);
    free(f);
}

const struct fact_domain *virt_facts_domain(const struct virt_facts *f, const char *id)
{
    return f->domain_count > 0 ? bsearch(id, f->domains, f->domain_count, sizeof(*f->domains), compare_ids) : NULL;
}

const struct fact_bridge *virt_facts_network(const struct virt_facts *f, const char *id)
{
    return f->network_count > 0 ? bsearch(id, f->networks, f->network_count, sizeof(*f->networks), compare_ids) : NULL;
}
