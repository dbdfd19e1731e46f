/* The verbs: each makes its calls and prints what came. How a command line looks is args.c's, how an answer looks print.c's. */
#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "print.h"

#include "base/clock.h"
#include "base/str.h"

enum { OPERATION_WAIT_S = 3600 }; /* every operation has a deadline of its own in the daemon, and ends before this */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

static const char *text_member(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : "";
}

/* ---- calls and answers ---- */

/* A call about one thing: "{}" in the pattern is the first operand. */
static int call(struct cli *cli, const char *method, const char *pattern, const json_t *body, json_t **out, struct err *e)
{
    AUTO_FREE char *path = client_path(cli->client, pattern, cli->args->operands[0]);

    return path ? client_call(cli->client, method, path, body, out, e) : no_memory(e);
}

static int show(const struct cli *cli, const json_t *object)
{
    if (cli->args->is_json)
        print_json(object);
    else
        print_members(object);
    return 0;
}

static int get_and_show(struct cli *cli, const char *pattern, struct err *e)
{
    AUTO_JSON answer = NULL;

    return call(cli, "GET", pattern, NULL, &answer, e) < 0 ? -1 : show(cli, answer);
}

/* A whole list, page after page, as one answer. */
static int get_all(struct cli *cli, const char *path, const char *key, json_t **out, struct err *e)
{
    AUTO_FREE char *next = str_dup(path);
    AUTO_JSON whole = NULL;

    while (next) {
        AUTO_JSON page = NULL;

        if (client_call(cli->client, "GET", next, NULL, &page, e) < 0)
            return -1;
        free(next);
        next = str_dup(json_string_value(json_object_get(page, "next")));
        if (!whole)
            whole = json_incref(page);
        else if (json_array_extend(json_object_get(whole, key), json_object_get(page, key)) < 0)
            return no_memory(e);
    }
    if (!whole)
        return no_memory(e);
    (void)json_object_set_new(whole, "next", json_null());
    *out = TAKE(whole);
    return 0;
}

struct listing {
    const char *path;
    const char *key;
    const struct column *columns;
    size_t column_count;
};

static int get_and_print(struct cli *cli, const struct listing *l, struct err *e)
{
    AUTO_JSON answer = NULL;

    if (get_all(cli, l->path, l->key, &answer, e) < 0)
        return -1;
    if (cli->args->is_json)
        print_json(answer);
    else
        print_table(json_object_get(answer, l->key), l->columns, l->column_count);
    if (json_is_true(json_object_get(answer, "stale")))
        fprintf(stderr, "computectl: libvirt did not answer in time: this is what was last known\n");
    return 0;
}

/* ---- operations ---- */

static int wait_for(struct cli *cli, const char *id, json_t **out, struct err *e)
{
    AUTO_FREE char *path = client_path(cli->client, "/v1/operations/{}?wait=30", id);
    int64_t end = clock_boot_ms() + OPERATION_WAIT_S * INT64_C(1000);

    if (!path)
        return no_memory(e);
    while (clock_boot_ms() < end) {
        AUTO_JSON operation = NULL;

        if (client_call(cli->client, "GET", path, NULL, &operation, e) < 0)
            return -1;
        const char *status = text_member(operation, "status");
        if (strcmp(status, "succeeded") == 0) {
            *out = TAKE(operation);
            return 0;
        }
        const json_t *error = json_object_get(operation, "error");
        if (strcmp(status, "failed") == 0)
            return err_set(e, ERR_INTERNAL, "%s: %s (operation %s)", text_member(error, "code"), text_member(error, "message"),
                           id);
    }
    return err_set(e, ERR_TIMEOUT, "operation %s did not end in %d s", id, OPERATION_WAIT_S);
}

/* What a verb answered: an operation. With --wait, its end. */
static int follow(struct cli *cli, json_t *operation, struct err *e)
{
    AUTO_JSON ended = NULL;

    if (cli->args->wait && wait_for(cli, text_member(operation, "id"), &ended, e) < 0)
        return -1;
    const json_t *last = ended ? ended : operation;
    if (cli->args->is_json)
        print_json(last);
    else
        printf("%s %s (operation %s)\n", text_member(last, "kind"), text_member(last, "status"), text_member(last, "id"));
    return 0;
}

static int call_and_follow(struct cli *cli, const char *method, const char *pattern, struct err *e)
{
    AUTO_JSON body = cli->args->force ? json_pack("{s:b}", "force", 1) : NULL;
    AUTO_JSON operation = NULL;

    return call(cli, method, pattern, body, &operation, e) < 0 ? -1 : follow(cli, operation, e);
}

static int operation_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_PLAIN },         { "KIND", "kind", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN }, { "PROGRESS", "progress", COLUMN_PLAIN },
        { "TARGET", "target", COLUMN_PLAIN }, { "CREATED", "created_at", COLUMN_PLAIN },
    };

    return get_and_print(cli, &(struct listing){ "/v1/operations?limit=1000", "operations", columns, ARRAY_LEN(columns) }, e);
}

static int operation_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/operations/{}", e);
}

static int operation_wait(struct cli *cli, struct err *e)
{
    AUTO_JSON operation = NULL;

    return wait_for(cli, cli->args->operands[0], &operation, e) < 0 ? -1 : show(cli, operation);
}

/* ---- health, flavors ---- */

static int health(struct cli *cli, struct err *e)
{
    AUTO_JSON answer = NULL;

    if (client_call(cli->client, "GET", "/health", NULL, &answer, e) < 0)
        return -1;
    (void)show(cli, answer);
    if (client_status(cli->client) != 200)
        return err_set(e, ERR_UNAVAILABLE, "the service is %s", text_member(answer, "status"));
    return 0;
}

static int flavor_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "VCPUS", "vcpus", COLUMN_PLAIN },
        { "MEMORY MIB", "memory_mib", COLUMN_PLAIN },
        { "DISK GIB", "disk_gib", COLUMN_PLAIN },
    };

    return get_and_print(cli, &(struct listing){ "/v1/flavors", "flavors", columns, ARRAY_LEN(columns) }, e);
}

/* ---- images ---- */

static int image_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN },
        { "FORMAT", "disk_format", COLUMN_PLAIN },
        { "SIZE", "size_bytes", COLUMN_BYTES },
        { "VIRTUAL", "virtual_size_bytes", COLUMN_BYTES },
        { "ID", "id", COLUMN_PLAIN },
    };

    return get_and_print(cli, &(struct listing){ "/v1/images?limit=1000", "images", columns, ARRAY_LEN(columns) }, e);
}

static int image_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/images/{}", e);
}

static int image_delete(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "DELETE", "/v1/images/{}", e);
}

/* By its first bytes; the daemon looks closer. */
static const char *guess_format(const char *file)
{
    static const char qcow2_magic[4] = { 'Q', 'F', 'I', '\xfb' };
    char head[sizeof(qcow2_magic)] = "";
    FILE *f = fopen(file, "re");
    size_t got = f ? fread(head, 1, sizeof(head), f) : 0;

    if (f)
        (void)fclose(f);
    return got == sizeof(head) && memcmp(head, qcow2_magic, sizeof(head)) == 0 ? "qcow2" : "raw";
}

static int upload(struct cli *cli, const char *id, const char *file, struct err *e)
{
    AUTO_FREE char *content = client_path(cli->client, "/v1/images/{}/file", id);
    AUTO_FREE char *image = client_path(cli->client, "/v1/images/{}", id);
    struct err ignored = ERR_INIT;

    if (!content || !image)
        return no_memory(e);
    if (client_upload(cli->client, content, file, e) == 0)
        return 0;
    (void)client_call(cli->client, "DELETE", image, NULL, NULL, &ignored); /* one command, one result: its name is free again */
    return -1;
}

static int image_create(struct cli *cli, struct err *e)
{
    const char *name = cli->args->operands[0], *file = cli->args->operands[1];
    const char *format = cli->args->format ? cli->args->format : guess_format(file);
    AUTO_JSON body = json_pack("{s:s, s:s}", "name", name, "disk_format", format);
    AUTO_JSON created = NULL;
    AUTO_JSON active = NULL;

    if (access(file, R_OK) < 0)
        return err_set(e, ERR_INVALID, "%s cannot be read", file);
    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    if (client_call(cli->client, "POST", "/v1/images", body, &created, e) < 0)
        return -1;
    const char *id = text_member(created, "id");
    AUTO_FREE char *path = client_path(cli->client, "/v1/images/{}", id);
    if (upload(cli, id, file, e) < 0)
        return -1;
    if (!path)
        return no_memory(e);
    return client_call(cli->client, "GET", path, NULL, &active, e) < 0 ? -1 : show(cli, active);
}

/* ---- VMs ---- */

static int vm_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN },
        { "TASK", "task", COLUMN_PLAIN },
        { "VCPUS", "vcpus", COLUMN_PLAIN },
        { "MEMORY MIB", "memory_mib", COLUMN_PLAIN },
        { "DISK GIB", "disk_gib", COLUMN_PLAIN },
        { "IMAGE", "image", COLUMN_PLAIN },
        { "ID", "id", COLUMN_PLAIN },
    };
    AUTO_FREE char *path = cli->args->status ? client_path(cli->client, "/v1/vms?limit=1000&status={}", cli->args->status)
                                             : str_dup("/v1/vms?limit=1000");

    if (!path)
        return no_memory(e);
    return get_and_print(cli, &(struct listing){ path, "vms", columns, ARRAY_LEN(columns) }, e);
}

static int vm_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/vms/{}", e);
}

static int create_body(const struct args *a, json_t **out, struct err *e)
{
    AUTO_JSON body = json_pack("{s:s, s:s*, s:s*, s:b}", "name", a->operands[0], "image", a->image, "flavor", a->flavor, "start",
                               !a->no_start);
    const struct {
        const char *key;
        uint64_t value;
    } sizes[] = { { "vcpus", a->vcpus }, { "memory_mib", a->memory_mib }, { "disk_gib", a->disk_gib } };

    if (!body)
        return err_set(e, ERR_INVALID, "names must be UTF-8");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (sizes[i].value > 0 && json_object_set_new(body, sizes[i].key, json_integer((json_int_t)sizes[i].value)) < 0)
            return no_memory(e);
    *out = TAKE(body);
    return 0;
}

static int vm_create(struct cli *cli, struct err *e)
{
    AUTO_JSON body = NULL;
    AUTO_JSON vm = NULL;
    AUTO_JSON operation = NULL;

    if (create_body(cli->args, &body, e) < 0 || client_call(cli->client, "POST", "/v1/vms", body, &vm, e) < 0)
        return -1;
    if (!cli->args->wait)
        return show(cli, vm);
    if (wait_for(cli, text_member(vm, "operation"), &operation, e) < 0)
        return -1;
    return vm_show(cli, e);
}

static int vm_delete(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "DELETE", "/v1/vms/{}", e);
}

static int vm_start(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/start", e);
}

static int vm_stop(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/stop", e);
}

static int vm_reboot(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/reboot", e);
}

static int vm_pause(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/pause", e);
}

static int vm_resume(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/resume", e);
}

static int vm_console_log(struct cli *cli, struct err *e)
{
    AUTO_FREE char *path = client_path(cli->client, "/v1/vms/{}/console-log", cli->args->operands[0]);
    AUTO_FREE char *with_lines =
        path && cli->args->lines > 0 ? str_printf("%s?lines=%llu", path, (unsigned long long)cli->args->lines) : str_dup(path);
    AUTO_FREE char *text = NULL;

    if (!with_lines)
        return no_memory(e);
    if (client_text(cli->client, with_lines, &text, e) < 0)
        return -1;
    (void)fputs(text, stdout);
    return 0;
}

const struct verb verbs[] = {
    { "health", "", "", health },
    { "image", "create", "NAME FILE [--format qcow2|raw]", image_create },
    { "image", "list", "", image_list },
    { "image", "show", "NAME", image_show },
    { "image", "delete", "NAME [--wait]", image_delete },
    { "flavor", "list", "", flavor_list },
    { "vm", "create", "NAME --image I (--flavor F | --vcpus N --memory-mib N --disk-gib N) [--no-start] [--wait]", vm_create },
    { "vm", "list", "[--status S]", vm_list },
    { "vm", "show", "NAME", vm_show },
    { "vm", "start", "NAME [--wait]", vm_start },
    { "vm", "stop", "NAME [--force] [--wait]", vm_stop },
    { "vm", "reboot", "NAME [--force] [--wait]", vm_reboot },
    { "vm", "pause", "NAME [--wait]", vm_pause },
    { "vm", "resume", "NAME [--wait]", vm_resume },
    { "vm", "delete", "NAME [--wait]", vm_delete },
    { "vm", "console-log", "NAME [--lines N]", vm_console_log },
    { "operation", "list", "", operation_list },
    { "operation", "show", "ID", operation_show },
    { "operation", "wait", "ID", operation_wait },
};
const size_t verb_count = ARRAY_LEN(verbs);
