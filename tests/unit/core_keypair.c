/* Public keys: what is let in, the fingerprints that ssh-keygen prints for them, and pairs that are made here. */
#include "../../src/core/ssh_key.h"
#include "core_lab.h"

#include "base/base64.h"
#include "core/keypair.h"
#include "core/once.h"
#include "store/keypair.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0v423dfm6slwGpFCIr0aso6ZHb4GcP5u5yEsqvAPi7 me@ed25519-0"
#define RSA_1024                                                                                                                 \
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCuwnT/DverqSqE0l6cku9jICYDauwpfSZPOJY3nvHrCAg/I7AbIZ6eKasC7OJETuKvm1NgT+"             \
    "wf9/DrW6sTT7oS28GHyJXPVns6dFN4T/U2UcJkgJj0t4/lfeJOPAVFkbwi+6aCSJM6uwqyNnlHjZBiDya1t/rS43mQ9p7G08d59w== me@rsa-"             \
    "1024"
#define RSA_2047                                                                                                                 \
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAH2VfUCZ0+Kc631JdsaI7gUGCYPaBBVZznweDEJFkd0jqFozfekbKex4Dx4+VHNyBn8V2Nda4v"             \
    "ba03Z9H2SGenWLg2P0b51+aQAIh+qrM6rRzcAyIfO/ipRTjS2B7xxISLt2F7lMmZICRKGiACj4xn1CPQ+B/qcTSI2E9AvJBZtfSUMgLoIwqrv9"             \
    "jS5Pr17Mqu6xtJqzT7IKhYA1X30bek20NHWu8ruVJ7hHirVWwGWTxHxe2dJzGxVRbqwtcdvZCKKp750bq+y7wNbwLnLBjYTr65s89sAdVgaXvJ"             \
    "/XzQidMm/tB6+ozD7seYLCn4dMaIUbzNs7g4BPJ/xX9HqArJM= me@rsa-2047"
#define DSA                                                                                                                      \
    "ssh-dss AAAAB3NzaC1kc3MAAACBANAP/kVbCwPLkObDU118T7VaOSOGssgjA6FsgfquvlatQSBNDE4h5G2ZmW5ht9WF9lFfsYQSg8gjfNHEa1"             \
    "pvbq+PwZrwUWi3ne2dVs/vDI9MGnDiFEX8UMDdvaAchT0d9S04Aiwr5tYlZSpzuBZWFfrlWqCTLRl0RZXnFvOtOKa9AAAAFQDMOHWXiFiotaDp"             \
    "TuVetEYo7S2TGQAAAIEApLddyEnQxWmM+FzSyC9VQXpQjih6ZFz/rD8btfTY62qt/nmIQs5Hx1OhJHwmq0ig5iQgrpEVgHawAvc4WXNha0w1a1"             \
    "xaymh//BOWFCObQwkmKwBBvNF3xw2tShe8l5WgRP3ZKZN18DtnNe0vaWMBAAVHkMxHNe+qY6YPQvj5y/0AAACAI1WX5rk2ELsuAn2KInh/3cTV"             \
    "6ssSLdjdUiT87Dj66lpvMpuc8qx+0jpHYDWM2E6ldJiE4CFMqL7kmktDBP/FfBjdmhr9hUCkkVEd1wEo5fv+g/fhOmQ2Zi9m0OshfovwI0aoel"             \
    "wxvrRgptXX2wbtt6BPdxmtyA5qdCk1Dg7zM1c= dsa"

/* Made by ssh-keygen 9.2, as are the fingerprints; the sk- ones have the points of two others. */
static const struct known {
    const char *type, *line, *sha256, *md5;
} known[] = {
    { "ssh-ed25519", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0v423dfm6slwGpFCIr0aso6ZHb4GcP5u5yEsqvAPi7 me@ed25519-0",
      "SHA256:z+lXnNVhRXjakSkoGI5BdyJoCv6GDePQEG2HRXTuPI0", "d7:80:b3:97:9f:7a:90:09:34:97:1d:cb:82:ca:25:cf" },
    { "ssh-rsa",
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC0MEPCLuo311AuF0eAjxzWfCRv2ZIWbHltqfF4KEDVIBcz/l2GzwsL26lEyt1tNKGLx6WRXg"
      "pD1jD/Dz7lKacEM/RoSXJFFPVy/9t2vl3f74Ti8RfVYSM62JKZx/JUfJp4pL+vEuGg2lql2ENds9mnCK2GbojndtQVSyT5Ln94VHgfJMrRJTqG"
      "/yg33J01geq8Oiz7DstM1OSBcGxVBngtwnDScbuYifwUKA9TotGQla45CpMpD8hWVhxUAxJ8YiNRCvVW8RPujIaFlct9cC8M06mRNlPPXKU404"
      "fBiPR9uw5JO1MCa6XbTqjS0oKdA70FwAMR1FlzCXxi4HxWbjkj me@rsa-2048",
      "SHA256:lPOTLfocHCuvQXJQWGMfGzNPav0FHk+m3kSxDofViDo", "76:fb:ae:8c:29:e7:73:a2:6a:18:65:26:82:ce:79:e7" },
    { "ecdsa-sha2-nistp256",
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLcFU4ev2Ecp5qfxHVA3msKJmeq6i5aCX1PBn5"
      "/3QySMK4EQcD7b4nQyY+FDfA2GZqc+e2VEqlXrTxZtD8D8J7U= me@ecdsa-256",
      "SHA256:5CecslNfg4FVh+oYKWoLaCfowl1SYRpQnoja6WsCvJ8", "62:d6:9c:93:78:f1:4c:1f:09:a1:54:af:6f:aa:6c:f1" },
    { "ecdsa-sha2-nistp384",
      "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBH/sea5qbOs+Kg5FwTIaSjfBp1f2TglO6Qneny"
      "GioevjIjUX/anbWAwRRy6o+hVa6orOtzvAIUbefUW9Cg7tAQA7x3ZlB9ZwP4jDO97SP26N5CwdTytbUlQOwDedU3WU8Q== me@ecdsa-384",
      "SHA256:1D6okuShzWZN8mSrhyNJK+4lugHc65dlFVJLfkC49LY", "37:9e:d4:bb:40:21:c3:ac:5f:da:a2:8a:af:a7:c1:d2" },
    { "ecdsa-sha2-nistp521",
      "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAHCIHKN1C5abIs636D4Z4g5hfgPAuwdhzrduS"
      "/yew5RyNuF7xpQszvzyNgiVf7agriep7VhNNahs+vdlyVnfYAhkgGIzLAR+4Bx2dtLEAGFLFirX+I54MttL0kTpEq5QQRTOiO5dPXJ1dEdqq6H"
      "cBtZUMgMsEgGXzXq5SvOp6D/QrzEkQ== me@ecdsa-521",
      "SHA256:G38EM6+ota2GfNrHducFqwZXHHARQfBCFPGwXHSvjfE", "53:1a:e8:e1:18:06:2e:1e:66:fa:27:c6:61:f1:a9:d4" },
    { "sk-ssh-ed25519@openssh.com",
      "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIB0v423dfm6slwGpFCIr0aso6ZHb4GcP5u5yEsq"
      "vAPi7AAAABHNzaDo= sk",
      "SHA256:QPFTcRtoSO2KzFbSVVsE2ByVG2mTUieacOcA6TBDd+I", "41:d1:9c:d3:96:77:17:32:f8:69:5d:c3:40:c0:f1:ed" },
    { "sk-ecdsa-sha2-nistp256@openssh.com",
      "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBLc"
      "FU4ev2Ecp5qfxHVA3msKJmeq6i5aCX1PBn5/3QySMK4EQcD7b4nQyY+FDfA2GZqc+e2VEqlXrTxZtD8D8J7UAAAAEc3NoOg== sk",
      "SHA256:uuY1qEjNI7Zt/KmvC5jQmoigonUXOqwvQef66ewo/q0", "e7:89:db:c2:b7:57:f3:48:38:0f:b6:fc:ff:b4:9e:eb" },
};

/* ---- lines ---- */

START_TEST(fingerprints_are_ssh_keygens)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        AUTO(keypair) k = calloc(1, sizeof *k);

        unit_ok(ssh_key_read(known[i].line, "public_key", k, &e));
        ck_assert_str_eq(k->type, known[i].type);
        ck_assert_str_eq(k->public_key, known[i].line);
        ck_assert_str_eq(k->fingerprint_sha256, known[i].sha256);
        ck_assert_str_eq(k->fingerprint_md5, known[i].md5);
        unit_ok(keypair_check_key(known[i].line, "ssh_keys", &e));
    }
}
END_TEST

START_TEST(a_comment_is_kept_and_need_not_be)
{
    AUTO_FREE char *bare = strndup(ED25519, strlen(ED25519) - strlen(" me@ed25519-0"));
    AUTO_FREE char *spaced = str_printf("%s   two words \xc3\xa9", bare);
    AUTO_FREE char *kept = str_printf("%s two words \xc3\xa9", bare);
    AUTO(keypair) k = calloc(1, sizeof *k);
    AUTO(keypair) l = calloc(1, sizeof *l);

    unit_ok(ssh_key_read(bare, "public_key", k, &e));
    ck_assert_str_eq(k->public_key, bare);
    unit_ok(ssh_key_read(spaced, "public_key", l, &e));
    ck_assert_str_eq(l->public_key, kept);
    ck_assert_str_eq(l->fingerprint_sha256, k->fingerprint_sha256);
}
END_TEST

START_TEST(what_is_no_public_key_is_refused)
{
    static const struct {
        const char *line, *why;
    } table[] = {
        { "", "begin with the key's type" },
        { "ssh-ed25519", "base64" },
        { "ssh-ed25519 ", "base64" },
        { "ssh-ed25519 AAAA", "not of the type" },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "damaged" },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "damaged" },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "damaged" },
        { "ssh-ed25519 AAAAC3Nza*1lZDI1NTE5AAAAIA==", "base64" },
        { " " ED25519, "begin with the key's type" },
        { "command=\"/bin/true\" " ED25519, "options before it" },
        { "no-pty,command=\"ssh-rsa\" " ED25519, "options before it" },
        { "ssh-rsa" ED25519, "begin with the key's type" },
        { ED25519 "\n", "one line" },
        { ED25519 "\n" ED25519, "one line" },
        { ED25519 "\r", "one line" },
        { ED25519 " \x1b[31m", "one line" },
        { ED25519 " \xff", "one line" },
        { "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "private key" },
        { "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "private key" },
        { DSA, "DSA" },
        { RSA_1024, "at least 2048 bits" },
        { RSA_2047, "at least 2048 bits" },
        { "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB", "cut short" },
        { "ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAIIGx", "not of the type" },
        { "ssh-rsa-cert-v01@openssh.com AAAA", "certificates are not taken" },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        err_clear(&e);
        unit_fails(keypair_check_key(table[i].line, "ssh_keys", &e), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, "ssh_keys");
        ck_assert_msg(strstr(e.msg, table[i].why), "line %zu: '%s' is not in: %s", i, table[i].why, e.msg);
    }
}
END_TEST

/* A key whose bytes go on behind its end would have another fingerprint for ssh than for us. */
START_TEST(bytes_behind_the_key_are_refused)
{
    const char *text = strchr(ED25519, ' ') + 1;
    AUTO_FREE uint8_t *bytes = NULL;
    uint8_t longer[256] = { 0 };
    size_t len = 0;

    ck_assert_int_eq(base64_decode(text, strcspn(text, " "), &bytes, &len), 0);
    memcpy(longer, bytes, len);
    AUTO_FREE char *base64 = base64_encode(longer, len + 3);
    AUTO_FREE char *line = str_printf("ssh-ed25519 %s", base64);
    unit_fails(keypair_check_key(line, "public_key", &e), ERR_INVALID_FIELD);
}
END_TEST

START_TEST(a_line_has_a_length)
{
    size_t len = strlen(ED25519);
    AUTO_FREE char *line = malloc(SSH_KEY_MAX + 2);

    memset(line, 'c', SSH_KEY_MAX + 1);
    memcpy(line, ED25519, len);
    line[SSH_KEY_MAX] = '\0';
    unit_ok(keypair_check_key(line, "public_key", &e));
    line[SSH_KEY_MAX] = 'c';
    line[SSH_KEY_MAX + 1] = '\0';
    unit_fails(keypair_check_key(line, "public_key", &e), ERR_INVALID_FIELD);
    ck_assert_ptr_nonnull(strstr(e.msg, "too long"));
}
END_TEST

/* ---- pairs ---- */

/* ssh-keygen reads the private key and derives the public one. */
static void check_pair(enum ssh_key_kind kind, const char *type)
{
    AUTO(keypair) k = calloc(1, sizeof *k);
    char *private_key = NULL;
    char path[] = "/tmp/computed-key-XXXXXX", line[2048] = "";

    unit_ok(ssh_key_make(kind, "me", k, &private_key, &e));
    ck_assert_str_eq(k->type, type);
    ck_assert(str_starts_with(private_key, "-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    unit_temp_file(path, private_key, strlen(private_key)); /* 0600 */
    ssh_key_wipe(private_key);
    AUTO_FREE char *command = str_printf("ssh-keygen -y -P '' -f %s", path);
    FILE *derived = popen(command, "re");
    ck_assert_ptr_nonnull(derived);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, derived));
    ck_assert_int_eq(pclose(derived), 0);
    unlink(path);
    line[strcspn(line, "\n")] = '\0';
    ck_assert_msg(str_starts_with(k->public_key, line) || str_starts_with(line, k->public_key), "%s is not %s", line,
                  k->public_key);
    AUTO(keypair) again = calloc(1, sizeof *again);
    unit_ok(ssh_key_read(k->public_key, "public_key", again, &e));
    ck_assert_str_eq(again->fingerprint_sha256, k->fingerprint_sha256);
    ck_assert_str_eq(again->fingerprint_md5, k->fingerprint_md5);
}

START_TEST(an_ed25519_pair_fits_together)
{
    check_pair(SSH_KEY_ED25519, "ssh-ed25519");
}
END_TEST

START_TEST(an_rsa_pair_fits_together)
{
    check_pair(SSH_KEY_RSA, "ssh-rsa");
}
END_TEST

/* ---- the verbs ---- */

struct waiter {
    struct lock lock;
    struct cond changed;
    unsigned calls;
};

static void on_done(void *arg)
{
    struct waiter *w = arg;
    HOLD(&w->lock);
    w->calls++;
    cond_broadcast(&w->changed);
}

static void wait_done(struct waiter *w)
{
    HOLD(&w->lock);
    while (w->calls == 0)
        if (!cond_wait_ms(&w->changed, &w->lock, 20000))
            ck_abort_msg("no key was made");
}

/* The answer is "fingerprint private-key-or-dash". */
static int answer(struct once *o, const void *record, struct err *error)
{
    const struct keypair_answer *a = record;

    (void)error;
    o->status = 201;
    o->body = str_printf("%s %s", a->keypair->fingerprint_sha256, a->private_key ? a->private_key : "-");
    return 0;
}

static int create(const struct keypair_spec *spec, struct once *once)
{
    struct waiter w = { .calls = 0 };
    AUTO(keypair_draft) d = NULL;
    int rc;

    once->answer = answer;
    once->actor = &who;
    lock_init(&w.lock, RANK_LEAF);
    cond_init(&w.changed);
    rc = keypair_create_begin(core, spec, on_done, &w, &d, &e);
    if (rc == 0) {
        wait_done(&w);
        rc = keypair_create_finish(d, &who, once, &e);
        ck_assert_uint_eq(w.calls, 1);
    }
    cond_done(&w.changed);
    lock_done(&w.lock);
    return rc;
}

START_TEST(an_imported_key_is_a_row)
{
    AUTO_ONCE once = { .key = NULL };
    AUTO(keypair) k = NULL;

    core_lab_set_up();
    unit_ok(create(&(struct keypair_spec){ .name = (char *)"me", .public_key = (char *)ED25519 "\r\n" }, &once));
    ck_assert_str_eq(once.body, "SHA256:z+lXnNVhRXjakSkoGI5BdyJoCv6GDePQEG2HRXTuPI0 -");
    unit_ok(keypair_get(core, &who, "me", &k, &e));
    ck_assert_str_eq(k->public_key, ED25519);
    ck_assert_str_eq(k->project, project);
    ck_assert_int_gt(k->created_at_ms, 0);
    unit_fails(create(&(struct keypair_spec){ .name = (char *)"me", .public_key = (char *)ED25519 }, &once), ERR_NAME_TAKEN);
    unit_ok(keypair_delete(core, &who, "me", &e));
    unit_fails(keypair_delete(core, &who, "me", &e), ERR_KEYPAIR_NOT_FOUND);
    core_lab_tear_down();
}
END_TEST

START_TEST(an_import_is_answered_once_per_key)
{
    struct keypair_spec spec = { .name = (char *)"me", .public_key = (char *)ED25519 };
    AUTO_ONCE first = { .key = "k1", .request = "POST /v1/keypairs", .body_sha256 = "a" };
    AUTO_ONCE again = { .key = "k1", .request = "POST /v1/keypairs", .body_sha256 = "a" };

    core_lab_set_up();
    unit_ok(create(&spec, &first));
    unit_ok(create(&spec, &again));
    ck_assert_str_eq(again.body, first.body);
    core_lab_tear_down();
}
END_TEST

START_TEST(a_made_pair_is_in_one_answer_only)
{
    AUTO_ONCE once = { .key = NULL };
    AUTO_ONCE with_key = { .key = "k1", .request = "POST /v1/keypairs", .body_sha256 = "a" };
    AUTO_LIST(keypair) list = { 0 };
    bool has_more = true;

    core_lab_set_up();
    lab_start();
    unit_ok(create(&(struct keypair_spec){ .name = (char *)"made" }, &once));
    ck_assert_ptr_nonnull(strstr(once.body, "OPENSSH PRIVATE KEY"));
    unit_fails(create(&(struct keypair_spec){ .name = (char *)"other" }, &with_key), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "Idempotency-Key");
    unit_ok(keypair_list(core, &who, NULL, 10, &list, &has_more, &e));
    ck_assert_uint_eq(list.count, 1);
    ck_assert(!has_more);
    ck_assert_ptr_null(strstr(list.items[0]->public_key, "PRIVATE"));
    ck_assert_str_eq(list.items[0]->type, "ssh-ed25519");
    core_lab_tear_down();
}
END_TEST

START_TEST(what_cannot_be_created_is_refused_at_once)
{
    static const struct {
        struct keypair_spec spec;
        const char *field;
    } table[] = {
        { { .name = (char *)"no name" }, "name" },
        { { .name = (char *)"me", .type = (char *)"dsa" }, "type" },
        { { .name = (char *)"me", .type = (char *)"rsa", .public_key = (char *)ED25519 }, "type" },
        { { .name = (char *)"me", .public_key = (char *)"ssh-ed25519 AAAA" }, "public_key" },
        { { .name = (char *)"me", .public_key = (char *)"" }, "public_key" },
    };
    AUTO_ONCE once = { .key = NULL };

    core_lab_set_up();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        unit_fails(create(&table[i].spec, &once), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, table[i].field);
    }
    core_lab_tear_down();
}
END_TEST

/* Nothing takes orders up before core_start: the queue fills, and the stop answers all who wait. */
START_TEST(the_queue_has_an_end_and_stops)
{
    struct keypair_spec spec = { .name = (char *)"made", .type = (char *)"rsa" };
    struct keypair_draft *drafts[32] = { NULL }, *one_more = NULL;
    struct waiter w = { .calls = 0 };
    AUTO_ONCE once = { .answer = answer, .actor = &who };

    core_lab_set_up();
    lock_init(&w.lock, RANK_LEAF);
    cond_init(&w.changed);
    for (size_t i = 0; i < 32; i++)
        unit_ok(keypair_create_begin(core, &spec, on_done, &w, &drafts[i], &e));
    unit_fails(keypair_create_begin(core, &spec, on_done, &w, &one_more, &e), ERR_UNAVAILABLE);
    ck_assert_ptr_null(one_more);
    ck_assert(core_stop(core, LAB_DEADLINE_MS));
    ck_assert_uint_eq(w.calls, 32);
    for (size_t i = 0; i < 32; i++) {
        unit_fails(keypair_create_finish(drafts[i], &who, &once, &e), ERR_UNAVAILABLE);
        keypair_draft_free(drafts[i]);
    }
    unit_fails(keypair_create_begin(core, &spec, on_done, &w, &one_more, &e), ERR_UNAVAILABLE);
    cond_done(&w.changed);
    lock_done(&w.lock);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_keypair", fingerprints_are_ssh_keygens, a_comment_is_kept_and_need_not_be, what_is_no_public_key_is_refused,
          bytes_behind_the_key_are_refused, a_line_has_a_length, an_ed25519_pair_fits_together, an_rsa_pair_fits_together,
          an_imported_key_is_a_row, an_import_is_answered_once_per_key, a_made_pair_is_in_one_answer_only,
          what_cannot_be_created_is_refused_at_once, the_queue_has_an_end_and_stops)
