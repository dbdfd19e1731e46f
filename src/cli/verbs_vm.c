/* Verbs about VMs. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "calls.h"
#include "local.h"

#include "base/clock.h"
#include "base/str.h"

enum { SSH_KEY_MAX = 16 << 10, USER_DATA_MAX = 64 << 10 };
enum { READY_WAIT_S = 1800, READY_POLL_MS = 500 };

/* All addresses of a VM, for the table. */
static void add_addresses(json_t *vm)
{
    json_t *all = json_array();
    const json_t *networks = json_object_get(vm, "networks");

    for (size_t i = 0; i < json_array_size(networks); i++)
        (void)json_array_extend(all, json_object_get(json_array_get(networks, i), "addresses"));
    (void)json_object_set_new(vm, "addresses", all);
}

int vm_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN },
        { "TASK", "task", COLUMN_PLAIN },
        { "ADDRESS", "addresses", COLUMN_PLAIN },
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
    return get_and_print(cli, LISTING(path, "vms", columns, add_addresses), e);
}

int vm_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/vms/{}", e);
}

/* ---- create ---- */

/* "NAME" or "NAME,ip=ADDRESS". */
static json_t *network_of(const char *word)
{
    static const char fixed[] = ",ip=";
    const char *comma = strstr(word, fixed);

    if (!comma)
        return json_string(word);
    return json_pack("{s:s%, s:s}", "network", word, (size_t)(comma - word), "fixed_ip", comma + strlen(fixed));
}

static int add_networks(const struct args *a, json_t **body, struct err *e)
{
    if (a->no_network && a->networks.count > 0)
        return err_set(e, ERR_INVALID, "--network and --no-network do not go together");
    if (!a->no_network && a->networks.count == 0)
        return 0;
    AUTO_JSON networks = json_array();
    for (size_t i = 0; i < a->networks.count; i++)
        if (json_array_append_new(networks, network_of(a->networks.items[i])) < 0)
            return err_set(e, ERR_INVALID, "names must be UTF-8");
    add_value(body, "networks", TAKE(networks));
    return 0;
}

static int add_ssh_keys(const struct args *a, json_t **body, struct err *e)
{
    AUTO_JSON keys = json_array();

    for (size_t i = 0; i < a->ssh_keys.count; i++) {
        AUTO_FREE char *key = NULL;

        if (local_read(a->ssh_keys.items[i], SSH_KEY_MAX, &key, e) < 0)
            return -1;
        key[strcspn(key, "\r\n")] = '\0';
        if (json_array_append_new(keys, json_string(key)) < 0)
            return no_memory(e);
    }
    if (a->ssh_keys.count > 0)
        add_value(body, "ssh_keys", TAKE(keys));
    return 0;
}

static int add_user_data(const struct args *a, json_t **body, struct err *e)
{
    AUTO_FREE char *text = NULL;

    if (a->user_data && local_read(a->user_data, USER_DATA_MAX, &text, e) < 0)
        return -1;
    add_text(body, "user_data", text);
    return 0;
}

static void add_numbers(const struct args *a, json_t **body)
{
    uint64_t ttl = 0;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = { { "vcpus", a->vcpus },
                    { "memory_mib", a->memory_mib },
                    { "disk_gib", a->disk_gib },
                    { "ttl_seconds", a->ttl && args_seconds(a->ttl, &ttl) == 0 ? ttl : 0 } };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].value > 0)
            add_value(body, numbers[i].key, json_integer((json_int_t)numbers[i].value));
}

static int create_body(const struct args *a, json_t **out, struct err *e)
{
    AUTO_JSON body = json_pack("{s:s, s:s*, s:s*, s:s*, s:b}", "name", a->operands[0], "image", a->image, "flavor", a->flavor,
                               "keypair", a->keypair, "start", !a->no_start);

    if (!body)
        return err_set(e, ERR_INVALID, "names must be UTF-8");
    if (a->autostart)
        add_value(&body, "autostart", json_true());
    if (a->config_drive)
        add_value(&body, "config_drive", json_true());
    add_numbers(a, &body);
    if (add_networks(a, &body, e) < 0 || add_ssh_keys(a, &body, e) < 0 || add_user_data(a, &body, e) < 0)
        return -1;
    if (!body)
        return no_memory(e);
    *out = TAKE(body);
    return 0;
}

/* ---- waiting until a guest says that it is up ---- */

static int look_for_ready(struct cli *cli, json_t **vm, struct err *e)
{
    static const char *const hopeless[] = { "error", "stopped", "deleting" };

    if (call(cli, "GET", "/v1/vms/{}", NULL, vm, e) < 0)
        return -1;
    const char *status = text_member(*vm, "status");
    for (size_t i = 0; i < ARRAY_LEN(hopeless); i++)
        if (strcmp(status, hopeless[i]) == 0)
            return err_set(e, ERR_INVALID_STATE, "the VM is %s: it will not become ready", status);
    return 0;
}

/* The line that ssh wants; a VM without an address is shown. */
static int show_address(struct cli *cli, const json_t *vm)
{
    const json_t *networks = json_object_get(vm, "networks");

    for (size_t i = 0; i < json_array_size(networks) && !cli->args->is_json; i++) {
        const json_t *addresses = json_object_get(json_array_get(networks, i), "addresses");
        if (json_array_size(addresses) > 0)
            return printf("%s\n", json_string_value(json_array_get(addresses, 0))) < 0 ? -1 : 0;
    }
    return show(cli, vm);
}

static int wait_until_ready(struct cli *cli, struct err *e)
{
    const struct timespec pause = { .tv_nsec = READY_POLL_MS * 1000000L };
    int64_t end = clock_boot_ms() + READY_WAIT_S * INT64_C(1000);

    while (clock_boot_ms() < end) {
        AUTO_JSON vm = NULL;

        if (look_for_ready(cli, &vm, e) < 0)
            return -1;
        if (text_member(vm, "ready_at")[0] != '\0')
            return show_address(cli, vm);
        (void)nanosleep(&pause, NULL);
    }
    return err_set(e, ERR_TIMEOUT, "the guest did not say in %d s that it is ready", READY_WAIT_S);
}

int vm_create(struct cli *cli, struct err *e)
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
    return strcmp(cli->args->wait, "ready") == 0 ? wait_until_ready(cli, e) : vm_show(cli, e);
}

/* ---- the rest of a life ---- */

int vm_set(struct cli *cli, struct err *e)
{
    const struct args *a = cli->args;
    AUTO_JSON body = json_object();
    uint64_t ttl;

    if (a->autostart && a->no_autostart)
        return err_set(e, ERR_INVALID, "--autostart and --no-autostart do not go together");
    add_text(&body, "name", a->new_name);
    if (a->autostart || a->no_autostart)
        add_value(&body, "autostart", json_boolean(a->autostart));
    if (a->ttl && args_seconds(a->ttl, &ttl) == 0)
        add_value(&body, "ttl_seconds", json_integer((json_int_t)ttl));
    return body ? call_and_show(cli, "PATCH", "/v1/vms/{}", body, e) : err_set(e, ERR_INVALID, "the name must be UTF-8");
}

int vm_delete(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "DELETE", "/v1/vms/{}", e);
}

int vm_start(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/start", e);
}

int vm_stop(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/stop", e);
}

int vm_reboot(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/reboot", e);
}

int vm_pause(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/pause", e);
}

int vm_resume(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/resume", e);
}

int vm_suspend(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "POST", "/v1/vms/{}/suspend", e);
}

int vm_lock(struct cli *cli, struct err *e)
{
    return call_and_show(cli, "POST", "/v1/vms/{}/lock", NULL, e);
}

int vm_unlock(struct cli *cli, struct err *e)
{
    return call_and_show(cli, "POST", "/v1/vms/{}/unlock", NULL, e);
}

int vm_image(struct cli *cli, struct err *e)
{
    AUTO_JSON properties = NULL;
    AUTO_JSON body = json_object();
    AUTO_JSON image = NULL;
    AUTO_JSON operation = NULL;

    if (properties_of(&cli->args->properties, &properties, e) < 0)
        return -1;
    add_text(&body, "name", cli->args->operands[1]);
    add_value(&body, "properties", TAKE(properties));
    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    if (call(cli, "POST", "/v1/vms/{}/image", body, &image, e) < 0)
        return -1;
    if (cli->args->wait && wait_for(cli, text_member(image, "operation"), &operation, e) < 0)
        return -1;
    return show(cli, image);
}

int vm_console_log(struct cli *cli, struct err *e)
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
