/* glibc has no name for capset(2); libcap would be a library for one call. */
#include "base/capability.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

int capability_keep(uint32_t bits)
{
    struct __user_cap_header_struct mine = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { .effective = bits, .permitted = bits } };

    return (int)syscall(SYS_capset, &mine, data);
}
