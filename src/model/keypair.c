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

void keypair_list_done(struct keypair_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        keypair_free(l->items[i]);
    free(l->items);
    *l = (struct keypair_list){ 0 };
}
