/* Private to virt: what a driver offers to the dispatching side. Every function may be called from any thread, without a lock
 * held. */
#ifndef VIRT_DRIVER_H
#define VIRT_DRIVER_H

#include "event.h"
#include "survey.h"

#include "base/str.h"
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
    virt_verb_fn *undefine, *start, *destroy, *shutdown, *reboot, *reset, *pause, *resume;
    int (*state)(void *self, const char *id, struct virt_state *out, struct err *e);
    int (*list_tagged)(void *self, uuid_text **out, size_t *count, struct err *e);
    const struct survey_source *source;
    void *(*source_context)(void *self); /* borrowed; the source's ref() makes it last */
};

extern const struct virt_driver virt_driver_libvirt;
extern const struct virt_driver virt_driver_fake;

#endif
