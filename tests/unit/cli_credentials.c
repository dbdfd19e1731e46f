/* What a login keeps, who may read it, and to whom the token is shown. */
#include <stdio.h>
#include <sys/stat.h>

#include "../../src/cli/credentials.h"
#include "unit.h"

#include "base/cleanup.h"
#include "base/str.h"

static char home[] = "/tmp/computed-cli-XXXXXX";

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(home));
    ck_assert_int_eq(setenv("HOME", home, 1), 0);
    ck_assert_int_eq(unsetenv("XDG_CONFIG_HOME"), 0);
    ck_assert_int_eq(unsetenv("COMPUTED_TOKEN"), 0);
}

static char *below(const char *name)
{
    return str_printf("%s/.config%s", home, name);
}

static void end(void)
{
    static const char *const folders[] = { "/computed", "" };

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        AUTO_FREE char *folder = below(folders[i]);
        ck_assert_int_eq(rmdir(folder), 0); /* which also says that nothing else was left there */
    }
    ck_assert_int_eq(rmdir(home), 0);
}

static char url[] = "http://here:1", token[] = "t0ken", until[] = "2030-01-01T00:00:00.000Z", other[] = "0ther";

START_TEST(what_is_kept_comes_back)
{
    const struct credentials first = { url, token, until }, second = { url, other, NULL };
    AUTO_CREDENTIALS none = { 0 }, loaded = { 0 }, again = { 0 };
    struct err e = ERR_INIT;

    begin();
    unit_ok(credentials_load(&none, &e));
    ck_assert(!none.url && !none.token && !none.expires_at);
    unit_ok(credentials_save(&first, &e));
    unit_ok(credentials_load(&loaded, &e));
    ck_assert_str_eq(loaded.url, url);
    ck_assert_str_eq(loaded.token, token);
    ck_assert_str_eq(loaded.expires_at, until);
    unit_ok(credentials_save(&second, &e));
    unit_ok(credentials_load(&again, &e));
    ck_assert_str_eq(again.token, other);
    ck_assert_ptr_null(again.expires_at);
    unit_ok(credentials_forget(&e));
    unit_ok(credentials_forget(&e));
    end();
}
END_TEST

START_TEST(its_owner_alone_may_read_it)
{
    const struct credentials c = { url, token, until };
    AUTO_FREE char *file = NULL;
    AUTO_FREE char *folder = NULL;
    struct err e = ERR_INIT;
    struct stat st;

    begin();
    file = below("/computed/credentials");
    folder = below("/computed");
    (void)umask(0);
    unit_ok(credentials_save(&c, &e));
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(folder, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    unit_ok(credentials_forget(&e));
    end();
}
END_TEST

START_TEST(a_failure_leaves_what_was_kept)
{
    const struct credentials c = { url, token, until };
    AUTO_CREDENTIALS loaded = { 0 };
    AUTO_FREE char *file = NULL;
    struct err e = ERR_INIT;

    begin();
    file = below("/computed/credentials");
    unit_ok(credentials_save(&c, &e));
    ck_assert_int_eq(unlink(file), 0);
    ck_assert_int_eq(mkdir(file, 0700), 0); /* a file cannot be put in its place */
    unit_fails(credentials_save(&c, &e), ERR_INTERNAL);
    unit_fails(credentials_load(&loaded, &e), ERR_INVALID);
    ck_assert_int_eq(rmdir(file), 0);
    end();
}
END_TEST

START_TEST(what_is_no_json_is_named)
{
    const struct credentials c = { url, token, until };
    AUTO_CREDENTIALS loaded = { 0 };
    AUTO_FREE char *file = NULL;
    struct err e = ERR_INIT;
    FILE *f;

    begin();
    file = below("/computed/credentials");
    unit_ok(credentials_save(&c, &e));
    f = fopen(file, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs("token", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    unit_fails(credentials_load(&loaded, &e), ERR_INVALID_JSON);
    ck_assert_ptr_nonnull(strstr(e.msg, file));
    unit_ok(credentials_forget(&e));
    end();
}
END_TEST

START_TEST(without_a_home_nothing_is_kept)
{
    const struct credentials c = { url, token, until };
    AUTO_CREDENTIALS loaded = { 0 };
    struct err e = ERR_INIT;

    ck_assert_int_eq(unsetenv("HOME"), 0);
    ck_assert_int_eq(unsetenv("XDG_CONFIG_HOME"), 0);
    unit_ok(credentials_load(&loaded, &e));
    ck_assert_ptr_null(loaded.token);
    unit_fails(credentials_save(&c, &e), ERR_INVALID);
}
END_TEST

START_TEST(the_address_that_is_called)
{
    const struct credentials kept = { url, token, until }, none = { 0 };

    ck_assert_str_eq(credentials_url(&kept, "unix:/s"), "unix:/s");
    ck_assert_str_eq(credentials_url(&kept, NULL), url);
    if (access("/run/computed/computed.sock", F_OK) < 0)
        ck_assert_str_eq(credentials_url(&none, NULL), "http://127.0.0.1:8081");
}
END_TEST

START_TEST(a_kept_token_is_for_its_own_address)
{
    const struct credentials kept = { url, token, until }, none = { 0 };

    ck_assert_int_eq(unsetenv("COMPUTED_TOKEN"), 0);
    ck_assert_str_eq(credentials_token(&kept, url), token);
    ck_assert_ptr_null(credentials_token(&kept, "http://elsewhere:1"));
    ck_assert_ptr_null(credentials_token(&none, url));
    ck_assert_int_eq(setenv("COMPUTED_TOKEN", "given", 1), 0);
    ck_assert_str_eq(credentials_token(&kept, url), "given");
    ck_assert_str_eq(credentials_token(&none, "http://elsewhere:1"), "given");
    ck_assert_int_eq(setenv("COMPUTED_TOKEN", "", 1), 0);
    ck_assert_str_eq(credentials_token(&kept, url), token);
}
END_TEST

UNIT_MAIN("cli_credentials", what_is_kept_comes_back, its_owner_alone_may_read_it, a_failure_leaves_what_was_kept,
          what_is_no_json_is_named, without_a_home_nothing_is_kept, the_address_that_is_called,
          a_kept_token_is_for_its_own_address)
