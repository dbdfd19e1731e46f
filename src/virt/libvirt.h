/* Private to virt: the libvirt driver's object and the parts of it that lie in other files. */
#ifndef VIRT_LIBVIRT_H
#define VIRT_LIBVIRT_H

#include "connection.h"
#include "driver.h"

#include "base/thread.h"

/* One thread at a time defines networks and the filter: a second definition would wipe out the hosts that were added after the
 * first. No lock: it is held across calls of libvirt. */
struct turn {
    struct lock lock; /* RANK_VIRT */
    struct cond changed;
    bool is_taken GUARDED_BY(lock);
};

struct libvirt {
    struct connection *connection;
    const struct virt_config *config; /* borrowed, for the driver's life */
    struct turn networks;
};

/* ---- domain.c ---- */
int libvirt_define(void *self, const struct virt_domain *d, struct err *e);
int libvirt_rename(void *self, const char *id, const char *name, struct err *e);
int libvirt_set_autostart(void *self, const char *id, bool autostart, struct err *e);
virt_verb_fn libvirt_undefine, libvirt_start, libvirt_start_paused, libvirt_destroy, libvirt_shutdown, libvirt_reboot,
    libvirt_reset, libvirt_pause, libvirt_resume, libvirt_suspend;

/* ---- guest_call.c ---- */
struct guest_ask {
    int (*fn)(virDomainPtr domain); /* a call of libvirt's */
    int64_t patience_ms;
    const char *refused; /* what the error says when it fails */
};
/* As libvirt_failed tells it; ERR_TIMEOUT when the guest's QEMU does not answer: then the call may still take effect, and ends
 * with that QEMU at the latest. */
int libvirt_call_guest(struct libvirt *l, virDomainPtr domain, const struct guest_ask *ask, struct err *e);

/* ---- domain_find.c ---- */
/* Both close themselves: AUTO(found). */
struct found {
    virConnectPtr connect;
    virDomainPtr domain;
};
void found_done(struct found *f);
#define AUTO_FOUND __attribute__((cleanup(found_done))) struct found
/* ERR_DOMAIN_MISSING; ERR_FOREIGN_DOMAIN when it does not carry our tag for this id. */
int libvirt_find_ours(struct libvirt *l, const char *id, struct found *out, struct err *e);
/* ERR_FOREIGN_DOMAIN unless the domain's first disk lies under state_dir/instances. */
int libvirt_check_disk(struct libvirt *l, virDomainPtr domain, struct err *e);
/* The tag's attributes; all of them caller's to free. */
struct tag {
    char *id, *name, *project, *job;
};
void tag_done(struct tag *t);
#define AUTO_TAG __attribute__((cleanup(tag_done))) struct tag
/* ERR_FOREIGN_DOMAIN when there is none. */
int libvirt_read_tag(virDomainPtr domain, struct tag *out, struct err *e);
int libvirt_state(void *self, const char *id, struct virt_state *out, struct err *e);
int libvirt_agent_is_connected(void *self, const char *id, bool *out, struct err *e);
int libvirt_description(void *self, const char *id, char **xml, bool *autostart, struct err *e);
int libvirt_list_tagged(void *self, uuid_text **out, size_t *count, struct err *e);
/* State with managed save. */
int libvirt_domain_state(virDomainPtr domain, struct virt_state *out, struct err *e);

/* ---- libvirt_network.c ---- */
void turn_init(struct turn *t);
void turn_done(struct turn *t);
bool libvirt_has_bridges(void *self);
int libvirt_network_ensure(void *self, const struct virt_network *n, struct err *e);
int libvirt_network_add_host(void *self, const char *network, const struct virt_lease *h, struct err *e);
int libvirt_network_remove_host(void *self, const char *network, const struct virt_lease *h, struct err *e);
virt_verb_fn libvirt_network_remove;
int libvirt_network_cidrs(void *self, struct cidrs *to, struct err *e);

/* ---- probe.c ---- */
int libvirt_probe(void *self, const struct virt_accel *accel, int64_t timeout_ms, struct err *e);

/* ---- libvirt_survey.c ---- */
extern const struct survey_source libvirt_source;

/* The test driver has domains of type "test". */
bool libvirt_is_test(struct libvirt *l);

#endif
