/* owner: from root to another user. */
#define _GNU_SOURCE /* setresuid */
#include "owner.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* glibc has no name for it; libcap would be a library for one call. */
static int keep_reading(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const uint32_t reading = 1u << CAP_DAC_READ_SEARCH;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { .effective = reading, .permitted = reading } };

    return (int)syscall(SYS_capset, &header, data);
}

int owner_become(const char *state_dir, struct err *e)
{
    struct stat st;

    if (geteuid() != 0 || stat(state_dir, &st) < 0 || st.st_uid == 0)
        return 0;
    if (prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) < 0 || take_groups(&st) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) < 0 || keep_reading() < 0)
        return err_errno(e, errno, "become the user whom %s belongs to", state_dir);
    return 0;
}
