/* The dispatching side of networks: failpoints, the refusal where there are no bridges, and the host's own ranges, which no
 * driver knows better than the kernel. */
#include "virt/network.h"

#include "driver.h"
#include "host_routes.h"

#include "base/failpoint.h"

bool virt_has_bridges(struct virt *v)
{
    void *self;

    return virt_driver_of(v, &self)->has_bridges(self);
}

int virt_network_ensure(struct virt *v, const struct virt_network *n, struct err *e)
{
    void *self;
    const struct virt_driver *driver = virt_driver_of(v, &self);

    if (!driver->has_bridges(self))
        return err_set(e, ERR_NOT_SUPPORTED, "libvirt may make no networks in session mode");
    FAILPOINT(e, "virt.network_ensure.before");
    if (driver->network_ensure(self, n, e) < 0)
        return -1;
    FAILPOINT(e, "virt.network_ensure.after");
    return 0;
}

int virt_network_add_host(struct virt *v, const char *network_id, const struct virt_lease *h, struct err *e)
{
    void *self;
    const struct virt_driver *driver = virt_driver_of(v, &self);

    FAILPOINT(e, "virt.network_add_host.before");
    if (driver->network_add_host(self, network_id, h, e) < 0)
        return -1;
    FAILPOINT(e, "virt.network_add_host.after");
    return 0;
}

int virt_network_remove_host(struct virt *v, const char *network_id, const struct virt_lease *h, struct err *e)
{
    void *self;
    const struct virt_driver *driver = virt_driver_of(v, &self);

    FAILPOINT(e, "virt.network_remove_host.before");
    if (driver->network_remove_host(self, network_id, h, e) < 0)
        return -1;
    FAILPOINT(e, "virt.network_remove_host.after");
    return 0;
}

int virt_network_remove(struct virt *v, const char *network_id, struct err *e)
{
    void *self;
    const struct virt_driver *driver = virt_driver_of(v, &self);

    FAILPOINT(e, "virt.network_remove.before");
    if (driver->network_remove(self, network_id, e) < 0)
        return -1;
    FAILPOINT(e, "virt.network_remove.after");
    return 0;
}

int virt_network_cidrs(struct virt *v, struct cidr **out, size_t *count, struct err *e)
{
    void *self;
    const struct virt_driver *driver = virt_driver_of(v, &self);
    AUTO_CIDRS found = { 0 };

    if (driver->network_cidrs(self, &found, e) < 0 || host_routes_read(NULL, &found, e) < 0)
        return -1;
    *count = found.count;
    *out = TAKE(found.items);
    return 0;
}
