/* Private to virt: libvirt's event loop, the connection that events come by, and one for each thread that has verbs. No two
 * threads ever have calls under way on one connection: libvirt's client before 10.4 then writes to a stack frame that is gone
 * (CVE-2024-4418). */
#ifndef VIRT_CONNECTION_H
#define VIRT_CONNECTION_H

#include <libvirt/libvirt.h>

#include "event.h"
#include "ranges.h"

static inline void cleanup_connect(virConnectPtr *c)
{
    if (*c)
        (void)virConnectClose(*c);
}
#define AUTO_CONNECT __attribute__((cleanup(cleanup_connect))) virConnectPtr
static inline void cleanup_domain(virDomainPtr *d)
{
    if (*d)
        (void)virDomainFree(*d);
}
#define AUTO_DOMAIN __attribute__((cleanup(cleanup_domain))) virDomainPtr
/* A list of libvirt's, ended by NULL. */
static inline void cleanup_domains(virDomainPtr **list)
{
    for (virDomainPtr *d = *list; d && *d; d++)
        (void)virDomainFree(*d);
    free(*list);
}
#define AUTO_DOMAINS __attribute__((cleanup(cleanup_domains))) virDomainPtr *

/* libvirt's loop: one per process, running while somebody has a connection. */
int loop_get(struct err *e);
void loop_put(void);

struct connection;
/* Comes before loop_get, so that what the loop's callbacks find was there before the loop. */
int connection_new(const struct virt_config *config, struct hub *hub, struct connection **out, struct err *e);
/* Starts the connector thread, which goes on until connection_close. */
int connection_start(struct connection *c, struct err *e);
/* Disconnects; a connector that hangs in libvirt is left behind. Drops the owner's reference. */
void connection_close(struct connection *c);
struct connection *connection_ref(struct connection *c);
void connection_free(struct connection *c); /* drops a reference; NULL is fine */

/* A reference to the calling thread's own connection to libvirt (AUTO_CONNECT), which is not for other threads and lasts as long
 * as the thread; ERR_UNAVAILABLE with the last reason in detail while libvirt is lost. Opening may hang as long as libvirt does.
 */
int connection_get(struct connection *c, virConnectPtr *out, struct err *e);
int connection_wait(struct connection *c, int64_t timeout_ms, struct err *e);
/* Whether qemu:///session may stand in for a qemu:///system that does not open: for a person. To a service it would be another
 * world than the one that is about to come up again, and libvirt would start it. */
bool connection_may_be_session(void);
/* Whether this libvirt has the security model "dac", which gives a guest's files to QEMU's user (in session mode it has not).
 * `connect` is from connection_get; asked once, then remembered until libvirt is lost. */
int connection_has_dac(struct connection *c, virConnectPtr connect, bool *out, struct err *e);
bool connection_is_up(struct connection *c);
bool connection_is_down(struct connection *c);    /* an attempt failed, or it was lost; false before the first attempt ended */
const char *connection_uri(struct connection *c); /* "" while unknown; for the connection's life */
/* What libvirt's networks take, as of the last connection: borrowed. Refreshed before the connection is given out, by libvirt's
 * events, and soon after connection_want_ranges. */
struct ranges *connection_ranges(struct connection *c);
void connection_want_ranges(struct connection *c);
/* Waits for the first attempt to end, then opens a connection for reading. May hang as long as libvirt does. */
int connection_open_reader(struct connection *c, virConnectPtr *out, struct err *e);

#endif
