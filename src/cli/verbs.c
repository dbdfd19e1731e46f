/* The table of verbs, and those of them that are about the service itself. */
#include "verbs.h"

#include <stdio.h>

#include "calls.h"

static int operation_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_PLAIN },         { "KIND", "kind", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN }, { "PROGRESS", "progress", COLUMN_PLAIN },
        { "TARGET", "target", COLUMN_PLAIN }, { "CREATED", "created_at", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/operations?limit=1000", "operations", columns, NULL), e);
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

    return get_and_print(cli, LISTING("/v1/flavors", "flavors", columns, NULL), e);
}

/* ---- the doctor ---- */

/* What each says and asks for goes below the table: it is long. */
static void print_commands(const json_t *findings)
{
    size_t i;
    const json_t *finding;

    json_array_foreach(findings, i, finding)
    {
        const char *command = text_member(finding, "command");
        (void)printf("\n%s %s\n    %s\n", text_member(finding, "code"), text_member(finding, "subject"),
                     text_member(finding, "text"));
        if (command[0])
            (void)printf("    $ %s\n", command);
    }
}

static int doctor(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "SEVERITY", "severity", COLUMN_PLAIN },
        { "CODE", "code", COLUMN_PLAIN },
        { "SUBJECT", "subject", COLUMN_PLAIN },
    };
    AUTO_JSON report = NULL;

    if (client_call(cli->client, "GET", "/v1/doctor", NULL, &report, e) < 0)
        return -1;
    const json_t *findings = json_object_get(report, "findings"), *unseen = json_object_get(report, "unseen");
    if (cli->args->is_json)
        (void)show(cli, report);
    else
        print_table(findings, columns, ARRAY_LEN(columns));
    if (!cli->args->is_json)
        print_commands(findings);
    if (json_array_size(unseen) > 0)
        return err_set(e, ERR_UNAVAILABLE, "not looked at: %s", json_string_value(json_array_get(unseen, 0)));
    if (json_array_size(findings) > 0)
        return err_set(e, ERR_CONFLICT, "%zu finding%s", json_array_size(findings), json_array_size(findings) == 1 ? "" : "s");
    return 0;
}

#define CREATE                                                                                                                   \
    "NAME --image I (--flavor F | --vcpus N --memory-mib N --disk-gib N) [--keypair K] [--ssh-key FILE]... [--user-data FILE] "  \
    "[--config-drive] [--network NET[,ip=ADDRESS]]... [--no-network] [--ttl TIME] [--autostart] [--no-start] "                   \
    "[--wait[=running|ready]]"

const struct verb verbs[] = {
    { "login", "", "[--user U]", login },
    { "logout", "", "", logout },
    { "whoami", "", "", whoami },
    { "health", "", "", health },
    { "host", "show", "", host_show },
    { "host", "maintenance", "ON|OFF [--reason TEXT]", host_maintenance },
    { "host", "stop-guests", "[--action shutdown|suspend] [--wait]", host_stop_guests },
    { "host", "start-guests", "[--wait]", host_start_guests },
    { "doctor", "", "", doctor },
    { "image", "create", "NAME FILE [--format qcow2|raw] [--property NAME=VALUE]...", image_create },
    { "image", "import", "NAME URL [--sha256 HEX] [--property NAME=VALUE]...", image_import },
    { "image", "list", "[--names]", image_list },
    { "image", "show", "NAME", image_show },
    { "image", "set", "NAME [--name NEW] [--property NAME=VALUE]...", image_set },
    { "image", "download", "NAME FILE", image_download },
    { "image", "delete", "NAME [--wait]", image_delete },
    { "flavor", "list", "[--names]", flavor_list },
    { "keypair", "create", "NAME [--public-key FILE] [--type ed25519|rsa] [--out FILE]", keypair_create },
    { "keypair", "list", "[--names]", keypair_list },
    { "keypair", "show", "NAME", keypair_show },
    { "keypair", "delete", "NAME", keypair_delete },
    { "network", "create", "NAME [--cidr CIDR] [--kind nat|isolated] [--wait]", network_create },
    { "network", "list", "[--names]", network_list },
    { "network", "show", "NAME", network_show },
    { "network", "delete", "NAME [--wait]", network_delete },
    { "vm", "create", CREATE, vm_create },
    { "vm", "list", "[--status S] [--names]", vm_list },
    { "vm", "show", "NAME", vm_show },
    { "vm", "set", "NAME [--name NEW] [--ttl TIME] [--autostart | --no-autostart]", vm_set },
    { "vm", "start", "NAME [--wait]", vm_start },
    { "vm", "stop", "NAME [--force] [--wait]", vm_stop },
    { "vm", "reboot", "NAME [--force] [--wait]", vm_reboot },
    { "vm", "pause", "NAME [--wait]", vm_pause },
    { "vm", "suspend", "NAME [--wait]", vm_suspend },
    { "vm", "resume", "NAME [--wait]", vm_resume },
    { "vm", "lock", "NAME", vm_lock },
    { "vm", "unlock", "NAME", vm_unlock },
    { "vm", "image", "NAME IMAGE [--property NAME=VALUE]... [--wait]", vm_image },
    { "vm", "delete", "NAME [--wait]", vm_delete },
    { "vm", "console-log", "NAME [--lines N]", vm_console_log },
    { "events", "", "[--since N] [--types T,...] [--follow]", events },
    { "operation", "list", "", operation_list },
    { "operation", "show", "ID", operation_show },
    { "operation", "wait", "ID", operation_wait },
    { "user", "list", "[--names]", user_list },
    { "user", "create", "NAME [--description TEXT]", user_create },
    { "user", "set-password", "NAME", user_set_password },
    { "user", "enable", "NAME", user_enable },
    { "user", "disable", "NAME", user_disable },
    { "user", "delete", "NAME", user_delete },
    { "project", "list", "[--names]", project_list },
    { "project", "create", "NAME [--description TEXT]", project_create },
    { "project", "enable", "NAME", project_enable },
    { "project", "disable", "NAME", project_disable },
    { "project", "delete", "NAME", project_delete },
    { "role", "list", "[--user U]", role_list },
    { "role", "grant", "USER PROJECT ROLE", role_grant },
    { "role", "revoke", "USER PROJECT ROLE", role_revoke },
    { "token", "list", "", token_list },
    { "token", "create", "[--name TEXT] [--role reader|member|admin]... [--lifetime TIME]", token_create },
    { "token", "revoke", "ID", token_revoke },
    { "quota", "show", "", quota_show },
    { "quota", "set", "PROJECT --limit RESOURCE=N|none|default...", quota_set },
    { "audit", "", "[--user U] [--action A] [--lines N]", audit_list },
};
const size_t verb_count = ARRAY_LEN(verbs);
