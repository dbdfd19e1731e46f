/* core/seed_files: the texts of a seed, in one of two layouts. Pure. */
#ifndef CORE_SEED_FILES_H
#define CORE_SEED_FILES_H

#include <stdint.h>

#include "vm_network.h"

#include "base/err.h"
#include "base/json.h"
#include "disk/seed.h"
#include "model/vm.h"

enum { SEED_FILES_MAX = 4 };

/* What the files tell. All borrowed. */
struct seed_facts {
    const struct vm *vm;
    const struct vm_seed *seed;
    const struct vm_links *links;
    uint32_t guest_port; /* where guests phone home, on their gateway; 0: nowhere */
};
struct seed_files {
    struct seed_file items[SEED_FILES_MAX]; /* the data is owned */
    size_t count;
};
void seed_files_done(struct seed_files *f);
#define AUTO_SEED_FILES __attribute__((cleanup(seed_files_done))) struct seed_files

/* meta-data, user-data, network-config, vendor-data. A file that has nothing to say is left out, but for the first two. */
int seed_nocloud(const struct seed_facts *facts, struct seed_files *out, struct err *e);
/* openstack/latest/: meta_data.json, user_data, network_data.json, vendor_data.json. Likewise, but for the first. */
int seed_config_drive(const struct seed_facts *facts, struct seed_files *out, struct err *e);

/* ---- for the two layouts ---- */
/* The text of `j`, by lines that say one thing each; NULL is ERR_NO_MEMORY. */
int seed_add_json(struct seed_files *f, const char *path, const json_t *j, struct err *e);
int seed_add(struct seed_files *f, const char *path, const void *data, size_t len, struct err *e);
/* "#cloud-config" that makes the guest phone home, through the first network from where that works; caller frees. *out is NULL
 * when there is none. */
int seed_vendor_config(const struct seed_facts *facts, char **out, struct err *e);
/* Whether the i-th port's gateway is the guest's default route: that of the first network that leads out. */
bool seed_is_way_out(const struct vm_links *links, size_t i);

#endif
