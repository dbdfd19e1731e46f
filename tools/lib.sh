# shellcheck shell=bash
# What the scripts of this folder share: messages, progress for whatever takes longer than two seconds. Sourced, never run.

# shellcheck disable=SC2034  # used by the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "${0##*/}: $*"
    exit 1
}

# The ways of this machine's apt to its mirrors: proxies, and what it takes for valid.
apt_settings() { apt-config dump --format '%f "%v";%n' Acquire | grep -E '^Acquire::(https?::|Check-|Retries)' || true; }

# Without a terminal of its own, virsh neither asks for a password where polkit would nor complains that it cannot.
quiet_virsh() { setsid -w timeout 20 virsh -q "$@" </dev/null; }

# Tells how long something takes, from its third second on, until it is killed or its shell ends: in place on a terminal, else now and then.
ticker() {
    local text=$1 began=$SECONDS every=10
    trap 'exit 0' TERM
    [ -t 2 ] && every=1
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        local spent=$((SECONDS - began))
        [ "$spent" -ge 2 ] || continue
        [ "$spent" -eq 2 ] || [ $((spent % every)) -eq 0 ] || continue
        if [ -t 2 ]; then printf '\r  %s: %d s \r' "$text" "$spent" >&2; else say "  $text: $spent s"; fi
    done
}

# with_ticker TEXT COMMAND...: in the foreground, so that Ctrl-C reaches it.
with_ticker() {
    local text=$1 status=0 tick
    shift
    ticker "$text" >/dev/null &
    tick=$!
    "$@" || status=$?
    kill "$tick" 2>/dev/null || true
    wait "$tick" 2>/dev/null || true
    [ ! -t 2 ] || printf '\r\033[K' >&2
    return "$status"
}

into() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null
}

# step TEXT LOG COMMAND...: runs COMMAND with its output in LOG, which is shown only when it fails.
step() {
    local text=$1 log=$2 began=$SECONDS status=0
    shift 2
    mkdir -p "$(dirname "$log")"
    with_ticker "$text" into "$log" "$@" || status=$?
    if [ "$status" -ne 0 ]; then
        say "  $text: failed (exit $status); its output, also in $log:"
        tail -n 60 "$log" >&2
    elif [ $((SECONDS - began)) -ge 2 ]; then
        say "  $text: done, $((SECONDS - began)) s"
    fi
    return "$status"
}
