/* Verbs about networks. */
#include "calls.h"

int network_create(struct cli *cli, struct err *e)
{
    const struct args *a = cli->args;
    AUTO_JSON body = json_pack("{s:s, s:s*, s:s*}", "name", a->operands[0], "cidr", a->cidr, "kind", a->kind);
    AUTO_JSON network = NULL;
    AUTO_JSON operation = NULL;

    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    if (client_call(cli->client, "POST", "/v1/networks", body, &network, e) < 0)
        return -1;
    if (!a->wait)
        return show(cli, network);
    if (wait_for(cli, text_member(network, "operation"), &operation, e) < 0)
        return -1;
    return network_show(cli, e);
}

int network_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },     { "KIND", "kind", COLUMN_PLAIN },     { "CIDR", "cidr", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN }, { "BRIDGE", "bridge", COLUMN_PLAIN }, { "DEFAULT", "is_default", COLUMN_PLAIN },
        { "ID", "id", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/networks?limit=1000", "networks", columns, NULL), e);
}

int network_show(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/networks/{}", e);
}

int network_delete(struct cli *cli, struct err *e)
{
    return call_and_follow(cli, "DELETE", "/v1/networks/{}", e);
}
