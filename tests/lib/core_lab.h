/* core_lab: a core on a real store and disk, beside the fake hypervisor; nothing runs until lab_start. Files lie in a directory
 * of its own. What is under the room's headers is reached by way of src/core. */
#ifndef TESTS_CORE_LAB_H
#define TESTS_CORE_LAB_H

#include "../../src/core/internal.h"
#include "store_lab.h"

#include "base/timer.h"
#include "base/xml.h"
#include "model/network.h"
#include "store/network.h"

enum { LAB_CONNECT_MS = 20000, LAB_DEADLINE_MS = 20000 };

static char world_dir[] = "/var/tmp/computed-core-XXXXXX";
static struct timer *timer;
static struct disk *disk;
static struct virt *virt;
static struct core *core;
static struct actor who = { .user = "test", .is_admin = true };
static const char *lab_quota; /* before core_lab_set_up; NULL: no limits, which the project default has anyhow */
static struct image image;    /* active, in the store; without bytes */

/* Caller frees. */
static inline char *lab_in_world(const char *name)
{
    char *path = str_printf("%s/%s", world_dir, name);

    ck_assert_ptr_nonnull(path);
    return path;
}

static inline void lab_open_virt(void)
{
    AUTO_FREE char *uri = str_printf("fake://%s/fake", world_dir);
    struct virt_config config = { .uri = uri,
                                  .template_dir = COMPUTED_SOURCE_DIR "/templates",
                                  .state_dir = world_dir,
                                  .readers = 1,
                                  .keepalive_interval_s = 5,
                                  .keepalive_count = 3 };

    unit_ok(virt_open(&config, timer, &virt, &e));
    unit_ok(virt_wait_connected(virt, LAB_CONNECT_MS, &e));
}

/* The pool's addresses are those for documents: no host routes them. */
static inline void lab_open_core(void)
{
    const struct core_config config = { .region = "local",
                                        .workers = 1,
                                        .network_pools = "203.0.113.0/24",
                                        .network_prefix = 28,
                                        .survey_deadline_ms = 500,
                                        .create_deadline_ms = LAB_DEADLINE_MS,
                                        .power_deadline_ms = LAB_DEADLINE_MS,
                                        .delete_deadline_ms = LAB_DEADLINE_MS,
                                        .probe_deadline_ms = LAB_DEADLINE_MS,
                                        .operation_retention_ms = 3600 * 1000,
                                        .operation_keep = 1000,
                                        .event_retention_ms = 3600 * 1000,
                                        .audit_retention_ms = 3600 * 1000,
                                        .tombstone_retention_ms = 3600 * 1000,
                                        .audit_keep = 1000,
                                        .default_quota = lab_quota,
                                        .cpu_overcommit = 1000,
                                        .memory_overcommit = 1000,
                                        .disk_overcommit = 1000 };

    unit_ok(core_new(&config, store, disk, timer, &core, &e));
    core->virt = virt; /* what verbs ask before core_start */
}

static inline void core_lab_set_up(void)
{
    xml_init();
    ck_assert_ptr_nonnull(mkdtemp(world_dir));
    lab_open_file(); /* so that a test can ask it by lab_ask */
    (void)str_copy(who.project, sizeof who.project, project);
    image = lab_image("tiny");
    LAB_WRITE(store_image_insert(t, &image, &e));
    unit_ok(timer_new(&timer, &e));
    unit_ok(disk_open(world_dir, &disk, &e));
    lab_open_virt();
    lab_open_core();
}

static inline void lab_start(void)
{
    unit_ok(core_start(core, virt, &e));
}

static inline void core_lab_tear_down(void)
{
    AUTO_FREE char *command = str_printf("rm -rf '%s'", world_dir);

    ck_assert(core_stop(core, LAB_DEADLINE_MS)); /* fine when it was not started */
    virt_close(virt);
    core_free(core);
    lab_done();
    disk_close(disk);
    timer_free(timer);
    ck_assert_int_eq(system(command), 0);
}

/* libvirt in session mode. */
static inline void lab_take_bridges(void)
{
    AUTO_FREE char *path = lab_in_world("fake/session");

    ck_assert_int_eq(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
}

static inline void lab_add_network(const char *name, const char *cidr, enum network_status status)
{
    struct network n = { .name = (char *)name, .kind = NETWORK_ISOLATED, .status = status, .created_at_ms = 3000 };

    id_uuid(n.id);
    (void)str_copy(n.project, sizeof n.project, project);
    (void)str_copy(n.cidr, sizeof n.cidr, cidr);
    (void)snprintf(n.bridge, sizeof n.bridge, "cn-%.8s", n.id);
    LAB_WRITE(store_network_insert(t, &n, &e));
}

#endif
