/* api/failure: what every door does with an error, whatever the shape of its body. */
#ifndef API_FAILURE_H
#define API_FAILURE_H

#include "http/http.h"

/* What whoever asked may read; borrowed from *e or static. The text of a failure of ours is not for strangers. */
const char *failure_message(const struct err *e);
bool failure_is_hidden(const struct err *e);
/* A failure of ours goes to the log, once, here. */
void failure_log(struct request *r, const struct err *e);
/* Retry-After and WWW-Authenticate, where the status takes them. */
int failure_add_headers(struct request *r, const struct err *cause, struct err *e);

#endif
