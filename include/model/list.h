/* model/list: arrays of owned records. */
#ifndef MODEL_LIST_H
#define MODEL_LIST_H

#include <stddef.h>
#include <stdlib.h>

/* struct <type>_list of owned records, and <type>_list_done. <type>_free is declared before it. */
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
/* AUTO_LIST(vm) list = { 0 }; is done at scope exit. */
#define AUTO_LIST(type) __attribute__((cleanup(type##_list_done))) struct type##_list

#endif
