/* The few moves of which filling a template consists. What is filled in is domain_xml.c's, domain_devices.c's and
 * network_xml.c's. */
#include "xml_fill.h"

void xml_fill_drop(xmlNodePtr node)
{
    if (!node)
        return;
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

xmlNodePtr xml_fill_child(xmlNodePtr parent, const char *name)
{
    xmlNodePtr node = xml_child(parent, name);

    return node ? node : xml_add(parent, name, NULL);
}

int xml_fill_default(xmlNodePtr node, const char *name, const char *value)
{
    return xmlHasProp(node, (const xmlChar *)name) ? 0 : xml_attr_set(node, name, value);
}

xmlNodePtr xml_fill_add(xmlNodePtr parent, const char *name, const struct xml_fill_attr attrs[3])
{
    xmlNodePtr node = xml_add(parent, name, NULL);

    for (size_t i = 0; node && i < 3 && attrs[i].name; i++)
        if (xml_attr_set(node, attrs[i].name, attrs[i].value) < 0)
            return NULL;
    return node;
}
