#!/bin/bash
# demo.sh - `make demo`: a guest from request to login to nothing, on a daemon of its own with a throwaway state directory. Leaves nothing
# running. As root all of it, libvirt and the guest's network too, lies in namespaces of its own; another user's libvirt is the machine's.
set -euo pipefail
# shellcheck source=tools/daemon.sh
. "$(dirname "$0")/daemon.sh"

vm='{"name":"demo","image":"tiny","vcpus":1,"memory_mib":256,"disk_gib":1,"keypair":"demo"}'
ready_deadline_s=240
operation_deadline_s=300
private_mark=COMPUTED_PRIVATE_LIBVIRT

clean_up() {
    trap '' INT TERM
    [ -z "${vm_id:-}" ] || "$ctl" --url "$url" vm delete "$vm_id" --wait >/dev/null 2>&1 || true
    [ -z "${url:-}" ] || "$ctl" --url "$url" network delete default --wait >/dev/null 2>&1 || true
    stop_daemon
    [ -z "${vm_id:-}" ] || quiet_virsh -c "$uri" destroy "$vm_id" >/dev/null 2>&1 || true
    "$root/tools/libvirt-up" --stop "$work/started" || true
    rm -rf "$work"
}

title() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

# request METHOD PATH [JSON]: shown as a curl line, its answer kept in $answer.
request() {
    local verb='' data=''
    [ "$1" = GET ] || verb=" -X $1"
    [ $# -lt 3 ] || data=" -H 'Content-Type: application/json' -d '$3'"
    printf '$ curl -s%s %s%s\n' "$verb" "'$url$2'" "$data"
    answer=$(with_ticker "waiting" ask "$@") || {
        printf '%s\n' "$answer"
        die "$1 $2 failed; the daemon's log is in $daemon_log"
    }
}
show() { jq -c "$1" <<<"$answer" | sed 's/^/    /'; }

# The first create also finds out how guests run on this machine, which takes its time where KVM does not work.
operation_ends() {
    local status end=$((SECONDS + operation_deadline_s))
    until
        request GET "/v1/operations/$1?wait=60"
        show '{kind, status, progress, error}'
        status=$(jq -r .status <<<"$answer")
        [ "$status" = succeeded ]
    do
        [ "$status" != failed ] || die "the operation failed; the daemon's log is in $daemon_log"
        [ "$SECONDS" -lt "$end" ] || die "the operation did not end within $operation_deadline_s s; the daemon's log is in $daemon_log"
    done
}

is_ready() { ask GET /v1/vms/demo | jq -e .ready_at >/dev/null; }
wait_until_ready() {
    local end=$((SECONDS + ready_deadline_s))
    until is_ready; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

claim() { printf '    %s\n' "$1"; }

# One try, with the key of step 1.
login() {
    local ssh=(ssh -F none -i "$work/demo.key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=20 "root@$address")
    printf "$ ssh -i demo.key root@%s '%s'\n" "$address" "$1"
    "${ssh[@]}" "$1" </dev/null | sed 's/^/    /'
}

show_life() {
    title "1. A keypair: the private half is in this answer and nowhere else"
    request POST /v1/keypairs '{"name":"demo"}'
    show '{name, type, fingerprint_sha256}'
    (umask 077 && jq -r .private_key <<<"$answer" >"$work/demo.key")

    title "2. Create: the address is in the answer"
    request POST /v1/vms "$vm"
    show '{id, name, status, task, networks, operation}'
    vm_id=$(jq -r .id <<<"$answer")
    address=$(jq -r '.networks[0].addresses[0] // empty' <<<"$answer")
    operation_ends "$(jq -r .operation <<<"$answer")"

    title "3. Show and list; virsh tells the same"
    request GET /v1/vms/demo
    show '{name, status, vcpus, memory_mib, image, fault}'
    request GET /v1/vms
    show '.vms[] | {name, status, observed_at}'
    printf '$ virsh -c %s list --title\n' "$uri"
    quiet_virsh -c "$uri" list --title | sed '/^$/d; s/^/    /'

    title "4. The guest boots, and says when it is ready"
    step "booting" "$work/boot.log" wait_until_ready || die "not ready within $ready_deadline_s s"
    request GET /v1/vms/demo
    show '{name, status, ready_at}'
    request GET "/v1/vms/demo/console-log?lines=4"
    printf '%s\n' "$answer" | sed 's/^/    /'

    title "5. Log in, at the first try"
    if [ -n "$address" ]; then
        login 'hostname; ip -o -4 addr show eth0; cut -d" " -f1 /proc/uptime'
    else
        claim "not here: $uri may make no bridges, so no address is promised"
    fi

    title "6. Delete: three places are clean"
    request DELETE /v1/vms/demo
    operation_ends "$(jq -r .id <<<"$answer")"
}

show_nothing_left() {
    local domains
    domains=$(quiet_virsh -c "$uri" list --all --uuid) || die "libvirt does not answer"
    [[ $domains != *"$vm_id"* ]] || die "libvirt still has the domain"
    claim "libvirt:  no domain $vm_id"
    [ "$(curl -s --noproxy '*' -o /dev/null -w '%{http_code}' "$url/v1/vms/$vm_id")" = 404 ] || die "the database still has the VM"
    claim "database: GET /v1/vms/$vm_id is 404"
    [ -z "$(ls -A "$work/state/instances")" ] || die "files are left: $(ls -A "$work/state/instances")"
    claim "disk:     $work/state/instances is empty"
    vm_id=
}

# Before the namespaces: there is no way out of them to the guest's packages.
image=$("$root/tools/mkimage-tiny.sh")
if [ "$(id -u)" -eq 0 ] && [ -z "${!private_mark:-}" ] && [ -z "${COMPUTED_LIBVIRT_URI:-}" ]; then
    exec "$root/tests/lib/private_libvirt.py" "$root/tools/demo.sh"
fi

work=$(mktemp -d /var/tmp/computed-demo.XXXXXX)
chmod 711 "$work"
daemon_log=$root/build/demo.log
: >"$daemon_log"
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

uri=${COMPUTED_LIBVIRT_URI:-$("$root/tools/libvirt-up" --started "$work/started")}
start_daemon "$work/state" 127.0.0.1:0 "$uri" || die "the daemon did not become ready; its log is in $daemon_log"
register_tiny "$image"
title "computed listens on $url; libvirt is $uri"
show_life
show_nothing_left
printf '\nDone; nothing is left running.\n'
