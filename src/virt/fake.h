/* Private to the fake: the driver's object, its gate and its events. */
#ifndef VIRT_FAKE_H
#define VIRT_FAKE_H

#include "driver.h"

struct fake;
extern const struct survey_source fake_source;

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
/* Told to the hub by the fake's own thread. */
void fake_notify(struct fake *f, const char *id, bool is_reboot);
const char *fake_dir(const struct fake *f);
const char *fake_uri(void *self);
const struct virt_config *fake_config(const struct fake *f);

#endif
