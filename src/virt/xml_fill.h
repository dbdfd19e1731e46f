/* Private to virt: how templates are filled, for domains and networks alike. What returns NULL or -1 had no memory, or was given
 * text that XML cannot hold. */
#ifndef VIRT_XML_FILL_H
#define VIRT_XML_FILL_H

#include "base/xml.h"

void xml_fill_drop(xmlNodePtr node); /* with all that it holds; NULL is fine */
/* The first child of that name, made when it is missing. */
xmlNodePtr xml_fill_child(xmlNodePtr parent, const char *name);
/* An attribute that the template may have chosen already. */
int xml_fill_default(xmlNodePtr node, const char *name, const char *value);

struct xml_fill_attr {
    const char *name, *value;
};
/* A new last child with up to three attributes; a NULL name ends them. */
xmlNodePtr xml_fill_add(xmlNodePtr parent, const char *name, const struct xml_fill_attr attrs[3]);
#define XML_FILL_ADD(parent, name, ...) xml_fill_add(parent, name, (const struct xml_fill_attr[3]){ __VA_ARGS__ })

#endif
