/* config: what the administrator can say: one table of keys, read from a file and from the environment. Private to main and app.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "core/core.h"

enum auth_mode { AUTH_NONE, AUTH_TOKEN };
enum metrics_access { METRICS_ADMIN, METRICS_LOOPBACK };
enum insecure_choice { INSECURE_NO, INSECURE_YES };
enum { LISTEN_MAX = 8 };

/* Times in milliseconds; strings owned. */
struct config {
    char *listen; /* as written: addresses by commas */
    char *hosts;  /* likewise: further names in the Host header; "" */
    char *state_dir;
    char *libvirt_uri; /* "": system when it opens read-write, else session */
    char *template_dir;
    char *region;
    enum virt_choice virt_type;
    enum auth_mode auth;
    enum metrics_access metrics;   /* who needs no token for GET /metrics */
    enum insecure_choice insecure; /* yes: others may reach an address without TLS */
    char *tls_cert, *tls_key;      /* PEM files; "": no TLS */
    enum log_level log_level;
    uint64_t workers, http_threads;
    enum guests_action host_shutdown;
    uint64_t stop_grace_ms, survey_deadline_ms, create_deadline_ms, power_deadline_ms, delete_deadline_ms, image_deadline_ms,
        probe_deadline_ms, stop_deadline_ms, operation_retention_ms, event_retention_ms, audit_retention_ms, tombstone_days,
        event_connections, event_stall_ms;
    uint64_t operation_keep, audit_keep;
    char *admin_group; /* a unix group's name; "" */
    uint64_t token_lifetime_ms, token_lifetime_max_ms;
    char *default_quota; /* limits by commas, as written */
    char *network_pools; /* CIDRs by commas, as written */
    char *import_allow;  /* likewise; "" */
    uint64_t network_prefix, memory_reserve_mib, disk_reserve_gib, import_max_gib, import_rate_mib_s, import_deadline_ms,
        guest_port;
    double cpu_overcommit, memory_overcommit, disk_overcommit;
};

/* Defaults, then the file (NULL: the default one, which may be missing), then COMPUTED_<KEY>. ERR_CONFIG names file and line, or
 * the variable. */
int config_load(const char *path, struct config *out, struct err *e);
void config_done(struct config *c);
static inline void cleanup_config(struct config *c)
{
    config_done(c);
}
#define AUTO_CONFIG __attribute__((cleanup(cleanup_config))) struct config

/* What may not be said together: auth=none, or no TLS, on an address that others reach, a pool that holds not one network. */
int config_check(const struct config *c, struct err *e);
/* What config_check says of each address of `listen`, for one from elsewhere. ERR_CONFIG. */
int config_check_address(const struct config *c, const char *address, struct err *e);
/* The gid of admin_group, which exists; 0 without one. ERR_CONFIG. */
int config_admin_gid(const struct config *c, uint32_t *out, struct err *e);
bool config_has_tcp(const struct config *c); /* whether any address is not a unix socket */
/* The effective configuration as a file that config_load reads, each key with its meaning. */
void config_print(const struct config *c, FILE *to);
/* A file to begin with: each key with its meaning and default, commented out. */
void config_print_defaults(FILE *to);
/* Splits by commas, blanks trimmed, into a NULL-terminated array of at most LISTEN_MAX; one free() ends it all. ERR_CONFIG naming
 * key. */
int config_split(const char *key, const char *text, char ***out, struct err *e);

#endif
