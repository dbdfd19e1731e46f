/* Private to virt: the hub between drivers, which know what happened, and those who want to hear of it. Any thread. */
#ifndef VIRT_EVENT_H
#define VIRT_EVENT_H

#include "virt/virt.h"

struct hub;
int hub_new(virt_event_fn *fn, void *arg, struct hub **out, struct err *e);
struct hub *hub_ref(struct hub *h);
void hub_free(struct hub *h); /* drops a reference; NULL is fine */
DEFINE_AUTO(hub, hub_free)
/* Returns when no call of the listener is under way; none comes afterwards, whoever emits. */
void hub_mute(struct hub *h);
/* Wakes the watches of `id`, then calls the listener. id is "" but for VIRT_EVENT_DOMAIN and VIRT_EVENT_AGENT. */
void hub_emit(struct hub *h, enum virt_event_kind kind, const char *id);
/* The guest's machine was restarted: counted by the watches of `id`, and a VIRT_EVENT_DOMAIN. */
void hub_emit_reboot(struct hub *h, const char *id);

int hub_watch(struct hub *h, const char *id, struct virt_watch **out, struct err *e);
/* Waits for a domain event about the watch's id that came since it began, or since the last wait. */
void hub_watch_wait(struct virt_watch *w, int64_t timeout_ms);

#endif
