/* core/sidecar_record: what a sidecar says: a record of one noun with all that hangs on it and its project's name. Pure. */
#ifndef CORE_SIDECAR_RECORD_H
#define CORE_SIDECAR_RECORD_H

#include "base/err.h"
#include "disk/sidecar.h"
#include "model/image.h"
#include "model/keypair.h"
#include "model/network.h"
#include "model/vm.h"

struct sidecar {
    enum sidecar_noun noun;
    /* The one that noun says. A VM has its ports in it. */
    struct vm *vm;
    struct image *image;
    struct network *network;
    struct keypair *keypair;
    struct vm_seed *seed; /* with a VM; NULL: none */
    char *project_name;
};
void sidecar_done(struct sidecar *s);
static inline void cleanup_sidecar(struct sidecar *s)
{
    sidecar_done(s);
}
#define AUTO_SIDECAR __attribute__((cleanup(cleanup_sidecar))) struct sidecar

const char *sidecar_project(const struct sidecar *s); /* the record's project id; borrowed */
/* The file's text; caller frees. */
int sidecar_write(const struct sidecar *s, char **out, struct err *e);
/* ERR_INVALID_JSON, ERR_INVALID_FIELD; ERR_CONFIG: of a newer version of this program. `id` is the one in the file's name. */
int sidecar_parse(enum sidecar_noun noun, const char *id, const char *text, struct sidecar *out, struct err *e);

#endif
