/* disk/sidecar: small files, written whole under a temporary name, synced, and given their name, so that a crash leaves the old
 * one or the new one. Where a noun's files lie is one table. */
#include "disk/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "instance.h"
#include "names.h"
#include "state.h"

#include "base/failpoint.h"
#include "base/str.h"

enum { SIDECAR_MODE = 0600, SIDECAR_MAX_BYTES = 4 << 20, NAME_SIZE = UUID_LEN + 16 };

static const struct {
    const char *word;
    size_t folder; /* offset of its descriptor in struct disk; 0: each VM's own */
} nouns[SIDECAR_NOUN_COUNT] = {
    [SIDECAR_VM] = { "vm", 0 },
    [SIDECAR_IMAGE] = { "image", offsetof(struct disk, images) },
    [SIDECAR_NETWORK] = { "network", offsetof(struct disk, networks) },
    [SIDECAR_KEYPAIR] = { "keypair", offsetof(struct disk, keypairs) },
};

const char *sidecar_noun_to_string(enum sidecar_noun n)
{
    return nouns[n].word;
}

/* Where one sidecar lies. */
struct place {
    int dir; /* -1: there is no such folder */
    bool is_own;
    char name[NAME_SIZE], temporary[NAME_SIZE];
};

static void place_done(struct place *p)
{
    if (p->is_own)
        cleanup_close(&p->dir);
}
#define AUTO_PLACE __attribute__((cleanup(place_done))) struct place

static int shared_folder(const struct disk *d, enum sidecar_noun noun)
{
    return *(const int *)((const char *)d + nouns[noun].folder);
}

static int find_place(struct disk *d, enum sidecar_noun noun, const char *id, struct place *p, struct err *e)
{
    bool is_vm = noun == SIDECAR_VM;

    if (!id_is_uuid(id))
        return err_set(e, ERR_INTERNAL, "the id of a %s is malformed", nouns[noun].word);
    p->dir = is_vm ? -1 : shared_folder(d, noun);
    if (is_vm && instance_open(d, id, &p->dir, e) < 0)
        return -1;
    p->is_own = is_vm;
    (void)snprintf(p->name, sizeof p->name, "%s%s", is_vm ? "" : id, is_vm ? NAME_VM_SIDECAR : "." NAME_SIDECAR_SUFFIX);
    (void)snprintf(p->temporary, sizeof p->temporary, "%s%s", is_vm ? "" : id,
                   is_vm ? NAME_VM_SIDECAR_TMP : "." NAME_SIDECAR_TMP_SUFFIX);
    return 0;
}

/* ---- writing ---- */

static int fill(const struct place *p, const char *text, struct err *e)
{
    AUTO_CLOSE int fd = -1;

    FAILPOINT(e, "disk.sidecar_write.before");
    fd = openat(p->dir, p->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, SIDECAR_MODE);
    if (fd < 0)
        return err_errno(e, errno, "a sidecar file cannot be made");
    if (file_write_at(fd, text, strlen(text), 0) < 0)
        return err_errno(e, errno, "a sidecar file cannot be written");
    FAILPOINT(e, "disk.sidecar_write.after");
    FAILPOINT(e, "disk.sidecar_sync.before");
    if (fsync(fd) < 0)
        return err_errno(e, errno, "a sidecar file cannot be synced");
    FAILPOINT(e, "disk.sidecar_sync.after");
    return 0;
}

static int give_name(const struct place *p, struct err *e)
{
    FAILPOINT(e, "disk.sidecar_rename.before");
    if (renameat(p->dir, p->temporary, p->dir, p->name) < 0)
        return err_errno(e, errno, "a sidecar file cannot be named");
    FAILPOINT(e, "disk.sidecar_rename.after");
    return 0;
}

static int sync_folder(const struct place *p, struct err *e)
{
    FAILPOINT(e, "disk.sidecar_folder_sync.before");
    if (fsync(p->dir) < 0)
        return err_errno(e, errno, "a sidecar's folder cannot be synced");
    FAILPOINT(e, "disk.sidecar_folder_sync.after");
    return 0;
}

static int unlink_if_there(const struct place *p, const char *name, struct err *e)
{
    return unlinkat(p->dir, name, 0) == 0 || errno == ENOENT ? 0 : err_errno(e, errno, "a sidecar file cannot be removed");
}

int disk_sidecar_write(struct disk *d, enum sidecar_noun noun, const char *id, const char *text, struct err *e)
{
    AUTO_PLACE p = { .dir = -1 };

    if (find_place(d, noun, id, &p, e) < 0)
        return -1;
    if (p.dir < 0)
        return err_set(e, ERR_DISK_MISSING, "the VM's folder is gone");
    if (unlink_if_there(&p, p.temporary, e) < 0)
        return -1;
    if (fill(&p, text, e) < 0 || give_name(&p, e) < 0) {
        (void)unlinkat(p.dir, p.temporary, 0);
        return -1;
    }
    return sync_folder(&p, e);
}

int disk_sidecar_remove(struct disk *d, enum sidecar_noun noun, const char *id, struct err *e)
{
    AUTO_PLACE p = { .dir = -1 };

    if (find_place(d, noun, id, &p, e) < 0)
        return -1;
    if (p.dir < 0)
        return 0;
    FAILPOINT(e, "disk.sidecar_remove.before");
    if (unlink_if_there(&p, p.name, e) < 0 || unlink_if_there(&p, p.temporary, e) < 0)
        return -1;
    FAILPOINT(e, "disk.sidecar_remove.after");
    return sync_folder(&p, e);
}

/* ---- reading ---- */

int disk_sidecar_exists(struct disk *d, enum sidecar_noun noun, const char *id, bool *out, struct err *e)
{
    AUTO_PLACE p = { .dir = -1 };
    struct stat st;

    if (find_place(d, noun, id, &p, e) < 0)
        return -1;
    *out = p.dir >= 0 && fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return 0;
}

static int read_whole(int fd, char **text, size_t *len, struct err *e)
{
    AUTO_FREE char *read = NULL;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "a sidecar file cannot be read");
    if (st.st_size > SIDECAR_MAX_BYTES)
        return err_set(e, ERR_TOO_LARGE, "a sidecar file is larger than any that this program writes");
    read = malloc((size_t)st.st_size + 1);
    if (!read)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    n = file_read_at(fd, read, (size_t)st.st_size, 0);
    if (n < 0)
        return err_errno(e, errno, "a sidecar file cannot be read");
    read[n] = '\0';
    *text = TAKE(read);
    *len = (size_t)n;
    return 0;
}

int disk_sidecar_read(struct disk *d, enum sidecar_noun noun, const char *id, char **text, size_t *len, struct err *e)
{
    AUTO_PLACE p = { .dir = -1 };
    AUTO_CLOSE int fd = -1;

    if (find_place(d, noun, id, &p, e) < 0)
        return -1;
    if (p.dir >= 0)
        fd = file_open_at(p.dir, p.name);
    if (p.dir < 0 || (fd < 0 && errno == ENOENT))
        return err_set(e, ERR_NOT_FOUND, "there is no sidecar");
    if (fd < 0)
        return err_errno(e, errno, "a sidecar file cannot be opened");
    return read_whole(fd, text, len, e);
}

/* ---- listing ---- */

struct each {
    struct disk *disk;
    enum sidecar_noun noun;
    disk_id_fn *fn;
    void *arg;
};

/* The id that an entry's name begins with. */
static bool id_of(const char *name, const char *suffix, uuid_text out)
{
    if (strlen(name) != UUID_LEN + strlen(suffix) || strcmp(name + UUID_LEN, suffix) != 0)
        return false;
    memcpy(out, name, UUID_LEN);
    out[UUID_LEN] = '\0';
    return id_is_uuid(out);
}

static int visit_file(void *arg, int dir, const char *name, struct err *e)
{
    const struct each *x = arg;
    uuid_text id;

    (void)dir;
    return id_of(name, "." NAME_SIDECAR_SUFFIX, id) ? x->fn(x->arg, id, e) : 0;
}

static int visit_folder(void *arg, int dir, const char *name, struct err *e)
{
    const struct each *x = arg;
    uuid_text id;

    return id_of(name, "", id) && name_is_known(FOLDER_INSTANCES, dir, name) ? x->fn(x->arg, id, e) : 0;
}

static int visit_if_sidecar(void *arg, const char *id, struct err *e)
{
    const struct each *x = arg;
    bool is_there = false;

    if (disk_sidecar_exists(x->disk, SIDECAR_VM, id, &is_there, e) < 0)
        return -1;
    return is_there ? x->fn(x->arg, id, e) : 0;
}

int disk_instance_each(struct disk *d, disk_id_fn *fn, void *arg, struct err *e)
{
    struct each x = { .fn = fn, .arg = arg };

    return dir_each(d->instances, visit_folder, &x, e);
}

int disk_sidecar_each(struct disk *d, enum sidecar_noun noun, disk_id_fn *fn, void *arg, struct err *e)
{
    struct each x = { d, noun, fn, arg };

    return noun == SIDECAR_VM ? disk_instance_each(d, visit_if_sidecar, &x, e)
                              : dir_each(shared_folder(d, noun), visit_file, &x, e);
}
