/* core/events: pages of the outbox, and followers of it: in the ring of the newest events, which all share, or behind it, where
 * each reads pages of its own. */
#include "core/events.h"

#include <stdatomic.h>
#include <string.h>

#include "internal.h"

#include "base/clock.h"
#include "base/str.h"
#include "core/identity.h"
#include "core/token.h"
#include "store/event.h"

enum { PAGE_SIZE = 64 };

/* ---- types ---- */

/* "vm.*", "vm.status.changed": lower-case words with dots between; a star stands alone behind the noun. */
static bool is_type(const char *s, size_t len)
{
    const char *dot = memchr(s, '.', len);
    size_t rest = dot ? len - (size_t)(dot + 1 - s) : 0;

    if (!dot || dot == s || rest == 0)
        return false;
    if (rest == 1 && dot[1] == '*')
        len -= 1;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz._-") >= len;
}

/* ",vm.*,image.created,", as store wants them; NULL for all. */
static int parse_types(const char *text, char **out, struct err *e)
{
    AUTO_BUF b = { 0 };

    if (!text)
        return 0;
    if (strlen(text) > EVENT_TYPES_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "types", "types is longer than %d characters", EVENT_TYPES_MAX);
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        if (!is_type(at, len))
            return err_set_field(e, ERR_INVALID_FIELD, "types", "types must be types by commas: vm.created,image.*");
        buf_adds(&b, ",");
        buf_add(&b, at, len);
        at += len;
        if (*at == '\0')
            break;
    }
    buf_adds(&b, ",");
    *out = buf_take(&b);
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* The same question as store_event_list's `types`. */
static bool is_wanted(const char *types, const char *type)
{
    const char *dot = strchr(type, '.');
    size_t noun = dot ? (size_t)(dot + 1 - type) : 0;

    for (const char *at = types; at && at[1]; at += 1 + strcspn(at + 1, ",")) {
        size_t len = strcspn(at + 1, ",");
        bool is_star = len == noun + 1 && at[len] == '*';
        if (strncmp(at + 1, type, is_star ? noun : len) == 0 && (is_star || type[len] == '\0'))
            return true;
    }
    return !types;
}

static int check_since(uint64_t since, uint64_t newest, struct err *e)
{
    if (since <= newest)
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "since", "since is %llu, but the newest event is %llu", (unsigned long long)since,
                         (unsigned long long)newest);
}

/* ---- pages ---- */

/* One snapshot: what is listed, and what is left at all. */
static int read_page(struct store *s, const struct event_query *q, struct events_page *out, struct err *e)
{
    struct events_page page = { 0 };
    AUTO(txn) t = NULL;
    uint64_t newest;

    if (txn_read(s, &t, e) < 0 || store_event_range(t, &page.oldest, &newest, e) < 0 || check_since(q->since, newest, e) < 0 ||
        store_event_list(t, q, &page.items, &page.has_more, e) < 0)
        return -1;
    page.last = page.has_more ? page.items.items[page.items.count - 1]->seq : newest;
    page.has_gap = page.oldest > q->since + 1;
    *out = page;
    return 0;
}

int events_read(struct core *c, const struct actor *who, const struct events_query *q, struct events_page *out, struct err *e)
{
    AUTO_FREE char *types = NULL;

    if (parse_types(q->types, &types, e) < 0)
        return -1;
    const struct event_query query = { .project = actor_scope(who), .types = types, .since = q->since, .limit = q->limit };
    return read_page(c->store, &query, out, e);
}

void events_page_done(struct events_page *p)
{
    event_record_list_done(&p->items);
}

void events_on_commit(struct core *c, void (*fn)(void *arg), void *arg)
{
    event_ring_listen(c->events, fn, arg);
}

/* ---- followers ---- */

struct event_follower {
    struct core *core;
    struct actor who;
    char *types;
    int64_t expires_at_ms; /* its token's; 0: never */
    _Atomic uint64_t seen; /* the identity_version at which it was still welcome */

    uint64_t at;                   /* everything up to here has been told */
    struct event_item *held;       /* what the last news was borrowed from: this, … */
    struct event_record_list page; /* … or, behind the ring, a page of its own: */
    size_t page_at;                /* how many of it have been told */
    uint64_t page_end;             /* up to here it tells everything */
    char *text;                    /* of the last one */
};

void event_follower_free(struct event_follower *f)
{
    if (!f)
        return;
    event_item_put(f->held);
    event_record_list_done(&f->page);
    free(f->text);
    free(f->types);
    free(f);
}

/* Each token is good until a time that it knows; whatever else may end it changes identity_version, from here on: what was
 * changed since the request was let in is asked for once more. */
static int check_in(struct event_follower *f, struct err *e)
{
    AUTO(token) token = NULL;

    atomic_init(&f->seen, identity_version(f->core));
    if (!f->who.token[0])
        return 0;
    if (!identity_is_valid(f->core, &f->who) || token_get(f->core, &f->who, f->who.token, &token, e) < 0)
        return err_set(e, ERR_UNAUTHORIZED, "the token is no longer valid");
    f->expires_at_ms = token->expires_at_ms;
    return 0;
}

static int find_place(struct event_follower *f, const struct events_query *q, struct err *e)
{
    AUTO(txn) t = NULL;
    uint64_t oldest, newest;

    if (txn_read(f->core->store, &t, e) < 0 || store_event_range(t, &oldest, &newest, e) < 0)
        return -1;
    f->at = q->is_from_now ? newest : q->since;
    return check_since(f->at, newest, e);
}

int events_follow(struct core *c, const struct actor *who, const struct events_query *q, struct event_follower **out,
                  struct err *e)
{
    AUTO(event_follower) f = calloc(1, sizeof *f);

    if (!f)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    f->core = c;
    f->who = *who;
    if (parse_types(q->types, &f->types, e) < 0 || check_in(f, e) < 0 || find_place(f, q, e) < 0)
        return -1;
    *out = TAKE(f);
    return 0;
}

bool events_is_welcome(struct event_follower *f)
{
    uint64_t version = identity_version(f->core);

    if (f->expires_at_ms > 0 && clock_wall_ms() >= f->expires_at_ms)
        return false;
    if (version == atomic_load(&f->seen))
        return true;
    if (!identity_is_valid(f->core, &f->who))
        return false;
    atomic_store(&f->seen, version);
    return true;
}

static bool may_see(const void *follower, const struct event_record *event)
{
    const struct event_follower *f = follower;
    const char *scope = actor_scope(&f->who);

    return (!scope || str_equal(scope, event->project)) && is_wanted(f->types, event->type);
}

/* 1 for a gap, which is told before the rest of the page. */
static int turn_page(struct event_follower *f, struct event_news *out, struct err *e)
{
    const struct event_query q = { .project = actor_scope(&f->who), .types = f->types, .since = f->at, .limit = PAGE_SIZE };
    struct events_page page;

    if (read_page(f->core->store, &q, &page, e) < 0)
        return -1;
    event_record_list_done(&f->page);
    f->page = page.items;
    f->page_at = 0;
    f->page_end = page.last;
    *out = (struct event_news){ .since = f->at, .oldest = page.oldest };
    return page.has_gap;
}

/* 1: the next one of the page; 0: it is at its end. */
static int read_on(struct event_follower *f, struct event_news *out, struct err *e)
{
    char *(*text)(const struct event_record *) = f->core->config.event_text;

    if (f->page_at == f->page.count) {
        f->at = f->page_end > f->at ? f->page_end : f->at;
        return 0;
    }
    const struct event_record *event = f->page.items[f->page_at];
    free(f->text);
    f->text = text ? text(event) : NULL;
    if (text && !f->text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    f->page_at++;
    f->at = event->seq;
    *out = (struct event_news){ .event = event, .text = f->text };
    return 1;
}

static int next_in_ring(struct event_follower *f, struct event_news *out, bool *is_behind)
{
    event_item_put(f->held);
    f->held = event_ring_next(f->core->events, &f->at, may_see, f, is_behind);
    if (!f->held)
        return 0;
    *out = (struct event_news){ .event = f->held->event, .text = f->held->text };
    return 1;
}

int events_next(struct event_follower *f, struct event_news *out, struct err *e)
{
    bool is_behind = true;
    int rc;

    if (event_ring_catch_up(f->core->events, e) < 0)
        return -1;
    while (is_behind) {
        if ((rc = read_on(f, out, e)) != 0 || (rc = next_in_ring(f, out, &is_behind)) != 0)
            return rc;
        if (is_behind && (rc = turn_page(f, out, e)) != 0)
            return rc;
    }
    return 0;
}
