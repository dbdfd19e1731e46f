/* core/ready_sign: what a guest's console shows when the guest is up. */
#ifndef CORE_READY_SIGN_H
#define CORE_READY_SIGN_H

#include <stdbool.h>
#include <stddef.h>

/* What has been seen of a console so far; zeroed at first. */
struct ready_signs {
    bool has_cloud_init; /* it has begun: a prompt comes before its end, and before the keys that it writes */
    bool has_prompt;
    bool is_done; /* cloud-init is through */
};
/* Adds what this text shows. *unread gets the length of the last line when it is not complete: it has to be seen again with what
 * follows. */
void ready_sign_read(const char *text, size_t len, struct ready_signs *signs, size_t *unread);

#endif
