/* owner: from root to another user. */
#define _GNU_SOURCE /* setresuid */
#include "owner.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/capability.h"

enum { ENTRY_MAX = 65536 };

/* A user without an entry has no further groups. */
static int take_groups(const struct stat *st)
{
    char buffer[ENTRY_MAX];
    struct passwd entry, *found = NULL;

    if (getpwuid_r(st->st_uid, &entry, buffer, sizeof buffer, &found) != 0 || !found)
        return setgroups(0, NULL);
    return initgroups(found->pw_name, st->st_gid);
}

int owner_become(const char *state_dir, struct err *e)
{
    struct stat st;

    if (geteuid() != 0 || stat(state_dir, &st) < 0 || st.st_uid == 0)
        return 0;
    if (prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) < 0 || take_groups(&st) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) < 0 || capability_keep(1u << CAP_DAC_READ_SEARCH) < 0)
        return err_errno(e, errno, "become the user whom %s belongs to", state_dir);
    return 0;
}
