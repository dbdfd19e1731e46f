#!/bin/bash
# provision.sh - makes a plain Debian 12 a host of computed: builds the packages from a copy of the checkout, installs them, lets this user
# in, registers the image `tiny`, and says how guests run. `vagrant up` runs it as the box's user, who becomes root by sudo without a
# password. It may run again and again: guests go on, what was set stays.
#
# COMPUTED_CHECKOUT   where the checkout is mounted (/vagrant); it is only read
# COMPUTED_RELAY      an address of this machine at which the forwarded port arrives; the daemon itself stays on loopback
set -euo pipefail

checkout=${COMPUTED_CHECKOUT:-/vagrant}
relay=${COMPUTED_RELAY:-}
work=$HOME/computed
password_file=$HOME/computed-password
socket=/run/computed/computed.sock
port=8081
me=$(id -un)

say() { printf 'computed: %s\n' "$*"; }
die() {
    say "$*" >&2
    exit 1
}

# Another apt may be at work: a fresh Debian looks for updates right after its start.
apt_get() { sudo DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

# api METHOD PATH [JSON]: as root, who is an administrator on the socket; its body, and failure on an error status.
api() {
    local words=(-sS --fail-with-body --max-time 60 -X "$1" --unix-socket "$socket")
    [ $# -lt 3 ] || words+=(-H 'Content-Type: application/json' -d @-)
    sudo curl "${words[@]}" "http://localhost$2" <<<"${3:-}"
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

# Neither the build nor root leave anything in the checkout, which may be read-only.
copy_checkout() {
    [ -f "$checkout/debian/control" ] || die "$checkout is no checkout of computed (COMPUTED_CHECKOUT)"
    mkdir -p "$work"
    rsync -a --delete --exclude=/build --exclude=/.git --exclude=/vagrant/.vagrant "$checkout/" "$work/"
}

prepare() {
    if ! command -v rsync >/dev/null || ! command -v make >/dev/null; then
        apt_get update
        apt_get install --no-install-recommends rsync make
    fi
}

build_packages() {
    say "building the packages in $work"
    make -s -C "$work" deps
    make -s -C "$work" deb
}

# Reinstalled also when the version is the same: the source may have changed. A configuration that somebody changed stays.
install_packages() {
    say "installing them"
    # apt reads them as a user of its own, who may not look into a home.
    sudo install -d -m 755 /var/cache/computed-box
    sudo rm -f /var/cache/computed-box/*.deb
    sudo install -m 644 "$work"/build/deb/*.deb /var/cache/computed-box/
    apt_get install --no-install-recommends --reinstall --allow-downgrades -o Dpkg::Options::=--force-confold /var/cache/computed-box/*.deb
    sudo systemctl enable --quiet --now computed.socket computed.service
}

# The daemon and virsh, both without sudo.
let_in() {
    local group
    for group in computed libvirt; do
        sudo usermod -aG "$group" "$me"
    done
    if [ ! -e "$HOME/.config/libvirt/libvirt.conf" ]; then
        mkdir -p "$HOME/.config/libvirt"
        echo 'uri_default = "qemu:///system"' >"$HOME/.config/libvirt/libvirt.conf"
    fi
}

# What reaches the port from the host wants a token: an administrator of this user's name, whose password only this user may read.
make_administrator() {
    local password words
    [ ! -s "$password_file" ] || return 0
    password=$(head -c 24 /dev/urandom | base64)
    # By standard input: command lines are everybody's to read.
    words=$(jq -R --arg name "$me" '{name: $name, password: .}' <<<"$password")
    if api GET "/v1/users/$me" >/dev/null 2>&1; then
        api PATCH "/v1/users/$me" "$(jq 'del(.name)' <<<"$words")" >/dev/null
    else
        api POST /v1/users "$words" >/dev/null
    fi
    api PUT "/v1/projects/default/users/$me/roles/admin"
    (umask 077 && echo "$password" >"$password_file.new")
    mv "$password_file.new" "$password_file"
}

relay_socket() {
    cat <<END
[Unit]
Description=The forwarded port of the box

[Socket]
ListenStream=$relay:$port
FreeBind=yes

[Install]
WantedBy=sockets.target
END
}

relay_service() {
    cat <<END
[Unit]
Description=The forwarded port of the box
Requires=computed-box.socket

[Service]
ExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:$port
DynamicUser=yes
PrivateTmp=yes
ProtectHome=yes
END
}

set_relay() {
    local units=/etc/systemd/system
    if [ -n "$relay" ]; then
        relay_socket | sudo tee "$units/computed-box.socket" >/dev/null
        relay_service | sudo tee "$units/computed-box.service" >/dev/null
        sudo systemctl daemon-reload
        sudo systemctl enable --quiet --now computed-box.socket
    elif [ -e "$units/computed-box.socket" ]; then
        sudo systemctl disable --quiet --now computed-box.socket computed-box.service
        sudo rm -f "$units/computed-box.socket" "$units/computed-box.service"
        sudo systemctl daemon-reload
    fi
}

# What an interrupted upload left is made anew.
register_tiny() {
    local file status
    status=$(api GET /v1/images/tiny 2>/dev/null | jq -r .status) || status=
    [ "$status" != active ] || return 0
    say "registering the image tiny"
    [ -z "$status" ] || sudo computectl image delete tiny --wait >/dev/null
    file=$("$work/tools/mkimage-tiny.sh")
    sudo computectl image create tiny "$file" --format qcow2 >/dev/null
}

knows_how_guests_run() { api GET /health 2>/dev/null | jq -e '.virt.type' >/dev/null; }

show_host() {
    local health
    until_true 300 knows_how_guests_run || die "the daemon does not know how guests run here: $(api GET /health)"
    health=$(api GET /health)
    say "/health: $(jq -c '{status, virt, warning}' <<<"$health")"
    if [ "$(jq -r .virt.type <<<"$health")" = kvm ]; then
        say "guests run on KVM"
    elif [ -e /dev/kvm ]; then
        say "guests are emulated (TCG): there is a /dev/kvm, but no guest came up on it"
    else
        say "guests are emulated (TCG), which is slow: no nested KVM in this box; vagrant/README.md says what the host needs"
    fi
    say "in the box: computectl vm list, virsh list"
    say "port $port: user $me, password in $password_file"
}

[ "$(id -u)" -ne 0 ] || die "not as root: as a user who may use sudo"
sudo -n true || die "$me must be able to use sudo without a password"
prepare
copy_checkout
build_packages
install_packages
until_true 120 api GET /health >/dev/null 2>&1 || die "the daemon does not answer: $(sudo systemctl status --no-pager computed || true)"
let_in
make_administrator
set_relay
register_tiny
show_host
