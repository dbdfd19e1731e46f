/* What a create asks of its project's limits, and what limits say. */
#include "../../src/core/quota.h"
#include "core_lab.h"

#include "store/quota.h"

static const char other_project[] = "00000000000000000000000000000001";

static void set_up(const char *quota)
{
    lab_quota = quota;
    core_lab_set_up();
    lab_add_project(other_project);
    (void)str_copy(who.project, sizeof who.project, other_project);
}

static int reserve(struct quota_delta want)
{
    AUTO(txn) t = lab_write();

    err_clear(&e);
    return quota_reserve(&(struct change){ core, &who, t }, who.project, &want, &e);
}

static int reserve_one(enum quota_resource r, uint64_t count)
{
    struct quota_delta want = { { 0 } };

    want.of[r] = count;
    return reserve(want);
}

static void add_vm(const char *name)
{
    struct vm vm = lab_vm(&image, name); /* 1 CPU, 1024 MiB, 10 GiB */

    (void)str_copy(vm.project, sizeof vm.project, other_project);
    LAB_WRITE(store_vm_insert(t, &vm, &e));
}

START_TEST(what_is_left_may_be_had)
{
    set_up("vms=2, memory_mib=3000");
    unit_ok(reserve_one(QUOTA_VMS, 2));
    unit_fails(reserve_one(QUOTA_VMS, 3), ERR_QUOTA_EXCEEDED);
    add_vm("a");
    unit_ok(reserve_one(QUOTA_VMS, 1));
    unit_ok(reserve_one(QUOTA_MEMORY_MIB, 1976));
    unit_fails(reserve_one(QUOTA_MEMORY_MIB, 1977), ERR_QUOTA_EXCEEDED);
    unit_fails(reserve_one(QUOTA_MEMORY_MIB, UINT64_MAX), ERR_QUOTA_EXCEEDED);
    unit_ok(reserve_one(QUOTA_VCPUS, UINT64_MAX));
    add_vm("b");
    unit_fails(reserve_one(QUOTA_VMS, 1), ERR_QUOTA_EXCEEDED);
    ck_assert_str_eq(e.field, "vms");
    ck_assert_str_eq(e.msg, "the project's quota of vms is 2: 2 are used, 1 more is asked for");
    audit_writer_stop(core->audit);
    LAB_ASK_EQ("SELECT action || '|' || resource || '|' || outcome || '|' || project FROM audit ORDER BY seq DESC LIMIT 1",
               "quota:reserve|vms|refused:quota_exceeded|00000000000000000000000000000001");
    core_lab_tear_down();
}
END_TEST

START_TEST(the_first_that_is_short_is_named)
{
    set_up("vcpus=4, ports=0, disk_gib=0");
    unit_fails(
        reserve((struct quota_delta){ .of = { [QUOTA_VMS] = 1, [QUOTA_VCPUS] = 4, [QUOTA_DISK_GIB] = 1, [QUOTA_PORTS] = 1 } }),
        ERR_QUOTA_EXCEEDED);
    ck_assert_str_eq(e.field, "disk_gib");
    unit_ok(reserve((struct quota_delta){ .of = { [QUOTA_VMS] = 1, [QUOTA_VCPUS] = 4 } }));
    core_lab_tear_down();
}
END_TEST

/* Less than what is there: it takes nothing away, and lets nothing in. */
START_TEST(a_limit_may_be_lowered_below_what_is_used)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    AUTO_QUOTA_VIEW view = { 0 };

    set_up("");
    add_vm("a");
    add_vm("b");
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        limits[i] = QUOTA_STAYS;
    limits[QUOTA_VMS] = 1;
    unit_ok(quota_set(core, &who, other_project, limits, &view, &e));
    ck_assert_uint_eq(view.of[QUOTA_VMS].used, 2);
    ck_assert_int_eq(view.of[QUOTA_VMS].limit, 1);
    ck_assert_int_eq(view.of[QUOTA_VCPUS].limit, QUOTA_NO_LIMIT);
    unit_fails(reserve_one(QUOTA_VMS, 1), ERR_QUOTA_EXCEEDED);
    unit_ok(reserve_one(QUOTA_VMS, 0));
    LAB_ASK_EQ("SELECT action || '|' || resource_type || '|' || resource || '|' || project || '|' || outcome FROM audit",
               "quota:update|project|00000000000000000000000000000001|00000000000000000000000000000001|accepted");
    core_lab_tear_down();
}
END_TEST

START_TEST(ones_own_limit_goes_before_the_configurations)
{
    set_up("vms=1");
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_VMS, 5, &e));
    unit_ok(reserve_one(QUOTA_VMS, 5));
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_VMS, QUOTA_NO_LIMIT, &e));
    unit_ok(reserve_one(QUOTA_VMS, 500));
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_VMS, QUOTA_DEFAULT, &e));
    unit_fails(reserve_one(QUOTA_VMS, 2), ERR_QUOTA_EXCEEDED);
    (void)str_copy(who.project, sizeof who.project, project);
    unit_ok(reserve_one(QUOTA_VMS, 500)); /* the project default begins without limits */
    core_lab_tear_down();
}
END_TEST

START_TEST(others_hear_of_their_own_project_only)
{
    AUTO_QUOTA_VIEW view = { 0 };

    set_up("vms=1");
    unit_ok(quota_get(core, &who, project, &view, &e)); /* an administrator */
    ck_assert_str_eq(view.project->name, "default");
    ck_assert_uint_eq(view.of[QUOTA_IMAGES].used, 1);
    quota_view_done(&view);
    unit_fails(quota_get(core, &who, "nothing", &view, &e), ERR_PROJECT_NOT_FOUND);
    who.is_admin = false;
    unit_ok(quota_get(core, &who, NULL, &view, &e));
    ck_assert_str_eq(view.project->id, other_project);
    ck_assert_int_eq(view.of[QUOTA_VMS].limit, 1);
    quota_view_done(&view);
    unit_ok(quota_get(core, &who, "other", &view, &e));
    quota_view_done(&view);
    unit_fails(quota_get(core, &who, "default", &view, &e), ERR_PROJECT_NOT_FOUND);
    ck_assert_str_eq(e.msg, "there is no project 'default'");
    unit_fails(quota_get(core, &who, project, &view, &e), ERR_PROJECT_NOT_FOUND);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_quota", what_is_left_may_be_had, the_first_that_is_short_is_named, a_limit_may_be_lowered_below_what_is_used,
          ones_own_limit_goes_before_the_configurations, others_hear_of_their_own_project_only)
