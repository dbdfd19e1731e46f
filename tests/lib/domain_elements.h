/* domain_elements: every element that our template of a domain and what fills it may hold. */
#ifndef TESTS_DOMAIN_ELEMENTS_H
#define TESTS_DOMAIN_ELEMENTS_H

#include <stdbool.h>

#include "base/str.h"
#include "base/xml.h"

static const char *const domain_elements[] = {
    "backingStore", "format",     "seclabel",  "domain", "name",      "uuid",      "title",      "metadata",    "vm",
    "memory",       "vcpu",       "cpu",       "model",  "os",        "type",      "boot",       "acpi",        "features",
    "apic",         "clock",      "devices",   "disk",   "driver",    "target",    "source",     "serial",      "log",
    "console",      "controller", "channel",   "rng",    "backend",   "stats",     "memballoon", "on_poweroff", "on_reboot",
    "on_crash",     "readonly",   "interface", "mac",    "filterref", "parameter",
};

static inline bool domain_elements_are_known(xmlNodePtr node)
{
    bool is_known = false;

    for (size_t i = 0; i < ARRAY_LEN(domain_elements); i++)
        is_known |= str_equal((const char *)node->name, domain_elements[i]);
    for (xmlNodePtr child = node->children; is_known && child; child = child->next)
        is_known = child->type != XML_ELEMENT_NODE || domain_elements_are_known(child);
    return is_known;
}

#endif
