/* Private to virt: libvirt's last error of this thread as one of ours. */
#ifndef VIRT_LIBVIRT_ERROR_H
#define VIRT_LIBVIRT_ERROR_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "base/err.h"

/* The code of the last error: ERR_DOMAIN_MISSING, ERR_UNAVAILABLE when the connection is broken, else ERR_HYPERVISOR with `msg`.
 * libvirt's words go to detail. Returns -1. */
int libvirt_failed(struct err *e, const char *msg);
/* After a document that was made from templates/<file> was refused: ERR_TEMPLATE_INVALID when libvirt's words are about it, else
 * as above. `noun`: "domain". */
int libvirt_template_failed(struct err *e, const char *file, const char *noun);
int libvirt_last_code(void);          /* VIR_ERR_... */
const char *libvirt_last_words(void); /* borrowed until the next call of libvirt on this thread */

#endif
