/* Private to the fake: the driver's object and what its files know of each other.
 *
 * Tests speak to it by files in its directory. While `down` is there it is not connected, while `hang` is there it does not
 * answer; while `agent-<vm id>` is there, the agent of that guest has its channel open as long as the guest runs:
 * VIRT_EVENT_AGENT comes when the file appears, or the guest starts. What a domain is and does lies in its own file
 * (fake_record.h). */
#ifndef VIRT_FAKE_H
#define VIRT_FAKE_H

#include "driver.h"
#include "fake_record.h"

struct fake;

/* ---- fake_world.c ---- */
int fake_open(const struct virt_config *config, struct hub *hub, void **self, struct err *e);
void fake_close(void *self);
bool fake_is_connected(void *self);
int fake_wait_connected(void *self, int64_t timeout_ms, struct err *e);
void *fake_ref(void *self);
void fake_unref(void *self);

/* Returns when `hang` is not there: ERR_UNAVAILABLE when `down` is, or when the fake is closed meanwhile. */
int fake_gate(struct fake *f, struct err *e);
/* Held from reading a domain's file to writing it. */
void fake_lock(struct fake *f);
void fake_unlock(struct fake *f);
static inline void cleanup_files(struct fake **f)
{
    fake_unlock(*f);
}
#define HOLD_FILES(f) __attribute__((cleanup(cleanup_files), unused)) struct fake *held_files = (fake_lock(f), f)
enum fake_news { FAKE_CHANGED, FAKE_RESTARTED, FAKE_AGENT };
/* Told to the hub by the fake's own thread. */
void fake_notify(struct fake *f, const char *id, enum fake_news news);
bool fake_has_agent(const struct fake *f, const char *id); /* its file is there; whether it runs is another matter */
const char *fake_dir(const struct fake *f);
const char *fake_uri(void *self);
const struct virt_config *fake_config(const struct fake *f);

/* ---- fake_define.c ---- */
bool fake_is_tagged(const json_t *record, const char *id);
/* What was read from a file, and the files held, until the scope ends. */
struct fake_held {
    struct fake *f; /* NULL: they are not held */
    json_t *record;
};
void fake_give_back(struct fake_held *h);
#define AUTO_FAKE_HELD __attribute__((cleanup(fake_give_back))) struct fake_held
/* A domain of ours, past the gate. ERR_DOMAIN_MISSING, ERR_FOREIGN_DOMAIN. */
int fake_take(void *self, const char *id, struct fake_held *out, struct err *e);
/* ERR_FOREIGN_DOMAIN unless its disk lies under state_dir/instances. */
int fake_check_disk(struct fake *f, const json_t *record, struct err *e);
int fake_define(void *self, const struct virt_domain *d, struct err *e);
int fake_rename(void *self, const char *id, const char *name, struct err *e);
int fake_set_autostart(void *self, const char *id, bool autostart, struct err *e);
virt_verb_fn fake_undefine;

/* ---- fake_network.c ---- */
bool fake_has_bridges(void *self);
int fake_network_ensure(void *self, const struct virt_network *n, struct err *e);
int fake_network_add_host(void *self, const char *network, const struct virt_lease *h, struct err *e);
int fake_network_remove_host(void *self, const char *network, const struct virt_lease *h, struct err *e);
virt_verb_fn fake_network_remove;
bool fake_network_runs(struct fake *f, const char *id);
int fake_network_cidrs(void *self, struct cidrs *to, struct err *e);

/* ---- fake_survey.c ---- */
extern const struct survey_source fake_source;
/* An absent domain is VIRT_ABSENT. */
int fake_observe(struct fake *f, const char *id, struct virt_observation *out, struct err *e);

#endif
