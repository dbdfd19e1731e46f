#!/bin/bash
# promtool.sh - prints the path of promtool, Prometheus' own judge of metrics and rules, for the tests. It is in Debian's package
# prometheus, which would start a server on this machine: so the package is not installed, but fetched once per checkout, and
# promtool taken out of it. Nobody needs to be root for that.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

cache=$root/build/cache
tool=$cache/promtool
log=$cache/promtool.log
work=$cache/promtool.work

mkdir -p "$cache"
exec 9>"$cache/promtool.lock"
flock -w 600 9 || die "another promtool.sh does not come to an end"
if [ -x "$tool" ]; then
    printf '%s\n' "$tool"
    exit 0
fi

# Lists of its own, for whoever may not refresh the machine's.
fetch() { (cd "$work" && apt-get "$@" -o APT::Sandbox::User="$(id -un)" download prometheus); }
own=(-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/apt" -o APT::Sandbox::User="$(id -un)")
fetch_anew() {
    mkdir -p "$work/lists/partial" "$work/apt/archives/partial"
    apt-get "${own[@]}" update
    fetch "${own[@]}"
}
unpack() { dpkg-deb --fsys-tarfile "$work"/prometheus_*.deb | tar -xO ./usr/bin/promtool >"$work/promtool"; }

trap 'rm -rf "$work"' EXIT
rm -rf "$work"
mkdir -p "$work"
if ! with_ticker "fetching promtool" into "$log" fetch; then
    rm -f "$work"/*.deb
    step "fetching promtool with fresh lists" "$log" fetch_anew || die "promtool cannot be had from Debian's package prometheus"
fi
unpack
chmod 755 "$work/promtool"
mv "$work/promtool" "$tool"
printf '%s\n' "$tool"
