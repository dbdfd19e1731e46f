/* disk/fetch: the download itself, in a child (child.h). */
#ifndef DISK_FETCH_H
#define DISK_FETCH_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/ipv4.h"
#include "base/json.h"

/* Downloads to the first of CHILD_FILES as the orders say: {"url", "sha256" (absent: any), "size_bytes", "rate_bytes_s",
 * "expansion", "allowed": ["127.0.0.0/8", …]}. Reports {"bytes", "total", "rate"} about once a second, then
 * {"verdict": "done"} or {"verdict": <word of an err_code>, "message", "detail"}. Returns the exit code. */
int fetch_main(json_t *orders);

/* Whether a connection may be made to this address: a global one, or an IPv4 address in one of the networks. */
bool address_is_allowed(const struct sockaddr *to, const struct cidr *allowed, size_t count);

#endif
