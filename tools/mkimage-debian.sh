#!/bin/bash
# mkimage-debian.sh [OUT.qcow2] - builds a Debian 12 cloud image (kernel, systemd, cloud-init, OpenSSH) with mmdebstrap and prints where it is;
# for `make check-cloud-image`. Root; no mounts and no loop devices. Cached in build/cache under a hash of this script.
#
# The guest: SeaBIOS and syslinux on FAT, an ext4 root, console on the serial port, network by netplan and systemd-networkd as cloud-init
# says, the user "debian" with the keys of the seed, and the QEMU guest agent.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

cache=$root/build/cache
version=$(sha256sum <"$0" | cut -c 1-16)
image=$cache/debian-$version.qcow2
boot_mib=128
root_mib=1800

packages=(linux-image-cloud-amd64 systemd-sysv systemd-resolved dbus udev netplan.io iproute2 iputils-ping cloud-init openssh-server sudo
    qemu-guest-agent e2fsprogs fdisk cloud-guest-utils)

# shellcheck disable=SC2016  # the hooks' own $1: the new root
make_root() {
    apt_settings >apt.conf
    mmdebstrap --mode=root --variant=minbase --aptopt=apt.conf --include="$(IFS=,; echo "${packages[*]}")" \
        --customize-hook='echo "LABEL=root / ext4 defaults 0 1" >"$1/etc/fstab"' \
        --customize-hook='echo debian >"$1/etc/hostname"' \
        --customize-hook='printf "datasource_list: [ NoCloud, ConfigDrive, None ]\nlocale: false\n" >"$1/etc/cloud/cloud.cfg.d/90_sources.cfg"' \
        --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*' \
        --customize-hook='ln -sf /run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        bookworm root
}

boot_menu() {
    cat <<END
SERIAL 0 115200
DEFAULT debian
PROMPT 0
TIMEOUT 0
LABEL debian
 KERNEL vmlinuz
 INITRD initrd.img
 APPEND root=LABEL=root ro console=ttyS0,115200 mitigations=off
END
}

make_disk() {
    truncate -s $((1 + boot_mib + root_mib))M disk.raw
    sfdisk -q disk.raw <<END
label: dos
start=2048, size=$((boot_mib * 2048)), type=c, bootable
start=$(((1 + boot_mib) * 2048)), size=$((root_mib * 2048)), type=83
END
    dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none
    boot_menu >syslinux.cfg
    cp root/boot/vmlinuz-* vmlinuz
    cp root/boot/initrd.img-* initrd.img
    export MTOOLS_SKIP_CHECK=1
    mformat -i disk.raw@@1M -F -h 255 -s 63 -T $((boot_mib * 2048)) -H 2048 -v BOOT ::
    mcopy -i disk.raw@@1M vmlinuz initrd.img syslinux.cfg ::
    syslinux -t 1048576 --install disk.raw
    truncate -s ${root_mib}M root.raw
    mke2fs -q -t ext4 -L root -d root root.raw
    dd if=root.raw of=disk.raw bs=1M seek=$((1 + boot_mib)) conv=notrunc,sparse status=none
    qemu-img convert -q -f raw -O qcow2 disk.raw debian.qcow2
}

export PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$cache"
if [ "${1:-}" = --build-in ]; then # this script's own second half, in a process of its own so that its first failure ends it
    cd "$2"
    make_root
    make_disk
    exit
fi
if [ ! -e "$image" ]; then
    [ "$(id -u)" -eq 0 ] || die "must be root: mmdebstrap makes the files of other users"
    exec 9>"$cache/debian.lock"
    flock 9
fi
if [ ! -e "$image" ]; then
    work=$(mktemp -d "$cache/debian.XXXXXX")
    trap 'rm -rf --one-file-system "$work"' EXIT
    step "building the Debian cloud image" "$cache/debian.log" "$0" --build-in "$work"
    mv "$work/debian.qcow2" "$image"
fi
[ $# -eq 0 ] || cp --sparse=always "$image" "$1"
echo "${1:-$image}"
