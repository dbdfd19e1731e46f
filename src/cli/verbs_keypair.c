/* Verbs about keypairs. A private key that comes is written for its owner alone, or printed, and held nowhere else. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "local.h"

enum { SSH_KEY_MAX = 16 << 10 };

static int create_body(const struct args *a, json_t **out, struct err *e)
{
    AUTO_JSON body = json_pack("{s:s, s:s*}", "name", a->operands[0], "type", a->type);
    AUTO_FREE char *key = NULL;

    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    if (a->public_key && local_read(a->public_key, SSH_KEY_MAX, &key, e) < 0)
        return -1;
    if (key)
        key[strcspn(key, "\r\n")] = '\0';
    add_text(&body, "public_key", key);
    if (!body)
        return no_memory(e);
    *out = TAKE(body);
    return 0;
}

/* The private key goes to fd, or, when there is no fd, to stdout alone, so that it can be redirected. */
static int deliver(struct cli *cli, json_t *keypair, int fd, struct err *e)
{
    const char *secret = json_string_value(json_object_get(keypair, "private_key"));

    if (!secret || (fd < 0 && cli->args->is_json))
        return show(cli, keypair);
    if (fd < 0) {
        fprintf(stderr, "%s %s\n", text_member(keypair, "name"), text_member(keypair, "fingerprint_sha256"));
        return fputs(secret, stdout) < 0 ? err_set(e, ERR_INTERNAL, "the private key could not be printed") : 0;
    }
    if (local_write(fd, cli->args->out, secret, e) < 0)
        return -1;
    (void)json_object_del(keypair, "private_key");
    return show(cli, keypair);
}

static int create(struct cli *cli, int fd, struct err *e)
{
    AUTO_JSON body = NULL;
    AUTO_JSON keypair = NULL;

    if (create_body(cli->args, &body, e) < 0 || client_call(cli->client, "POST", "/v1/keypairs", body, &keypair, e) < 0)
        return -1;
    return deliver(cli, keypair, fd, e);
}

int keypair_create(struct cli *cli, struct err *e)
{
    const char *out = cli->args->out;
    AUTO_CLOSE int fd = -1;

    if (out && cli->args->public_key)
        return err_set(e, ERR_INVALID, "--out is for the private key of a pair that is made, not for an imported one");
    if (out && local_create_secret(out, &fd, e) < 0) /* before the call: a key that could not be kept would be lost */
        return -1;
    if (create(cli, fd, e) == 0)
        return 0;
    if (out)
        (void)unlink(out);
    return -1;
}

int keypair_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "TYPE", "type", COLUMN_PLAIN },
        { "FINGERPRINT", "fingerprint_sha256", COLUMN_PLAIN },
        { "ID", "id", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/keypairs?limit=1000", "keypairs", columns, NULL), e);
}

int keypair_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/keypairs/{}", e);
}

int keypair_delete(struct cli *cli, struct err *e)
{
    return call(cli, "DELETE", "/v1/keypairs/{}", NULL, NULL, e);
}
