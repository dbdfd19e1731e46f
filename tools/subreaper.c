/* subreaper COMMAND [ARG...]: runs COMMAND and reaps whatever it leaves behind, until nothing is left; exits as COMMAND did.
 *
 * For machines where no service manager runs libvirtd: libvirt waits until a guest's process has been reaped, and a process 1
 * that is slow at it makes every power-off slow. The daemons that COMMAND starts become ours, and so do their orphans. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    int status = 0, code = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: subreaper COMMAND [ARG...]\n");
        return 2;
    }
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
        fprintf(stderr, "subreaper: %s\n", strerror(errno));
        return 1;
    }
    pid_t command = fork();
    if (command == 0) {
        execvp(argv[1], argv + 1);
        fprintf(stderr, "subreaper: %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    if (command < 0) {
        fprintf(stderr, "subreaper: %s\n", strerror(errno));
        return 1;
    }
    for (;;) {
        pid_t pid = wait(&status);

        if (pid == command)
            code = exit_code(status);
        else if (pid < 0 && errno != EINTR)
            return code;
    }
}
