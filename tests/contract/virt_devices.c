/* What every driver of virt promises of a guest's devices, asked of each: the fake and libvirt's own test driver, or, as
 * `virt_devices qemu`, real QEMU behind the libvirt at qemu:///system. */
#include "virt_lab.h"

#include "virt/network.h"

enum { TEST_TIMEOUT_S = 60 };

static void expect(const char *xml, const char *text)
{
    ck_assert_msg(strstr(xml, text) != NULL, "'%s' is not in: %s", text, xml);
}

START_TEST(defines_nics_and_a_seed)
{
    uuid_text network;
    id_uuid(network);
    const struct virt_nic nics[] = { { .network = network, .mac = "52:54:00:12:34:56", .ipv4 = "10.77.0.2" },
                                     { .mac = "52:54:00:12:34:57" } };

    w.d.seed_path = w.seed;
    w.d.nics = nics;
    w.d.nic_count = ARRAY_LEN(nics);
    define();
    AUTO_FREE char *xml = definition();
    expect(xml, w.seed);
    expect(xml, network);
    expect(xml, nics[0].mac);
    expect(xml, nics[1].mac);
    ck_assert_int_eq(strstr(xml, "computed-port") != NULL, subject->has_filters);
    w.d.nic_count = 0;
    w.d.seed_path = NULL;
    define();
    AUTO_FREE char *without = definition();
    ck_assert_ptr_null(strstr(without, network));
    ck_assert_ptr_null(strstr(without, w.seed));
}
END_TEST

START_TEST(runs_with_a_seed_on_user_networking)
{
    const struct virt_nic nic = { .mac = "52:54:00:12:34:57" };

    run("head -c 65536 /dev/zero > '%s'", w.seed);
    w.d.seed_path = w.seed;
    w.d.nics = &nic;
    w.d.nic_count = 1;
    define_and_start();
    ck_assert_int_eq(power(), VIRT_RUNNING);
    unit_ok(virt_destroy(w.v, w.id, &e));
    if (subject->wants_disk) {
        ck_assert_int_eq(unlink(w.seed), 0);
        unit_fails(virt_start(w.v, w.id, &e), ERR_HYPERVISOR);
    }
    w.refuses_user_network = true;
    reopen_virt(TEMPLATES, w.dir);
    unit_fails(virt_define(w.v, &w.d, &e), ERR_NOT_SUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.msg, "loopback"));
}
END_TEST

/* Where libvirt looks at what a guest needs, one without its network does not start. */
START_TEST(runs_on_a_network)
{
    uuid_text id;
    id_uuid(id);
    const struct virt_network network = { .id = id,
                                          .name = "net",
                                          .project = "default",
                                          .bridge = "cptdevices0",
                                          .cidr = { 0xc6124e00, 24 }, /* 198.18.78.0 */
                                          .gateway = 0xc6124e01 };
    const struct virt_nic nic = { .network = id, .mac = "52:54:00:12:34:56", .ipv4 = "198.18.78.2" };

    w.d.nics = &nic;
    w.d.nic_count = 1;
    define();
    if (subject->wants_disk)
        unit_fails(virt_start(w.v, w.id, &e), ERR_HYPERVISOR);
    unit_ok(virt_network_ensure(w.v, &network, &e));
    unit_ok(virt_start(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    unit_ok(virt_suspend(w.v, w.id, &e));
    unit_ok(virt_start(w.v, w.id, &e));
    ck_assert_int_eq(power(), VIRT_RUNNING);
    unit_ok(virt_destroy(w.v, w.id, &e));
    unit_ok(virt_network_remove(w.v, id, &e));
}
END_TEST

START_TEST(has_no_agent_while_the_guest_has_none)
{
    bool is_connected = true;

    define();
    unit_ok(virt_agent_is_connected(w.v, w.id, &is_connected, &e));
    ck_assert(!is_connected);
    unit_ok(virt_start(w.v, w.id, &e));
    is_connected = true;
    unit_ok(virt_agent_is_connected(w.v, w.id, &is_connected, &e));
    ck_assert(!is_connected);
    await(&w.events, 2);
    HOLD(&w.lock);
    ck_assert_uint_eq(w.agents, 0);
}
END_TEST

/* ---- the fake's own tricks ---- */

static bool has_agent(void)
{
    bool is_connected;

    unit_ok(virt_agent_is_connected(w.v, w.id, &is_connected, &e));
    return is_connected;
}

START_TEST(hears_of_agents)
{
    define();
    run("touch '%s'/agent-%s", w.fake_dir, w.id);
    ck_assert(!has_agent());
    unit_ok(virt_start(w.v, w.id, &e));
    await(&w.agents, 1);
    ck_assert(has_agent());
    run("rm '%s'/agent-%s", w.fake_dir, w.id);
    ck_assert(!has_agent());
    run("touch '%s'/agent-%s", w.fake_dir, w.id);
    await(&w.agents, 2);
    ck_assert(has_agent());
}
END_TEST

static TCase *case_of(const struct subject *s, void (*set_up_subject)(void))
{
    const TTest *const promises[] = {
        defines_nics_and_a_seed,
        runs_with_a_seed_on_user_networking,
        runs_on_a_network,
        has_no_agent_while_the_guest_has_none,
    };
    TCase *tcase = tcase_create(s->name);

    tcase_set_timeout(tcase, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, set_up_subject, tear_down);
    for (size_t i = 0; i < ARRAY_LEN(promises); i++)
        tcase_add_test(tcase, promises[i]);
    return tcase;
}

static Suite *here(void)
{
    Suite *suite = suite_create("virt_devices");
    TCase *fake = case_of(&subjects[FAKE], set_up_on_fake);

    tcase_add_test(fake, hears_of_agents);
    suite_add_tcase(suite, fake);
    suite_add_tcase(suite, case_of(&subjects[TEST], set_up_on_test));
    return suite;
}

static Suite *on_qemu(void)
{
    Suite *suite = suite_create("virt_devices qemu");

    suite_add_tcase(suite, case_of(&subjects[QEMU], set_up_on_qemu));
    return suite;
}

int main(int argc, char **argv)
{
    return virt_lab_main(argc, argv, here, on_qemu);
}
