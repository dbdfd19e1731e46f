/* core/reconcile: rows brought to what libvirt says. */
#ifndef CORE_RECONCILE_H
#define CORE_RECONCILE_H

#include "model/vm.h"
#include "store/vm.h"
#include "virt/virt.h"

struct core;
struct reconciler;

/* What a row without a task should say, given what libvirt says. false: it says that already. *out borrows from *now and
 * literals. */
bool reconcile_judge(const struct vm_state *row, const struct virt_state *now, struct vm_settled *out);

/* Writes back what a survey of all domains found, as far as rows have not changed since it was asked. */
int reconcile_all(struct core *c, struct virt_survey *s, struct err *e);
/* The same for the one VM of a survey_each. */
int reconcile_one(struct core *c, struct virt_survey *s, const char *id, struct err *e);

/* The background half: reconciles when libvirt tells of a change, when it comes back, and now and then. */
int reconciler_new(struct core *c, struct reconciler **out, struct err *e);
int reconciler_start(struct reconciler *r, struct err *e);
void reconciler_stop(struct reconciler *r);
void reconciler_free(struct reconciler *r);
bool reconciler_is_stopping(struct reconciler *r);
void reconciler_kick(struct reconciler *r);
void reconciler_watch(struct reconciler *r); /* looks often for a while: libvirt has come (back) */
/* Wall time of the last survey of everything that was written back; 0: never. */
int64_t reconciler_last_ms(struct reconciler *r);

#endif
