#!/bin/bash
# deps.sh run|check|deb - installs the Debian packages that are missing: `run` for building and running, `check` for the tests as well, `deb`
# for making packages.
# Asks dpkg once and is silent when nothing is missing. Starts, stops and restarts no service by itself.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

build=(gcc make pkg-config libvirt-dev libxml2-dev libmicrohttpd-dev libgnutls28-dev libjansson-dev libsqlite3-dev libinih-dev nettle-dev
    libcurl4-openssl-dev libarchive-dev libssh-dev libwslay-dev libsodium-dev libsystemd-dev)
hypervisor=(libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base ebtables)
scripts=(python3 curl jq util-linux iproute2 openssh-client)
image=(apt dpkg mtools syslinux syslinux-common fdisk e2fsprogs cpio gzip openssl)
tests=(check clang libclang-rt-14-dev llvm-14 clang-format python3-pytest python3-libvirt sqlite3 wrk mmdebstrap shellcheck procps xz-utils zstd strace valgrind
    nodejs node-ws chromium-headless-shell mandoc man-db systemd)
packaging=(build-essential debhelper dpkg-dev fakeroot lintian)

case ${1:-} in
run) wanted=("${build[@]}" "${hypervisor[@]}" "${scripts[@]}" "${image[@]}") ;;
check) wanted=("${build[@]}" "${hypervisor[@]}" "${scripts[@]}" "${image[@]}" "${tests[@]}") ;;
deb) wanted=("${build[@]}" "${packaging[@]}") ;;
*) die "usage: deps.sh run|check|deb" ;;
esac

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
mapfile -t missing < <(printf '%s\n' "${wanted[@]}" | grep -vxF -e "$installed" || true)
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "as root, please: apt-get install --no-install-recommends ${missing[*]}"
    sudo -v || die "cannot become root; please install: ${missing[*]}"
    as_root=(sudo)
fi

# needrestart must not restart the machine's services on our account; a package manager that is at work elsewhere is waited for.
apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -o DPkg::Lock::Timeout=300 "$@"
}
update() { step "apt-get update" "$root/build/deps-update.log" apt_get update; }
# A simulation tells in a moment whether apt knows every package; stale lists show only when the download fails.
knows_all() { apt-get -s install --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
install() { apt_get install --no-install-recommends "${missing[@]}"; }

say "installing ${#missing[@]} packages: ${missing[*]}"
is_fresh=no
if ! knows_all; then
    update
    is_fresh=yes
fi
if [ "$is_fresh" = no ]; then
    step "downloading packages" "$root/build/deps-download.log" install --download-only || update
fi
step "installing packages" "$root/build/deps.log" install
