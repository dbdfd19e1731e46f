#!/bin/bash
# demo.sh - `make demo`: a VM's life from request to nothing, on a daemon of its own with a throwaway state directory. Leaves nothing running.
set -euo pipefail
# shellcheck source=tools/daemon.sh
. "$(dirname "$0")/daemon.sh"

vm='{"name":"demo","image":"tiny","vcpus":1,"memory_mib":256,"disk_gib":1}'
prompt_deadline_s=240
operation_deadline_s=300

clean_up() {
    trap '' INT TERM
    [ -z "${vm_id:-}" ] || "$ctl" --url "$url" vm delete "$vm_id" --wait >/dev/null 2>&1 || true
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

has_prompt() { ask GET "/v1/vms/demo/console-log" | tail -n 1 | grep -q 'login:'; }
wait_for_prompt() {
    local end=$((SECONDS + prompt_deadline_s))
    until has_prompt; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

claim() { printf '    %s\n' "$1"; }

show_life() {
    title "1. Create"
    request POST /v1/vms "$vm"
    show '{id, name, status, task, operation}'
    vm_id=$(jq -r .id <<<"$answer")
    operation_ends "$(jq -r .operation <<<"$answer")"

    title "2. Show and list; virsh tells the same"
    request GET /v1/vms/demo
    show '{name, status, vcpus, memory_mib, image, fault}'
    request GET /v1/vms
    show '.vms[] | {name, status, observed_at}'
    printf '$ virsh -c %s list --title\n' "$uri"
    quiet_virsh -c "$uri" list --title | sed '/^$/d; s/^/    /'

    title "3. The guest boots: its console log until the login prompt"
    step "booting" "$work/boot.log" wait_for_prompt || die "no login prompt within $prompt_deadline_s s"
    request GET "/v1/vms/demo/console-log?lines=4"
    printf '%s\n' "$answer" | sed 's/^/    /'

    title "4. Delete: three places are clean"
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

work=$(mktemp -d /var/tmp/computed-demo.XXXXXX)
chmod 711 "$work"
daemon_log=$root/build/demo.log
: >"$daemon_log"
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

uri=${COMPUTED_LIBVIRT_URI:-$("$root/tools/libvirt-up" --started "$work/started")}
image=$("$root/tools/mkimage-tiny.sh")
start_daemon "$work/state" 127.0.0.1:0 "$uri" || die "the daemon did not become ready; its log is in $daemon_log"
register_tiny "$image"
title "computed listens on $url; libvirt is $uri"
show_life
show_nothing_left
printf '\nDone; nothing is left running.\n'
