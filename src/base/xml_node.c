/* XML nodes: found by name, filled with text that is escaped and never parsed. Documents are xml.c's. */
#include <libxml/tree.h>
#include <string.h>

#include "utf8.h"

#include "base/str.h"
#include "base/xml.h"

#define XML(s) ((const xmlChar *)(s))

static void cleanup_xml_char(xmlChar **s)
{
    xmlFree(*s);
}
#define AUTO_XML_CHAR __attribute__((cleanup(cleanup_xml_char))) xmlChar *

/* XML 1.0 has no way, not even an escape, to hold most control characters: libxml2 would write them raw, and nobody could read
 * the document. */
static bool can_hold(const char *text)
{
    size_t len = strlen(text);
    uint32_t c;

    for (size_t i = 0, step; i < len; i += step) {
        step = utf8_next(text + i, len - i, &c);
        if (step == 0 || (c < 0x20 && !strchr("\t\n\r", (int)c)) || c == 0xFFFE || c == 0xFFFF)
            return false;
    }
    return true;
}

static xmlNodePtr first_named(xmlNodePtr node, const char *name, size_t len)
{
    for (; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && strncmp((const char *)node->name, name, len) == 0 && node->name[len] == '\0')
            return node;
    return NULL;
}

xmlNodePtr xml_child(xmlNodePtr parent, const char *name)
{
    return parent ? first_named(parent->children, name, strlen(name)) : NULL;
}

xmlNodePtr xml_next(xmlNodePtr node, const char *name)
{
    return node ? first_named(node->next, name, strlen(name)) : NULL;
}

xmlNodePtr xml_find(xmlNodePtr from, const char *path)
{
    while (from && *path != '\0') {
        size_t len = strcspn(path, "/");
        from = first_named(from->children, path, len);
        path += len + (path[len] == '/');
    }
    return from;
}

xmlNodePtr xml_add(xmlNodePtr parent, const char *name, const char *text)
{
    if (text && !can_hold(text))
        return NULL;
    return xmlNewTextChild(parent, NULL, XML(name), XML(text));
}

/* xmlNodeSetContent() would parse entities, so it only clears; the text comes as a node of its own. */
static int replace_content(xmlNodePtr node, const char *text)
{
    xmlNodePtr content = NULL;

    if (text && !(content = xmlNewDocText(node->doc, XML(text))))
        return -1;
    xmlNodeSetContent(node, NULL);
    if (content)
        (void)xmlAddChild(node, content);
    return 0;
}

xmlNodePtr xml_set(xmlNodePtr parent, const char *name, const char *text)
{
    xmlNodePtr node = xml_child(parent, name);

    if (!node)
        return xml_add(parent, name, text);
    if (text && !can_hold(text))
        return NULL;
    return replace_content(node, text) < 0 ? NULL : node;
}

int xml_attr_set(xmlNodePtr node, const char *name, const char *value)
{
    return can_hold(value) && xmlSetProp(node, XML(name), XML(value)) ? 0 : -1;
}

/* libxml2's allocator need not be malloc(). */
char *xml_attr(xmlNodePtr node, const char *name)
{
    AUTO_XML_CHAR value = xmlGetProp(node, XML(name));

    return str_dup((const char *)value);
}

char *xml_content(xmlNodePtr node)
{
    AUTO_XML_CHAR value = node ? xmlNodeGetContent(node) : NULL;

    return str_dup((const char *)value);
}
