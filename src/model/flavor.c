/* model/flavor: the ends of records. */
#include "model/flavor.h"

void flavor_free(struct flavor *f)
{
    if (!f)
        return;
    free(f->name);
    free(f->description);
    free(f);
}

void flavor_list_done(struct flavor_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        flavor_free(l->items[i]);
    free(l->items);
    *l = (struct flavor_list){ 0 };
}
