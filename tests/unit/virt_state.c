/* What a domain's state is when libvirt answers one of two questions. Its own test driver answers the first; the second is ours
 * to answer (--wrap, see the Makefile). */
#include "../../src/virt/libvirt.h"
#include "../../src/virt/libvirt_error.h"
#include "unit.h"

static struct err e = ERR_INIT;
static bool is_saved;
static void (*fails_by)(virConnectPtr connect); /* NULL: it does not; leaves an error of libvirt's */

int __wrap_virDomainHasManagedSaveImage(virDomainPtr domain, unsigned flags);
int __wrap_virDomainHasManagedSaveImage(virDomainPtr domain, unsigned flags)
{
    (void)flags;
    if (!fails_by)
        return is_saved;
    fails_by(virDomainGetConnect(domain));
    return -1;
}

static void nobody_listens(virConnectPtr connect)
{
    (void)connect;
    ck_assert_ptr_null(virConnectOpen("qemu+unix:///system?socket=/nonexistent/libvirt-sock"));
}

static void it_is_gone(virConnectPtr connect)
{
    ck_assert_ptr_null(virDomainLookupByName(connect, "gone"));
}

static void it_is_not_supported(virConnectPtr connect)
{
    virNWFilterPtr *filters = NULL;

    ck_assert_int_eq(virConnectListAllNWFilters(connect, &filters, 0), -1);
    ck_assert_int_eq(libvirt_last_code(), VIR_ERR_NO_SUPPORT);
}

static void keep_quiet(void *arg, virErrorPtr error)
{
    (void)arg, (void)error;
}

/* Of a domain that is off. */
static int read_state(struct virt_state *out)
{
    virSetErrorFunc(NULL, keep_quiet);
    AUTO_CONNECT connect = virConnectOpen("test:///default");
    ck_assert_ptr_nonnull(connect);
    AUTO_DOMAIN domain = virDomainLookupByName(connect, "test");
    ck_assert_ptr_nonnull(domain);
    ck_assert(virDomainIsActive(domain) == 0 || virDomainDestroy(domain) == 0);
    return libvirt_domain_state(domain, out, &e);
}

START_TEST(saved_memory_makes_it_suspended)
{
    struct virt_state state;

    unit_ok(read_state(&state));
    ck_assert_int_eq(state.power, VIRT_STOPPED);
    is_saved = true;
    unit_ok(read_state(&state));
    ck_assert_int_eq(state.power, VIRT_SUSPENDED);
}
END_TEST

START_TEST(a_connection_lost_between_the_questions_is_an_error)
{
    struct virt_state state;

    fails_by = nobody_listens;
    unit_fails(read_state(&state), ERR_UNAVAILABLE);
}
END_TEST

START_TEST(a_domain_that_goes_between_the_questions_is_missing)
{
    struct virt_state state;

    fails_by = it_is_gone;
    unit_fails(read_state(&state), ERR_DOMAIN_MISSING);
}
END_TEST

START_TEST(a_driver_without_saves_has_none)
{
    struct virt_state state;

    fails_by = it_is_not_supported;
    unit_ok(read_state(&state));
    ck_assert_int_eq(state.power, VIRT_STOPPED);
}
END_TEST

UNIT_MAIN("virt_state", saved_memory_makes_it_suspended, a_connection_lost_between_the_questions_is_an_error,
          a_domain_that_goes_between_the_questions_is_missing, a_driver_without_saves_has_none)
