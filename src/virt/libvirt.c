/* The libvirt driver: its object and its table. Connecting is connection.c's, verbs are domain.c's, surveys libvirt_survey.c's.
 */
#include "libvirt.h"

#include "call.h"
#include "libvirt_error.h"

static void libvirt_free(struct libvirt *l)
{
    connection_free(l->connection);
    turn_done(&l->networks);
    free(l);
}

static int libvirt_open(const struct virt_config *config, struct hub *hub, void **self, struct err *e)
{
    struct libvirt *l = calloc(1, sizeof(*l));

    if (!l)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    l->config = config;
    turn_init(&l->networks);
    if (connection_new(config, hub, &l->connection, e) < 0 || loop_get(e) < 0) {
        libvirt_free(l);
        return -1;
    }
    if (connection_start(l->connection, e) < 0) {
        loop_put();
        libvirt_free(l);
        return -1;
    }
    *self = l;
    return 0;
}

static void libvirt_close(void *self)
{
    struct libvirt *l = self;

    connection_close(TAKE(l->connection));
    loop_put();
    libvirt_free(l);
}

static bool libvirt_is_connected(void *self)
{
    return connection_is_up(((struct libvirt *)self)->connection);
}

static int libvirt_wait_connected(void *self, int64_t timeout_ms, struct err *e)
{
    return connection_wait(((struct libvirt *)self)->connection, timeout_ms, e);
}

static const char *libvirt_uri(void *self)
{
    return connection_uri(((struct libvirt *)self)->connection);
}

bool libvirt_is_test(struct libvirt *l)
{
    return str_starts_with(connection_uri(l->connection), "test:");
}

static int libvirt_versions(void *self, struct buf *out, struct err *e)
{
    struct libvirt *l = self;
    AUTO_CONNECT connect = NULL;
    unsigned long library, hypervisor;

    if (connection_get(l->connection, &connect, e) < 0)
        return -1;
    if (CALL(virConnectGetLibVersion, connect, &library) < 0 || CALL(virConnectGetVersion, connect, &hypervisor) < 0)
        return libvirt_failed(e, "the hypervisor's version cannot be read");
    buf_addf(out, " libvirt %lu %s %lu", library, virConnectGetType(connect), hypervisor);
    return 0;
}

static void *libvirt_source_context(void *self)
{
    return ((struct libvirt *)self)->connection;
}

const struct virt_driver virt_driver_libvirt = {
    .name = "libvirt",
    .open = libvirt_open,
    .close = libvirt_close,
    .is_connected = libvirt_is_connected,
    .wait_connected = libvirt_wait_connected,
    .uri = libvirt_uri,
    .versions = libvirt_versions,
    .probe = libvirt_probe,
    .define = libvirt_define,
    .rename = libvirt_rename,
    .undefine = libvirt_undefine,
    .start = libvirt_start,
    .start_paused = libvirt_start_paused,
    .destroy = libvirt_destroy,
    .shutdown = libvirt_shutdown,
    .reboot = libvirt_reboot,
    .reset = libvirt_reset,
    .pause = libvirt_pause,
    .resume = libvirt_resume,
    .suspend = libvirt_suspend,
    .set_autostart = libvirt_set_autostart,
    .agent_is_connected = libvirt_agent_is_connected,
    .has_bridges = libvirt_has_bridges,
    .network_ensure = libvirt_network_ensure,
    .network_add_host = libvirt_network_add_host,
    .network_remove_host = libvirt_network_remove_host,
    .network_remove = libvirt_network_remove,
    .network_cidrs = libvirt_network_cidrs,
    .state = libvirt_state,
    .description = libvirt_description,
    .list_tagged = libvirt_list_tagged,
    .source = &libvirt_source,
    .source_context = libvirt_source_context,
};
