/* What the machine has, held against what other interfaces say of it. */
#include <sys/sysinfo.h>

#include "unit.h"

#include "base/machine.h"

START_TEST(memory_is_the_kernels)
{
    struct machine_memory m = { 0 };
    struct sysinfo si;
    struct err e = ERR_INIT;

    unit_ok(machine_memory(&m, &e));
    ck_assert_int_eq(sysinfo(&si), 0);
    ck_assert_uint_eq(m.total_mib, (uint64_t)si.totalram * si.mem_unit >> 20);
    ck_assert_uint_gt(m.available_mib, 0);
    ck_assert_uint_lt(m.available_mib, m.total_mib);
}
END_TEST

START_TEST(there_is_a_cpu)
{
    ck_assert_uint_ge(machine_cpus(), 1);
    ck_assert_uint_eq(machine_cpus(), (uint64_t)get_nprocs());
}
END_TEST

UNIT_MAIN("base_machine", memory_is_the_kernels, there_is_a_cpu)
