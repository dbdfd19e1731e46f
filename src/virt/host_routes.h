/* Private to virt: which IPv4 ranges the host itself reaches or has, read from the kernel each time. */
#ifndef VIRT_HOST_ROUTES_H
#define VIRT_HOST_ROUTES_H

#include "network_read.h"

/* Adds the ranges of the routes in the main table and of all interfaces' addresses, but for those of the interface `except` (may
 * be NULL). The default route is none (nor is one in two halves), nor are link-local and multicast. */
int host_routes_read(const char *except, struct cidrs *to, struct err *e);

enum { INTERFACE_LEN = 15 };
struct host_route {
    char interface[INTERFACE_LEN + 1];
    struct cidr cidr;
};
/* One line of /proc/net/route; false for the heading and for what is no route that counts. */
bool host_routes_parse(const char *line, struct host_route *out);

#endif
