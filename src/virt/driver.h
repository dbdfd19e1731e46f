/* Private to virt: what a driver offers to the dispatching side. Every function may be called from any thread, without a lock
 * held. */
#ifndef VIRT_DRIVER_H
#define VIRT_DRIVER_H

#include "event.h"
#include "network_read.h"
#include "survey.h"

#include "base/str.h"
#include "virt/network.h"
#include "virt/virt.h"

typedef int virt_verb_fn(void *self, const char *id, struct err *e);

/* Errors and what counts as fine are those of the functions of the same names in virt/virt.h. */
struct virt_driver {
    const char *name;
    /* Returns at once. `config` lives as long as the driver's object, but not as long as threads that are left behind. */
    int (*open)(const struct virt_config *config, struct hub *hub, void **self, struct err *e);
    void (*close)(void *self);
    bool (*is_connected)(void *self);
    int (*wait_connected)(void *self, int64_t timeout_ms, struct err *e);
    const char *(*uri)(void *self);
    int (*versions)(void *self, struct buf *out, struct err *e); /* appends " <word> <version>" pairs */
    int (*probe)(void *self, const struct virt_accel *accel, int64_t timeout_ms, struct err *e);
    int (*define)(void *self, const struct virt_domain *d, struct err *e);
    int (*rename)(void *self, const char *id, const char *name, struct err *e);
    virt_verb_fn *undefine, *start, *start_paused, *destroy, *shutdown, *reboot, *reset, *pause, *resume, *suspend;
    int (*set_autostart)(void *self, const char *id, bool autostart, struct err *e);
    int (*agent_is_connected)(void *self, const char *id, bool *out, struct err *e);
    /* virt/network.h */
    bool (*has_bridges)(void *self);
    int (*network_ensure)(void *self, const struct virt_network *n, struct err *e);
    int (*network_add_host)(void *self, const char *network, const struct virt_lease *h, struct err *e);
    int (*network_remove_host)(void *self, const char *network, const struct virt_lease *h, struct err *e);
    virt_verb_fn *network_remove;
    int (*network_cidrs)(void *self, struct cidrs *to, struct err *e); /* libvirt's part: adds them; does not block */
    int (*state)(void *self, const char *id, struct virt_state *out, struct err *e);
    int (*description)(void *self, const char *id, char **xml, bool *autostart, struct err *e); /* as it starts next */
    int (*list_tagged)(void *self, uuid_text **out, size_t *count, struct err *e);
    const struct survey_source *source;
    void *(*source_context)(void *self); /* borrowed; the source's ref() makes it last */
};

/* For the parts of the dispatching side that lie in other files than virt.c. */
const struct virt_driver *virt_driver_of(struct virt *v, void **self);

extern const struct virt_driver virt_driver_libvirt;
extern const struct virt_driver virt_driver_fake;

#endif
