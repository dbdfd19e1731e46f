/* api/labels: objects of short strings that clients hang on things: metadata of VMs, properties of images. */
#ifndef API_LABELS_H
#define API_LABELS_H

#include "base/json.h"

enum { LABEL_MAX = 255 }; /* code points of a key or value */

/* The text of an object whose keys are printable and whose values are strings, none of them long; NULL stays NULL. Caller frees.
 * ERR_INVALID_FIELD naming `field`. */
int labels_text(json_t *object, const char *field, char **out, struct err *e);

#endif
