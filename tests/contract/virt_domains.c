/* What every driver of virt promises, asked of each: the fake and libvirt's own test driver, or, as `virt_domains qemu`, real
 * QEMU behind the libvirt at qemu:///system. */
#include <pthread.h>

#include "virt_lab.h"

#include "virt/describe.h"

enum { TEST_TIMEOUT_S = 60 };

/* ---- the promises ---- */

START_TEST(defines_again_with_the_same_result)
{
    ck_assert_int_eq(power(), VIRT_ABSENT);
    define();
    ck_assert_int_eq(power(), VIRT_STOPPED);
    define();
    ck_assert_int_eq(power(), VIRT_STOPPED);
    w.d.autostart = true;
    define();
    w.d.autostart = false;
    define();
    unit_ok(virt_undefine(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_ABSENT);
    unit_ok(virt_undefine(w.v, w.id, &e));
}
END_TEST

START_TEST(lives_and_says_so)
{
    define_and_start();
    unit_ok(virt_start(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    ck_assert_int_eq(surveyed_power(), VIRT_RUNNING);
    unit_ok(virt_pause(w.v, w.id, &e));
    unit_ok(virt_pause(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_PAUSED);
    ck_assert_int_eq(surveyed_power(), VIRT_PAUSED);
    unit_ok(virt_resume(w.v, w.id, &e));
    unit_ok(virt_resume(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    unit_ok(virt_destroy(w.v, w.id, &e));
    unit_ok(virt_destroy(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_STOPPED);
    unit_ok(virt_shutdown(w.v, w.id, &e));
    ck_assert_int_eq(surveyed_power(), VIRT_STOPPED);
}
END_TEST

START_TEST(says_why_it_is_paused)
{
    struct virt_state state;

    define_and_start();
    unit_ok(virt_pause(w.v, w.id, &e));
    unit_ok(virt_state(w.v, w.id, &state, &e));
    ck_assert_str_eq(state.reason, "user");
}
END_TEST

START_TEST(misses_what_is_not_there)
{
    bool is_connected;

    unit_fails(virt_start(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_shutdown(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_pause(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_resume(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_reboot(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_reset(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_rename(w.v, w.id, "x", &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_suspend(w.v, w.id, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_set_autostart(w.v, w.id, true, &e), ERR_DOMAIN_MISSING);
    unit_fails(virt_agent_is_connected(w.v, w.id, &is_connected, &e), ERR_DOMAIN_MISSING);
    unit_ok(virt_destroy(w.v, w.id, &e));
    unit_ok(virt_undefine(w.v, w.id, &e));
    define();
    remove_behind_our_back();
    ck_assert_int_eq(power(), VIRT_ABSENT);
    unit_fails(virt_start(w.v, w.id, &e), ERR_DOMAIN_MISSING);
}
END_TEST

START_TEST(does_not_touch_what_is_foreign)
{
    define();
    drop_tag_behind_our_back();
    unit_fails(virt_define(w.v, &w.d, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_start(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_destroy(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_undefine(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_rename(w.v, w.id, "x", &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_suspend(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_set_autostart(w.v, w.id, true, &e), ERR_FOREIGN_DOMAIN);
    ck_assert_int_eq(power(), VIRT_STOPPED);
    remove_behind_our_back();
}
END_TEST

START_TEST(destroys_nothing_whose_disk_is_elsewhere)
{
    define_and_start();
    reopen_virt(TEMPLATES, "/somewhere/else");
    unit_fails(virt_destroy(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_undefine(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    reopen_virt(TEMPLATES, w.dir);
    ck_assert_int_eq(power(), VIRT_RUNNING);
}
END_TEST

START_TEST(lists_what_carries_our_tag)
{
    AUTO_FREE uuid_text *ids = NULL;
    size_t count, seen = 0;

    define();
    unit_ok(virt_list_tagged(w.v, &ids, &count, &e));
    for (size_t i = 0; i < count; i++)
        seen += strcmp(ids[i], w.id) == 0;
    ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(describes_what_it_defined)
{
    static const struct virt_nic nics[] = { { .network = "5b7d7c1e-4b51-4f0a-8f5e-52b0c9a3d333", .mac = "02:5b:7d:7c:00:02" },
                                            { .mac = "52:54:00:12:34:57" } };
    AUTO_VIRT_DESCRIPTION d = { .name = NULL };

    unit_fails(virt_describe(w.v, w.id, &d, &e), ERR_DOMAIN_MISSING);
    w.d.nics = nics;
    w.d.nic_count = ARRAY_LEN(nics);
    w.d.autostart = true;
    w.d.vcpus = 3;
    w.d.memory_mib = 96;
    define();
    unit_ok(virt_rename(w.v, w.id, "a & 'b'", &e));
    unit_ok(virt_describe(w.v, w.id, &d, &e));
    ck_assert_str_eq(d.name, "a & 'b'");
    ck_assert_str_eq(d.project, w.d.project);
    ck_assert_uint_eq(d.vcpus, 3);
    ck_assert_uint_eq(d.memory_mib, 96);
    ck_assert(d.autostart);
    ck_assert_uint_eq(d.nic_count, 2);
    ck_assert_str_eq(d.nics[0].network, nics[0].network);
    ck_assert_str_eq(d.nics[0].mac, nics[0].mac);
    ck_assert_str_eq(d.nics[1].network, "");
    ck_assert_str_eq(d.nics[1].mac, nics[1].mac);
    drop_tag_behind_our_back();
    unit_fails(virt_describe(w.v, w.id, &(struct virt_description){ .name = NULL }, &e), ERR_FOREIGN_DOMAIN);
    remove_behind_our_back();
}
END_TEST

START_TEST(renames_and_stays_ours)
{
    char longest[255 * 4 + 1] = "";

    for (size_t i = 0; i < 255; i++)
        memcpy(longest + 4 * i, "\xF0\x9F\x90\xA7", 4);
    longest[255 * 4] = '\0';
    define();
    unit_ok(virt_rename(w.v, w.id, longest, &e));
    unit_ok(virt_start(w.v, w.id, &e));
    unit_ok(virt_rename(w.v, w.id, "a & <b/> \"c\" '名'", &e));
    if (!is("fake")) {
        virConnectPtr connect;
        virDomainPtr domain = raw_domain(&connect);
        AUTO_FREE char *title = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, NULL, 0);
        AUTO_FREE char *tag = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, VIRT_METADATA_NS, 0);
        ck_assert_str_eq(title, "a & <b/> \"c\" '名'");
        ck_assert_ptr_nonnull(strstr(tag, "project=\"default\""));
        ck_assert_ptr_nonnull(strstr(tag, "job=\"job-1\""));
        raw_close(connect, domain);
    }
    unit_ok(virt_destroy(w.v, w.id, &e));
}
END_TEST

START_TEST(reports_a_template_that_is_refused)
{
    AUTO_FREE char *broken = str_printf("%s/broken", w.dir);
    AUTO_FREE char *refused = str_printf("%s/refused", w.dir);

    run("mkdir '%s'", broken);
    run("echo '<domain><oops></domain>' > '%s'/domain.xml", broken);
    reopen_virt(broken, w.dir);
    unit_fails(virt_define(w.v, &w.d, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "domain.xml"));
    ck_assert_int_eq(power(), VIRT_ABSENT);
    if (is("fake"))
        return;
    run("mkdir '%s'", refused);
    run("echo \"<domain><os><type>hvm</type></os><devices><disk device='disk'><target dev='vda' "
        "bus='nonsense'/></disk></devices></domain>\""
        " > '%s'/domain.xml",
        refused);
    reopen_virt(refused, w.dir);
    unit_fails(virt_define(w.v, &w.d, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "nonsense"));
    ck_assert_int_eq(power(), VIRT_ABSENT);
}
END_TEST

START_TEST(refuses_user_networking_when_told_to)
{
    AUTO_FREE char *dir = str_printf("%s/user", w.dir);

    run("mkdir '%s'", dir);
    run("echo \"<domain><os><type>hvm</type></os><devices><interface type='user'/></devices></domain>\" > '%s'/domain.xml", dir);
    w.refuses_user_network = true;
    reopen_virt(dir, w.dir);
    unit_fails(virt_define(w.v, &w.d, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.msg, "loopback"));
    ck_assert_int_eq(power(), VIRT_ABSENT);
    reopen_virt(TEMPLATES, w.dir);
    define();
    unit_ok(virt_undefine(w.v, w.id, &e));
    w.refuses_user_network = false;
    reopen_virt(dir, w.dir);
    define();
}
END_TEST

/* The image as it is before and after a guest ran on it, and what the definition says to keep it so. */
START_TEST(leaves_the_image_its_owner)
{
    struct stat before, while_running, after;

    ck_assert_int_eq(stat(w.image, &before), 0);
    define_and_start();
    AUTO_FREE char *xml = definition();
    ck_assert_ptr_nonnull(strstr(xml, w.image));
    ck_assert_int_eq(strstr(xml, "relabel=") != NULL, subject->has_dac);
    ck_assert_int_eq(stat(w.image, &while_running), 0);
    unit_ok(virt_destroy(w.v, w.id, &e));
    ck_assert_int_eq(stat(w.image, &after), 0);
    ck_assert_uint_eq(while_running.st_uid, before.st_uid);
    ck_assert_uint_eq(while_running.st_gid, before.st_gid);
    ck_assert_uint_eq(while_running.st_mode, before.st_mode);
    ck_assert_uint_eq(after.st_uid, before.st_uid);
    ck_assert_uint_eq(after.st_mode, before.st_mode);
}
END_TEST

START_TEST(says_no_when_the_disk_is_missing)
{
    define();
    ck_assert_int_eq(unlink(w.disk), 0);
    unit_fails(virt_start(w.v, w.id, &e), ERR_HYPERVISOR);
    ck_assert_ptr_null(strstr(e.msg, w.dir));
    ck_assert_int_ne(e.detail[0], '\0');
    ck_assert_int_eq(power(), VIRT_STOPPED);
}
END_TEST

START_TEST(starts_by_itself_when_told_to)
{
    define();
    ck_assert(!starts_by_itself());
    for (int i = 0; i < 2; i++) {
        unit_ok(virt_set_autostart(w.v, w.id, true, &e));
        ck_assert(starts_by_itself());
    }
    unit_ok(virt_start(w.v, w.id, &e));
    unit_ok(virt_set_autostart(w.v, w.id, false, &e));
    ck_assert(!starts_by_itself());
    w.d.autostart = true;
    define();
    ck_assert(starts_by_itself());
    ck_assert_int_eq(power(), VIRT_RUNNING);
}
END_TEST

/* Also what was paused runs when it is started again. */
START_TEST(suspends_and_goes_on)
{
    define();
    unit_fails(virt_suspend(w.v, w.id, &e), ERR_INVALID_STATE);
    ck_assert_int_eq(power(), VIRT_STOPPED);
    unit_ok(virt_start(w.v, w.id, &e));
    for (int i = 0; i < 2; i++) {
        unit_ok(virt_suspend(w.v, w.id, &e));
        ck_assert_int_eq(power(), VIRT_SUSPENDED);
        ck_assert_int_eq(surveyed_power(), VIRT_SUSPENDED);
    }
    unit_ok(virt_start(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    unit_ok(virt_pause(w.v, w.id, &e));
    unit_ok(virt_suspend(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_SUSPENDED);
    unit_ok(virt_start(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    unit_ok(virt_suspend(w.v, w.id, &e));
    unit_ok(virt_undefine(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_ABSENT);
}
END_TEST

/* Off before, or with a managed save. */
START_TEST(starts_paused)
{
    define();
    for (int i = 0; i < 2; i++) {
        unit_ok(virt_start_paused(w.v, w.id, &e));
        unit_ok(virt_start_paused(w.v, w.id, &e));
        ck_assert_int_eq(power(), VIRT_PAUSED);
        ck_assert_int_eq(surveyed_power(), VIRT_PAUSED);
        unit_ok(virt_resume(w.v, w.id, &e));
        ck_assert_int_eq(power(), VIRT_RUNNING);
        unit_ok(virt_suspend(w.v, w.id, &e));
    }
    unit_ok(virt_undefine(w.v, w.id, &e));
    unit_fails(virt_start_paused(w.v, w.id, &e), ERR_DOMAIN_MISSING);
}
END_TEST

START_TEST(notices_a_managed_save)
{
    define_and_start();
    save_behind_our_back();
    ck_assert_int_eq(power(), VIRT_SUSPENDED);
    ck_assert_int_eq(surveyed_power(), VIRT_SUSPENDED);
    AUTO(virt_survey) each = survey_each(NULL, (const uuid_text *)&w.id, 1);
    ck_assert_int_eq(virt_survey_find(each, w.id)->state.power, VIRT_SUSPENDED);
    unit_ok(virt_start(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    save_behind_our_back();
    unit_ok(virt_undefine(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_ABSENT);
}
END_TEST

START_TEST(shuts_down)
{
    struct virt_state state;

    define_and_start();
    unit_ok(virt_shutdown(w.v, w.id, &e));
    unit_ok(virt_wait_power(w.v, w.id, VIRT_STOPPED, subject->obeys_power_button ? ANSWER_MS : 50, &state, &e));
    ck_assert_int_eq(state.power, subject->obeys_power_button ? VIRT_STOPPED : VIRT_RUNNING);
}
END_TEST

static void *destroy_main(void *arg)
{
    struct err mine = ERR_INIT;

    (void)arg;
    ck_assert_int_eq(virt_destroy(w.v, w.id, &mine), 0);
    return NULL;
}

START_TEST(wakes_who_waits_and_tells_the_listener)
{
    struct virt_state state;
    pthread_t other;

    define_and_start();
    await(&w.events, 1);
    ck_assert_int_eq(pthread_create(&other, NULL, destroy_main, NULL), 0);
    unit_ok(virt_wait_power(w.v, w.id, VIRT_STOPPED, 20000, &state, &e));
    ck_assert_int_eq(state.power, VIRT_STOPPED);
    ck_assert_int_eq(pthread_join(other, NULL), 0);
    await(&w.events, 2);
}
END_TEST

START_TEST(sees_a_restart)
{
    AUTO(virt_watch) watch = NULL;
    bool is_seen;

    define_and_start();
    unit_ok(virt_watch_begin(w.v, w.id, &watch, &e));
    unit_ok(virt_watch_reboot(watch, 20, &is_seen, &e));
    ck_assert(!is_seen);
    unit_ok(virt_reset(w.v, w.id, &e));
    if (!subject->tells_resets)
        return;
    unit_ok(virt_watch_reboot(watch, ANSWER_MS, &is_seen, &e));
    ck_assert(is_seen);
}
END_TEST

START_TEST(surveys_each_with_and_without_handles)
{
    uuid_text ids[2];

    define_and_start();
    memcpy(ids[0], w.id, sizeof(ids[0]));
    id_uuid(ids[1]);
    AUTO(virt_survey) base = survey_all();
    AUTO(virt_survey) with = survey_each(base, (const uuid_text *)ids, 2);
    AUTO(virt_survey) without = survey_each(NULL, (const uuid_text *)ids, 2);
    struct virt_survey *both[] = { with, without };
    ck_assert(!virt_survey_find(base, ids[1]));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(both[i]);
        const struct virt_observation *o = virt_survey_find(both[i], ids[0]);
        ck_assert_int_eq(o->state.power, VIRT_RUNNING);
        ck_assert(o->has_usage);
        ck_assert_uint_gt(o->memory_used_mib, 0);
        ck_assert_int_eq(virt_survey_find(both[i], ids[1])->state.power, VIRT_ABSENT);
    }
    unit_ok(virt_destroy(w.v, w.id, &e));
    AUTO(virt_survey) stopped = survey_each(base, (const uuid_text *)ids, 1);
    ck_assert_int_eq(virt_survey_find(stopped, ids[0])->state.power, VIRT_STOPPED);
    ck_assert(!virt_survey_find(stopped, ids[0])->has_usage);
    unit_ok(virt_undefine(w.v, w.id, &e));
    AUTO(virt_survey) gone = survey_each(base, (const uuid_text *)ids, 1);
    ck_assert_int_eq(virt_survey_find(gone, ids[0])->state.power, VIRT_ABSENT);
}
END_TEST

START_TEST(knows_its_host)
{
    AUTO_FREE char *first = NULL, *second = NULL;

    unit_ok(virt_host_fingerprint(w.v, &first, &e));
    unit_ok(virt_host_fingerprint(w.v, &second, &e));
    ck_assert_str_eq(first, second);
    ck_assert_ptr_nonnull(strstr(first, "kernel "));
    ck_assert_ptr_null(strchr(first, '\n'));
    ck_assert_str_eq(virt_uri(w.v), w.uri);
    ck_assert(virt_is_connected(w.v));
}
END_TEST

START_TEST(proves_that_a_guest_runs)
{
    struct virt_accel accel = { VIRT_TYPE_QEMU, "" };
    AUTO_FREE uuid_text *ids = NULL;
    AUTO_FREE char *left = str_printf("test -z \"$(ls '%s'/probe 2>/dev/null)\"", w.dir);
    size_t count;

    unit_ok(virt_probe(w.v, &accel, 20000, &e));
    ck_assert_int_eq(system(left), 0);
    if (!is("qemu"))
        return;
    unit_fails(virt_probe(w.v, &accel, 1, &e), ERR_TIMEOUT);
    (void)str_copy(accel.cpu, sizeof(accel.cpu), "no-such-model");
    unit_fails(virt_probe(w.v, &accel, 20000, &e), ERR_HYPERVISOR);
    ck_assert_int_eq(system(left), 0);
    unit_ok(virt_list_tagged(w.v, &ids, &count, &e));
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* ---- the fake's own tricks ---- */

START_TEST(goes_down_and_comes_up)
{
    define();
    run("touch '%s'/down", w.fake_dir);
    unit_fails(virt_start(w.v, w.id, &e), ERR_UNAVAILABLE);
    ck_assert_ptr_null(survey_all());
    ck_assert(!virt_is_connected(w.v));
    await(&w.disconnects, 1);
    run("rm '%s'/down", w.fake_dir);
    await(&w.connects, 1);
    unit_ok(virt_wait_connected(w.v, ANSWER_MS, &e));
    ck_assert_int_eq(surveyed_power(), VIRT_STOPPED);
}
END_TEST

START_TEST(hangs_and_recovers)
{
    struct answer a = { 0 };

    define();
    run("touch '%s'/hang", w.fake_dir);
    virt_survey_all(w.v, 50, on_survey, &a);
    ck_assert_ptr_null(answer_of(&a));
    ck_assert_uint_eq(virt_stuck_readers(w.v), 1);
    run("rm '%s'/hang", w.fake_dir);
    ck_assert_int_eq(surveyed_power(), VIRT_STOPPED);
}
END_TEST

START_TEST(survives_the_daemon)
{
    define_and_start();
    reopen_virt(TEMPLATES, w.dir);
    ck_assert_int_eq(power(), VIRT_RUNNING);
}
END_TEST

static TCase *case_of(const struct subject *s, void (*set_up_subject)(void))
{
    const TTest *const promises[] = {
        defines_again_with_the_same_result,
        lives_and_says_so,
        says_why_it_is_paused,
        misses_what_is_not_there,
        does_not_touch_what_is_foreign,
        destroys_nothing_whose_disk_is_elsewhere,
        lists_what_carries_our_tag,
        describes_what_it_defined,
        renames_and_stays_ours,
        reports_a_template_that_is_refused,
        refuses_user_networking_when_told_to,
        leaves_the_image_its_owner,
        starts_by_itself_when_told_to,
        suspends_and_goes_on,
        starts_paused,
        notices_a_managed_save,
        shuts_down,
        wakes_who_waits_and_tells_the_listener,
        sees_a_restart,
        surveys_each_with_and_without_handles,
        knows_its_host,
        proves_that_a_guest_runs,
        survives_the_daemon,
    };
    TCase *tcase = tcase_create(s->name);

    tcase_set_timeout(tcase, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, set_up_subject, tear_down);
    for (size_t i = 0; i < ARRAY_LEN(promises); i++)
        tcase_add_test(tcase, promises[i]);
    if (s->wants_disk)
        tcase_add_test(tcase, says_no_when_the_disk_is_missing);
    return tcase;
}

static Suite *here(void)
{
    Suite *suite = suite_create("virt_domains");
    TCase *fake = case_of(&subjects[FAKE], set_up_on_fake);

    tcase_add_test(fake, goes_down_and_comes_up);
    tcase_add_test(fake, hangs_and_recovers);
    suite_add_tcase(suite, fake);
    suite_add_tcase(suite, case_of(&subjects[TEST], set_up_on_test));
    return suite;
}

static Suite *on_qemu(void)
{
    Suite *suite = suite_create("virt_domains qemu");

    suite_add_tcase(suite, case_of(&subjects[QEMU], set_up_on_qemu));
    return suite;
}

int main(int argc, char **argv)
{
    return virt_lab_main(argc, argv, here, on_qemu);
}
