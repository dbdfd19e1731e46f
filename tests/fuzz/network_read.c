/* fuzz/network_read: any bytes as what libvirt says of a network. Ranges that are read are ranges; what is planned for a guest's
 * entry are <host> elements, deletions before additions, and at most one addition to each section. */
#include "../../src/virt/network_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct virt_lease lease = { .mac = "52:54:00:aa:bb:cc", .ipv4 = "10.77.3.9", .hostname = "vm-1" };

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    xml_init();
    return 0;
}

static void check_ranges(const char *xml)
{
    AUTO_CIDRS cidrs = { 0 };
    struct err e = ERR_INIT;

    require(network_read_cidrs(xml, &cidrs, &e) == 0);
    for (size_t i = 0; i < cidrs.count; i++) {
        cidr_text text;
        struct cidr again;

        cidr_format(cidrs.items[i], text);
        require(cidrs.items[i].prefix >= 1 && cidr_parse(text, &again) == 0);
        require(cidrs_check_free(&cidrs, cidrs.items[i], &e) < 0 && e.code == ERR_CIDR_TAKEN);
    }
}

static void check_edit(const struct network_edit *edit)
{
    struct err e = ERR_INIT;
    AUTO_XML doc = NULL;

    require(xml_parse(edit->xml, strlen(edit->xml), &doc, &e) == 0);
    require(str_equal((const char *)xmlDocGetRootElement(doc)->name, "host"));
}

static void check_edits(const struct network_edits *edits, bool adds)
{
    size_t added[] = { [NETWORK_DHCP_HOST] = 0, [NETWORK_DNS_HOST] = 0 };

    for (size_t i = 0; i < edits->count; i++) {
        const struct network_edit *edit = &edits->items[i];

        check_edit(edit);
        require(edit->is_deletion ? added[edit->section] == 0 : adds);
        added[edit->section] += !edit->is_deletion;
    }
    require(added[NETWORK_DHCP_HOST] <= 1 && added[NETWORK_DNS_HOST] <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *xml = strndup((const char *)data, size);
    AUTO_FREE char *tag = xml ? network_read_tag(xml) : NULL;
    AUTO_NETWORK_EDITS added = { 0 }, removed = { 0 };
    struct err e = ERR_INIT;

    require(xml && (!tag || str_is_utf8(tag, strlen(tag), NULL)));
    check_ranges(xml);
    if (network_plan_add(xml, &lease, &added, &e) == 0)
        check_edits(&added, true);
    else
        require(e.code == ERR_HYPERVISOR);
    if (network_plan_remove(xml, &lease, &removed, &e) == 0)
        check_edits(&removed, false);
    else
        require(e.code == ERR_HYPERVISOR);
    return 0;
}
