/* core/guests: what becomes of the guests when their host shuts down, and when it is there again.
 *
 * Each VM that is on is marked with how it was (vm.restores_to) and gets an operation of its own: a stop or a suspend, later a
 * start. A call goes on where an earlier one ended, whatever ended that: what is down is not asked again, and no mark is lost.
 * A user's lock does not hold up the host's shutdown. */
#ifndef CORE_GUESTS_H
#define CORE_GUESTS_H

#include "core/core.h"
#include "model/identity.h"
#include "model/job.h"

extern const char *const guests_action_words[];                        /* by enum guests_action; NULL-terminated */
int guests_action_from_string(const char *s, enum guests_action *out); /* -1 when unknown */
/* What the configuration wants. */
enum guests_action guests_action_default(const struct core *c);

/* Newest first. *out: the operations that have to end before all guests are down: new ones, and those under way of VMs that are
 * to be asked for again behind them. Empty: they are, or were to be left. A paused guest hears no button, so it is suspended in
 * either case. ERR_UNAVAILABLE: libvirt is not there. */
int guests_stop(struct core *c, const struct actor *who, enum guests_action action, struct job_list *out, struct err *e);
/* Oldest first: those that are marked, as they were. Likewise. */
int guests_start(struct core *c, const struct actor *who, struct job_list *out, struct err *e);

#endif
