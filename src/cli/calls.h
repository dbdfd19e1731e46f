/* calls: what verbs have in common: a call about the first operand, a list as a table, an operation until it has ended. */
#ifndef CLI_CALLS_H
#define CLI_CALLS_H

#include "print.h"
#include "verbs.h"

int no_memory(struct err *e);
/* "" when it is absent or no string; borrowed from the object. */
const char *text_member(const json_t *object, const char *key);

/* "{}" in the pattern, if there is one, is the first operand. */
int call(struct cli *cli, const char *method, const char *pattern, const json_t *body, json_t **out, struct err *e);
/* Prints, and is 0. */
int show(const struct cli *cli, const json_t *object);
int get_and_show(struct cli *cli, const char *pattern, struct err *e);
int call_and_show(struct cli *cli, const char *method, const char *pattern, const json_t *body, struct err *e);

struct listing {
    const char *path;
    const char *key;
    const struct column *columns;
    size_t column_count;
    void (*prepare)(json_t *row); /* adds members that the table shows; may be NULL */
};
#define LISTING(path, key, columns, prepare) (&(struct listing){ path, key, columns, ARRAY_LEN(columns), prepare })
/* A whole list, page after page. */
int get_and_print(struct cli *cli, const struct listing *l, struct err *e);

/* The operation at its end; a failed one is an error. On a terminal it tells how far it is. */
int wait_for(struct cli *cli, const char *id, json_t **out, struct err *e);
/* What a verb answered: an operation. With --wait, its end. */
int follow(struct cli *cli, json_t *operation, struct err *e);
int call_and_follow(struct cli *cli, const char *method, const char *pattern, struct err *e);

/* Adds to *object (which becomes NULL when there is no memory or the text is no UTF-8); text may be NULL: nothing. */
void add_text(json_t **object, const char *key, const char *text);
void add_value(json_t **object, const char *key, json_t *value);
/* {"a": "b"} of the words "a=b". */
int properties_of(const struct args_list *words, json_t **out, struct err *e);

#endif
