/* network_lab: the networks of a subject of virt_lab, as they are behind virt's back: in libvirt, or in the fake's files. */
#ifndef TESTS_NETWORK_LAB_H
#define TESTS_NETWORK_LAB_H

#include "virt_lab.h"

static inline virNetworkPtr raw_network(const char *id)
{
    virNetworkPtr network = virNetworkLookupByUUIDString(w.anchor, id);

    ck_assert_ptr_nonnull(network);
    return network;
}

static inline char *fake_record(void)
{
    AUTO_FREE char *path = str_printf("%s/networks/%s.json", w.fake_dir, w.id);
    FILE *f = fopen(path, "re");
    AUTO_BUF text = { 0 };
    char chunk[4096];
    size_t len;

    ck_assert_ptr_nonnull(f);
    while ((len = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&text, chunk, len);
    (void)fclose(f);
    return buf_take(&text);
}

/* The running network, or its definition; caller frees. The fake has one text for both. */
static inline char *described(unsigned flags)
{
    if (is("fake"))
        return fake_record();
    virNetworkPtr network = raw_network(w.id);
    char *text = virNetworkGetXMLDesc(network, is("test") ? 0 : flags);
    ck_assert_ptr_nonnull(text);
    (void)virNetworkFree(network);
    return text;
}

static inline unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;

    while ((text = strstr(text, word))) {
        count++;
        text += strlen(word);
    }
    return count;
}

/* The same in the running network and in its definition. */
static inline unsigned count_in_both(const char *word)
{
    AUTO_FREE char *live = described(0), *config = described(VIR_NETWORK_XML_INACTIVE);

    ck_assert_uint_eq(count_of(live, word), count_of(config, word));
    return count_of(live, word);
}

/* How many DHCP entries there are. */
static inline unsigned pairs(void)
{
    return count_in_both(is("fake") ? "\"mac\":" : "<host mac=");
}

/* How many guests have names. */
static inline unsigned hosts(void)
{
    return count_in_both(is("fake") ? "\"host\":" : "<host ip=");
}

static inline bool has_name(const char *name)
{
    AUTO_FREE char *word = str_printf(is("fake") ? "\"%s\"" : "<hostname>%s</hostname>", name);

    return count_in_both(word) > 0;
}

static inline bool has_pair(const char *mac, const char *ipv4)
{
    AUTO_FREE char *word = str_printf(is("fake") ? "\"mac\":\"%s\",\"ip\":\"%s\"" : "<host mac='%s' ip='%s'>", mac, ipv4);

    return count_in_both(word) == 1;
}

static inline bool says(const char *word)
{
    AUTO_FREE char *live = described(0), *config = described(VIR_NETWORK_XML_INACTIVE);

    ck_assert_int_eq(strstr(live, word) != NULL, strstr(config, word) != NULL);
    return strstr(live, word) != NULL;
}

static inline bool runs_and_comes_back(void)
{
    int is_set = 0;

    if (is("fake")) {
        AUTO_FREE char *text = fake_record();
        return strstr(text, "\"state\":\"running\"") && strstr(text, "\"autostart\":true");
    }
    virNetworkPtr network = raw_network(w.id);
    ck_assert_int_eq(virNetworkGetAutostart(network, &is_set), 0);
    int is_active = virNetworkIsActive(network);
    (void)virNetworkFree(network);
    return is_active == 1 && is_set;
}

static inline void edit_fake_network(const char *from, const char *to)
{
    run("sed -i 's|%s|%s|' '%s/networks/%s.json'", from, to, w.fake_dir, w.id);
}

static inline void stop_behind_our_back(void)
{
    if (is("fake")) {
        edit_fake_network("\"state\":\"running\"", "\"state\":\"stopped\"");
        return;
    }
    virNetworkPtr network = raw_network(w.id);
    ck_assert_int_eq(virNetworkDestroy(network), 0);
    (void)virNetworkFree(network);
}

/* Somebody else's network. */
static inline void make_behind_our_back(const char *id, const char *name, const char *address)
{
    if (is("fake")) {
        run("mkdir -p '%s/networks' && echo '{\"name\":\"%s\",\"cidr\":\"%.*s0/24\"}' > '%s/networks/%s.json'", w.fake_dir, name,
            (int)strlen(address) - 1, address, w.fake_dir, id);
        return;
    }
    AUTO_FREE char *xml =
        str_printf("<network><name>%s</name><uuid>%s</uuid><bridge name='cptother0'/><ip address='%s' prefix='24'/>"
                   "</network>",
                   name, id, address);
    virNetworkPtr network = virNetworkDefineXML(w.anchor, xml);
    ck_assert_ptr_nonnull(network);
    (void)virNetworkFree(network);
}

static inline void remove_network_behind_our_back(const char *id)
{
    if (is("fake")) {
        run("rm '%s/networks/%s.json'", w.fake_dir, id);
        return;
    }
    virNetworkPtr network = raw_network(id);
    ck_assert_int_eq(virNetworkUndefine(network), 0);
    (void)virNetworkFree(network);
}

#endif
