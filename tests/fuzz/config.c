/* fuzz/config: any bytes as the configuration file. It is taken or refused with a reason; what is taken is printed as a file that
 * says the same, and the checks of what was said together come to an end. */
#define _GNU_SOURCE /* memfd_create, environ */
#include "../../src/app/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A variable of whoever runs this would stand above every file. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    for (char **at = environ; *at;) {
        AUTO_FREE char *name = strndup(*at, strcspn(*at, "="));

        if (name && str_starts_with(name, "COMPUTED_"))
            require(unsetenv(name) == 0); /* the next one moves here */
        else
            at++;
    }
    return 0;
}

static int load(const void *text, size_t len, struct config *out, struct err *e)
{
    AUTO_CLOSE int fd = memfd_create("config", MFD_CLOEXEC);
    AUTO_FREE char *path = str_printf("/proc/self/fd/%d", fd);

    require(path && fd >= 0 && write(fd, text, len) == (ssize_t)len);
    return config_load(path, out, e);
}

/* Caller frees. */
static char *print(const struct config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    require(f);
    config_print(c, f);
    require(fclose(f) == 0);
    return text;
}

/* It goes to a terminal; a tab does no harm there. */
static void check_reason(struct err *e)
{
    require(e->code == ERR_CONFIG && e->msg[0] != '\0');
    for (char *c = e->msg; *c; c++)
        if (*c == '\t')
            *c = ' ';
    require(str_is_printable(e->msg));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CONFIG first = { 0 }, second = { 0 };
    struct err e = ERR_INIT;

    if (load(data, size, &first, &e) < 0) {
        check_reason(&e);
        return 0;
    }
    AUTO_FREE char *text = print(&first);
    require(load(text, strlen(text), &second, &e) == 0);
    AUTO_FREE char *again = print(&second);
    require(strcmp(text, again) == 0);
    if (config_check(&first, &e) < 0)
        check_reason(&e);
    (void)config_has_tcp(&first);
    return 0;
}
