/* What fits on a host: the arithmetic on made-up machines, and the count of a real store. */
#include "../../src/core/capacity.h"
#include "core_lab.h"

#define GIB (1ULL << 30)

/* 2 CPUs, 16 GiB, 100 GiB of disk. */
static struct core_config config = {
    .cpu_overcommit = 16, .memory_overcommit = 1, .disk_overcommit = 4, .memory_reserve_mib = 512, .disk_reserve_gib = 1
};

static struct capacity host(void)
{
    return (struct capacity){ .cpus = 2, .memory_mib = 16384, .disk_bytes = 100 * GIB, .disk_free_bytes = 50 * GIB };
}

static int judge(struct capacity c, struct vm vm)
{
    capacity_limit(&c, &config);
    err_clear(&e);
    return capacity_judge(&c, &config, &vm, &e);
}

START_TEST(limits_are_ratios_of_what_is_there)
{
    struct capacity c = host();

    capacity_limit(&c, &config);
    ck_assert_uint_eq(c.vcpus_limit, 32);
    ck_assert_uint_eq(c.memory_limit_mib, 15872);
    ck_assert_uint_eq(c.disk_limit_bytes, 400 * GIB);
    config.memory_overcommit = 1.5;
    config.cpu_overcommit = 0.5;
    capacity_limit(&c, &config);
    ck_assert_uint_eq(c.memory_limit_mib, 23808);
    ck_assert_uint_eq(c.vcpus_limit, 1);
    config.memory_reserve_mib = 20000;
    capacity_limit(&c, &config);
    ck_assert_uint_eq(c.memory_limit_mib, 0);
}
END_TEST

START_TEST(the_last_unit_still_fits)
{
    struct capacity c = host();

    unit_ok(judge(c, (struct vm){ .vcpus = 32, .memory_mib = 15872, .disk_gib = 400 }));
    c.vcpus_promised = 31;
    c.memory_promised_mib = 15871;
    c.disk_promised_bytes = 399 * GIB;
    unit_ok(judge(c, (struct vm){ .vcpus = 1, .memory_mib = 1, .disk_gib = 1 }));
    unit_fails(judge(c, (struct vm){ .vcpus = 2, .memory_mib = 1, .disk_gib = 1 }), ERR_NO_CAPACITY);
    unit_fails(judge(c, (struct vm){ .vcpus = 1, .memory_mib = 2, .disk_gib = 1 }), ERR_NO_CAPACITY);
    unit_fails(judge(c, (struct vm){ .vcpus = 1, .memory_mib = 1, .disk_gib = 2 }), ERR_NO_CAPACITY);
}
END_TEST

START_TEST(all_that_is_missing_is_named)
{
    struct capacity c = host();

    c.vcpus_promised = 30;
    c.memory_promised_mib = 15872 - 512;
    c.disk_promised_bytes = 390 * GIB;
    unit_fails(judge(c, (struct vm){ .vcpus = 1, .memory_mib = 2048, .disk_gib = 1 }), ERR_NO_CAPACITY);
    ck_assert_str_eq(e.msg, "this host has no room for it: memory: 2048 MiB asked, 512 of 15872 left");
    unit_fails(judge(c, (struct vm){ .vcpus = 4, .memory_mib = 2048, .disk_gib = 20 }), ERR_NO_CAPACITY);
    ck_assert_str_eq(e.msg,
                     "this host has no room for it: cpu: 4 vCPUs asked, 2 of 32 left; memory: 2048 MiB asked, 512 of 15872 "
                     "left; disk: 20 GiB asked, 10 of 400 left");
}
END_TEST

START_TEST(really_free_bytes_count_too)
{
    struct capacity c = host();
    struct vm vm = { .vcpus = 1, .memory_mib = 64, .disk_gib = 1 };

    c.disk_free_bytes = GIB;
    unit_ok(judge(c, vm));
    c.disk_free_bytes = GIB - 1;
    unit_fails(judge(c, vm), ERR_NO_CAPACITY);
    ck_assert_str_eq(e.msg, "this host has no room for it: disk: 1023 MiB are really free, 1 GiB are to stay so");
}
END_TEST

/* An administrator may lower a ratio below what is promised already. */
START_TEST(more_promised_than_there_is_leaves_nothing)
{
    struct capacity c = host();

    c.memory_promised_mib = UINT64_MAX / 2;
    unit_fails(judge(c, (struct vm){ .vcpus = 1, .memory_mib = 1, .disk_gib = 1 }), ERR_NO_CAPACITY);
    ck_assert_ptr_nonnull(strstr(e.msg, "1 MiB asked, 0 of 15872 left"));
}
END_TEST

START_TEST(the_host_is_seen_with_its_promises)
{
    struct host_view v = { 0 };
    struct vm vm;

    core_lab_set_up();
    vm = lab_vm(&image, "one");
    vm.vcpus = 3;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    unit_ok(host_view(core, &who, &v, &e));
    ck_assert_uint_eq(v.capacity.vms, 1);
    ck_assert_uint_eq(v.capacity.vcpus_promised, 3);
    ck_assert_uint_eq(v.capacity.memory_promised_mib, vm.memory_mib);
    ck_assert_uint_eq(v.capacity.disk_promised_bytes, vm.disk_gib * GIB);
    ck_assert_uint_eq(v.capacity.vcpus_limit, v.capacity.cpus * 1000);
    ck_assert_uint_ge(v.capacity.disk_bytes, v.capacity.disk_free_bytes);
    ck_assert_uint_gt(strlen(v.hostname), 0);
    ck_assert(v.has_bridges);
    ck_assert_str_eq(v.virt_type, ""); /* not found out yet */
    core_lab_tear_down();
}
END_TEST

/* Within one transaction, so that two creates cannot both take the last of it. */
START_TEST(a_row_of_this_transaction_counts)
{
    struct vm first, second;
    struct txn *txn;

    core_lab_set_up();
    core->config.cpu_overcommit = 1;
    first = lab_vm(&image, "one");
    first.vcpus = sysconf(_SC_NPROCESSORS_ONLN);
    second = lab_vm(&image, "two");
    txn = lab_write();
    unit_ok(capacity_check(&(struct change){ core, &who, txn }, &first, &e));
    unit_ok(store_vm_insert(txn, &first, &e));
    unit_fails(capacity_check(&(struct change){ core, &who, txn }, &second, &e), ERR_NO_CAPACITY);
    txn_free(txn);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_capacity", limits_are_ratios_of_what_is_there, the_last_unit_still_fits, all_that_is_missing_is_named,
          really_free_bytes_count_too, more_promised_than_there_is_leaves_nothing, the_host_is_seen_with_its_promises,
          a_row_of_this_transaction_counts)
