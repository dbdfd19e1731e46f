/* store_lab: an open store with a default project and records to put in it; files lie in a directory that lab_done removes.
 * What is under the room's headers is reached by way of src/store: SQLite itself, and the room's own parts. */
#ifndef TESTS_STORE_LAB_H
#define TESTS_STORE_LAB_H

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>

#include "unit.h"

#include "base/clock.h"
#include "base/str.h"
#include "model/image.h"
#include "model/network.h"
#include "model/vm.h"
#include "store/image.h"
#include "store/project.h"
#include "store/setting.h"
#include "store/store.h"
#include "store/vm.h"

/* One lab a process: each test has its own. */
static struct err e = ERR_INIT;
static struct store *store;
static hex32_text project;
static char lab_dir[] = "/tmp/computed-store-XXXXXX";
static char lab_path[sizeof(lab_dir) + 16];

static inline struct txn *lab_read(void)
{
    struct txn *t = NULL;

    unit_ok(txn_read(store, &t, &e));
    return t;
}

static inline struct txn *lab_write(void)
{
    struct txn *t = NULL;

    unit_ok(txn_write(store, &t, &e));
    return t;
}

static inline void lab_commit(struct txn *t)
{
    unit_ok(txn_commit(t, &e));
    txn_free(t);
}

/* One call in a transaction of its own, named t there. */
#define LAB_WRITE(call)                                                                                                          \
    do {                                                                                                                         \
        struct txn *t = lab_write();                                                                                             \
        unit_ok(call);                                                                                                           \
        lab_commit(t);                                                                                                           \
    } while (0)
#define LAB_READ(call)                                                                                                           \
    do {                                                                                                                         \
        struct txn *t = lab_read();                                                                                              \
        unit_ok(call);                                                                                                           \
        txn_free(t);                                                                                                             \
    } while (0)
#define LAB_FAILS(call, code)                                                                                                    \
    do {                                                                                                                         \
        struct txn *t = lab_write();                                                                                             \
        unit_fails(call, code);                                                                                                  \
        txn_free(t);                                                                                                             \
    } while (0)

static inline void lab_open(const char *path)
{
    unit_ok(store_open(path, &store, &e));
    LAB_READ(store_project_default(t, project, &e));
}

static inline void lab_make_dir(void)
{
    ck_assert_ptr_nonnull(mkdtemp(lab_dir));
    (void)snprintf(lab_path, sizeof(lab_path), "%s/computed.db", lab_dir);
}

static inline void lab_open_memory(void)
{
    lab_open(":memory:");
}

static inline void lab_open_file(void)
{
    lab_make_dir();
    lab_open(lab_path);
}

/* Removes the directory's files and the directory, when there is one. */
static inline void lab_done(void)
{
    DIR *d = opendir(lab_dir);

    store_close(store);
    store = NULL;
    for (struct dirent *f; d && (f = readdir(d));)
        (void)unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        (void)closedir(d);
    (void)rmdir(lab_dir);
}

/* A connection that is none of the store's; the caller closes it. */
static inline sqlite3 *lab_sqlite(void)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open(lab_path, &db), SQLITE_OK);
    return db;
}

static inline void lab_exec(const char *sql)
{
    sqlite3 *db = lab_sqlite();

    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* The first column of all rows, joined by commas; the caller frees. */
static inline char *lab_ask(const char *path, const char *sql)
{
    struct buf out = { 0 };
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    while (sqlite3_step(st) == SQLITE_ROW)
        buf_addf(&out, "%s%s", out.len ? "," : "", (const char *)sqlite3_column_text(st, 0));
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    buf_adds(&out, "");
    return buf_take(&out);
}

#define LAB_ASK_EQ(sql, expected)                                                                                                \
    do {                                                                                                                         \
        char *answer_ = lab_ask(lab_path, sql);                                                                                  \
        ck_assert_str_eq(answer_, expected);                                                                                     \
        free(answer_);                                                                                                           \
    } while (0)

/* An active image of the default project, not in the store yet. The name is borrowed. */
static inline struct image lab_image(const char *name)
{
    struct image i = { .name = (char *)name, .is_public = true, .disk_format = DISK_FORMAT_QCOW2, .status = IMAGE_ACTIVE };

    id_uuid(i.id);
    (void)str_copy(i.project, sizeof(i.project), project);
    sha256_of(name, strlen(name), i.sha256);
    i.properties = (char *)"{}";
    i.created_at_ms = 1000;
    return i;
}

/* A VM of the default project on that image, not in the store yet. Strings are borrowed. */
static inline struct vm lab_vm(const struct image *image, const char *name)
{
    struct vm vm = { .name = (char *)name, .status = VM_STOPPED, .vcpus = 1, .memory_mib = 1024, .disk_gib = 10 };

    id_uuid(vm.id);
    (void)snprintf(vm.hostname, sizeof(vm.hostname), "vm-%s", vm.id);
    (void)str_copy(vm.project, sizeof(vm.project), project);
    (void)str_copy(vm.image, sizeof(vm.image), image->id);
    vm.image_name = image->name;
    vm.metadata = (char *)"{}";
    vm.tags = (char *)"[]";
    vm.is_name_unique = true;
    vm.created_at_ms = 2000;
    return vm;
}

/* A NAT network of the default project, not in the store yet; its bridge is "br-<name>". Strings are borrowed. */
static inline struct network lab_network(const char *name, const char *cidr)
{
    struct network n = { .name = (char *)name, .kind = NETWORK_NAT, .status = NETWORK_ACTIVE, .created_at_ms = 3000 };

    id_uuid(n.id);
    (void)str_copy(n.project, sizeof(n.project), project);
    (void)str_copy(n.cidr, sizeof(n.cidr), cidr);
    (void)snprintf(n.bridge, sizeof(n.bridge), "br-%.8s", name);
    return n;
}

/* A VM's port with a MAC made from `ordinal` and the address, not in the store yet. */
static inline struct port lab_port(const struct vm *vm, const struct network *n, uint32_t ordinal, uint32_t ipv4)
{
    struct port p = { .ordinal = ordinal, .ipv4 = ipv4, .created_at_ms = 4000 };

    id_uuid(p.id);
    (void)str_copy(p.vm, sizeof(p.vm), vm->id);
    (void)str_copy(p.network, sizeof(p.network), n->id);
    (void)snprintf(p.mac, sizeof(p.mac), "52:%02x:%02x:%02x:%02x:%02x", ordinal & 0xff, ipv4 >> 24, (ipv4 >> 16) & 0xff,
                   (ipv4 >> 8) & 0xff, ipv4 & 0xff);
    return p;
}

/* A second project: identity is to come, so there is no function that makes one. */
static inline void lab_add_project(const char *id)
{
    char *sql = str_printf("INSERT INTO project SELECT '%s', id, 'other', '', 1, 1 FROM domain", id);

    lab_exec(sql);
    free(sql);
}

#endif
