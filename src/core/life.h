/* core/life: what a VM does by itself: it ends when its time is over, and it says when it is ready. One thread watches both. */
#ifndef CORE_LIFE_H
#define CORE_LIFE_H

#include "base/err.h"
#include "store/store.h"

struct core;
struct life;

int life_new(struct core *c, struct life **out, struct err *e);
int life_start(struct life *l, struct err *e);
void life_end_soon(struct life *l); /* nothing further is begun; returns at once */
void life_stop(struct life *l);     /* waits for what is under way */
void life_free(struct life *l);
/* A VM expires sooner than was known, or a new one may become ready. Any thread. */
void life_kick(struct life *l);
/* The same, when the transaction is committed. */
int life_kick_after(struct core *c, struct txn *t, struct err *e);
/* The guest's agent has spoken; must not block: libvirt's event thread calls. */
void life_agent_is_up(struct life *l, const char *vm);
/* At the next round all are asked: agents may have come up while nobody listened. Must not block. */
void life_ask_agents(struct life *l);
/* Marks the VM ready (once) and writes the event "vm.ready". by: "agent", "phone-home", "console". Fine when the VM is gone. */
int life_ready(struct core *c, const char *vm, const char *by, struct err *e);

#endif
