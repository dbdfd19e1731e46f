/* model/words: an enum's two conversions as one value, for tables of a record's members: rows and sidecars keep enums as words.
 */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

/* to_string may return NULL for a value without a word. from_string fails with -1; word may be NULL. */
struct words {
    const char *(*to_string)(int value);
    int (*from_string)(const char *word, int *value);
};
/* <type>_words, from <type>_to_string() and <type>_from_string(). */
#define DEFINE_WORDS(type)                                                                                                       \
    static const char *type##_word(int value)                                                                                    \
    {                                                                                                                            \
        return type##_to_string((enum type)value);                                                                               \
    }                                                                                                                            \
    static int type##_value(const char *word, int *value)                                                                        \
    {                                                                                                                            \
        enum type v;                                                                                                             \
                                                                                                                                 \
        if (type##_from_string(word, &v) < 0)                                                                                    \
            return -1;                                                                                                           \
        *value = (int)v;                                                                                                         \
        return 0;                                                                                                                \
    }                                                                                                                            \
    static const struct words type##_words = { type##_word, type##_value }

#endif
