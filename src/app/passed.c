/* passed: from the service manager's sockets to descriptors that http serves. Whether an address may be served so is config's. */
#include "passed.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/notify.h"
#include "base/str.h"
#include "http/http.h"

static int take(const struct config *config, struct notify_socket *s, struct passed *p, struct err *e)
{
    AUTO_FREE char *address = NULL;

    if (http_passed_address(s->fd, &address, e) < 0 || config_check_address(config, address, e) < 0)
        return err_wrap(e, "the service manager's socket '%s' (descriptor %d)", s->name, s->fd);
    p->has_tcp = p->has_tcp || !str_starts_with(address, "unix:");
    p->fds[p->count++] = TAKE_FD(s->fd);
    return 0;
}

int passed_take(const struct config *config, struct passed *out, struct err *e)
{
    AUTO_NOTIFY_SOCKETS sockets = { 0 };

    if (notify_take_sockets(&sockets, e) < 0)
        return -1;
    out->fds = calloc(sockets.count + 1, sizeof *out->fds);
    if (!out->fds)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < sockets.count; i++)
        if (take(config, &sockets.list[i], out, e) < 0)
            return -1;
    return 0;
}

void passed_done(struct passed *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->fds[i] >= 0)
            (void)close(p->fds[i]);
    free(p->fds);
    *p = (struct passed){ 0 };
}
