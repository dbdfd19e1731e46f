/* The agent's channel in a domain's XML. */
#include "../../src/virt/domain_agent.h"
#include "unit.h"

#define CHANNELS(more)                                                                                                           \
    "<domain><devices><channel type='unix'><target type='virtio' name='other.0' state='connected'/></channel>" more              \
    "</devices></domain>"

START_TEST(is_connected_when_libvirt_says_so)
{
    static const struct {
        const char *xml;
        bool is_connected;
    } cases[] = {
        { CHANNELS("<channel><target type='virtio' name='" DOMAIN_AGENT_CHANNEL "' state='connected'/></channel>"), true },
        { CHANNELS("<channel><target type='virtio' name='" DOMAIN_AGENT_CHANNEL "' state='disconnected'/></channel>"), false },
        { CHANNELS("<channel><target type='virtio' name='" DOMAIN_AGENT_CHANNEL "'/></channel>"), false },
        { CHANNELS("<channel/>"), false },
        { "<domain/>", false },
        { "<domain>", false },
    };

    xml_init();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(domain_agent_is_connected(cases[i].xml) == cases[i].is_connected, "%s", cases[i].xml);
}
END_TEST

UNIT_MAIN("virt_domain_agent", is_connected_when_libvirt_says_so)
