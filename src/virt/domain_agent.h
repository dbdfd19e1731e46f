/* Private to virt: the channel of the guest's agent. */
#ifndef VIRT_DOMAIN_AGENT_H
#define VIRT_DOMAIN_AGENT_H

#include <stdbool.h>

#include "base/xml.h"

#define DOMAIN_AGENT_CHANNEL "org.qemu.guest_agent.0"

/* The channel's element in <devices>, or NULL. */
xmlNodePtr domain_agent_channel(xmlNodePtr devices);
/* Whether the guest has the channel open, by the XML of a running domain. */
bool domain_agent_is_connected(const char *xml);

#endif
