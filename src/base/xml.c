/* libxml2 with the doors closed: text is parsed from memory, so no URL, no compressed file and no catalogue is ever opened;
 * a DTD stops the parser, so there are no entities; what libxml2 says lands in the error, never on stderr.
 * Nodes are found and filled here; which nodes, the rooms above know. */
#include "base/xml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlsave.h>
#include <string.h>

#include "file.h"

#include "base/str.h"

enum { XML_MAX_BYTES = 1024 * 1024 };

/* What the parser of one document reports; reached through ctxt->_private, since SAX2 keeps userData for itself. */
struct capture {
    const char *name;
    struct err *e;
    bool has_error, has_dtd;
};

static void free_parser(xmlParserCtxtPtr *ctxt)
{
    xmlFreeParserCtxt(*ctxt);
}

void xml_init(void)
{
    xmlInitParser();
}

/* libxml2's words end with a newline. The first error is the cause, the others follow from it. */
static void on_error(void *user_data, xmlErrorPtr error)
{
    xmlParserCtxtPtr ctxt = user_data;
    struct capture *capture = ctxt->_private;
    const char *words = error->message ? error->message : "no reason given";

    if (capture->has_error || error->level < XML_ERR_ERROR)
        return;
    capture->has_error = true;
    (void)err_set(capture->e, ERR_TEMPLATE_INVALID, "the XML is not well-formed (line %d)", error->line);
    (void)err_detail(capture->e, "%s:%d: %.*s", capture->name, error->line, (int)strcspn(words, "\n"), words);
}

/* Called at <!DOCTYPE, before anything of it is read. */
static void on_doctype(void *user_data, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
    xmlParserCtxtPtr ctxt = user_data;
    struct capture *capture = ctxt->_private;

    (void)name, (void)external_id, (void)system_id;
    capture->has_dtd = true;
    xmlStopParser(ctxt);
}

static int parse(const char *name, const char *text, size_t len, xmlDocPtr *out, struct err *e)
{
    __attribute__((cleanup(free_parser))) xmlParserCtxtPtr ctxt = xmlNewParserCtxt();
    struct capture capture = { .name = name, .e = e };

    if (len > XML_MAX_BYTES)
        return err_set(e, ERR_TEMPLATE_INVALID, "the XML is longer than 1 MiB");
    if (!ctxt)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    ctxt->_private = &capture;
    ctxt->sax->serror = on_error;
    ctxt->sax->internalSubset = on_doctype;
    AUTO_XML doc = xmlCtxtReadMemory(ctxt, text, (int)len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOBLANKS);
    if (capture.has_dtd) {
        (void)err_set(e, ERR_TEMPLATE_INVALID, "the XML has a DTD, which is not accepted");
        return err_detail(e, "%s: has a DTD", name);
    }
    if (capture.has_error)
        return -1;
    if (!doc)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = TAKE(doc);
    return 0;
}

int xml_parse(const char *text, size_t len, xmlDocPtr *out, struct err *e)
{
    return parse("text", text, len, out, e);
}

int xml_parse_file(const char *path, xmlDocPtr *out, struct err *e)
{
    AUTO_BUF text = { 0 };

    if (file_read(path, XML_MAX_BYTES, &text) < 0) {
        (void)err_errno(e, errno, "%s", path);
        AUTO_FREE char *reason = str_dup(e->detail); /* "path: words of errno" */
        (void)err_set(e, ERR_TEMPLATE_INVALID, "an XML template cannot be read, or is longer than 1 MiB");
        return err_detail(e, "%s", reason ? reason : path);
    }
    return parse(path, text.data, text.len, out, e);
}

char *xml_text(xmlDocPtr doc)
{
    xmlBufferPtr buffer = xmlBufferCreate();
    xmlSaveCtxtPtr save = buffer ? xmlSaveToBuffer(buffer, "UTF-8", XML_SAVE_FORMAT | XML_SAVE_NO_DECL) : NULL;
    char *text = NULL;

    if (save) {
        long rc = xmlSaveDoc(save, doc);
        if (xmlSaveClose(save) >= 0 && rc >= 0)
            text = str_dup((const char *)xmlBufferContent(buffer));
    }
    xmlBufferFree(buffer);
    return text;
}
