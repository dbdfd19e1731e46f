/* Private to virt: calls of libvirt that ask its daemon are written as CALL(virDomainCreate, domain). At level debug each is then
 * a line: its name, what it was about, how long it took, libvirt's words when it failed; never its documents. Below that it costs
 * a branch. */
#ifndef VIRT_CALL_H
#define VIRT_CALL_H

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct call {
    const char *name;
    const char *key; /* of what it is about: "domain"; NULL: the connection alone */
    char text[64];
    int64_t began_us; /* 0: nobody reads about it */
};
void call_begin(struct call *c, const char *key, const char *text);
void call_begin_connect(struct call *c, virConnectPtr connect);
void call_begin_domain(struct call *c, virDomainPtr domain);
void call_begin_network(struct call *c, virNetworkPtr network);
void call_begin_filter(struct call *c, virNWFilterPtr filter);
void call_begin_uri(struct call *c, const char *uri);
/* Keeps libvirt's last error. */
void call_end(const struct call *c, bool has_failed);

static inline bool call_failed_number(int rc)
{
    return rc < 0;
}
static inline bool call_failed_pointer(const void *p)
{
    return !p;
}

#define CALL_WITH(begin, fn, ...)                                                                                                \
    ({                                                                                                                           \
        struct call call_ = { .name = #fn };                                                                                     \
        if (log_is_enabled(LOG_DEBUG))                                                                                           \
            begin;                                                                                                               \
        __auto_type call_rc_ = fn(__VA_ARGS__);                                                                                  \
        if (call_.began_us != 0)                                                                                                 \
            call_end(&call_, _Generic(call_rc_, int : call_failed_number, default : call_failed_pointer)(call_rc_));             \
        call_rc_;                                                                                                                \
    })
#define CALL_BEGIN(on)                                                                                                           \
    _Generic((on),                                                                                                               \
        virConnectPtr : call_begin_connect,                                                                                      \
        virDomainPtr : call_begin_domain,                                                                                        \
        virNetworkPtr : call_begin_network,                                                                                      \
        virNWFilterPtr : call_begin_filter,                                                                                      \
        const char * : call_begin_uri,                                                                                           \
        char * : call_begin_uri)(&call_, on)
/* `on`, the call's first argument, is what it is about; it has no side effects. */
#define CALL(fn, on, ...) CALL_WITH(CALL_BEGIN(on), fn, on, ##__VA_ARGS__)
/* For those that only look for what they are about: CALL_ABOUT("domain", id, virDomainLookupByUUIDString, connect, id) */
#define CALL_ABOUT(key, text, fn, ...) CALL_WITH(call_begin(&call_, key, text), fn, __VA_ARGS__)

#endif
