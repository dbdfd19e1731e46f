/* virt/facts: every domain, network and filter of a hypervisor, ours and others', for the doctor: asked by a connection of its
 * own that can only read, taken from their XML. Nothing is changed. */
#ifndef VIRT_FACTS_H
#define VIRT_FACTS_H

#include "base/ipv4.h"
#include "virt/virt.h"

struct fact_texts {
    char **items;
    size_t count;
};

struct fact_domain {
    uuid_text id;
    char *name;
    enum virt_power power;
    bool has_tag;
    bool autostart;
    uuid_text tag;           /* the id in our tag; "" */
    struct fact_texts files; /* of its disks, CD-ROMs included, in order */
    struct fact_texts macs;  /* of its interfaces, in order */
};

/* Two texts of an entry: mac and address in DHCP, address and name in DNS. */
struct fact_entry {
    char *key, *value;
};
struct fact_entries {
    struct fact_entry *items;
    size_t count;
};

struct fact_bridge {
    uuid_text id;
    char *name;
    bool is_active, autostart, has_tag;
    uuid_text tag;
    char *bridge; /* NULL */
    struct fact_entries dhcp, dns;
};

struct virt_facts {
    struct fact_domain *domains;    /* ordered by id */
    struct fact_bridge *networks;   /* likewise */
    struct fact_texts filters;      /* their names */
    bool has_networks, has_filters; /* false: this hypervisor knows none */
    size_t domain_count, network_count;
    char *uri;
};

/* uri as in struct virt_config. ERR_UNAVAILABLE: no answer within the deadline (the thread that asks is left behind then; while
 * too many of them hang, no further one is begun), or nobody there. Not for HTTP threads. */
int virt_facts_read(const char *uri, int64_t deadline_ms, struct virt_facts **out, struct err *e);
void virt_facts_free(struct virt_facts *f);
DEFINE_AUTO(virt_facts, virt_facts_free)

const struct fact_domain *virt_facts_domain(const struct virt_facts *f, const char *id); /* NULL: none */
const struct fact_bridge *virt_facts_network(const struct virt_facts *f, const char *id);

#endif
