/* api/failure: what every door does with an error, whatever the shape of its body. */
#ifndef API_FAILURE_H
#define API_FAILURE_H

#include "http/http.h"

/* What a door makes of an error. */
struct failure_shape {
    const char *content_type;
    int (*status)(const struct err *e);                          /* NULL: as errors.c has it */
    char *(*text)(const struct request *r, const struct err *e); /* malloc'ed; NULL without memory */
};
/* Answers with the error, with Retry-After and WWW-Authenticate where its status takes them. A failure of ours goes to the log,
 * once, here. */
void failure_reply(struct request *r, const struct err *cause, const struct failure_shape *shape);

/* What whoever asked may read; borrowed from *e or static. The text of a failure of ours is not for strangers. */
const char *failure_message(const struct err *e);
bool failure_is_hidden(const struct err *e);

#endif
