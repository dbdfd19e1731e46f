#!/bin/bash
# mkimage-tiny.sh [OUT.qcow2] - builds the tiny guest that `make run`, `make demo` and the end-to-end tests boot; prints where it is.
# Made from Debian packages alone; needs no root, no mounts and no loop devices. Cached in build/cache under a hash of this script.
#
# The guest: SeaBIOS and syslinux on FAT, a login prompt on the serial port (root, password "tiny"), ACPI power button, DHCP on every
# interface, ssh (dropbear) on port 22, and a NoCloud seed, i.e. any disk labelled cidata: meta-data's instance-id, local-hostname and
# public-keys; user-data as a "#!" script (run once per instance-id) or a #cloud-config's hostname and ssh_authorized_keys; vendor-data's
# phone_home. /data, an ext4 partition, persists.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

cache=$root/build/cache
version=$(sha256sum <"$0" | cut -c 1-16)
image=$cache/tiny-$version.qcow2
debs=$cache/debs

packages=(busybox-static dropbear-bin libtomcrypt1 libtommath1 libcrypt1 zlib1g libc6 libgmp10)
libraries=(libc.so.6 libcrypt.so.1 libz.so.1 libtomcrypt.so.1 libtommath.so.1 libgmp.so.10)
# In the order in which they are loaded.
modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net
    rng-core virtio-rng virtio_balloon virtio_console button evdev scsi_common scsi_mod virtio_scsi sd_mod cdrom sr_mod libata libahci ahci ata_piix
    isofs fat vfat nls_cp437 nls_ascii nls_iso8859-1)
directories=(bin sbin proc sys dev etc/acpi/PWRF root/.ssh tmp run var/log lib/modules lib64 mnt/seed data usr/bin usr/share/udhcpc)

# ---- the guest's own files ----

inittab() {
    cat <<'END'
::sysinit:/etc/rc
ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100
tty1::respawn:/sbin/getty 38400 tty1
::ctrlaltdel:/bin/reboot
::shutdown:/bin/umount -a -r
END
}

rc() {
    cat <<'END'
#!/bin/sh
exec >/dev/null 2>&1
export PATH=/bin:/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
exec >/dev/ttyS0 2>&1
say() { echo "TINY $*"; }
uptime() { cut -d' ' -f1 /proc/uptime; }

say "rc $(uptime)"
for module in /lib/modules/*; do insmod "$module" || say "insmod $module failed"; done
acpid
hostname -F /etc/hostname
ip link set lo up
for disk in /dev/vda2 /dev/sda2; do [ -b $disk ] && mount -t ext4 $disk /data && break; done
mkdir -p /data/dropbear
ln -s /data/dropbear /etc/dropbear
sh /etc/seed
for card in /sys/class/net/eth*; do
    [ -d "$card" ] || continue
    card=${card##*/}
    ip link set "$card" up
    udhcpc -i "$card" -b -t 4 -T 2 -A 5 -S -x "hostname:$(hostname)" -s /usr/share/udhcpc/default.script
done
[ ! -d /sys/class/net/eth0 ] || dropbear -R -s -p 22
say "ready $(uptime)"
sh /etc/phone-home &
END
}

seed() {
    cat <<'END'
#!/bin/sh
# NoCloud: finds the disk labelled cidata, applies its hostname and keys, runs its script.
find_seed() {
    for disk in /dev/vd[b-z] /dev/sr0 /dev/sd[a-z]; do
        [ -b "$disk" ] || continue
        for type in iso9660 vfat; do
            mount -t $type -o ro "$disk" /mnt/seed 2>/dev/null || continue
            [ -e /mnt/seed/meta-data ] && return 0
            umount /mnt/seed
        done
    done
    return 1
}
value() { sed -n "s/^ *\"\{0,1\}$1\"\{0,1\} *: *//p" "$2" 2>/dev/null | head -1 | tr -d "\"',\r" | sed 's/ *$//'; }

find_seed || { echo "TINY seed none"; exit 0; }
umask 077
mkdir -p /run/seed
cp /mnt/seed/* /run/seed/
umount /mnt/seed
cd /run/seed

id=$(value instance-id meta-data)
name=$(value local-hostname meta-data)
[ -n "$name" ] || name=$(value hostname meta-data)
if head -1 user-data 2>/dev/null | grep -q '^#cloud-config'; then
    wanted=$(value hostname user-data)
    [ -z "$wanted" ] || name=$wanted
fi
if [ -n "$name" ]; then
    hostname "$name"
    echo "$name" >/etc/hostname
fi
grep -hoE '(ssh-(rsa|ed25519|dss)|ecdsa-sha2-[a-z0-9-]+) [A-Za-z0-9+/=]+[^"]*' meta-data user-data 2>/dev/null |
    sort -u >/root/.ssh/authorized_keys
echo "TINY seed $disk $type instance-id=$id hostname=$name keys=$(wc -l </root/.ssh/authorized_keys)"

before=$(cat /data/instance-id 2>/dev/null)
echo "$id" >/data/instance-id
if head -c 2 user-data 2>/dev/null | grep -q '#!' && [ "$before" != "$id" ]; then
    chmod 700 user-data
    ./user-data >/var/log/user-data.log 2>&1
    echo "TINY user-data rc=$?"
    cat /var/log/user-data.log
fi
END
}

phone_home() {
    cat <<'END'
#!/bin/sh
# What cloud-init's phone_home does: tells the URL of vendor-data that the guest is up. By hand: the static wget dies in its look for names.
url=$(sed -n 's/.*"url" *: *"http:\/\/\([^"]*\)".*/\1/p' /run/seed/vendor-data 2>/dev/null | head -1)
[ -n "$url" ] || exit 0
server=${url%%/*}
body="instance_id=$(cat /data/instance-id)"
form="Content-Type: application/x-www-form-urlencoded"
call() {
    printf 'POST /%s HTTP/1.0\r\nHost: %s\r\n%s\r\nContent-Length: %s\r\n\r\n%s' "${url#*/}" "$server" "$form" "${#body}" "$body" |
        nc -w 10 "${server%:*}" "${server##*:}" | head -1
}
for try in 1 2 3 4 5; do
    case $(call) in *' 204 '* | *' 200 '*) exit 0 ;; esac
    sleep 2
done
END
}

udhcpc_script() {
    cat <<'END'
#!/bin/sh
case $1 in
deconfig)
    ip addr flush dev "$interface"
    ip link set "$interface" up
    ;;
bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    [ -z "$router" ] || ip route add default via "${router%% *}" dev "$interface"
    [ "$interface" != eth0 ] || : >/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    echo "TINY lease $interface $ip router=$router" >/dev/ttyS0
    ;;
esac
END
}

power_button() { printf '#!/bin/sh\npoweroff\n'; }

boot_menu() {
    cat <<END
SERIAL 0 115200
DEFAULT tiny
PROMPT 0
TIMEOUT 0
LABEL tiny
 KERNEL vmlinuz
 INITRD initrd.gz
 APPEND console=tty0 console=ttyS0,115200 quiet mitigations=off
END
}

# ---- packages ----

apt_options=(-qq -o APT::Sandbox::User=)
# Lists of our own for machines whose lists were removed or are too old: needs no root.
use_own_lists() {
    local own=$cache/apt
    mkdir -p "$own/lists/partial" "$own/archives/partial"
    apt_options+=(-o "Dir::State::Lists=$own/lists" -o "Dir::Cache=$own")
    apt-get "${apt_options[@]}" update
}
kernel_package() {
    apt-cache "${apt_options[@]}" depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }'
}
download() {
    local kernel package
    kernel=$(kernel_package)
    [ -n "$kernel" ] || return 1
    for package in "$kernel" "${packages[@]}"; do
        compgen -G "${package}_*.deb" >/dev/null || apt-get "${apt_options[@]}" download "$package" || return 1
    done
}
fetch_packages() {
    local partial=$debs.partial
    [ ! -d "$debs" ] || return 0
    mkdir -p "$partial"
    (cd "$partial" && { download || { use_own_lists && download; }; })
    mv "$partial" "$debs"
}

# ---- the image, in a working directory ----

unpack() {
    local deb
    for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" packages; done
}

put() { # MODE FILE: standard input becomes a file of the guest
    cat >"root/$2"
    chmod "$1" "root/$2"
}

make_root() {
    local name file number=100 kernel=packages/lib/modules
    (mkdir root && cd root && mkdir -p "${directories[@]}" && chmod 700 root root/.ssh)
    cp packages/bin/busybox root/bin/
    for name in $(packages/bin/busybox --list); do [ -e "root/bin/$name" ] || ln -s busybox "root/bin/$name"; done
    ln -s ../bin/busybox root/sbin/init
    ln -s ../bin/busybox root/sbin/getty
    ln -s sbin/init root/init
    cp packages/usr/sbin/dropbear root/sbin/
    cp packages/usr/bin/dropbearkey root/usr/bin/
    cp -L "$(find packages -name ld-linux-x86-64.so.2 -type f -print -quit)" root/lib64/
    for name in "${libraries[@]}"; do cp -L "$(find packages -name "$name" -print -quit)" root/lib/; done
    for name in "${modules[@]}"; do
        file=$(find "$kernel" -name "$name.ko*" -print -quit)
        [ -z "$file" ] || cp "$file" "root/lib/modules/$((number++))-${file##*/}" # not there: built into this kernel
    done
    inittab | put 644 etc/inittab
    rc | put 755 etc/rc
    seed | put 755 etc/seed
    phone_home | put 755 etc/phone-home
    udhcpc_script | put 755 usr/share/udhcpc/default.script
    power_button | put 755 etc/acpi/PWRF/00000080
    echo 'root:x:0:0:root:/root:/bin/sh' | put 644 etc/passwd
    echo 'root:x:0:' | put 644 etc/group
    echo "root:$(openssl passwd -6 tiny):19000:0:99999:7:::" | put 600 etc/shadow
    echo /bin/sh | put 644 etc/shells
    echo tiny | put 644 etc/hostname
    (cd root && find . | cpio -o -H newc --quiet -R 0:0 | gzip -9) >initrd.gz
    cp packages/boot/vmlinuz-* vmlinuz
}

make_disk() {
    local boot_mib data_mib=16
    boot_mib=$((($(stat -c %s vmlinuz) + $(stat -c %s initrd.gz)) / 1048576 + 3))
    [ "$boot_mib" -ge 20 ] || boot_mib=20 # FAT16 wants some clusters
    truncate -s $((1 + boot_mib + data_mib))M disk.raw
    sfdisk -q disk.raw <<END
label: dos
start=2048, size=$((boot_mib * 2048)), type=6, bootable
start=$(((1 + boot_mib) * 2048)), size=$((data_mib * 2048)), type=83
END
    dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none
    boot_menu >syslinux.cfg
    export MTOOLS_SKIP_CHECK=1
    mformat -i disk.raw@@1M -h 64 -s 32 -T $((boot_mib * 2048)) -H 2048 -v TINY ::
    mcopy -i disk.raw@@1M vmlinuz initrd.gz syslinux.cfg ::
    syslinux -t 1048576 --install disk.raw
    truncate -s ${data_mib}M data.raw
    mkfs.ext4 -q -O ^has_journal -m 0 -L data data.raw
    dd if=data.raw of=disk.raw bs=1M seek=$((1 + boot_mib)) conv=notrunc status=none
    qemu-img convert -q -c -f raw -O qcow2 disk.raw tiny.qcow2
}

export PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$cache"
if [ "${1:-}" = --build-in ]; then # this script's own second half, in a process of its own so that its first failure ends it
    fetch_packages
    cd "$2"
    unpack
    make_root
    make_disk
    exit
fi
if [ ! -e "$image" ]; then
    exec 9>"$cache/tiny.lock"
    flock 9 # two builders at once: the second finds the first one's
fi
if [ ! -e "$image" ]; then
    work=$(mktemp -d "$cache/tiny.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    step "building the tiny guest image" "$cache/tiny.log" "$0" --build-in "$work"
    mv "$work/tiny.qcow2" "$image"
fi
ln -sf "${image##*/}" "$cache/tiny.qcow2.new" && mv -T "$cache/tiny.qcow2.new" "$cache/tiny.qcow2"
[ $# -eq 0 ] || cp --sparse=always "$image" "$1"
echo "${1:-$cache/tiny.qcow2}"
