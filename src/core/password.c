/* core/password: verifying, hashing, remembering. Who may try how often is login_guard's. */
#include "password.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "model/identity.h"

enum { QUEUE_MAX = 32, KNOWN_MAX = 256, KNOWN_MS = 5 * 60 * 1000, TAG_LEN = crypto_generichash_BYTES };

/* What no password fits, made as the others are: a salt and a hash from nowhere. */
static const char nobodys_hash[] =
    "$argon2id$v=19$m=65536,t=2,p=1$TBPDLHdbprt1D6+PT2sgsQ$TzA9CrhjML6J8YEUDpjln25y2UOebFM93DupzBKymIw";

struct known {
    uint8_t tag[TAG_LEN];
    int64_t until_boot_ms;
};

struct passwords {
    struct lane *lane;
    uint8_t key[crypto_generichash_KEYBYTES]; /* of this process: a tag is worth nothing elsewhere */
    struct lock lock;                         /* RANK_LEAF */
    struct known known[KNOWN_MAX] GUARDED_BY(lock);
    unsigned next GUARDED_BY(lock); /* the one to be forgotten */
};

int passwords_new(struct passwords **out, struct err *e)
{
    struct passwords *p;

    if (sodium_init() < 0)
        return err_set(e, ERR_INTERNAL, "libsodium does not start");
    p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    randombytes_buf(p->key, sizeof p->key);
    lock_init(&p->lock, RANK_LEAF);
    if (lane_new("passwords", "passwords are being looked at", QUEUE_MAX, &p->lane, e) < 0) {
        passwords_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

int passwords_start(struct passwords *p, struct err *e)
{
    return lane_start(p->lane, e);
}

void passwords_stop(struct passwords *p)
{
    lane_stop(p->lane);
}

void passwords_free(struct passwords *p)
{
    if (!p)
        return;
    lane_free(p->lane);
    lock_done(&p->lock);
    explicit_bzero(p, sizeof *p);
    free(p);
}

/* ---- what was right before ---- */

/* Each part goes in with its terminator, so that no two triples are one text. The hash in it ends all that was known with the
 * password. */
static void make_tag(const struct passwords *p, const struct password_work *w, uint8_t tag[TAG_LEN])
{
    const char *const parts[] = { w->user, w->hash, w->given };
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, p->key, sizeof p->key, TAG_LEN);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        (void)crypto_generichash_update(&state, (const uint8_t *)parts[i], strlen(parts[i]) + 1);
    (void)crypto_generichash_final(&state, tag, TAG_LEN);
    sodium_memzero(&state, sizeof state);
}

static bool is_known(struct passwords *p, const struct password_work *w)
{
    int64_t now = clock_boot_ms();
    uint8_t tag[TAG_LEN];

    if (!w->hash)
        return false;
    make_tag(p, w, tag);
    HOLD(&p->lock);
    for (size_t i = 0; i < KNOWN_MAX; i++)
        if (p->known[i].until_boot_ms > now && sodium_memcmp(p->known[i].tag, tag, TAG_LEN) == 0)
            return true;
    return false;
}

static void remember(struct passwords *p, const struct password_work *w)
{
    struct known k = { .until_boot_ms = clock_boot_ms() + KNOWN_MS };

    make_tag(p, w, k.tag);
    HOLD(&p->lock);
    p->known[p->next] = k;
    p->next = (p->next + 1) % KNOWN_MAX;
}

/* ---- on the lane's thread ---- */

static int verify(struct password_work *w, struct err *e)
{
    if (is_known(w->room, w)) { /* by one that was before it in the queue */
        w->is_right = true;
        return 0;
    }
    errno = 0;
    w->is_right = crypto_pwhash_str_verify(w->hash ? w->hash : nobodys_hash, w->given, strlen(w->given)) == 0 && w->hash;
    if (w->is_right)
        remember(w->room, w);
    else if (errno == ENOMEM)
        return err_set(e, ERR_UNAVAILABLE, "there is no memory to look at a password; try again later");
    return 0;
}

static void run(void *work, struct err *e)
{
    struct password_work *w = work;

    if (w->given && (verify(w, e) < 0 || !w->is_right))
        return;
    if (w->wanted)
        (void)password_hash(w->wanted, &w->made, e); /* a failure is in *e */
}

int password_begin(struct passwords *p, struct password_work *w, struct err *e)
{
    w->room = p;
    w->task.run = run;
    w->task.work = w;
    w->is_right = w->given && is_known(p, w);
    if (w->wanted || (w->given && !w->is_right))
        return lane_submit(p->lane, &w->task, e);
    w->task.done(w->task.arg);
    return 0;
}

void password_work_done(struct password_work *w)
{
    str_wipe(w->given);
    str_wipe(w->wanted);
    free(w->hash);
    free(w->made);
    w->given = w->wanted = w->hash = w->made = NULL;
}

/* ---- for everybody ---- */

int password_hash(const char *password, char **out, struct err *e)
{
    AUTO_FREE char *hash = malloc(crypto_pwhash_STRBYTES);

    if (!hash || crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                   crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = TAKE(hash);
    return 0;
}

int password_check(const char *password, const char *field, struct err *e)
{
    size_t len = strlen(password);

    if (len < PASSWORD_MIN || len > PASSWORD_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, field, "%s must be %d to %d bytes long", field, PASSWORD_MIN, PASSWORD_MAX);
    return 0;
}
