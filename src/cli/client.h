/* client: HTTP to one daemon, by libcurl. One thread. Whatever is not a success becomes an error that carries the daemon's own
 * words. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"

struct client;

/* "http://host:port", "https://host:port" or "unix:/path/of/socket". The certificate behind https is always verified. */
int client_new(const char *url, struct client **out, struct err *e);
/* From now on every call carries the token, and works in the project ("*": in all); NULL: none. Both are copied. */
int client_set_token(struct client *c, const char *token, struct err *e);
int client_set_project(struct client *c, const char *project, struct err *e);
void client_free(struct client *c);
DEFINE_AUTO(client, client_free)
/* The PEM file of the authorities to believe instead of the system's. ERR_NO_MEMORY; one that cannot be read fails the calls. */
int client_trust(struct client *c, const char *cacert, struct err *e);

/* One request. body may be NULL; *out is a new reference, NULL when the answer has no body; out may be NULL. */
int client_call(struct client *c, const char *method, const char *path, const json_t *body, json_t **out, struct err *e);
/* GET of a text; caller frees. */
int client_text(struct client *c, const char *path, char **out, struct err *e);
/* PUT of a file's bytes; tells how far it is on a terminal. */
int client_upload(struct client *c, const char *path, const char *file, struct err *e);
/* GET of bytes into a new file, never one that is there; it is gone again when that fails. Tells how far it is on a terminal. */
int client_download(struct client *c, const char *path, const char *file, struct err *e);
/* GET of server-sent events: fn gets each line as it comes, until the daemon ends the answer. */
typedef void client_line_fn(void *arg, const char *line);
int client_follow(struct client *c, const char *path, client_line_fn *on_line, void *arg, struct err *e);
/* The status of the last answer. */
long client_status(const struct client *c);
/* A path whose "{}" is replaced by a segment, which is escaped. Caller frees; NULL: no memory. */
char *client_path(struct client *c, const char *pattern, const char *segment);

#endif
