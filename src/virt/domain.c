/* The verbs that change a domain. Each asks first whether the domain is ours (domain_find.c), and tells "already so" from
 * "refused" by looking, never by the words of an error. */
#include <libvirt/virterror.h>
#include <string.h>

#include "call.h"
#include "libvirt.h"
#include "libvirt_error.h"

#include "virt/domain_xml.h"

/* ---- define ---- */

/* Absent is as good as ours. */
static int check_not_foreign(struct libvirt *l, const char *id, struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(l, id, &f, e) == 0)
        return 0;
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    return 0;
}

static int set_autostart(virDomainPtr domain, bool wanted, struct err *e)
{
    int is_set = 0;

    if (CALL(virDomainGetAutostart, domain, &is_set) < 0)
        return libvirt_failed(e, "whether the domain starts by itself cannot be read");
    if ((is_set != 0) != wanted && CALL(virDomainSetAutostart, domain, wanted) < 0)
        return libvirt_failed(e, "whether the domain starts by itself cannot be set");
    return 0;
}

static int build(struct libvirt *l, virConnectPtr connect, const struct virt_domain *d, char **xml, struct err *e)
{
    struct domain_xml_host host = {
        .template_dir = l->config->template_dir,
        .domain_type = libvirt_is_test(l) ? "test" : virt_type_to_string(d->accel.type),
        .has_filters = !libvirt_is_test(l),
        .refuses_user_network = l->config->refuses_user_network,
    };

    return connection_has_dac(l->connection, connect, &host.has_dac, e) < 0 ? -1 : domain_xml_build(&host, d, xml, e);
}

int libvirt_define(void *self, const struct virt_domain *d, struct err *e)
{
    struct libvirt *l = self;
    AUTO_FREE char *xml = NULL;
    AUTO_CONNECT connect = NULL;

    if (connection_get(l->connection, &connect, e) < 0 || build(l, connect, d, &xml, e) < 0 || check_not_foreign(l, d->id, e) < 0)
        return -1;
    AUTO_DOMAIN domain = CALL(virDomainDefineXMLFlags, connect, xml, 0);
    if (!domain)
        return libvirt_template_failed(e, "domain.xml", "domain");
    return set_autostart(domain, d->autostart, e);
}

int libvirt_set_autostart(void *self, const char *id, bool autostart, struct err *e)
{
    AUTO_FOUND f = { 0 };

    return libvirt_find_ours(self, id, &f, e) < 0 ? -1 : set_autostart(f.domain, autostart, e);
}

/* ---- rename ---- */

static int set_metadata(virDomainPtr domain, const char *title, const char *tag, struct err *e)
{
    unsigned flags = VIR_DOMAIN_AFFECT_CONFIG | (CALL(virDomainIsActive, domain) == 1 ? VIR_DOMAIN_AFFECT_LIVE : 0);

    if (CALL(virDomainIsPersistent, domain) == 0)
        flags = VIR_DOMAIN_AFFECT_LIVE;
    if (CALL(virDomainSetMetadata, domain, VIR_DOMAIN_METADATA_TITLE, title, NULL, NULL, flags) < 0 ||
        CALL(virDomainSetMetadata, domain, VIR_DOMAIN_METADATA_ELEMENT, tag, "computed", VIRT_METADATA_NS, flags) < 0)
        return libvirt_failed(e, "the hypervisor did not accept the new name");
    return 0;
}

int libvirt_rename(void *self, const char *id, const char *name, struct err *e)
{
    AUTO_FOUND f = { 0 };
    AUTO_TAG tag = { 0 };
    AUTO_FREE char *text = NULL;

    if (libvirt_find_ours(self, id, &f, e) < 0 || libvirt_read_tag(f.domain, &tag, e) < 0)
        return -1;
    struct virt_domain d = { .id = id, .name = name, .project = tag.project, .job = tag.job };
    if (domain_xml_tag(&d, &text, e) < 0)
        return -1;
    return set_metadata(f.domain, name, text, e);
}

/* ---- undefine ---- */

/* From everything that may lie beside a domain to what every driver takes: older libvirts and the test driver know fewer flags.
 */
static const unsigned undefine_ladder[] = {
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM |
        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM,
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM |
        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
    0,
};

static bool is_flag_refused(int code)
{
    return code == VIR_ERR_INVALID_ARG || code == VIR_ERR_NO_SUPPORT || code == VIR_ERR_ARGUMENT_UNSUPPORTED;
}

static int undefine_domain(virDomainPtr domain, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(undefine_ladder); i++) {
        if (CALL(virDomainUndefineFlags, domain, undefine_ladder[i]) == 0)
            return 0;
        if (!is_flag_refused(libvirt_last_code()))
            break;
    }
    return libvirt_failed(e, "the hypervisor did not undefine the domain");
}

/* For verbs whose end is that the domain is not there, or does not run. */
static int fine_when_missing(int rc, struct err *e)
{
    if (rc == 0 || e->code != ERR_DOMAIN_MISSING)
        return rc;
    err_clear(e);
    return 0;
}

/* A transient domain has no definition. */
static int undefine_ours(struct libvirt *l, const char *id, struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(l, id, &f, e) < 0 || libvirt_check_disk(l, f.domain, e) < 0)
        return -1;
    return CALL(virDomainIsPersistent, f.domain) == 0 ? 0 : undefine_domain(f.domain, e);
}

int libvirt_undefine(void *self, const char *id, struct err *e)
{
    return fine_when_missing(undefine_ours(self, id, e), e);
}

/* ---- power ---- */

static bool is_power(virDomainPtr domain, enum virt_power power)
{
    struct virt_state state;
    struct err ignored = ERR_INIT;

    return libvirt_domain_state(domain, &state, &ignored) == 0 && state.power == power;
}

/* After a refusal. */
static int unless_so(virDomainPtr domain, bool (*is_so)(virDomainPtr), struct err *e)
{
    if (e->code != ERR_HYPERVISOR || !is_so(domain))
        return -1;
    err_clear(e);
    return 0;
}

/* The refusal's words are taken before looking: looking would replace them. */
static int unless(virDomainPtr domain, bool (*is_so)(virDomainPtr), const char *msg, struct err *e)
{
    (void)libvirt_failed(e, msg);
    return unless_so(domain, is_so, e);
}

static bool is_active(virDomainPtr domain)
{
    return CALL(virDomainIsActive, domain) == 1;
}

static bool is_inactive(virDomainPtr domain)
{
    return CALL(virDomainIsActive, domain) == 0;
}

static bool is_paused(virDomainPtr domain)
{
    return is_power(domain, VIRT_PAUSED);
}

static bool is_running(virDomainPtr domain)
{
    return is_power(domain, VIRT_RUNNING);
}

static bool is_suspended(virDomainPtr domain)
{
    return is_power(domain, VIRT_SUSPENDED);
}

int libvirt_start(void *self, const char *id, struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(self, id, &f, e) < 0)
        return -1;
    if (CALL(virDomainCreate, f.domain) == 0)
        return 0;
    return unless(f.domain, is_active, "the hypervisor could not start the VM; its reason is in the daemon's log", e);
}

/* Drivers that cannot start a guest paused pause it as soon as it runs. */
static int create_paused(virDomainPtr domain)
{
    if (CALL(virDomainCreateWithFlags, domain, VIR_DOMAIN_START_PAUSED) == 0)
        return 0;
    return is_flag_refused(libvirt_last_code()) && CALL(virDomainCreate, domain) == 0 ? CALL(virDomainSuspend, domain) : -1;
}

int libvirt_start_paused(void *self, const char *id, struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(self, id, &f, e) < 0)
        return -1;
    if (create_paused(f.domain) == 0)
        return 0;
    return unless(f.domain, is_active, "the hypervisor could not start the VM; its reason is in the daemon's log", e);
}

static int destroy_ours(struct libvirt *l, const char *id, struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(l, id, &f, e) < 0 || libvirt_check_disk(l, f.domain, e) < 0)
        return -1;
    if (is_inactive(f.domain) || CALL(virDomainDestroy, f.domain) == 0)
        return 0;
    return unless(f.domain, is_inactive, "the hypervisor could not power the VM off", e);
}

int libvirt_destroy(void *self, const char *id, struct err *e)
{
    return fine_when_missing(destroy_ours(self, id, e), e);
}

/* ---- what QEMU itself must answer ---- */

/* SAVE: the job's deadline is the limit that counts. */
enum { QUICK_MS = 10 * 1000, SAVE_MS = 24 * 3600 * 1000 };

/* The power button needs no agent in the guest; drivers without one have a default. */
static int press_power_button(virDomainPtr domain)
{
    int rc = CALL(virDomainShutdownFlags, domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);

    return rc < 0 && is_flag_refused(libvirt_last_code()) ? CALL(virDomainShutdown, domain) : rc;
}

static int press_restart_button(virDomainPtr domain)
{
    int rc = CALL(virDomainReboot, domain, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN);

    return rc < 0 && is_flag_refused(libvirt_last_code()) ? CALL(virDomainReboot, domain, 0) : rc;
}

static int pause_cpus(virDomainPtr domain)
{
    return CALL(virDomainSuspend, domain);
}

static int resume_cpus(virDomainPtr domain)
{
    return CALL(virDomainResume, domain);
}

static int reset(virDomainPtr domain)
{
    return CALL(virDomainReset, domain, 0);
}

/* Also a paused guest is to run when it is started. */
static int save(virDomainPtr domain)
{
    return CALL(virDomainManagedSave, domain, VIR_DOMAIN_SAVE_RUNNING);
}

/* is_so: what is to be so in the end, however the call ended; NULL: the call itself is what counts. */
static int call_ours(void *self, const char *id, const struct guest_ask *ask, bool (*is_so)(virDomainPtr), struct err *e)
{
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(self, id, &f, e) < 0)
        return -1;
    if (libvirt_call_guest(self, f.domain, ask, e) == 0)
        return 0;
    return is_so ? unless_so(f.domain, is_so, e) : -1;
}

int libvirt_shutdown(void *self, const char *id, struct err *e)
{
    static const struct guest_ask ask = { press_power_button, QUICK_MS, "the hypervisor could not ask the VM to shut down" };

    return call_ours(self, id, &ask, is_inactive, e);
}

int libvirt_reboot(void *self, const char *id, struct err *e)
{
    static const struct guest_ask ask = { press_restart_button, QUICK_MS, "the hypervisor could not ask the VM to restart" };

    return call_ours(self, id, &ask, NULL, e);
}

int libvirt_reset(void *self, const char *id, struct err *e)
{
    static const struct guest_ask ask = { reset, QUICK_MS, "the hypervisor could not reset the VM" };

    return call_ours(self, id, &ask, NULL, e);
}

int libvirt_pause(void *self, const char *id, struct err *e)
{
    static const struct guest_ask ask = { pause_cpus, QUICK_MS, "the hypervisor could not pause the VM" };

    return call_ours(self, id, &ask, is_paused, e);
}

int libvirt_resume(void *self, const char *id, struct err *e)
{
    static const struct guest_ask ask = { resume_cpus, QUICK_MS, "the hypervisor could not resume the VM" };

    return call_ours(self, id, &ask, is_running, e);
}

int libvirt_suspend(void *self, const char *id, struct err *e)
{
    static const struct guest_ask ask = { save, SAVE_MS, "the hypervisor could not save the VM's memory" };
    AUTO_FOUND f = { 0 };

    if (libvirt_find_ours(self, id, &f, e) < 0)
        return -1;
    if (libvirt_call_guest(self, f.domain, &ask, e) == 0 || unless_so(f.domain, is_suspended, e) == 0)
        return 0;
    if (e->code == ERR_HYPERVISOR && is_inactive(f.domain))
        return err_set(e, ERR_INVALID_STATE, "the VM is off: there is nothing to suspend");
    return -1;
}
