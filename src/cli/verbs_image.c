/* Verbs about images. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

#include "base/str.h"

int image_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN },
        { "FORMAT", "disk_format", COLUMN_PLAIN },
        { "SIZE", "size_bytes", COLUMN_BYTES },
        { "VIRTUAL", "virtual_size_bytes", COLUMN_BYTES },
        { "ID", "id", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/images?limit=1000", "images", columns, NULL), e);
}

int image_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/images/{}", e);
}

int image_delete(struct cli *cli, struct err *e)
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

/* One command, one result: the name is free again when it ends. What fails here changes nothing about why it is done. */
static void take_back(struct cli *cli, const char *image)
{
    struct err ignored = ERR_INIT;
    AUTO_JSON operation = NULL;
    AUTO_JSON end = NULL;

    if (client_call(cli->client, "DELETE", image, NULL, &operation, &ignored) == 0)
        (void)wait_for(cli, text_member(operation, "id"), &end, &ignored);
}

static int upload(struct cli *cli, const char *id, const char *file, struct err *e)
{
    AUTO_FREE char *content = client_path(cli->client, "/v1/images/{}/file", id);
    AUTO_FREE char *image = client_path(cli->client, "/v1/images/{}", id);

    if (!content || !image)
        return no_memory(e);
    if (client_upload(cli->client, content, file, e) == 0)
        return 0;
    take_back(cli, image);
    return -1;
}

static int show_image(struct cli *cli, const char *id, struct err *e)
{
    AUTO_FREE char *path = client_path(cli->client, "/v1/images/{}", id);
    AUTO_JSON image = NULL;

    if (!path)
        return no_memory(e);
    return client_call(cli->client, "GET", path, NULL, &image, e) < 0 ? -1 : show(cli, image);
}

/* {"name", "properties"} and perhaps one member more. */
static int image_body(const struct args *a, const char *name, json_t **out, struct err *e)
{
    AUTO_JSON body = json_object();
    AUTO_JSON properties = NULL;

    if (properties_of(&a->properties, &properties, e) < 0)
        return -1;
    add_text(&body, "name", name);
    add_value(&body, "properties", TAKE(properties));
    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    *out = TAKE(body);
    return 0;
}

int image_create(struct cli *cli, struct err *e)
{
    const char *name = cli->args->operands[0], *file = cli->args->operands[1];
    AUTO_JSON body = NULL;
    AUTO_JSON created = NULL;

    if (access(file, R_OK) < 0)
        return err_set(e, ERR_INVALID, "%s cannot be read", file);
    if (image_body(cli->args, name, &body, e) < 0)
        return -1;
    add_text(&body, "disk_format", cli->args->format ? cli->args->format : guess_format(file));
    if (!body)
        return no_memory(e);
    if (client_call(cli->client, "POST", "/v1/images", body, &created, e) < 0)
        return -1;
    const char *id = text_member(created, "id");
    return upload(cli, id, file, e) < 0 ? -1 : show_image(cli, id, e);
}

int image_import(struct cli *cli, struct err *e)
{
    AUTO_JSON body = NULL;
    AUTO_JSON image = NULL;
    AUTO_JSON operation = NULL;

    if (image_body(cli->args, cli->args->operands[0], &body, e) < 0)
        return -1;
    add_text(&body, "url", cli->args->operands[1]);
    add_text(&body, "sha256", cli->args->sha256);
    if (!body)
        return err_set(e, ERR_INVALID, "the URL must be UTF-8");
    if (client_call(cli->client, "POST", "/v1/images/import", body, &image, e) < 0)
        return -1;
    if (wait_for(cli, text_member(image, "operation"), &operation, e) < 0)
        return -1;
    return show_image(cli, text_member(image, "id"), e);
}

/* Properties that are not named stay: PATCH replaces them all, so what there is is asked for first. */
static int merged_properties(struct cli *cli, json_t **out, struct err *e)
{
    AUTO_JSON given = NULL;
    AUTO_JSON image = NULL;

    if (properties_of(&cli->args->properties, &given, e) < 0 || call(cli, "GET", "/v1/images/{}", NULL, &image, e) < 0)
        return -1;
    json_t *properties = json_object_get(image, "properties");
    if (!json_is_object(properties) || json_object_update(properties, given) < 0)
        return no_memory(e);
    *out = json_incref(properties);
    return 0;
}

int image_set(struct cli *cli, struct err *e)
{
    AUTO_JSON body = json_object();
    AUTO_JSON properties = NULL;

    if (cli->args->properties.count > 0 && merged_properties(cli, &properties, e) < 0)
        return -1;
    add_text(&body, "name", cli->args->new_name);
    if (properties)
        add_value(&body, "properties", TAKE(properties));
    return body ? call_and_show(cli, "PATCH", "/v1/images/{}", body, e) : err_set(e, ERR_INVALID, "the name must be UTF-8");
}

int image_download(struct cli *cli, struct err *e)
{
    AUTO_FREE char *path = client_path(cli->client, "/v1/images/{}/data", cli->args->operands[0]);

    return path ? client_download(cli->client, path, cli->args->operands[1], e) : no_memory(e);
}
