/* The channel of the guest's agent in a domain's XML. What is said on it is nobody's affair here: that it is open is enough to
 * know that the guest is up. */
#include "domain_agent.h"

#include <string.h>

#include "base/str.h"

static bool is_agents(xmlNodePtr channel)
{
    xmlNodePtr target = xml_child(channel, "target");
    AUTO_FREE char *name = target ? xml_attr(target, "name") : NULL;

    return str_equal(name, DOMAIN_AGENT_CHANNEL);
}

xmlNodePtr domain_agent_channel(xmlNodePtr devices)
{
    xmlNodePtr channel = xml_child(devices, "channel");

    while (channel && !is_agents(channel))
        channel = xml_next(channel, "channel");
    return channel;
}

bool domain_agent_is_connected(const char *xml)
{
    AUTO_XML doc = NULL;
    struct err ignored = ERR_INIT;

    if (xml_parse(xml, strlen(xml), &doc, &ignored) < 0)
        return false;
    xmlNodePtr devices = xml_child(xmlDocGetRootElement(doc), "devices");
    xmlNodePtr channel = devices ? domain_agent_channel(devices) : NULL;
    AUTO_FREE char *state = channel ? xml_attr(xml_child(channel, "target"), "state") : NULL;
    return str_equal(state, "connected");
}
