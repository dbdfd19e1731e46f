/* Private to the fake: one domain is one JSON file, <dir>/<uuid>.json:
 *     tag (our id, or absent), name, title, xml, disk, seed, nics (network, mac, ipv4), state ("running", "paused", "stopped",
 *     "crashed"), reason, autostart, managed_save, started_ms, memory_mib, ignores_shutdown
 * Members that are not known here stay as they are. */
#ifndef VIRT_FAKE_RECORD_H
#define VIRT_FAKE_RECORD_H

#include "base/json.h"
#include "virt/virt.h"

/* ERR_DOMAIN_MISSING when there is no such file. */
int fake_record_load(const char *dir, const char *id, json_t **out, struct err *e);
/* Replaces the file in one step. */
int fake_record_save(const char *dir, const char *id, const json_t *record, struct err *e);
/* Fine when gone. */
int fake_record_remove(const char *dir, const char *id, struct err *e);
/* Calls fn for each domain's id; it ends early, and returns -1, when fn does. */
typedef int fake_record_fn(void *arg, const char *id, struct err *e);
int fake_record_each(const char *dir, fake_record_fn *fn, void *arg, struct err *e);

const char *fake_record_string(const json_t *record, const char *key); /* borrowed; NULL when absent */
bool fake_record_flag(const json_t *record, const char *key);
struct virt_state fake_record_state(const json_t *record);
/* reason may be NULL. Running starts the clock of its CPU time. */
int fake_record_set_state(json_t *record, enum virt_power power, const char *reason, struct err *e);
void fake_record_observe(const json_t *record, struct virt_observation *out);

#endif
