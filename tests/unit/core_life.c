/* What VMs do by themselves, and the locks that keep them from it: signs of life by console, agent and phone, and the end of
 * those whose time is over. */
#include <sys/stat.h>

#include "core_lab.h"

#include "core/operation.h"
#include "core/vm.h"
#include "model/job.h"
#include "store/vm_seed.h"

enum { PATIENCE_MS = 10000, TICK_US = 5000 };

static struct vm vm;

/* ---- the rig: a row, and what the world knows of it ---- */

static void add_vm(enum vm_status status, int64_t expires_at_ms)
{
    vm = lab_vm(&image, "web");
    vm.status = status;
    vm.created_at_ms = clock_wall_ms();
    vm.expires_at_ms = expires_at_ms;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
}

/* The thread alone: a reconciler would find that the fake has no such domain. */
static void begin(enum vm_status status, int64_t expires_at_ms)
{
    core_lab_set_up();
    add_vm(status, expires_at_ms);
    unit_ok(life_start(core->life, &e));
}

static void write_console(const char *text)
{
    AUTO_FREE char *dir = str_printf("%s/instances/%s", world_dir, vm.id);
    AUTO_FREE char *path = str_printf("%s/console.log", dir);
    FILE *f;

    (void)mkdir(dir, 0711);
    f = fopen(path, "ae");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void plug_agent(void)
{
    AUTO_FREE char *path = str_printf("%s/fake/agent-%s", world_dir, vm.id);

    ck_assert_int_eq(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
}

static void define_domain(void)
{
    AUTO_FREE char *disk_path = lab_in_world("instances/disk.qcow2");
    AUTO_FREE char *image_path = lab_in_world("image.qcow2");
    AUTO_FREE char *console_path = lab_in_world("instances/console.log");
    struct virt_domain d = { .id = vm.id,
                             .name = vm.name,
                             .project = project,
                             .job = "",
                             .vcpus = 1,
                             .memory_mib = 32,
                             .disk_path = disk_path,
                             .image_path = image_path,
                             .image_format = "qcow2",
                             .console_path = console_path };

    ck_assert_int_eq(close(open(disk_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    ck_assert_int_eq(close(open(image_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0400)), 0);
    unit_ok(virt_define(virt, &d, &e));
}

static struct vm *row(void)
{
    struct vm *now = NULL;

    LAB_READ(store_vm_get(t, NULL, vm.id, &now, &e));
    return now;
}

static bool is_ready(void)
{
    AUTO(vm) now = row();

    return now->ready_at_ms != 0;
}

static bool is_going(void)
{
    AUTO(vm) now = row();

    return now->task == VM_TASK_DELETE;
}

/* The rows are all that the thread shows of itself. */
static void await(bool (*is_so)(void), const char *what)
{
    int64_t end = clock_boot_ms() + PATIENCE_MS;

    while (!is_so()) {
        ck_assert_msg(clock_boot_ms() < end, "%s did not come", what);
        usleep(TICK_US);
    }
}
#define AWAIT(is_so) await(is_so, #is_so)

/* Column `what` of the VM's lines in a log, in their order. */
static void log_is(const char *what, const char *log, const char *expected)
{
    AUTO_FREE char *sql = str_printf("SELECT %s FROM %s AND resource = '%s' ORDER BY rowid", what, log, vm.id);

    LAB_ASK_EQ(sql, expected);
}

static void ready_by_is(const char *expected)
{
    log_is("json_extract(payload, '$.by')", "event WHERE type = 'vm.ready'", expected);
}

/* ---- ready ---- */

START_TEST(a_login_prompt_is_a_sign)
{
    begin(VM_RUNNING, 0);
    write_console("booting\nDebian GNU/Linux 12\n\nweb logi"); /* the thread may see so much alone */
    life_kick(core->life);
    write_console("n: ");
    AWAIT(is_ready);
    ready_by_is("console");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_console_is_followed_while_it_grows)
{
    begin(VM_RUNNING, 0);
    life_kick(core->life);
    for (int i = 0; i < 2000; i++)
        write_console("[    0.000000] a line of a kernel that has much to say before anybody may log in\n");
    ck_assert(!is_ready());
    write_console("cloud-init[401]: Cloud-init v. 22.4.2 finished at Fri, 01 Aug 2025 12:00:00 +0000.\n");
    AWAIT(is_ready);
    ready_by_is("console");
    core_lab_tear_down();
}
END_TEST

START_TEST(an_agent_is_a_sign)
{
    begin(VM_RUNNING, 0);
    core_on_virt_event(core, VIRT_EVENT_AGENT, vm.id);
    AWAIT(is_ready);
    ready_by_is("agent");
    core_lab_tear_down();
}
END_TEST

/* The agent and the prompt are there before the keys are: where cloud-init is at work, its end counts. */
START_TEST(an_agent_waits_for_cloud_init)
{
    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    write_console("cloud-init[301]: Cloud-init v. 22.4.2 running 'init-local' at Fri, 01 Aug 2025 12:00:00 +0000.\n");
    life_agent_is_up(core->life, vm.id);
    write_console("web login: \n");
    unit_ok(life_start(core->life, &e));
    life_kick(core->life);
    write_console("cloud-init[401]: Cloud-init v. 22.4.2 finished at Fri, 01 Aug 2025 12:00:30 +0000.\n");
    AWAIT(is_ready);
    ready_by_is("console");
    core_lab_tear_down();
}
END_TEST

/* More agents than notes: those that found no room are asked for. */
START_TEST(agents_that_were_missed_are_asked_for)
{
    uuid_text stranger;

    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    define_domain();
    unit_ok(virt_start(virt, vm.id, &e));
    plug_agent();
    for (int i = 0; i < 100; i++) {
        id_uuid(stranger);
        life_agent_is_up(core->life, stranger);
    }
    life_agent_is_up(core->life, vm.id);
    unit_ok(life_start(core->life, &e));
    AWAIT(is_ready);
    ready_by_is("agent");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_new_connection_asks_for_agents)
{
    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    define_domain();
    unit_ok(virt_start(virt, vm.id, &e));
    plug_agent();
    core_on_virt_event(core, VIRT_EVENT_CONNECTED, "");
    unit_ok(life_start(core->life, &e));
    AWAIT(is_ready);
    ready_by_is("agent");
    core_lab_tear_down();
}
END_TEST

START_TEST(ready_is_said_once)
{
    int64_t at_ms;

    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    unit_ok(life_ready(core, vm.id, "agent", &e));
    AUTO(vm) first = row();
    at_ms = first->ready_at_ms;
    ck_assert_int_gt(at_ms, 0);
    unit_ok(life_ready(core, vm.id, "console", &e));
    AUTO(vm) again = row();
    ck_assert_int_eq(again->ready_at_ms, at_ms);
    ready_by_is("agent");
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    unit_ok(life_ready(core, vm.id, "agent", &e)); /* it is gone: nothing to say */
    core_lab_tear_down();
}
END_TEST

START_TEST(who_phones_home_has_the_token)
{
    struct vm_seed seed = { .ssh_keys = (char *)"[]", .token = "0123456789abcdef0123456789abcdef" };
    static const char *const wrong[] = { "", "0", "0123456789abcdef0123456789abcdee", "0123456789abcdef0123456789abcdef0",
                                         "0123456789ABCDEF0123456789ABCDEF" };
    struct err unknown = ERR_INIT;
    uuid_text stranger;

    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    memcpy(seed.vm, vm.id, sizeof seed.vm);
    LAB_WRITE(store_vm_seed_insert(t, &seed, &e));
    id_uuid(stranger);
    ck_assert_int_eq(vm_phone_home(core, stranger, seed.token, &unknown), -1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        unit_fails(vm_phone_home(core, vm.id, wrong[i], &e), ERR_VM_NOT_FOUND);
        ck_assert_str_eq(e.msg, unknown.msg); /* nobody learns which of the two was wrong */
    }
    ck_assert(!is_ready());
    unit_ok(vm_phone_home(core, vm.id, seed.token, &e));
    ck_assert(is_ready());
    unit_ok(vm_phone_home(core, vm.id, seed.token, &e));
    ready_by_is("phone-home");
    core_lab_tear_down();
}
END_TEST

/* ---- the end ---- */

START_TEST(a_vm_whose_time_is_over_is_deleted)
{
    begin(VM_STOPPED, clock_wall_ms() - 1000);
    AWAIT(is_going);
    log_is("action", "audit WHERE true", "vm:expire");
    LAB_ASK_EQ("SELECT kind || ' ' || actor_user FROM job", "vm.delete computed");
    core_lab_tear_down();
}
END_TEST

START_TEST(it_ends_in_time_and_not_before)
{
    int64_t at_ms = clock_wall_ms() + 300;

    begin(VM_STOPPED, at_ms);
    AWAIT(is_going);
    ck_assert_int_ge(clock_wall_ms(), at_ms);
    core_lab_tear_down();
}
END_TEST

START_TEST(a_lock_stops_the_clock)
{
    AUTO(vm) locked = NULL;
    AUTO(vm) unlocked = NULL;

    core_lab_set_up();
    add_vm(VM_STOPPED, clock_wall_ms() - 1000);
    unit_ok(vm_set_locked(core, &who, "web", true, &locked, &e));
    ck_assert(locked->is_locked);
    unit_ok(life_start(core->life, &e));
    struct vm keeper = vm;
    vm = lab_vm(&image, "other");
    vm.expires_at_ms = 1;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    life_kick(core->life);
    AWAIT(is_going); /* so the thread has passed the locked one */
    vm = keeper;
    ck_assert(!is_going());
    unit_ok(vm_set_locked(core, &who, "web", false, &unlocked, &e));
    ck_assert(!unlocked->is_locked);
    AWAIT(is_going);
    log_is("action", "audit WHERE true", "vm:lock,vm:unlock,vm:expire");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_new_time_is_seen_at_once)
{
    const uint64_t ttl = 0, too_long = VM_TTL_MAX_S + 1ULL, short_ttl = 1;
    AUTO(vm) never = NULL;
    AUTO(vm) soon = NULL;
    AUTO(vm) refused = NULL;

    begin(VM_STOPPED, clock_wall_ms() + 3600 * 1000);
    unit_fails(vm_change(core, &who, "web", &(struct vm_change){ .ttl_seconds = &too_long }, &refused, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "ttl_seconds");
    unit_ok(vm_change(core, &who, "web", &(struct vm_change){ .ttl_seconds = &ttl }, &never, &e));
    ck_assert_int_eq(never->expires_at_ms, 0);
    unit_ok(vm_change(core, &who, "web", &(struct vm_change){ .ttl_seconds = &short_ttl }, &soon, &e));
    ck_assert_int_gt(soon->expires_at_ms, clock_wall_ms());
    AWAIT(is_going);
    core_lab_tear_down();
}
END_TEST

/* ---- locks and verbs ---- */

static int answer(struct once *o, const void *record, struct err *error)
{
    const struct vm_answer *a = record;

    (void)error;
    o->body = str_dup(a->job->id);
    return 0;
}

static int act(enum vm_verb verb, struct once *once)
{
    *once = (struct once){ .answer = answer, .actor = &who };
    err_clear(&e);
    return vm_act(core, &who, &(struct vm_action){ .ref = "web", .verb = verb }, once, &e);
}

START_TEST(a_locked_vm_takes_no_change)
{
    static const enum vm_verb verbs[] = { VM_VERB_START, VM_VERB_STOP,   VM_VERB_REBOOT,
                                          VM_VERB_PAUSE, VM_VERB_RESUME, VM_VERB_SUSPEND };
    struct once once = { .answer = answer, .actor = &who };
    AUTO(vm) changed = NULL;
    AUTO(vm) locked = NULL;
    AUTO(vm) twice = NULL;

    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    unit_ok(vm_set_locked(core, &who, vm.id, true, &locked, &e));
    unit_ok(vm_set_locked(core, &who, vm.id, true, &twice, &e)); /* as good, and no second event */
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        unit_fails(act(verbs[i], &once), ERR_VM_LOCKED);
    unit_fails(vm_delete(core, &who, "web", &once, &e), ERR_VM_LOCKED);
    unit_fails(vm_change(core, &who, "web", &(struct vm_change){ .name = "new" }, &changed, &e), ERR_VM_LOCKED);
    log_is("type", "event WHERE true", "vm.locked");
    LAB_ASK_EQ("SELECT group_concat(kind) FROM job", "vm.record"); /* the lock's own */
    AUTO(vm) now = row();
    ck_assert_str_eq(now->name, "web");
    ck_assert_int_eq(now->task, VM_TASK_NONE);
    core_lab_tear_down();
}
END_TEST

static bool is_over(void)
{
    AUTO(vm) now = row();
    AUTO_FREE char *open = lab_ask(lab_path, "SELECT count(*) FROM job WHERE status IN ('pending', 'running')");

    return now->task == VM_TASK_NONE && str_equal(open, "0");
}

START_TEST(a_guest_is_suspended_and_goes_on)
{
    AUTO_ONCE once = { .key = NULL };
    AUTO_ONCE resumed = { .key = NULL };

    core_lab_set_up();
    add_vm(VM_RUNNING, 0);
    define_domain();
    unit_ok(virt_start(virt, vm.id, &e));
    lab_start();
    unit_ok(act(VM_VERB_SUSPEND, &once));
    AWAIT(is_over);
    AUTO(vm) asleep = row();
    ck_assert_int_eq(asleep->status, VM_SUSPENDED);
    unit_fails(act(VM_VERB_PAUSE, &resumed), ERR_INVALID_STATE);
    unit_ok(act(VM_VERB_RESUME, &resumed));
    AWAIT(is_over);
    AUTO(vm) awake = row();
    ck_assert_int_eq(awake->status, VM_RUNNING);
    LAB_ASK_EQ("SELECT kind || ' ' || status FROM job ORDER BY rowid", "vm.suspend succeeded,vm.resume succeeded");
    core_lab_tear_down();
}
END_TEST

static void flag_is(const char *expected)
{
    AUTO_FREE char *command = str_printf("grep -q '\"autostart\":%s' '%s/fake/%s.json'", expected, world_dir, vm.id);

    ck_assert_msg(system(command) == 0, "autostart is not %s", expected);
}

START_TEST(autostart_is_libvirts_flag)
{
    const bool on = true, off = false;
    AUTO(vm) changed = NULL;
    AUTO(vm) again = NULL;
    AUTO(vm) same = NULL;

    core_lab_set_up();
    add_vm(VM_STOPPED, 0);
    define_domain();
    lab_start();
    flag_is("false");
    unit_ok(vm_change(core, &who, "web", &(struct vm_change){ .autostart = &on }, &changed, &e));
    ck_assert(changed->autostart);
    AWAIT(is_over);
    flag_is("true");
    unit_ok(vm_change(core, &who, "web", &(struct vm_change){ .autostart = &off, .name = "new" }, &again, &e));
    AWAIT(is_over);
    flag_is("false");
    unit_ok(vm_change(core, &who, "new", &(struct vm_change){ .autostart = &off }, &same, &e)); /* no news for libvirt */
    LAB_ASK_EQ("SELECT kind || ' ' || status FROM job WHERE kind = 'vm.update' ORDER BY rowid",
               "vm.update succeeded,vm.update succeeded");
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_life", a_login_prompt_is_a_sign, a_console_is_followed_while_it_grows, an_agent_is_a_sign,
          an_agent_waits_for_cloud_init, agents_that_were_missed_are_asked_for, a_new_connection_asks_for_agents,
          ready_is_said_once, who_phones_home_has_the_token, a_vm_whose_time_is_over_is_deleted, it_ends_in_time_and_not_before,
          a_lock_stops_the_clock, a_new_time_is_seen_at_once, a_locked_vm_takes_no_change, a_guest_is_suspended_and_goes_on,
          autostart_is_libvirts_flag)
