/* What libvirt says about its host. These are announcements: whether a guest really runs, probe.c finds out. */
#include "capabilities.h"

#include <string.h>

#include "call.h"
#include "libvirt_error.h"

#include "base/str.h"
#include "base/xml.h"

static int unreadable(struct err *e)
{
    (void)err_set(e, ERR_HYPERVISOR, "the hypervisor's description of its host cannot be read");
    return err_detail(e, "libvirt: capabilities that are not XML");
}

int capabilities_text_has_secmodel(const char *text, const char *model, bool *out, struct err *e)
{
    AUTO_XML doc = NULL;
    bool is_there = false;

    if (xml_parse(text, strlen(text), &doc, e) < 0)
        return e->code == ERR_NO_MEMORY ? -1 : unreadable(e);
    xmlNodePtr s = xml_find(xmlDocGetRootElement(doc), "host/secmodel");
    for (; s && !is_there; s = xml_next(s, "secmodel")) {
        AUTO_FREE char *name = xml_content(xml_child(s, "model"));
        is_there = str_equal(name, model);
    }
    *out = is_there;
    return 0;
}

int capabilities_have_secmodel(virConnectPtr connect, const char *model, bool *out, struct err *e)
{
    AUTO_FREE char *text = CALL(virConnectGetCapabilities, connect);

    if (!text)
        return libvirt_failed(e, "the hypervisor's description of its host cannot be read");
    return capabilities_text_has_secmodel(text, model, out, e);
}
