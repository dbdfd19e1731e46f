/* core/ready_sign: what a guest's console shows when the guest is up. */
#ifndef CORE_READY_SIGN_H
#define CORE_READY_SIGN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a line of the text says that cloud-init is through, or is a login prompt. *unread gets the length of the last line when
 * it is not complete: it has to be seen again with what follows. */
bool ready_sign_find(const char *text, size_t len, size_t *unread);

#endif
