/* store/facts: what the database says, for the doctor: read by a connection and by SQL of its own, words as they are, nothing
 * believed. Any thread; the database may be in use. */
#ifndef STORE_FACTS_H
#define STORE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/ipv4.h"

/* Ids come first in each: lists of them are ordered by id. Strings may be NULL. */
struct fact_vm {
    uuid_text id;
    char *name;
    hex32_text project;
    char *hostname, *status, *task;
    uuid_text job, image;
    char *fault_code, *fault_message;
    int64_t disk_gib, row_version;
    bool autostart;
};
struct fact_image {
    uuid_text id;
    char *name, *status, *disk_format;
    uuid_text job;
    int64_t size_bytes, updated_at_ms;
    sha256_text sha256;
};
struct fact_network {
    uuid_text id;
    char *name;
    hex32_text project;
    char *kind, *status;
    uuid_text job;
    char *cidr, *bridge;
    bool is_default;
    uint32_t next_ipv4;
};
struct fact_port {
    uuid_text id;
    uuid_text vm, network;
    uint32_t ordinal, ipv4;
    char *mac;
};
struct fact_keypair {
    uuid_text id;
    char *name;
};
/* One that has not ended. */
struct fact_job {
    uuid_text id;
    char *kind;
    uuid_text target;
    int64_t deadline_boot_ms;
    uuid_text deadline_boot_id;
};
struct fact_release {
    uuid_text network;
    uint32_t ipv4;
};
/* What SQL finds by itself, because the rows are too many to be carried away. */
struct fact_flaw {
    char *kind; /* a word of facts.c's table: "hole", "twin" … */
    uuid_text resource;
    char *detail;
};

struct store_facts {
    struct fact_vm **vms;
    struct fact_image **images;
    struct fact_network **networks;
    struct fact_port **ports;
    struct fact_keypair **keypairs;
    struct fact_job **jobs;
    struct fact_release **releases;
    struct fact_flaw **flaws;
    bool is_complete; /* false: the database is damaged, and only flaws of kind "damage" are told */
    size_t vm_count, image_count, network_count, port_count, keypair_count, job_count, release_count, flaw_count;
};

/* ERR_NOT_FOUND: there is no database; ERR_CONFIG: it is not ours, or of another version; ERR_UNAVAILABLE. is_deep: checks the
 * contents of every page, too. */
int store_facts_read(const char *path, bool is_deep, struct store_facts **out, struct err *e);
void store_facts_free(struct store_facts *f);
DEFINE_AUTO(store_facts, store_facts_free)

/* By id, in a list that is ordered so; NULL: none. */
void *fact_find(void *items, size_t count, const char *id);

#endif
