/* What libvirt's numbers for states and reasons mean to us. */
#include "state.h"

#include <libvirt/libvirt.h>

#include "base/str.h"

static const char *const paused_words[] = {
    [VIR_DOMAIN_PAUSED_USER] = "user",
    [VIR_DOMAIN_PAUSED_MIGRATION] = "migration",
    [VIR_DOMAIN_PAUSED_SAVE] = "save",
    [VIR_DOMAIN_PAUSED_DUMP] = "dump",
    [VIR_DOMAIN_PAUSED_IOERROR] = "ioerror",
    [VIR_DOMAIN_PAUSED_WATCHDOG] = "watchdog",
    [VIR_DOMAIN_PAUSED_FROM_SNAPSHOT] = "from-snapshot",
    [VIR_DOMAIN_PAUSED_SHUTTING_DOWN] = "shutting-down",
    [VIR_DOMAIN_PAUSED_SNAPSHOT] = "snapshot",
    [VIR_DOMAIN_PAUSED_CRASHED] = "crashed",
    [VIR_DOMAIN_PAUSED_STARTING_UP] = "starting-up",
    [VIR_DOMAIN_PAUSED_POSTCOPY] = "postcopy",
    [VIR_DOMAIN_PAUSED_POSTCOPY_FAILED] = "postcopy-failed",
};
/* How an ordinary stop came about tells nothing. */
static const char *const stopped_words[] = {
    [VIR_DOMAIN_SHUTOFF_CRASHED] = "crashed",
    [VIR_DOMAIN_SHUTOFF_FAILED] = "failed",
    [VIR_DOMAIN_SHUTOFF_DAEMON] = "daemon",
};
static const char *const crashed_words[] = {
    [VIR_DOMAIN_CRASHED_UNKNOWN] = "crashed",
    [VIR_DOMAIN_CRASHED_PANICKED] = "panicked",
};

#define WORDS(table) table, ARRAY_LEN(table)

/* A state that is not here runs: blocked, being shut down, suspended by its own power management, or not yet invented. */
static const struct power_form {
    int state;
    enum virt_power power;
    const char *const *words;
    size_t count;
} power_forms[] = {
    { VIR_DOMAIN_PAUSED, VIRT_PAUSED, WORDS(paused_words) },
    { VIR_DOMAIN_SHUTOFF, VIRT_STOPPED, WORDS(stopped_words) },
    { VIR_DOMAIN_CRASHED, VIRT_CRASHED, WORDS(crashed_words) },
};

struct virt_state state_of(int state, int reason)
{
    for (size_t i = 0; i < ARRAY_LEN(power_forms); i++) {
        const struct power_form *f = &power_forms[i];
        if (f->state == state)
            return (struct virt_state){ f->power, reason >= 0 && (size_t)reason < f->count ? f->words[reason] : NULL };
    }
    return (struct virt_state){ VIRT_RUNNING, NULL };
}

const char *state_reason_intern(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(power_forms); i++)
        for (size_t k = 0; k < power_forms[i].count; k++)
            if (word && str_equal(power_forms[i].words[k], word))
                return power_forms[i].words[k];
    return NULL;
}
