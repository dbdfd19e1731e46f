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
