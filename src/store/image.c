/* store/image: rows of images: who sees them, their states by compare-and-set, and that a VM's image cannot go. Files are disk's
 * matter. */
#include "store/image.h"

#include "noun.h"
#include "txn.h"

#include "base/str.h"

#define IMAGE_COLUMNS                                                                                                            \
    "id, name, project, is_public, disk_format, status, status_reason, size_bytes, virtual_size_bytes, sha256, job, "            \
    "min_disk_gib, min_memory_mib, properties, created_at_ms, updated_at_ms"

DEFINE_WORDS(image_status);
DEFINE_WORDS(disk_format);

static const struct column image_columns[] = {
    COLUMN(COLUMN_CHARS, image, id),
    COLUMN(COLUMN_STRING, image, name),
    COLUMN(COLUMN_CHARS, image, project),
    COLUMN(COLUMN_BOOL, image, is_public),
    COLUMN_OF_WORDS(disk_format_words, image, disk_format),
    COLUMN_OF_WORDS(image_status_words, image, status),
    COLUMN(COLUMN_STRING, image, status_reason),
    COLUMN(COLUMN_I64, image, size_bytes),
    COLUMN(COLUMN_I64, image, virtual_size_bytes),
    COLUMN(COLUMN_CHARS, image, sha256),
    COLUMN(COLUMN_CHARS, image, job),
    COLUMN(COLUMN_I64, image, min_disk_gib),
    COLUMN(COLUMN_I64, image, min_memory_mib),
    COLUMN(COLUMN_STRING, image, properties),
    COLUMN(COLUMN_I64, image, created_at_ms),
    COLUMN(COLUMN_I64, image, updated_at_ms),
};

DEFINE_ROW_TYPE(image);

enum {
    IMAGE_INSERT,
    IMAGE_EXISTS,
    IMAGE_GET,
    IMAGE_FIND_BY_NAME,
    IMAGE_MARKER,
    IMAGE_LIST,
    IMAGE_SET_STATUS,
    IMAGE_ACTIVATE,
    IMAGE_SET_FORMAT,
    IMAGE_CHANGE,
    IMAGE_DELETE,
    IMAGE_STMT_COUNT
};

#define IS_VISIBLE "(?2 IS NULL OR project = ?2 OR is_public = 1)"

static const char *const image_sql[IMAGE_STMT_COUNT] = {
    [IMAGE_INSERT] = "INSERT INTO image (" IMAGE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [IMAGE_EXISTS] = "SELECT 1 FROM image WHERE id = ?1",
    [IMAGE_GET] = "SELECT " IMAGE_COLUMNS " FROM image WHERE id = lower(?1) AND " IS_VISIBLE,
    [IMAGE_FIND_BY_NAME] =
        "SELECT " IMAGE_COLUMNS " FROM image WHERE name = ?1 AND " IS_VISIBLE " ORDER BY project IS ?2 DESC LIMIT 2",
    [IMAGE_MARKER] =
        ("SELECT created_at_ms FROM image WHERE id = ?1 AND " IS_VISIBLE
         " UNION ALL SELECT resource_created_at_ms FROM event WHERE type = 'image.deleted' AND resource = ?1 LIMIT 1"),
    [IMAGE_LIST] = "SELECT " IMAGE_COLUMNS " FROM image WHERE (created_at_ms, id) > (?1, ?3) AND " IS_VISIBLE
                   " ORDER BY created_at_ms, id LIMIT ?4",
    [IMAGE_SET_STATUS] =
        "UPDATE image SET status = ?3, job = ?4, status_reason = ?5, updated_at_ms = ?6 WHERE id = ?1 AND status = ?2",
    [IMAGE_ACTIVATE] =
        "UPDATE image SET status = 'active', job = NULL, status_reason = NULL, size_bytes = ?2, virtual_size_bytes = ?3,"
        " sha256 = ?4, updated_at_ms = ?5 WHERE id = ?1 AND status IN ('queued', 'saving')",
    [IMAGE_SET_FORMAT] = "UPDATE image SET disk_format = ?2, updated_at_ms = ?3 WHERE id = ?1",
    [IMAGE_CHANGE] = "UPDATE image SET name = coalesce(?2, name), properties = coalesce(?3, properties),"
                     " min_disk_gib = coalesce(?4, min_disk_gib), min_memory_mib = coalesce(?5, min_memory_mib),"
                     " updated_at_ms = ?6 WHERE id = ?1",
    [IMAGE_DELETE] = "DELETE FROM image WHERE id = ?1",
};
const struct stmt_table image_statements = { image_sql, IMAGE_STMT_COUNT };

static const struct noun image_noun = {
    .word = "image",
    .not_found = ERR_IMAGE_NOT_FOUND,
    .type = &image_type,
    .module = STMT_IMAGE,
    .get = IMAGE_GET,
    .marker = IMAGE_MARKER,
    .list = IMAGE_LIST,
    .exists = IMAGE_EXISTS,
    .set_status = IMAGE_SET_STATUS,
};

static int insert(struct txn *t, const struct image *i, struct err *e)
{
    struct image row = *i;
    AUTO_STMT st = stmt_use(t, STMT_IMAGE, IMAGE_INSERT);

    row.updated_at_ms = clock_wall_ms();
    row_bind(st, &image_type, &row);
    return stmt_run_named(st, i->name, e);
}

int store_image_insert(struct txn *t, const struct image *i, struct err *e)
{
    FAILPOINT(e, "store.image_insert.before");
    if (insert(t, i, e) < 0)
        return -1;
    FAILPOINT(e, "store.image_insert.after");
    return 0;
}

int store_image_get(struct txn *t, const char *project, const char *id, struct image **out, struct err *e)
{
    struct image *image = noun_get(t, &image_noun, project, id, e);

    if (!image)
        return -1;
    *out = image;
    return 0;
}

/* The statement yields the project's own first: a second one matters only when the first is not that. */
static int get_by_name(struct txn *t, const char *project, const char *name, struct image **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_IMAGE, IMAGE_FIND_BY_NAME);
    AUTO(image) image = NULL;
    int rc;

    BIND(st, value_text(name), value_text(project));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : noun_not_found(&image_noun, name, e);
    image = row_new(st, &image_type, e);
    if (!image || (rc = stmt_row(st, e)) < 0)
        return -1;
    if (rc > 0 && !str_equal(image->project, project))
        return err_set(e, ERR_NAME_AMBIGUOUS, "more than one image is named '%s'; use the id", name);
    *out = TAKE(image);
    return 0;
}

int store_image_resolve(struct txn *t, const char *project, const char *id_or_name, struct image **out, struct err *e)
{
    return id_looks_like_uuid(id_or_name) ? store_image_get(t, project, id_or_name, out, e)
                                          : get_by_name(t, project, id_or_name, out, e);
}

int store_image_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct image_list *out,
                     bool *has_more, struct err *e)
{
    struct page page;

    if (noun_list(t, &image_noun, &(struct page_query){ project, marker, limit }, &page, e) < 0)
        return -1;
    *out = (struct image_list){ (struct image **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

int store_image_set_status(struct txn *t, const struct image *i, enum image_status to, const char *job, const char *reason,
                           struct err *e)
{
    const struct status_change c = { i->id, image_status_to_string(i->status), image_status_to_string(to), job, reason };

    FAILPOINT(e, "store.image_set_status.before");
    if (noun_set_status(t, &image_noun, &c, e) < 0)
        return -1;
    FAILPOINT(e, "store.image_set_status.after");
    return 0;
}

static int activate(struct txn *t, const struct image *i, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_IMAGE, IMAGE_ACTIVATE);

    BIND(st, value_text(i->id), value_int((int64_t)i->size_bytes), value_int((int64_t)i->virtual_size_bytes), value_id(i->sha256),
         value_int(clock_wall_ms()));
    return noun_update(t, &image_noun, st, i->id, e);
}

int store_image_activate(struct txn *t, const struct image *i, struct err *e)
{
    FAILPOINT(e, "store.image_activate.before");
    if (activate(t, i, e) < 0)
        return -1;
    FAILPOINT(e, "store.image_activate.after");
    return 0;
}

static int set_format(struct txn *t, const char *id, enum disk_format f, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_IMAGE, IMAGE_SET_FORMAT);

    BIND(st, value_text(id), value_text(disk_format_to_string(f)), value_int(clock_wall_ms()));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : noun_not_found(&image_noun, id, e);
}

int store_image_set_format(struct txn *t, const char *id, enum disk_format f, struct err *e)
{
    FAILPOINT(e, "store.image_set_format.before");
    if (set_format(t, id, f, e) < 0)
        return -1;
    FAILPOINT(e, "store.image_set_format.after");
    return 0;
}

static int change_row(struct txn *t, const char *id, const struct image_change *change, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_IMAGE, IMAGE_CHANGE);

    BIND(st, value_text(id), value_text(change->name), value_text(change->properties), value_int_or_null(change->min_disk_gib),
         value_int_or_null(change->min_memory_mib), value_int(clock_wall_ms()));
    if (stmt_run_named(st, change->name, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : noun_not_found(&image_noun, id, e);
}

int store_image_change(struct txn *t, const char *id, const struct image_change *change, struct err *e)
{
    FAILPOINT(e, "store.image_change.before");
    if (change_row(t, id, change, e) < 0)
        return -1;
    FAILPOINT(e, "store.image_change.after");
    return 0;
}

static int delete_row(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_IMAGE, IMAGE_DELETE);

    BIND(st, value_text(id));
    if (stmt_run(st, e) == 0)
        return 0;
    return e->code == ERR_IN_USE ? err_set(e, ERR_IN_USE, "a VM uses the image") : -1;
}

int store_image_delete(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.image_delete.before");
    if (delete_row(t, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.image_delete.after");
    return 0;
}
