/* api/link: the paths that answers point to. Who follows one works in the project that the request named, if it did. */
#ifndef API_LINK_H
#define API_LINK_H

#include "base/str.h"
#include "http/http.h"

/* One more parameter behind the path in b, percent-encoded. */
void link_add(struct buf *b, const char *name, const char *value);
/* The request's ?project=, when it has one. */
void link_keep_project(struct buf *b, const struct request *r);

/* The answer's Location. */
int link_location(struct request *r, const char *path, struct err *e);

#endif
