/* core/vm_seed: a VM's seed: which keys and data go in it, and when it is written. The texts are seed_files'. */
#include "vm_seed.h"

#include <stdlib.h>
#include <string.h>

#include "seed_files.h"
#include "vm_job.h"

#include "base/json.h"
#include "base/str.h"
#include "core/keypair.h"
#include "store/keypair.h"
#include "store/vm_seed.h"

/* ---- the row ---- */

static int add_key(json_t *keys, const char *line, struct err *e)
{
    if (json_array_size(keys) == SSH_KEYS_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "ssh_keys", "a virtual machine takes at most %d ssh keys", SSH_KEYS_MAX);
    return json_array_append_new(keys, json_string(line)) < 0 ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

static int add_keypair(const struct change *ch, const struct vm_spec *spec, struct vm *vm, json_t *keys, struct err *e)
{
    AUTO(keypair) k = NULL;

    if (!spec->keypair)
        return 0;
    if (store_keypair_resolve(ch->txn, ch->who->project, spec->keypair, &k, e) < 0) {
        (void)str_copy(e->field, sizeof e->field, "keypair");
        return -1;
    }
    vm->keypair = TAKE(k->name);
    return add_key(keys, k->public_key, e);
}

static int add_given_keys(const struct vm_spec *spec, json_t *keys, struct err *e)
{
    AUTO_JSON given = NULL;
    json_t *key;
    size_t i;

    if (!spec->ssh_keys)
        return 0;
    if (json_parse(spec->ssh_keys, strlen(spec->ssh_keys), &given, e) < 0)
        return -1;
    json_array_foreach(given, i, key)
    {
        const char *line = json_string_value(key);

        if (!line)
            return err_set_field(e, ERR_INVALID_FIELD, "ssh_keys", "ssh_keys must be strings");
        if (keypair_check_key(line, "ssh_keys", e) < 0 || add_key(keys, line, e) < 0)
            return -1;
    }
    return 0;
}

static int copy_user_data(const struct vm_spec *spec, struct vm_seed *s, struct err *e)
{
    if (!spec->user_data)
        return 0;
    if (spec->user_data_len > VM_USER_DATA_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "user_data", "user_data must be at most %d bytes", VM_USER_DATA_MAX);
    s->user_data = malloc(spec->user_data_len + 1);
    if (!s->user_data)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    memcpy(s->user_data, spec->user_data, spec->user_data_len);
    s->user_data_len = spec->user_data_len;
    return 0;
}

int vm_seed_plan(const struct change *ch, const struct vm_spec *spec, struct vm *vm, struct vm_seed **out, struct err *e)
{
    AUTO(vm_seed) s = calloc(1, sizeof *s);
    AUTO_JSON keys = json_array();

    if (!s || !keys)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (add_keypair(ch, spec, vm, keys, e) < 0 || add_given_keys(spec, keys, e) < 0 || copy_user_data(spec, s, e) < 0)
        return -1;
    (void)str_copy(s->vm, sizeof s->vm, vm->id);
    s->is_config_drive = spec->is_config_drive;
    id_hex32(s->token);
    s->ssh_keys = json_text(keys);
    if (!s->ssh_keys)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = TAKE(s);
    return 0;
}

/* ---- the disk ---- */

/* *out is NULL when there is none. */
static int find_seed(struct core *c, const char *vm, struct vm_seed **out, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_read(c->store, &t, e) < 0)
        return -1;
    if (store_vm_seed_get(t, vm, out, e) == 0)
        return 0;
    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    *out = NULL;
    return 0;
}

static int write_seed(struct core *c, const struct seed_facts *facts, struct err *e)
{
    bool is_config_drive = facts->seed->is_config_drive;
    struct seed_image image = { .vm_id = facts->vm->id, .label = is_config_drive ? "config-2" : "cidata" };
    AUTO_SEED_FILES files = { .count = 0 };

    if ((is_config_drive ? seed_config_drive(facts, &files, e) : seed_nocloud(facts, &files, e)) < 0)
        return -1;
    image.files = files.items;
    image.file_count = files.count;
    return disk_seed_write(c->disk, &image, e);
}

int vm_job_seed(struct job_run *r, struct err *e)
{
    struct core *c = vm_job_core(r);
    struct seed_facts facts = { .guest_port = c->config.guest_listen ? c->config.guest_port : 0 };
    AUTO(vm_seed) seed = NULL;
    AUTO_VM_LINKS links = { .ports = { 0 } };

    if (vm_job_vm(r, &facts.vm, e) < 0 || find_seed(c, facts.vm->id, &seed, e) < 0)
        return -1;
    if (!seed)
        return 0;
    if (vm_links_load(c, facts.vm->id, &links, e) < 0)
        return -1;
    facts.seed = seed;
    facts.links = &links;
    return write_seed(c, &facts, e);
}

int vm_seed_path(struct core *c, const char *vm, char **out, struct err *e)
{
    AUTO(vm_seed) seed = NULL;
    char *path = NULL;

    if (find_seed(c, vm, &seed, e) < 0)
        return -1;
    if (seed) {
        path = disk_seed_path(c->disk, vm);
        if (!path)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    *out = path;
    return 0;
}
