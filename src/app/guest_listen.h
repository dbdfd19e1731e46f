/* guest_listen: where guests say that they are up: a small server of its own on each network's gateway address, with the guests'
 * door alone, so that no guest reaches the API. Private to app. */
#ifndef GUEST_LISTEN_H
#define GUEST_LISTEN_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/timer.h"

struct core;
struct guest_servers;

/* core and timer outlive it. */
int guest_servers_new(struct core *core, struct timer *timer, uint32_t port, struct guest_servers **out, struct err *e);
/* Listens on gateway:port; fine when it does already. The host need not have the address yet, and may lose it and get it again.
 * Any thread that holds no lock. ERR_CONFIG: the port is in use there; ERR_UNAVAILABLE: after the quiesce. */
int guest_listen(struct guest_servers *g, const char *gateway, struct err *e);
void guest_servers_quiesce(struct guest_servers *g); /* accept no more; NULL is fine */
void guest_servers_free(struct guest_servers *g);
DEFINE_AUTO(guest_servers, guest_servers_free)

#endif
