/* Answers of verbs, made in the transaction that they tell about. */
#include "turn.h"

#include <stddef.h>

#include "vm_json.h"
#include "workspace.h"

_Static_assert(offsetof(struct turn, verb) == 0 && offsetof(struct verb, once) == 0, "a struct once leads to its turn");

static int answer(struct once *o, const void *record, struct err *e)
{
    const struct turn *t = (const struct turn *)o;
    const struct vm *vm = ((const struct vm_answer *)record)->vm;
    const struct place here = { WORKSPACE_VMS_PATH, vm->id };

    return verb_answer(o, t->status, here, workspace_vm_json(vm, core_region(t->asking->core)), e);
}

int turn_begin(struct turn *t, struct request *r, struct err *e)
{
    if (verb_init(&t->verb, r, answer, e) < 0)
        return -1;
    t->verb.once.actor = &t->asking->who;
    return 0;
}
