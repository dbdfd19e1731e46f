/* What the log says of calls of libvirt. */
#include "call.h"

#include "libvirt_error.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/str.h"

void call_begin(struct call *c, const char *key, const char *text)
{
    c->key = key;
    (void)str_copy(c->text, sizeof(c->text), text);
    c->began_us = clock_tick_us();
}

void call_begin_connect(struct call *c, virConnectPtr connect)
{
    (void)connect;
    call_begin(c, NULL, "");
}

/* Neither asks libvirt's daemon; one without an id is a bug that the call itself reports. */
void call_begin_domain(struct call *c, virDomainPtr domain)
{
    uuid_text id;

    call_begin(c, "domain", virDomainGetUUIDString(domain, id) == 0 ? id : "");
}

void call_begin_network(struct call *c, virNetworkPtr network)
{
    uuid_text id;

    call_begin(c, "network", virNetworkGetUUIDString(network, id) == 0 ? id : "");
}

void call_begin_filter(struct call *c, virNWFilterPtr filter)
{
    const char *name = virNWFilterGetName(filter);

    call_begin(c, "filter", name ? name : "");
}

void call_begin_uri(struct call *c, const char *uri)
{
    call_begin(c, "uri", uri);
}

/* A key that is NULL ends the pairs. */
void call_end(const struct call *c, bool has_failed)
{
    const char *msg = has_failed ? "libvirt call failed" : "libvirt call", *err = has_failed ? "err" : NULL;
    const char *words = has_failed ? libvirt_last_words() : NULL;
    log_ms_text ms;

    (void)log_ms(clock_tick_us() - c->began_us, ms);
    if (c->key)
        log_write(LOG_DEBUG, msg, "call", c->name, c->key, c->text, "ms", ms, err, words, NULL);
    else
        log_write(LOG_DEBUG, msg, "call", c->name, "ms", ms, err, words, NULL);
}
