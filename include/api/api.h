/* api: the front doors. Each decodes, makes one core call and encodes; errors.c alone knows which err_code is which HTTP status.
 */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>

#include "http/http.h"

/* The user pointer of http_config (request_user) must be the struct core. NULL-terminated; the last door takes what no other
 * does. */
extern const struct door *const api_doors[];
/* What guests reach, on a server apart from that of the API; its user pointer too is the struct core. */
extern const struct door *const guest_doors[];

/* An event as followers get it (core_config.event_text). */
struct event_record;
char *api_event_text(const struct event_record *event);

int api_error_status(enum err_code code);
/* An error as application/problem+json (RFC 9457), the native door's shape. is_admin: with the half that is not for everybody.
 * Caller frees; NULL: no memory. */
char *api_error_problem(const struct err *e, const char *request_id, bool is_admin);

#endif
