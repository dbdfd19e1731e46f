#!/bin/bash
# debian_machine.sh ROOT GROUPS COMMAND [ARG...] - process 1 of a machine whose root file system is the folder ROOT: mounts what a container's
# init expects and becomes COMMAND in it. Started by debian_machine.py in fresh namespaces (mount, pid, uts, ipc, cgroup; net when it boots).
set -euo pipefail

root=$1
groups=$2 # mount options of the control groups of version 1; none: version 2
shift 2

nodes() {
    local name major minor
    while read -r name major minor; do
        mknod -m 666 "dev/$name" c "$major" "$minor"
    done <<'END'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
net/tun 10 200
END
    [ ! -c /dev/kvm ] || make_kvm
}

# As udev would make it. One that only root may open makes libvirt ask QEMU anew before each start of a guest.
make_kvm() {
    local group
    group=$(sed -n 's/^kvm:[^:]*:\([0-9]*\):.*/\1/p' etc/group)
    [ -n "$group" ] || return 0
    mknod -m 660 dev/kvm c 10 232
    chown "0:$group" dev/kvm
}

fill_dev() {
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm dev/net
    nodes
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
    mount -t tmpfs -o mode=1777 tmpfs dev/shm
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    ln -s /proc/self/fd/0 dev/stdin
    ln -s /proc/self/fd/1 dev/stdout
    ln -s /proc/self/fd/2 dev/stderr
}

# The kernel's settings are the host's, but for those of the network namespace.
fill_proc() {
    mount -t proc proc proc
    mount --bind proc/sys proc/sys
    mount --bind proc/sys/net proc/sys/net
    mount -o remount,bind,ro proc/sys
}

fill_groups() {
    local options where
    if [ -z "$groups" ]; then
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        return
    fi
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    for options in $groups; do
        where=sys/fs/cgroup/${options#name=}
        mkdir "$where"
        mount -t cgroup -o "$options" cgroup "$where"
    done
}

mount --bind "$root" "$root"
cd "$root"
fill_proc
mount -t sysfs sysfs sys
fill_groups
fill_dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp

pivot_root . . # the old root lies over the new one then, until it is taken off
umount -l .
exec env -i container=machine LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
