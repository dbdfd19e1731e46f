/* disk/facts: walks state_dir by itself, a folder at a time, following no link. Which names are known is names.c's; what a file
 * is good for is core's. */
#include "disk/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "convert.h"
#include "file.h"
#include "names.h"

#include "base/clock.h"
#include "base/str.h"
#include "disk/qcow2.h"

enum { HASH_BLOCK = 256 << 10 };

struct walk {
    struct disk_facts *facts;
    const char *prefix; /* of the folder's entries: "images/" */
    enum folder folder;
};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* The folders that hold files of ours one level down. What lies in other folders is not looked at. */
static const struct {
    const char *name;
    enum folder folder;
} folders[] = {
    { NAME_IMAGES, FOLDER_IMAGES },
    { NAME_INSTANCES, FOLDER_INSTANCES },
    { NAME_NETWORKS, FOLDER_SIDECARS },
    { NAME_KEYPAIRS, FOLDER_SIDECARS },
};

/* ---- one entry ---- */

static void read_qcow2(int dir, const char *name, struct fact_file *f)
{
    AUTO_QCOW2_INFO info = { 0 };
    AUTO_CLOSE int fd = file_open_at(dir, name);
    struct err e = ERR_INIT;

    if (fd < 0)
        return;
    if (qcow2_read(fd, &info, &e) < 0) {
        f->unreadable = str_dup(e.msg);
        return;
    }
    f->is_qcow2 = true;
    f->is_marked_bad = info.incompatible & (QCOW2_INCOMPATIBLE_DIRTY | QCOW2_INCOMPATIBLE_CORRUPT);
    f->virtual_size_bytes = info.virtual_size_bytes;
    f->backing_file = TAKE(info.backing_file);
    f->backing_format = TAKE(info.backing_format);
}

static enum fact_file_kind kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return FILE_REGULAR;
    return S_ISDIR(mode) ? FILE_FOLDER : FILE_OTHER;
}

/* The id that stands behind the folder's name. */
static void find_owner(struct fact_file *f)
{
    const char *slash = strchr(f->path, '/');
    uuid_text id = "";

    if (!slash)
        return;
    (void)str_copy(id, sizeof(id), slash + 1);
    if (id_is_uuid(id))
        memcpy(f->owner, id, sizeof(id));
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);

    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

static void file_done(struct fact_file *f)
{
    free(f->path);
    free(f->unreadable);
    free(f->backing_file);
    free(f->backing_format);
}

/* Takes *f over. */
static int add(struct disk_facts *facts, struct fact_file *f, struct err *e)
{
    struct fact_file *more = facts->files;

    if ((facts->count & (facts->count - 1)) == 0) /* room doubles: 1, 2, 4 … */
        more = reallocarray(facts->files, facts->count ? facts->count * 2 : 1, sizeof(*more));
    if (!more) {
        file_done(f);
        return no_memory(e);
    }
    facts->files = more;
    more[facts->count++] = *f;
    return 0;
}

static int walk_entry(void *arg, int dir, const char *name, struct err *e);

static int walk_folder(const struct walk *w, int dir, const char *name, struct err *e)
{
    AUTO_CLOSE int fd = dir_open_at(dir, name);

    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(e, errno, "a folder of state_dir cannot be opened");
    return dir_each(fd, walk_entry, (void *)w, e);
}

/* Goes down where files of ours may lie. */
static int descend(const struct walk *w, int dir, const char *name, const char *path, struct err *e)
{
    AUTO_FREE char *prefix = str_printf("%s/", path);

    if (!prefix)
        return no_memory(e);
    if (w->folder == FOLDER_INSTANCES)
        return walk_folder(&(struct walk){ w->facts, prefix, FOLDER_INSTANCE }, dir, name, e);
    for (size_t i = 0; w->folder == FOLDER_STATE && i < ARRAY_LEN(folders); i++)
        if (str_equal(folders[i].name, name))
            return walk_folder(&(struct walk){ w->facts, prefix, folders[i].folder }, dir, name, e);
    return 0;
}

static int walk_entry(void *arg, int dir, const char *name, struct err *e)
{
    const struct walk *w = arg;
    struct fact_file f = { .path = str_printf("%s%s", w->prefix, name) };
    struct stat st;

    if (!f.path)
        return no_memory(e);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        file_done(&f);
        return errno == ENOENT ? 0 : err_errno(e, errno, "an entry of state_dir cannot be read");
    }
    f.kind = kind_of(st.st_mode);
    f.mode = st.st_mode & 07777;
    f.size_bytes = (uint64_t)st.st_size;
    f.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    f.is_known = name_is_known(w->folder, dir, name);
    find_owner(&f);
    if (f.kind == FILE_REGULAR && ends_with(name, ".qcow2"))
        read_qcow2(dir, name, &f);
    if (add(w->facts, &f, e) < 0)
        return -1;
    return f.kind == FILE_FOLDER && f.is_known ? descend(w, dir, name, f.path, e) : 0;
}

/* ---- all ---- */

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct fact_file *)a)->path, ((const struct fact_file *)b)->path);
}

static int compare_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct fact_file *)file)->path);
}

int disk_facts_read(const char *state_dir, struct disk_facts **out, struct err *e)
{
    AUTO(disk_facts) facts = calloc(1, sizeof(*facts));
    struct walk w = { facts, "", FOLDER_STATE };

    if (!facts)
        return no_memory(e);
    facts->root = realpath(state_dir, NULL);
    if (!facts->root)
        return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "state_dir does not exist")
                               : err_errno(e, errno, "state_dir cannot be read");
    if (walk_folder(&w, AT_FDCWD, facts->root, e) < 0)
        return -1;
    if (facts->count > 0)
        qsort(facts->files, facts->count, sizeof(*facts->files), compare_files);
    *out = TAKE(facts);
    return 0;
}

void disk_facts_free(struct disk_facts *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        file_done(&f->files[i]);
    free(f->files);
    free(f->root);
    free(f);
}

const struct fact_file *disk_facts_find(const struct disk_facts *f, const char *path)
{
    return f->count > 0 ? bsearch(path, f->files, f->count, sizeof(*f->files), compare_path) : NULL;
}

/* ---- bytes ---- */

static int hash_fd(int fd, struct sha256 *h, struct err *e)
{
    AUTO_FREE uint8_t *block = malloc(HASH_BLOCK);
    ssize_t len = HASH_BLOCK;

    if (!block)
        return no_memory(e);
    for (uint64_t at = 0; len == HASH_BLOCK; at += (uint64_t)len) {
        len = file_read_at(fd, block, HASH_BLOCK, at);
        if (len < 0)
            return err_errno(e, errno, "a file of state_dir cannot be read");
        sha256_add(h, block, (size_t)len);
    }
    return 0;
}

int disk_facts_hash(const struct disk_facts *f, const char *path, sha256_text out, struct err *e)
{
    AUTO_FREE char *full = str_printf("%s/%s", f->root, path);
    AUTO_CLOSE int fd = full ? file_open_at(AT_FDCWD, full) : -1;
    struct sha256 *h = sha256_new();
    int rc = -1;

    if (!full || !h)
        (void)no_memory(e);
    else if (fd < 0)
        (void)err_set(e, ERR_NOT_FOUND, "a file of state_dir is gone, or may not be read");
    else
        rc = hash_fd(fd, h, e);
    if (rc == 0)
        sha256_end(h, out);
    sha256_free(h);
    return rc;
}

int disk_facts_check(const struct disk_facts *f, const struct fact_file *overlay, int64_t timeout_ms, struct err *e)
{
    AUTO_FREE char *full = str_printf("%s/%s", f->root, overlay->path);
    AUTO_CLOSE int fd = full ? file_open_at(AT_FDCWD, full) : -1;

    if (!full)
        return no_memory(e);
    if (fd < 0)
        return err_set(e, ERR_NOT_FOUND, "a file of state_dir is gone, or may not be read");
    return convert_check(fd, overlay->owner, clock_boot_ms() + timeout_ms, e);
}
