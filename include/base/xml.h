/* base/xml: libxml2 with the doors closed (no network, no entities, no DTD, 1 MiB), and the few node helpers that templates need.
 * Text enters nodes only through these: it is escaped, never parsed. */
#ifndef BASE_XML_H
#define BASE_XML_H

#include <libxml/tree.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

static inline void cleanup_xml_doc(xmlDocPtr *d)
{
    if (*d)
        xmlFreeDoc(*d);
}
#define AUTO_XML __attribute__((cleanup(cleanup_xml_doc))) xmlDocPtr

void xml_init(void); /* once, before threads */
/* ERR_TEMPLATE_INVALID; detail has file, line and libxml2's words. */
int xml_parse_file(const char *path, xmlDocPtr *out, struct err *e);
int xml_parse(const char *text, size_t len, xmlDocPtr *out, struct err *e);
char *xml_text(xmlDocPtr doc); /* indented, without declaration; caller frees; NULL: no memory */

xmlNodePtr xml_child(xmlNodePtr parent, const char *name); /* first child element of that name, or NULL */
xmlNodePtr xml_next(xmlNodePtr node, const char *name);    /* next sibling element of that name, or NULL */
/* "devices/disk/source": the first element at each step, or NULL. */
xmlNodePtr xml_find(xmlNodePtr from, const char *path);
/* New last child; text may be NULL. NULL: no memory, or text that XML cannot hold (control characters, broken UTF-8). */
xmlNodePtr xml_add(xmlNodePtr parent, const char *name, const char *text);
/* The first child of that name, made when it is missing, with its content replaced by text. NULL as above; then nothing has
 * changed. */
xmlNodePtr xml_set(xmlNodePtr parent, const char *name, const char *text);
int xml_attr_set(xmlNodePtr node, const char *name, const char *value); /* -1: likewise */
char *xml_attr(xmlNodePtr node, const char *name);                      /* caller frees with free(); NULL when absent */
char *xml_content(xmlNodePtr node);                                     /* likewise; NULL for a NULL node */

#endif
