/* The networks of a create: absent is the project's default one, [] is none, else a name each, or {"network", "fixed_ip"}. */
#include <string.h>

#include "vm_body.h"

#include "base/cleanup.h"
#include "base/ipv4.h"

#define AT(member) offsetof(struct nic_spec, member)
static const struct json_field nic_fields[] = {
    { "network", JSON_FIELD_STRING, AT(network), .is_required = true, .is_text = true, .max = REFERENCE_MAX },
    { "fixed_ip", JSON_FIELD_STRING, AT(fixed_ip), .min = 1, .max = IPV4_LEN },
};
#undef AT

/* What is at fault lies inside the field that a client knows. */
static int decode_object(json_t *item, struct nic_spec *out, struct err *e)
{
    struct err why = ERR_INIT;

    if (json_decode(item, nic_fields, ARRAY_LEN(nic_fields), out, &why) == 0)
        return 0;
    return err_set_field(e, why.code, "networks", "in networks: %s", why.msg);
}

static int decode_nic(json_t *item, struct nic_spec *out, struct err *e)
{
    if (json_is_object(item))
        return decode_object(item, out, e);
    if (!json_is_string(item))
        return err_set_field(e, ERR_INVALID_FIELD, "networks",
                             "networks must hold names or ids, or objects with network and perhaps fixed_ip");
    out->network = strdup(json_string_value(item));
    return out->network ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int vm_body_nics(json_t *networks, struct vm_spec *spec, struct err *e)
{
    size_t count = json_array_size(networks);

    spec->has_networks = networks != NULL;
    if (count == 0)
        return 0;
    spec->nics = calloc(count, sizeof(*spec->nics));
    if (!spec->nics)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    spec->nic_count = count;
    for (size_t i = 0; i < count; i++)
        if (decode_nic(json_array_get(networks, i), &spec->nics[i], e) < 0)
            return -1;
    return 0;
}
