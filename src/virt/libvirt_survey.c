/* How surveys ask libvirt: state by one bulk call, managed saves by a second, usage domain by domain. Runs on reader threads. */
#include <libvirt/virterror.h>
#include <string.h>

#include "call.h"
#include "libvirt.h"
#include "libvirt_error.h"
#include "state.h"

static void *source_ref(void *context)
{
    return connection_ref(context);
}

static void source_unref(void *context)
{
    connection_free(context);
}

static bool source_is_down(void *context)
{
    return connection_is_down(context);
}

static int source_open(void *context, void **reader, struct err *e)
{
    virConnectPtr connect;

    if (connection_open_reader(context, &connect, e) < 0)
        return -1;
    *reader = connect;
    return 0;
}

static bool source_is_alive(void *reader)
{
    return virConnectIsAlive(reader) == 1;
}

static void source_close(void *reader)
{
    (void)virConnectClose(reader);
}

static void source_free_handle(void *handle)
{
    (void)virDomainFree(handle);
}

/* ---- all ---- */

/* virDomainGetUUIDString prints by printf, which shows in a survey of thousands. */
static int read_id(virDomainPtr domain, uuid_text out)
{
    uint8_t bytes[VIR_UUID_BUFLEN];

    if (virDomainGetUUID(domain, bytes) < 0)
        return -1;
    id_uuid_text(bytes, out);
    return 0;
}

/* Usage is asked of these alone; for others a handle would only be a domain's size in memory until the survey goes. */
static bool deserves_handle(struct virt_state state)
{
    return state.power == VIRT_RUNNING || state.power == VIRT_PAUSED;
}

static int add_row(struct virt_survey *into, virDomainPtr domain, struct virt_state state, struct err *e)
{
    struct virt_observation o = { .state = state };
    virDomainPtr handle = deserves_handle(state) ? domain : NULL;

    if (read_id(domain, o.id) < 0)
        return libvirt_failed(e, "a domain without an id");
    if (handle)
        (void)virDomainRef(handle);
    return survey_add(into, &o, handle, e);
}

static struct virt_state stats_state(const virDomainStatsRecord *record)
{
    int state = VIR_DOMAIN_NOSTATE, reason = 0;

    (void)virTypedParamsGetInt(record->params, record->nparams, "state.state", &state);
    (void)virTypedParamsGetInt(record->params, record->nparams, "state.reason", &reason);
    return state_of(state, reason);
}

static void free_stats(virDomainStatsRecordPtr **records)
{
    if (*records)
        virDomainStatsRecordListFree(*records);
}

static int read_stats(virConnectPtr connect, struct virt_survey *into, struct err *e)
{
    __attribute__((cleanup(free_stats))) virDomainStatsRecordPtr *records = NULL;
    int count = CALL(virConnectGetAllDomainStats, connect, VIR_DOMAIN_STATS_STATE, &records, 0);

    if (count < 0)
        return libvirt_failed(e, "the domains' states cannot be read");
    for (int i = 0; i < count; i++)
        if (add_row(into, records[i]->dom, stats_state(records[i]), e) < 0)
            return -1;
    return 0;
}

/* For drivers without bulk stats. A domain that goes meanwhile is left out. */
static int read_one_by_one(virConnectPtr connect, struct virt_survey *into, struct err *e)
{
    AUTO_DOMAINS domains = NULL;
    int count = CALL(virConnectListAllDomains, connect, &domains, 0);

    if (count < 0)
        return libvirt_failed(e, "the domains cannot be listed");
    for (int i = 0; i < count; i++) {
        int state, reason;
        if (CALL(virDomainGetState, domains[i], &state, &reason, 0) == 0 &&
            add_row(into, domains[i], state_of(state, reason), e) < 0)
            return -1;
    }
    return 0;
}

static int mark_managed_saves(virConnectPtr connect, struct virt_survey *into, struct err *e)
{
    AUTO_DOMAINS domains = NULL;
    int count = CALL(virConnectListAllDomains, connect, &domains, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE);

    if (count < 0)
        return libvirt_failed(e, "the managed saves cannot be listed");
    for (int i = 0; i < count; i++) {
        uuid_text id;
        struct virt_observation *o = read_id(domains[i], id) == 0 ? survey_edit(into, id) : NULL;
        if (o && o->state.power == VIRT_STOPPED)
            o->state = (struct virt_state){ VIRT_SUSPENDED, NULL };
    }
    return 0;
}

static int source_read_all(void *reader, struct virt_survey *into, struct err *e)
{
    if (read_stats(reader, into, e) < 0) {
        if (libvirt_last_code() != VIR_ERR_NO_SUPPORT || read_one_by_one(reader, into, e) < 0)
            return -1;
    }
    survey_sort(into);
    return mark_managed_saves(reader, into, e);
}

/* ---- one ---- */

/* Errors are made before anything is freed: freeing resets libvirt's. */
static virDomainPtr look_up(virConnectPtr reader, const char *id, virDomainInfo *info, struct err *e)
{
    AUTO_DOMAIN domain = CALL_ABOUT("domain", id, virDomainLookupByUUIDString, reader, id);

    if (domain && CALL(virDomainGetInfo, domain, info) == 0)
        return TAKE(domain);
    (void)libvirt_failed(e, "the domain's state cannot be read");
    return NULL;
}

/* A handle that another reader got is for that one's connection, and no use here. The caller frees what comes back. */
static virDomainPtr get_info(virConnectPtr reader, virDomainPtr handle, struct virt_observation *out, virDomainInfo *info,
                             struct err *e)
{
    if (!handle || virDomainGetConnect(handle) != reader || CALL(virDomainGetInfo, handle, info) < 0)
        return look_up(reader, out->id, info, e);
    (void)virDomainRef(handle);
    return handle;
}

static int absent_or_failed(struct virt_observation *out, struct err *e)
{
    if (e->code != ERR_DOMAIN_MISSING)
        return -1;
    err_clear(e);
    out->state = (struct virt_state){ VIRT_ABSENT, NULL };
    return 0;
}

static int source_read_one(void *reader, void *handle, struct virt_observation *out, struct err *e)
{
    virDomainInfo info;
    AUTO_DOMAIN domain = get_info(reader, handle, out, &info, e);

    if (!domain)
        return absent_or_failed(out, e);
    out->state = state_of(info.state, 0);
    if (out->state.power != VIRT_RUNNING && libvirt_domain_state(domain, &out->state, e) < 0)
        return absent_or_failed(out, e); /* gone between the two questions */
    out->has_usage = out->state.power == VIRT_RUNNING || out->state.power == VIRT_PAUSED;
    if (!out->has_usage)
        return 0;
    out->cpu_time_ns = info.cpuTime;
    out->memory_used_mib = info.memory / 1024;
    return 0;
}

const struct survey_source libvirt_source = {
    .ref = source_ref,
    .unref = source_unref,
    .is_down = source_is_down,
    .open = source_open,
    .is_alive = source_is_alive,
    .close = source_close,
    .read_all = source_read_all,
    .read_one = source_read_one,
    .free_handle = source_free_handle,
};
