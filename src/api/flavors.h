/* api/flavors: the list of flavors, which doors show in shapes of their own. */
#ifndef API_FLAVORS_H
#define API_FLAVORS_H

#include "base/json.h"
#include "http/http.h"
#include "model/flavor.h"

/* {"flavors": [...]}; item() makes one, NULL is "no memory". */
int reply_flavors(struct request *r, json_t *(*item)(const struct flavor *f), struct err *e);

#endif
