/* api/reply: what handlers share: bodies in, answers out, and verbs whose answer is kept for an Idempotency-Key. */
#ifndef API_REPLY_H
#define API_REPLY_H

#include "base/json.h"
#include "core/once.h"
#include "http/http.h"

/* For handlers without query parameters. */
int query_none(const struct request *r, struct err *e);
/* The body as one JSON value; a new reference. An empty body is {} when `is_optional`, else ERR_INVALID. */
int body_parse(const struct request *r, bool is_optional, json_t **out, struct err *e);

/* Each takes what it sends, also on failure; NULL is "no memory". */
int reply_json(struct request *r, int status, json_t *body, struct err *e);
/* 201, with "<collection>/<id>" as Location. */
struct place {
    const char *collection;
    const char *id;
};
int reply_created(struct request *r, struct place at, json_t *body, struct err *e);
int reply_buf(struct request *r, int status, const char *content_type, struct buf *b, struct err *e);
/* Ends the list that b holds (json_list_begin, json_list_item…) with further members, and sends it. */
int reply_list(struct request *r, struct buf *b, json_t *further, struct err *e);

/* ---- verbs ---- */
struct verb {
    struct once once;
    char *request;
};
typedef int verb_answer_fn(struct once *o, const void *record, struct err *e);
/* For a POST: refuses query parameters, checks Idempotency-Key, hashes the body. For another method the header means nothing. */
int verb_init(struct verb *v, struct request *r, verb_answer_fn *answer, struct err *e);
int verb_reply(struct verb *v, struct request *r, struct err *e);
void verb_done(struct verb *v);
static inline void cleanup_verb(struct verb *v)
{
    verb_done(v);
}
#define AUTO_VERB __attribute__((cleanup(cleanup_verb))) struct verb

/* For a verb_answer_fn: status, body and Location. Takes body, also on failure; NULL is "no memory". */
int verb_answer(struct once *o, int status, struct place at, json_t *body, struct err *e);

#endif
