/* Creating, deleting and driving VMs: one core call each, answered with the operation that does the work. Reading is vms.c's. */
#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "image_body.h"
#include "image_json.h"
#include "native.h"
#include "operation_json.h"
#include "vm_body.h"
#include "vm_json.h"

#include "core/vm.h"

static int answer_created(struct once *o, const void *record, struct err *e)
{
    const struct vm_answer *a = record;
    const struct vm_shape shape = { .vm = a->vm, .is_admin = o->actor->is_admin };
    json_t *vm = vm_json(&shape);

    object_add(&vm, "stale", json_false());
    object_add(&vm, "operation", json_string(a->job->id));
    return verb_answer(o, 202, (struct place){ OPERATIONS_PATH, a->job->id }, vm, e);
}

static int answer_accepted(struct once *o, const void *record, struct err *e)
{
    const struct vm_answer *a = record;

    return verb_answer(o, 202, (struct place){ OPERATIONS_PATH, a->job->id }, operation_json(a->job, o->actor->is_admin), e);
}

int vms_create(struct request *r, struct err *e)
{
    AUTO_VM_SPEC spec = { 0 };
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, answer_created, e) < 0 || vm_body_spec(r, &spec, e) < 0)
        return -1;
    if (vm_create(request_user(r), request_actor(r), &spec, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

int vms_delete(struct request *r, struct err *e)
{
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, answer_accepted, e) < 0)
        return -1;
    if (vm_delete(request_user(r), request_actor(r), request_param(r, "ref"), &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

/* Whether {"force": true} means something, by verb. */
static const bool is_forcible[] = { [VM_VERB_STOP] = true, [VM_VERB_REBOOT] = true, [VM_VERB_SUSPEND] = false };

/* A verb that depends on the VM's state: libvirt is asked first, so that what somebody did with virsh a moment ago counts when
 * the verb is judged. */
struct acting {
    struct await await;
    struct vm_query query;
    struct vm_view *view;
    struct vm_action want;   /* of a power verb */
    struct image_body image; /* of a capture */
};

static void acting_free(void *arg)
{
    struct acting *acting = arg;

    vm_view_free(acting->view);
    image_body_done(&acting->image);
    free(acting);
}

/* Belongs to the request. */
static struct acting *acting_new(struct request *r, struct err *e)
{
    struct acting *acting = calloc(1, sizeof(*acting));

    if (!acting) {
        (void)err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    acting->query = (struct vm_query){ .ref = request_param(r, "ref"), .limit = 1 };
    request_set_data(r, acting, acting_free);
    return acting;
}

static int look(struct request *r, struct err *e)
{
    struct acting *acting = request_data(r);

    return vm_view_begin(request_user(r), request_actor(r), &acting->query, await_done, &acting->await, &acting->view, e);
}

/* Whatever the look brought: no answer from libvirt leaves the rows to judge by, and a VM that is not there is the verb's to
 * tell. */
static int act_now(struct request *r, struct err *e)
{
    const struct acting *acting = request_data(r);
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, answer_accepted, e) < 0)
        return -1;
    if (vm_act(request_user(r), request_actor(r), &acting->want, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

static int act(struct request *r, enum vm_verb what, struct err *e)
{
    struct acting *acting = acting_new(r, e);

    if (!acting)
        return -1;
    acting->want = (struct vm_action){ .ref = acting->query.ref, .verb = what };
    if (vm_body_force(r, is_forcible[what], &acting->want.is_forced, e) < 0)
        return -1;
    return await_start(&acting->await, r, look, act_now, e);
}

int vms_start(struct request *r, struct err *e)
{
    return act(r, VM_VERB_START, e);
}

int vms_stop(struct request *r, struct err *e)
{
    return act(r, VM_VERB_STOP, e);
}

int vms_reboot(struct request *r, struct err *e)
{
    return act(r, VM_VERB_REBOOT, e);
}

int vms_pause(struct request *r, struct err *e)
{
    return act(r, VM_VERB_PAUSE, e);
}

int vms_resume(struct request *r, struct err *e)
{
    return act(r, VM_VERB_RESUME, e);
}

int vms_suspend(struct request *r, struct err *e)
{
    return act(r, VM_VERB_SUSPEND, e);
}

/* ---- an image of a stopped VM's disk ---- */
static int capture_now(struct request *r, struct err *e)
{
    const struct acting *acting = request_data(r);
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, image_accepted, e) < 0)
        return -1;
    if (image_capture(request_user(r), request_actor(r), acting->query.ref, &acting->image.want.spec, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

int vms_capture(struct request *r, struct err *e)
{
    struct acting *acting = acting_new(r, e);

    if (!acting || image_body_capture(r, &acting->image, e) < 0)
        return -1;
    return await_start(&acting->await, r, look, capture_now, e);
}
