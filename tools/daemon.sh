# shellcheck shell=bash
# What run.sh and demo.sh share: a libvirt, the tiny image, a daemon of this build tree, and showing requests. Sourced, never run.

# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ctl=$root/build/computectl
daemon_pid=
url=

# ask METHOD PATH [JSON]: the answer's body on stdout; fails on an error status. The environment's proxy is for the internet.
ask() {
    local args=(-sS --noproxy '*' --max-time 90 --fail-with-body -X "$1")
    [ $# -lt 3 ] || args+=(-H 'Content-Type: application/json' -d "$3")
    curl "${args[@]}" "$url$2"
}

# QEMU runs as another user under the system's libvirt, and must be able to pass each folder above its disks.
is_open_to_qemu() {
    local folder
    folder=$(realpath -m "$1")
    while :; do
        if [ -e "$folder" ]; then
            [ -d "$folder" ] && [ $((8#$(stat -c %a "$folder") & 1)) -eq 1 ] || return 1
        fi
        [ "$folder" != / ] || return 0
        folder=$(dirname "$folder")
    done
}

# start_daemon STATE_DIR LISTEN LIBVIRT_URI: returns when it is ready; sets daemon_pid and url. Its log goes to stderr unless $daemon_log is set.
start_daemon() {
    local line='' output log=2
    [ -z "${daemon_log:-}" ] || exec {log}>>"$daemon_log"
    exec {output}< <(exec env COMPUTED_STATE_DIR="$1" COMPUTED_LISTEN="$2" COMPUTED_LIBVIRT_URI="$3" \
        "$root/build/computed" 2>&"$log")
    daemon_pid=$!
    with_ticker "starting the daemon" read -r -t 30 line <&"$output" || true
    case $line in
    'computed: listening on '*) url=${line##* } ;;
    *) return 1 ;;
    esac
}

# It ends by itself within its stop_deadline; one that does not is ended.
stop_daemon() {
    [ -n "$daemon_pid" ] || return 0
    kill "$daemon_pid" 2>/dev/null || true
    with_ticker "stopping the daemon" timeout 60 tail --pid="$daemon_pid" -f /dev/null || kill -KILL "$daemon_pid" 2>/dev/null || true
    wait "$daemon_pid" || say "  the daemon ended with status $?"
    daemon_pid=
}

# Registers the tiny image once; what an interrupted upload left is made anew.
register_tiny() {
    local file=$1 status
    status=$(ask GET /v1/images/tiny 2>/dev/null | jq -r .status) || status=
    [ "$status" != active ] || return 0
    case $status in
    '' | null) ;;
    *) "$ctl" --url "$url" image delete tiny --wait >/dev/null ;;
    esac
    with_ticker "registering the image" "$ctl" --url "$url" image create tiny "$file" --format qcow2 >/dev/null
}
