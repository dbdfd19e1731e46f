/* model/list: arrays of owned records. */
#ifndef MODEL_LIST_H
#define MODEL_LIST_H

#include <stddef.h>
#include <stdlib.h>

/* <type>_list of owned records, and <type>_list_done, which a cleanup attribute takes. */
#define DEFINE_LIST(type)                                                                                                        \
    struct type##_list {                                                                                                         \
        struct type **items;                                                                                                     \
        size_t count;                                                                                                            \
    };                                                                                                                           \
    static inline void type##_list_done(struct type##_list *l)                                                                   \
    {                                                                                                                            \
        for (size_t i = 0; i < l->count; i++)                                                                                    \
            type##_free(l->items[i]);                                                                                            \
        free(l->items);                                                                                                          \
        *l = (struct type##_list){ 0 };                                                                                          \
    }

#endif
