/* The rules of the doctor on made-up facts: those that a test of the whole program cannot come by, and what all of them have in
 * common. */
#include <stdio.h>

#include "../../src/core/doctor_rules.h"
#include "unit.h"

#include "base/str.h"
#include "model/network.h"

#define VM_ID    "11111111-2222-4333-8444-555555555555"
#define IMAGE_ID "22222222-2222-4333-8444-555555555555"
#define NET_ID   "33333333-2222-4333-8444-555555555555"
#define PORT_ID  "44444444-2222-4333-8444-555555555555"
#define JOB_ID   "55555555-2222-4333-8444-555555555555"
#define BOOT_ID  "66666666-2222-4333-8444-555555555555"
#define OTHER_ID "77777777-2222-4333-8444-555555555555"

enum { FILES_MAX = 8, NOW_MS = 1000000 };

/* One VM on one image in one network, and libvirt agrees. */
struct world {
    struct fact_vm vm, *vms[1];
    struct fact_image image, *images[1];
    struct fact_network network, *networks[1];
    struct fact_port port, *ports[1];
    struct fact_job job, *jobs[1];
    struct fact_flaw flaw, *flaws[1];
    struct store_facts store;
    struct fact_file files[FILES_MAX];
    struct disk_facts disk;
    struct fact_domain domain;
    struct fact_bridge bridge;
    struct fact_entry dhcp, dns;
    struct virt_facts virt;
    char *disk_file, *mac, *filter;
    mac_text mac_text;
    uuid_text busy[1];
    struct doctor_report report;
    struct exam x;
};

static void add_file(struct world *w, struct fact_file f)
{
    f.is_known = true;
    f.mode = f.mode ? f.mode : 0600;
    ck_assert_uint_lt(w->disk.count, FILES_MAX);
    w->files[w->disk.count++] = f;
}

static void make_rows(struct world *w)
{
    w->vm = (struct fact_vm){ .id = VM_ID, .name = "one", .status = "running", .image = IMAGE_ID, .disk_gib = 1 };
    w->image = (struct fact_image){ .id = IMAGE_ID, .name = "tiny", .status = "active", .disk_format = "raw", .size_bytes = 512 };
    w->network = (struct fact_network){
        .id = NET_ID,
        .name = "net",
        .kind = "nat",
        .status = "active",
        .cidr = "10.1.0.0/24",
        .bridge = "cn-3",
    };
    ck_assert_int_eq(ipv4_parse("10.1.0.3", &w->network.next_ipv4), 0);
    w->port = (struct fact_port){ .id = PORT_ID, .vm = VM_ID, .network = NET_ID };
    ck_assert_int_eq(ipv4_parse("10.1.0.2", &w->port.ipv4), 0);
    port_mac(NET_ID, w->port.ipv4, w->mac_text);
    w->port.mac = w->mac_text;
    w->job = (struct fact_job){ .id = JOB_ID, .kind = "vm.start", .target = VM_ID };
    w->vms[0] = &w->vm;
    w->images[0] = &w->image;
    w->networks[0] = &w->network;
    w->ports[0] = &w->port;
    w->jobs[0] = &w->job;
    w->flaws[0] = &w->flaw;
    w->store = (struct store_facts){ .vms = w->vms,
                                     .images = w->images,
                                     .networks = w->networks,
                                     .ports = w->ports,
                                     .jobs = w->jobs,
                                     .flaws = w->flaws,
                                     .vm_count = 1,
                                     .image_count = 1,
                                     .network_count = 1,
                                     .port_count = 1,
                                     .is_complete = true };
}

/* In the order of their paths. */
static void make_files(struct world *w)
{
    w->disk = (struct disk_facts){ .root = "/state", .files = w->files };
    add_file(w, (struct fact_file){ .path = "computed.db", .size_bytes = 4096 });
    add_file(w, (struct fact_file){ .path = "computed.db-wal", .size_bytes = 4096 });
    add_file(w, (struct fact_file){ .path = "images/" IMAGE_ID ".json", .owner = IMAGE_ID });
    add_file(w, (struct fact_file){ .path = "images/" IMAGE_ID ".raw", .owner = IMAGE_ID, .mode = 0444, .size_bytes = 512 });
    add_file(w, (struct fact_file){ .path = "instances/" VM_ID, .kind = FILE_FOLDER, .owner = VM_ID });
    add_file(w, (struct fact_file){ .path = "instances/" VM_ID "/disk.qcow2",
                                    .owner = VM_ID,
                                    .is_qcow2 = true,
                                    .backing_file = "/state/images/" IMAGE_ID ".raw",
                                    .backing_format = "raw",
                                    .virtual_size_bytes = 1 << 30 });
    add_file(w, (struct fact_file){ .path = "instances/" VM_ID "/vm.json", .owner = VM_ID });
    add_file(w, (struct fact_file){ .path = "networks/" NET_ID ".json", .owner = NET_ID });
}

static void make_libvirt(struct world *w)
{
    w->disk_file = "/state/instances/" VM_ID "/disk.qcow2";
    w->mac = w->mac_text;
    w->filter = "computed-port";
    w->domain = (struct fact_domain){ .id = VM_ID,
                                      .name = "computed-one",
                                      .power = VIRT_RUNNING,
                                      .has_tag = true,
                                      .tag = VM_ID,
                                      .files = { &w->disk_file, 1 },
                                      .macs = { &w->mac, 1 } };
    w->dhcp = (struct fact_entry){ w->mac_text, "10.1.0.2" };
    w->dns = (struct fact_entry){ "10.1.0.2", "one" };
    w->bridge = (struct fact_bridge){ .id = NET_ID,
                                      .name = "computed-net",
                                      .is_active = true,
                                      .has_tag = true,
                                      .tag = NET_ID,
                                      .bridge = "cn-3",
                                      .dhcp = { &w->dhcp, 1 },
                                      .dns = { &w->dns, 1 } };
    w->virt = (struct virt_facts){ .domains = &w->domain,
                                   .networks = &w->bridge,
                                   .filters = { &w->filter, 1 },
                                   .has_networks = true,
                                   .has_filters = true,
                                   .domain_count = 1,
                                   .network_count = 1,
                                   .uri = "test" };
}

static void world_make(struct world *w)
{
    memset(w, 0, sizeof *w);
    make_rows(w);
    make_files(w);
    make_libvirt(w);
    w->x = (struct exam){ .store = &w->store,
                          .disk = &w->disk,
                          .virt = &w->virt,
                          .is_running = true,
                          .boot_ms = NOW_MS,
                          .boot_id = BOOT_ID,
                          .report = &w->report };
}

/* The codes of what is found, by blanks; the report is emptied. */
static const char *found(struct world *w)
{
    static char codes[512];
    size_t len = 0;

    exam_run(&w->x);
    ck_assert(!w->x.is_failed);
    codes[0] = '\0';
    for (size_t i = 0; i < w->report.count; i++) {
        const struct finding *f = &w->report.findings[i];

        len += (size_t)snprintf(codes + len, sizeof codes - len, "%s%s", i > 0 ? " " : "", f->code);
        ck_assert_ptr_nonnull(f->command);
        ck_assert_ptr_nonnull(f->text);
        ck_assert_ptr_nonnull(f->subject);
        ck_assert_msg(f->mend == DOCTOR_MEND_NONE || f->target, "%s is mended and names nothing", f->code);
    }
    doctor_report_done(&w->report);
    return codes;
}

static void finds(void (*harm)(struct world *w), const char *codes)
{
    struct world w;

    world_make(&w);
    if (harm)
        harm(&w);
    ck_assert_str_eq(found(&w), codes);
}

START_TEST(agreement_is_healthy)
{
    finds(NULL, "");
}
END_TEST

/* ---- deadlines ---- */

static void open_job(struct world *w, int64_t late_ms)
{
    w->store.job_count = 1;
    w->job.deadline_boot_ms = NOW_MS - late_ms;
    (void)str_copy(w->job.deadline_boot_id, sizeof w->job.deadline_boot_id, BOOT_ID);
}

static void ten_seconds_late(struct world *w)
{
    open_job(w, 10000);
}

static void later(struct world *w)
{
    open_job(w, 10001);
}

static void late_delete(struct world *w)
{
    later(w);
    w->job.kind = "vm.delete";
}

static void late_in_another_boot(struct world *w)
{
    later(w);
    (void)str_copy(w->job.deadline_boot_id, sizeof w->job.deadline_boot_id, OTHER_ID);
}

static void late_while_down(struct world *w)
{
    later(w);
    w->x.is_running = false;
}

START_TEST(an_operation_has_ten_seconds_of_grace)
{
    finds(ten_seconds_late, "");
    finds(later, "operation_overdue");
    finds(late_delete, "");
    finds(late_in_another_boot, "");
    finds(late_while_down, "");
}
END_TEST

/* ---- what is hard to come by ---- */

static void long_wal(struct world *w)
{
    w->files[1].size_bytes = (64u << 20) + 1;
}

static void no_filter(struct world *w)
{
    w->virt.filters.count = 0;
}

static void no_filter_driver(struct world *w)
{
    no_filter(w);
    w->virt.has_filters = false;
}

static void no_network_driver(struct world *w)
{
    w->virt.network_count = 0;
    w->virt.has_networks = false;
}

START_TEST(rare_harm)
{
    finds(long_wal, "database_wal_long");
    finds(no_filter, "network_filter_missing");
    finds(no_filter_driver, "");
    finds(no_network_driver, "");
}
END_TEST

/* ---- states ---- */

START_TEST(which_status_goes_with_which_power)
{
    static const struct {
        const char *status;
        enum virt_power power;
        bool fits;
    } cases[] = {
        { "running", VIRT_RUNNING, true },     { "running", VIRT_PAUSED, false },    { "running", VIRT_STOPPED, false },
        { "running", VIRT_CRASHED, false },    { "paused", VIRT_PAUSED, true },      { "paused", VIRT_RUNNING, false },
        { "stopped", VIRT_STOPPED, true },     { "stopped", VIRT_CRASHED, true },    { "stopped", VIRT_SUSPENDED, false },
        { "suspended", VIRT_SUSPENDED, true }, { "suspended", VIRT_STOPPED, false }, { "error", VIRT_STOPPED, true },
        { "error", VIRT_CRASHED, true },       { "error", VIRT_SUSPENDED, true },    { "error", VIRT_RUNNING, false },
        { "error", VIRT_PAUSED, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        world_make(&w);
        w.vm.status = (char *)cases[i].status;
        w.vm.fault_code = w.vm.fault_message = "x";
        w.domain.power = cases[i].power;
        ck_assert_msg(str_equal(found(&w), cases[i].fits ? "" : "vm_state_differs"), "%s, %d", cases[i].status, cases[i].power);
    }
}
END_TEST

/* ---- what is left out ---- */

static void disk_gone(struct world *w)
{
    memmove(&w->files[5], &w->files[6], 2 * sizeof w->files[0]);
    w->disk.count--;
}

static void domain_gone(struct world *w)
{
    w->virt.domain_count = 0;
}

static void busy(struct world *w)
{
    disk_gone(w);
    domain_gone(w);
    (void)str_copy(w->busy[0], sizeof w->busy[0], VM_ID);
    w->x.busy = w->busy;
    w->x.busy_count = 1;
}

static void in_error(struct world *w)
{
    disk_gone(w);
    domain_gone(w);
    w->vm.status = "error";
    w->vm.fault_code = w->vm.fault_message = "x";
}

START_TEST(what_is_under_way_or_in_error_is_left_out)
{
    finds(disk_gone, "disk_missing");
    finds(domain_gone, "vm_domain_missing");
    finds(busy, "");
    finds(in_error, "");
}
END_TEST

static void libvirt_unseen(struct world *w)
{
    disk_gone(w);
    w->x.virt = NULL;
}

static void store_unseen(struct world *w)
{
    domain_gone(w);
    w->x.store = NULL;
    w->files[0].mode = 0644;
}

static void damaged(struct world *w)
{
    domain_gone(w);
    w->store.is_complete = false;
    w->store.vm_count = w->store.image_count = 0;
    w->flaw = (struct fact_flaw){ .kind = "damage", .detail = "page 7" };
    w->store.flaw_count = 1;
}

START_TEST(a_rule_is_asked_when_its_facts_are_there)
{
    finds(libvirt_unseen, "");
    finds(store_unseen, "database_mode_open");
    finds(damaged, "database_damaged");
}
END_TEST

/* ---- whose it is ---- */

static void row_gone(struct world *w)
{
    w->store.vm_count = w->store.port_count = 0;
    w->network.next_ipv4 = 0;
    w->bridge.dns.count = 0;
}

START_TEST(what_a_domain_uses_is_never_moved)
{
    struct world w;

    world_make(&w);
    row_gone(&w);
    exam_run(&w.x);
    ck_assert_uint_eq(w.report.count, 2);
    ck_assert_str_eq(w.report.findings[0].code, "file_orphan");
    ck_assert_str_eq(w.report.findings[0].subject, "file:instances/" VM_ID);
    ck_assert_int_eq(w.report.findings[0].mend, DOCTOR_MEND_NONE);
    ck_assert_str_eq(w.report.findings[1].code, "domain_without_row");
    doctor_report_done(&w.report);
    domain_gone(&w);
    exam_run(&w.x);
    ck_assert_uint_eq(w.report.count, 1);
    ck_assert_int_eq(w.report.findings[0].mend, DOCTOR_MEND_QUARANTINE);
    ck_assert_str_eq(w.report.findings[0].target, "instances/" VM_ID);
    doctor_report_done(&w.report);
}
END_TEST

START_TEST(codes_are_unique)
{
    for (const struct doctor_rule *const *a = doctor_rules; *a; a++)
        for (const struct doctor_rule *r = *a; r->code; r++)
            for (const struct doctor_rule *const *b = doctor_rules; *b; b++)
                for (const struct doctor_rule *q = *b; q->code; q++)
                    ck_assert_msg(q == r || !str_equal(q->code, r->code), "%s is there twice", r->code);
}
END_TEST

UNIT_MAIN("core_doctor", agreement_is_healthy, an_operation_has_ten_seconds_of_grace, rare_harm,
          which_status_goes_with_which_power, what_is_under_way_or_in_error_is_left_out, a_rule_is_asked_when_its_facts_are_there,
          what_a_domain_uses_is_never_moved, codes_are_unique)
