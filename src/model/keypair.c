/* model/keypair: the ends of records. */
#include "model/keypair.h"

void keypair_free(struct keypair *k)
{
    if (!k)
        return;
    free(k->name);
    free(k->type);
    free(k->public_key);
    free(k->fingerprint_sha256);
    free(k->fingerprint_md5);
    free(k);
}
