/* What every driver of virt promises of networks, asked of each: the fake and libvirt's own test driver, or, as
 * `virt_networks qemu`, the libvirt at qemu:///system, with bridges, dnsmasq and filters. */
#include <pthread.h>

#include "network_lab.h"

#include "model/network.h"
#include "virt/network.h"
#include "virt/network_xml.h"

enum { TEST_TIMEOUT_S = 60, HOSTS = 4, POLL_MS = 10 };
#define CIDR        "198.18.77.0/28"
#define LARGE_CIDR  "198.18.72.0/21"
#define BRIDGE      "cptcontract0"
#define STRANGE_MAC "52:54:00:7b:35:93" /* of no address's pair */
enum { PAIRS = 13 };

static struct virt_network n;
static uuid_text other_id;
static mac_text web_mac;
static const struct virt_lease web = { web_mac, "198.18.77.5", "web" };

static struct cidr cidr(const char *text)
{
    struct cidr c;

    ck_assert_int_eq(cidr_parse(text, &c), 0);
    return c;
}

static void set_up_network(const struct subject *s)
{
    set_up(s);
    id_uuid(other_id);
    port_mac(w.id, cidr(CIDR).base + 5, web_mac);
    n = (struct virt_network){ .id = w.id,
                               .name = "名前 & <b>\"net\"</b>",
                               .project = "default",
                               .bridge = BRIDGE,
                               .cidr = cidr(CIDR),
                               .gateway = cidr(CIDR).base + 1 };
}

static void ensure(void)
{
    unit_ok(virt_network_ensure(w.v, &n, &e));
}

static void tear_down_network(void)
{
    (void)virt_network_remove(w.v, w.id, &e);
    tear_down();
}

static bool knows(const char *text)
{
    AUTO_FREE struct cidr *ranges = NULL;
    struct cidr wanted = cidr(text);
    size_t count;

    unit_ok(virt_network_cidrs(w.v, &ranges, &count, &e));
    for (size_t i = 0; i < count; i++)
        if (ranges[i].base == wanted.base && ranges[i].prefix == wanted.prefix)
            return true;
    return false;
}

static void await_knowledge(const char *text, bool is_known)
{
    for (int waited_ms = 0; knows(text) != is_known; waited_ms += POLL_MS) {
        HOLD(&w.lock);
        ck_assert_msg(waited_ms < ANSWER_MS, "%s is %s", text, is_known ? "not known" : "still known");
        (void)cond_wait_ms(&w.heard, &w.lock, POLL_MS);
    }
}

/* ---- the promises ---- */

START_TEST(makes_a_network_that_runs_and_comes_back)
{
    ck_assert(virt_has_bridges(w.v));
    ensure();
    ck_assert(runs_and_comes_back());
    ck_assert(says(BRIDGE));
    ck_assert(says("198.18.77.1"));
    ensure();
    ck_assert(runs_and_comes_back());
    stop_behind_our_back();
    ck_assert(!runs_and_comes_back());
    ensure();
    ck_assert(runs_and_comes_back());
    unit_ok(virt_network_remove(w.v, w.id, &e));
    unit_ok(virt_network_remove(w.v, w.id, &e));
    n.is_isolated = true;
    ensure();
    ck_assert(runs_and_comes_back());
    ck_assert(!says("<forward mode"));
}
END_TEST

START_TEST(leaves_what_is_there_as_it_is)
{
    ensure();
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    n.name = "another";
    n.is_isolated = true;
    ensure();
    ck_assert_uint_eq(hosts(), 1);
    ck_assert(says("<forward mode"));
    ck_assert(!says("another"));
}
END_TEST

START_TEST(has_all_pairs_from_the_beginning)
{
    ensure();
    ck_assert_uint_eq(pairs(), PAIRS);
    ck_assert(has_pair(web.mac, web.ipv4));
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    ck_assert_uint_eq(hosts(), 1);
    ck_assert(has_name("web"));
    ck_assert_uint_eq(pairs(), PAIRS);
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
    ck_assert_uint_eq(hosts(), 0);
    ck_assert_uint_eq(pairs(), PAIRS);
    ck_assert(has_pair(web.mac, web.ipv4));
}
END_TEST

START_TEST(keeps_one_name_per_host)
{
    const struct virt_lease same_ip = { web.mac, web.ipv4, "news" };
    const struct virt_lease same_name = { STRANGE_MAC, "198.18.77.6", "news" };

    ensure();
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    unit_ok(virt_network_add_host(w.v, w.id, &same_ip, &e));
    ck_assert_uint_eq(hosts(), 1);
    ck_assert(!has_name("web"));
    unit_ok(virt_network_add_host(w.v, w.id, &same_name, &e));
    ck_assert_uint_eq(hosts(), 1);
    unit_ok(virt_network_remove_host(w.v, w.id, &same_ip, &e));
    ck_assert(has_name("news"));
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    ck_assert_uint_eq(hosts(), 2);
    unit_ok(virt_network_remove_host(w.v, w.id, &same_name, &e));
    ck_assert_uint_eq(hosts(), 1);
    ck_assert(has_name("web"));
    if (is("test"))
        return; /* a network that is stopped there shows what ran, not its definition */
    stop_behind_our_back();
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
    ensure();
    ck_assert_uint_eq(hosts(), 0);
}
END_TEST

/* As rows of an earlier version have them, or an administrator. */
START_TEST(replaces_a_pair_that_is_another)
{
    const struct virt_lease strange = { STRANGE_MAC, web.ipv4, "web" }, moved = { STRANGE_MAC, "198.18.77.6", "web" };

    ensure();
    unit_ok(virt_network_add_host(w.v, w.id, &strange, &e));
    ck_assert_uint_eq(pairs(), PAIRS);
    ck_assert(has_pair(STRANGE_MAC, web.ipv4));
    unit_ok(virt_network_add_host(w.v, w.id, &moved, &e));
    ck_assert_uint_eq(pairs(), PAIRS - 1);
    ck_assert(has_pair(STRANGE_MAC, moved.ipv4));
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    ck_assert_uint_eq(pairs(), PAIRS);
    ck_assert(has_pair(web.mac, web.ipv4));
    unit_ok(virt_network_remove_host(w.v, w.id, &moved, &e));
    ck_assert_uint_eq(pairs(), PAIRS - 1);
    ck_assert(!says(STRANGE_MAC));
}
END_TEST

START_TEST(adds_pairs_beyond_those_from_the_beginning)
{
    mac_text mac;
    ipv4_text address;
    struct virt_lease beyond = { mac, address, "beyond" };

    n.cidr = cidr(LARGE_CIDR);
    n.gateway = n.cidr.base + 1;
    ipv4_format(n.cidr.base + 2 + NETWORK_PREWRITTEN_MAX, address);
    port_mac(w.id, n.cidr.base + 2 + NETWORK_PREWRITTEN_MAX, mac);
    ensure();
    ck_assert_uint_eq(pairs(), NETWORK_PREWRITTEN_MAX);
    unit_ok(virt_network_add_host(w.v, w.id, &beyond, &e));
    unit_ok(virt_network_add_host(w.v, w.id, &beyond, &e));
    ck_assert_uint_eq(pairs(), NETWORK_PREWRITTEN_MAX + 1);
    ck_assert(has_pair(mac, address));
    unit_ok(virt_network_remove_host(w.v, w.id, &beyond, &e));
    ck_assert_uint_eq(pairs(), NETWORK_PREWRITTEN_MAX);
    ck_assert_uint_eq(hosts(), 0);
}
END_TEST

START_TEST(misses_what_is_not_there)
{
    unit_fails(virt_network_add_host(w.v, w.id, &web, &e), ERR_NETWORK_NOT_FOUND);
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
    unit_ok(virt_network_remove(w.v, w.id, &e));
}
END_TEST

START_TEST(does_not_touch_what_is_foreign)
{
    AUTO_FREE char *ours = network_xml_name(w.id);

    make_behind_our_back(w.id, "theirs", "198.18.77.1");
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_network_add_host(w.v, w.id, &web, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_network_remove_host(w.v, w.id, &web, &e), ERR_FOREIGN_DOMAIN);
    unit_fails(virt_network_remove(w.v, w.id, &e), ERR_FOREIGN_DOMAIN);
    ck_assert(says("theirs"));
    remove_network_behind_our_back(w.id);
    if (is("fake")) /* whose files bear no other name than the id */
        return;
    make_behind_our_back(other_id, ours, "198.18.78.1");
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_FOREIGN_DOMAIN);
    remove_network_behind_our_back(other_id);
}
END_TEST

START_TEST(knows_what_is_taken)
{
    ck_assert(!knows(CIDR));
    ck_assert(knows("127.0.0.0/8"));
    ensure();
    ck_assert(knows(CIDR));
    stop_behind_our_back();
    await_knowledge(CIDR, true);
    make_behind_our_back(other_id, "other", "198.18.79.1");
    await_knowledge("198.18.79.0/24", true);
    remove_network_behind_our_back(other_id);
    await_knowledge("198.18.79.0/24", false);
    unit_ok(virt_network_remove(w.v, w.id, &e));
    ck_assert(!knows(CIDR));
    if (is("test"))
        ck_assert(knows("192.168.122.0/24")); /* has always been there */
}
END_TEST

START_TEST(takes_no_range_from_others)
{
    make_behind_our_back(other_id, "other", "198.18.77.1");
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_CIDR_TAKEN);
    ck_assert_ptr_nonnull(strstr(e.msg, CIDR));
    unit_fails(virt_network_add_host(w.v, w.id, &web, &e), ERR_NETWORK_NOT_FOUND);
    remove_network_behind_our_back(other_id);
    n.cidr = cidr("127.7.7.0/24");
    n.gateway = n.cidr.base + 1;
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_CIDR_TAKEN);
    n.cidr = cidr(CIDR);
    n.gateway = n.cidr.base + 1;
    ensure();
    stop_behind_our_back();
    make_behind_our_back(other_id, "other", "198.18.77.1");
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_CIDR_TAKEN);
    remove_network_behind_our_back(other_id);
    ensure();
}
END_TEST

static void *ensure_and_add(void *arg)
{
    const struct virt_lease *h = arg;
    struct err mine = ERR_INIT;

    ck_assert_msg(virt_network_ensure(w.v, &n, &mine) == 0, "%s (%s)", mine.msg, mine.detail);
    ck_assert_msg(virt_network_add_host(w.v, w.id, h, &mine) == 0, "%s (%s)", mine.msg, mine.detail);
    return NULL;
}

START_TEST(loses_no_host_when_many_come_first)
{
    static const struct virt_lease leases[HOSTS] = {
        { "52:54:00:00:00:01", "198.18.77.6", "a" },
        { "52:54:00:00:00:02", "198.18.77.7", "b" },
        { "52:54:00:00:00:03", "198.18.77.8", "c" },
        { "52:54:00:00:00:04", "198.18.77.9", "d" },
    };
    pthread_t threads[HOSTS];

    for (size_t i = 0; i < HOSTS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ensure_and_add, (void *)&leases[i]), 0);
    for (size_t i = 0; i < HOSTS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(hosts(), HOSTS);
    ck_assert_uint_eq(pairs(), PAIRS);
    for (size_t i = 0; i < HOSTS; i++)
        ck_assert(has_pair(leases[i].mac, leases[i].ipv4));
}
END_TEST

START_TEST(reports_a_template_that_is_refused)
{
    AUTO_FREE char *dir = str_printf("%s/refused", w.dir);

    run("mkdir '%s' && cp " TEMPLATES "/nwfilter.xml '%s'", dir, dir);
    run("echo '<network><oops></network>' > '%s'/network.xml", dir);
    reopen_virt(dir, w.dir);
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "network.xml"));
    ck_assert_ptr_null(strstr(e.msg, dir));
    if (is("fake"))
        return;
    run("echo \"<network><forward mode='nonsense'/></network>\" > '%s'/network.xml", dir);
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_TEMPLATE_INVALID);
    ck_assert_ptr_nonnull(strstr(e.detail, "nonsense"));
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
}
END_TEST

START_TEST(survives_the_daemon)
{
    ensure();
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    reopen_virt(TEMPLATES, w.dir);
    ck_assert(knows(CIDR));
    ensure();
    ck_assert_uint_eq(hosts(), 1);
    unit_ok(virt_network_remove(w.v, w.id, &e));
    ck_assert(!knows(CIDR));
}
END_TEST

/* ---- the fake's own tricks ---- */

START_TEST(has_no_bridges_in_session_mode)
{
    run("touch '%s'/session", w.fake_dir);
    ck_assert(!virt_has_bridges(w.v));
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_NOT_SUPPORTED);
    run("rm '%s'/session", w.fake_dir);
    ensure();
}
END_TEST

START_TEST(goes_down_and_never_blocks_who_asks_for_ranges)
{
    ensure();
    run("touch '%s'/down '%s'/hang", w.fake_dir, w.fake_dir);
    ck_assert(knows(CIDR));
    run("rm '%s'/hang", w.fake_dir);
    unit_fails(virt_network_ensure(w.v, &n, &e), ERR_UNAVAILABLE);
    unit_fails(virt_network_add_host(w.v, w.id, &web, &e), ERR_UNAVAILABLE);
    unit_fails(virt_network_remove_host(w.v, w.id, &web, &e), ERR_UNAVAILABLE);
    unit_fails(virt_network_remove(w.v, w.id, &e), ERR_UNAVAILABLE);
    ck_assert(virt_has_bridges(w.v));
    run("rm '%s'/down", w.fake_dir);
    ck_assert_uint_eq(hosts(), 0);
}
END_TEST

/* ---- what only a real libvirt has ---- */

START_TEST(gives_addresses_to_known_guests_only)
{
    AUTO_FREE char *name = network_xml_name(w.id);

    ensure();
    run("grep -qx 'dhcp-range=198.18.77.1,static' /var/lib/libvirt/dnsmasq/%s.conf", name);
    run("test $(grep -c '^dhcp-range' /var/lib/libvirt/dnsmasq/%s.conf) = 1", name);
    run("test $(grep -c . /var/lib/libvirt/dnsmasq/%s.hostsfile) = %d", name, PAIRS);
    run("grep -qx '%s,%s,%ds' /var/lib/libvirt/dnsmasq/%s.hostsfile", web.mac, web.ipv4, VIRT_LEASE_S, name);
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    run("grep -qP '^%s\\tweb\\tweb\\.b-net-b\\.internal' /var/lib/libvirt/dnsmasq/%s.addnhosts", web.ipv4, name);
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
    run("! grep -q . /var/lib/libvirt/dnsmasq/%s.addnhosts", name);
    run("test $(grep -c . /var/lib/libvirt/dnsmasq/%s.hostsfile) = %d", name, PAIRS);
}
END_TEST

/* libvirt puts rules in front of a chain: had it taken them away and written them anew, ours would no longer be the first. */
START_TEST(never_opens_the_firewall_for_a_pair)
{
    const struct virt_lease strange = { STRANGE_MAC, web.ipv4, "web" };

    ensure();
    run("iptables -I LIBVIRT_FWI -i nowhere0 -j RETURN && iptables -S LIBVIRT_FWI | tee '%s/rules' | grep -q " BRIDGE, w.dir);
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    run("iptables -S LIBVIRT_FWI | cmp - '%s/rules'", w.dir);
    unit_ok(virt_network_remove_host(w.v, w.id, &web, &e));
    run("iptables -S LIBVIRT_FWI | cmp - '%s/rules'", w.dir);
    unit_ok(virt_network_add_host(w.v, w.id, &strange, &e));
    run("! iptables -S LIBVIRT_FWI | cmp -s - '%s/rules'", w.dir); /* this is how it would look */
    run("iptables -D LIBVIRT_FWI -i nowhere0 -j RETURN");
}
END_TEST

START_TEST(serves_a_network_whose_definition_is_gone)
{
    ensure();
    remove_network_behind_our_back(w.id); /* it runs on, transient */
    ensure();
    unit_ok(virt_network_add_host(w.v, w.id, &web, &e));
    ck_assert(has_name("web"));
    unit_ok(virt_network_remove(w.v, w.id, &e));
    unit_fails(virt_network_add_host(w.v, w.id, &web, &e), ERR_NETWORK_NOT_FOUND);
}
END_TEST

#define FILTER_FILE "/etc/libvirt/nwfilter/" VIRT_FILTER_NAME ".xml"

START_TEST(defines_the_filter_when_it_differs)
{
    struct stat first, second;

    ensure();
    ck_assert_int_eq(stat(FILTER_FILE, &first), 0);
    ensure();
    ck_assert_int_eq(stat(FILTER_FILE, &second), 0);
    ck_assert_int_eq(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
    ck_assert_uint_eq(first.st_ino, second.st_ino);

    AUTO_FREE char *changed = str_printf("%s/changed.xml", w.dir);
    run("virsh -q nwfilter-dumpxml " VIRT_FILTER_NAME " > '%s.ours'", changed);
    run("sed \"s/action='drop'/action='accept'/\" '%s.ours' > '%s' && virsh -q nwfilter-define '%s' >/dev/null", changed, changed,
        changed);
    ensure();
    run("virsh -q nwfilter-dumpxml " VIRT_FILTER_NAME " | cmp - '%s.ours'", changed);
}
END_TEST

static TCase *case_of(const struct subject *s, void (*set_up_subject)(void))
{
    const TTest *const promises[] = {
        makes_a_network_that_runs_and_comes_back,
        leaves_what_is_there_as_it_is,
        has_all_pairs_from_the_beginning,
        keeps_one_name_per_host,
        replaces_a_pair_that_is_another,
        adds_pairs_beyond_those_from_the_beginning,
        misses_what_is_not_there,
        does_not_touch_what_is_foreign,
        knows_what_is_taken,
        takes_no_range_from_others,
        loses_no_host_when_many_come_first,
        reports_a_template_that_is_refused,
        survives_the_daemon,
    };
    TCase *tcase = tcase_create(s->name);

    tcase_set_timeout(tcase, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, set_up_subject, tear_down_network);
    for (size_t i = 0; i < ARRAY_LEN(promises); i++)
        tcase_add_test(tcase, promises[i]);
    return tcase;
}

static void set_up_fake(void)
{
    set_up_network(&subjects[FAKE]);
}

static void set_up_test(void)
{
    set_up_network(&subjects[TEST]);
}

static void set_up_qemu(void)
{
    set_up_network(&subjects[QEMU]);
}

static Suite *here(void)
{
    Suite *suite = suite_create("virt_networks");
    TCase *fake = case_of(&subjects[FAKE], set_up_fake);

    tcase_add_test(fake, has_no_bridges_in_session_mode);
    tcase_add_test(fake, goes_down_and_never_blocks_who_asks_for_ranges);
    suite_add_tcase(suite, fake);
    suite_add_tcase(suite, case_of(&subjects[TEST], set_up_test));
    return suite;
}

static Suite *on_qemu(void)
{
    Suite *suite = suite_create("virt_networks qemu");
    TCase *qemu = case_of(&subjects[QEMU], set_up_qemu);

    tcase_add_test(qemu, gives_addresses_to_known_guests_only);
    tcase_add_test(qemu, never_opens_the_firewall_for_a_pair);
    tcase_add_test(qemu, serves_a_network_whose_definition_is_gone);
    tcase_add_test(qemu, defines_the_filter_when_it_differs);
    suite_add_tcase(suite, qemu);
    return suite;
}

int main(int argc, char **argv)
{
    bool is_qemu = argc == 2 && strcmp(argv[1], "qemu") == 0;

    if (argc > 1 && !is_qemu)
        return EXIT_FAILURE;
    SRunner *runner = srunner_create(is_qemu ? on_qemu() : here());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
