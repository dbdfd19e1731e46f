/* core/flavor: sizes with names. */
#include "core/flavor.h"

#include <stdlib.h>

#include "internal.h"
#include "once.h"
#include "record.h"

#include "base/clock.h"
#include "base/str.h"
#include "model/name.h"
#include "model/vm.h"
#include "store/audit.h"
#include "store/flavor.h"

static int check_range(const char *field, uint64_t value, uint64_t min, uint64_t max, struct err *e)
{
    if (value >= min && value <= max)
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, field, "%s must be %llu to %llu", field, (unsigned long long)min,
                         (unsigned long long)max);
}

static int flavor_of_spec(const struct flavor_spec *spec, struct flavor **out, struct err *e)
{
    AUTO(flavor) f = calloc(1, sizeof *f);

    if (!f)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (name_check(spec->name, NAME_RULE_STRICT, "name", e) < 0 || check_range("vcpus", spec->vcpus, 1, VM_VCPUS_MAX, e) < 0 ||
        check_range("memory_mib", spec->memory_mib, VM_MEMORY_MIB_MIN, VM_MEMORY_MIB_MAX, e) < 0 ||
        check_range("disk_gib", spec->disk_gib, 1, VM_DISK_GIB_MAX, e) < 0)
        return -1;
    id_uuid(f->id);
    f->name = str_dup(spec->name);
    f->description = str_dup(spec->description ? spec->description : "");
    if (!f->name || !f->description)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    f->vcpus = (uint32_t)spec->vcpus;
    f->memory_mib = spec->memory_mib;
    f->disk_gib = spec->disk_gib;
    f->created_at_ms = clock_wall_ms();
    *out = TAKE(f);
    return 0;
}

int flavor_create(struct core *c, const struct actor *who, const struct flavor_spec *spec, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(flavor) f = NULL;
    bool is_replay = false;

    if (flavor_of_spec(spec, &f, e) < 0 || once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    if (store_flavor_insert(t, f, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "flavor:create", "flavor", f->id, "accepted" }, e) < 0)
        return -1;
    return once_commit(t, once, f, e);
}

int flavor_get(struct core *c, const struct actor *who, const char *ref, struct flavor **out, struct err *e)
{
    AUTO(txn) t = NULL;

    (void)who; /* flavors belong to no project */
    return txn_read(c->store, &t, e) < 0 ? -1 : store_flavor_resolve(t, ref, out, e);
}

int flavor_list(struct core *c, const struct actor *who, struct flavor_list *out, struct err *e)
{
    AUTO(txn) t = NULL;

    (void)who;
    return txn_read(c->store, &t, e) < 0 ? -1 : store_flavor_list(t, out, e);
}

int flavor_delete(struct core *c, const struct actor *who, const char *ref, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(flavor) f = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_flavor_resolve(t, ref, &f, e) < 0)
        return -1;
    if (store_flavor_delete(t, f->id, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "flavor:delete", "flavor", f->id, "accepted" }, e) < 0)
        return -1;
    return txn_commit(t, e);
}
