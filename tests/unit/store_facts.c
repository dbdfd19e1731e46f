/* What is read of a database: rows as they are, what SQL finds by itself, and which databases are not looked at. */
#include <sys/stat.h>

#include "store_lab.h"

#include "store/facts.h"

static struct store_facts *facts;

static void read_facts(bool is_deep)
{
    store_facts_free(facts);
    facts = NULL;
    unit_ok(store_facts_read(lab_path, is_deep, &facts, &e));
}

static void end(void)
{
    store_facts_free(facts);
    lab_done();
}

static void add_vm(struct image *image, struct vm *vm)
{
    *image = lab_image("tiny");
    *vm = lab_vm(image, "one");
    vm->image_name = (char *)"tiny";
    vm->metadata = (char *)"{}";
    vm->tags = (char *)"[]";
    LAB_WRITE(store_image_insert(t, image, &e));
    LAB_WRITE(store_vm_insert(t, vm, &e));
}

START_TEST(rows_are_read_as_they_are)
{
    struct image image;
    struct vm vm;

    lab_open_file();
    add_vm(&image, &vm);
    read_facts(false);
    ck_assert(facts->is_complete);
    ck_assert_uint_eq(facts->vm_count, 1);
    ck_assert_str_eq(facts->vms[0]->id, vm.id);
    ck_assert_str_eq(facts->vms[0]->status, "stopped");
    ck_assert_ptr_null(facts->vms[0]->task);
    ck_assert_str_eq(facts->vms[0]->job, "");
    ck_assert_str_eq(facts->images[0]->sha256, image.sha256);
    ck_assert_uint_eq(facts->flaw_count, 0);
    ck_assert_ptr_eq(fact_find(facts->vms, facts->vm_count, vm.id), facts->vms[0]);
    ck_assert_ptr_null(fact_find(facts->vms, facts->vm_count, image.id));
    end();
}
END_TEST

START_TEST(a_word_that_nobody_knows_is_no_failure)
{
    struct image image;
    struct vm vm;

    lab_open_file();
    add_vm(&image, &vm);
    lab_exec("PRAGMA ignore_check_constraints = ON; UPDATE vm SET status = 'wavering', task = 'vm.waver', row_version = 1");
    read_facts(false);
    ck_assert_str_eq(facts->vms[0]->status, "wavering");
    ck_assert_str_eq(facts->flaws[0]->kind, "damage"); /* the constraint does not hold */
    end();
}
END_TEST

#define EVENT(type, resource, payload)                                                                                           \
    "INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload) VALUES (1, '" type "', 'p', '" resource \
    "', 1, '" payload "');"
#define A "aaaaaaaa-2222-4333-8444-555555555555"

/* The kinds of flaw, by blanks. */
static const char *flaws(void)
{
    static char kinds[256];
    size_t len = 0;

    read_facts(true);
    kinds[0] = '\0';
    for (size_t i = 0; i < facts->flaw_count; i++)
        len += (size_t)snprintf(kinds + len, sizeof(kinds) - len, "%s%s", i > 0 ? " " : "", facts->flaws[i]->kind);
    return kinds;
}

START_TEST(events_tell_of_flaws)
{
    static const struct {
        const char *sql, *flaws;
    } cases[] = {
        { EVENT("keypair.created", A, "{}") EVENT("keypair.deleted", A, "{}"), "" },
        { EVENT("x", A, "{}") EVENT("y", A, "{}") EVENT("z", A, "{}") "DELETE FROM event WHERE type = 'y'", "hole" },
        { EVENT("x", A, "{}") EVENT("y", A, "{}") "DELETE FROM event WHERE type = 'x'", "" }, /* pruned */
        { EVENT("x", A, "{}") EVENT("y", A, "{}") "DELETE FROM event", "" },
        { EVENT("keypair.created", A, "{}") EVENT("keypair.deleted", A, "{}") EVENT("keypair.deleted", A, "{}"), "twin" },
        { EVENT("keypair.created", A, "{}"), "lost" },
        { EVENT("x", A, "{}") "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'event'", "unborn" },
        { EVENT("vm.created", A, "{\"status\": \"pending\"}")
              EVENT("vm.status.changed", A, "{\"old_status\": \"pending\", \"new_status\": \"running\"}")
                  EVENT("vm.status.changed", A, "{\"old_status\": \"stopping\", \"new_status\": \"stopped\"}")
                      EVENT("vm.deleted", A, "{}"),
          "chain" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(lab_dir + sizeof(lab_dir) - 7, "XXXXXX", 6); /* another one each time */
        lab_open_file();
        lab_exec(cases[i].sql);
        ck_assert_msg(str_equal(flaws(), cases[i].flaws), "%s: %s", cases[i].sql, flaws());
        end();
        facts = NULL;
    }
}
END_TEST

START_TEST(a_row_that_names_nobody)
{
    struct image image;
    struct vm vm;

    lab_open_file();
    add_vm(&image, &vm);
    lab_exec("DELETE FROM image");
    ck_assert_str_eq(flaws(), "reference");
    ck_assert_ptr_nonnull(strstr(facts->flaws[0]->detail, "names no image"));
    end();
}
END_TEST

START_TEST(which_databases_are_not_looked_at)
{
    lab_make_dir();
    unit_fails(store_facts_read(lab_path, false, &facts, &e), ERR_NOT_FOUND);
    lab_exec("CREATE TABLE other (id)");
    unit_fails(store_facts_read(lab_path, false, &facts, &e), ERR_CONFIG);
    ck_assert_int_eq(unlink(lab_path), 0);
    lab_open(lab_path);
    lab_exec("PRAGMA user_version = 1");
    unit_fails(store_facts_read(lab_path, false, &facts, &e), ERR_CONFIG);
    lab_exec("PRAGMA user_version = 1000");
    unit_fails(store_facts_read(lab_path, false, &facts, &e), ERR_CONFIG);
    lab_done();
}
END_TEST

START_TEST(garbage_is_damage)
{
    char garbage[8192];

    lab_make_dir();
    memset(garbage, 'x', sizeof(garbage));
    int fd = open(lab_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, garbage, sizeof(garbage)), (ssize_t)sizeof(garbage));
    ck_assert_int_eq(close(fd), 0);
    read_facts(false);
    ck_assert(!facts->is_complete);
    ck_assert_str_eq(facts->flaws[0]->kind, "damage");
    end();
}
END_TEST

/* As after a crash: the log is there, and no process. */
START_TEST(the_log_of_a_crash_stays)
{
    char wal[sizeof(lab_path) + 8], kept[sizeof(lab_path) + 8];
    struct stat before, after;
    struct image image;
    struct vm vm;

    lab_open_file();
    add_vm(&image, &vm);
    (void)snprintf(wal, sizeof(wal), "%s-wal", lab_path);
    (void)snprintf(kept, sizeof(kept), "%s-kept", lab_path);
    ck_assert_int_eq(link(wal, kept), 0);
    store_close(store); /* takes the log away */
    store = NULL;
    ck_assert_int_eq(stat(kept, &before), 0);
    (void)unlink(wal);
    ck_assert_int_eq(rename(kept, wal), 0);
    read_facts(true);
    ck_assert_uint_eq(facts->vm_count, 1);
    ck_assert_int_eq(stat(wal, &after), 0);
    ck_assert_int_eq(after.st_size, before.st_size);
    end();
}
END_TEST

UNIT_MAIN("store_facts", rows_are_read_as_they_are, a_word_that_nobody_knows_is_no_failure, events_tell_of_flaws,
          a_row_that_names_nobody, which_databases_are_not_looked_at, garbage_is_damage, the_log_of_a_crash_stays)
