/* refused: what http asks of core when a request fails. Private to app. */
#ifndef REFUSED_H
#define REFUSED_H

#include "http/http.h"

/* For struct http_config's `failed`; arg is the core. */
void refused_note(void *core, const struct request *r, const struct err *e);

#endif
