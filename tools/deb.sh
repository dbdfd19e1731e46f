#!/bin/bash
# deb.sh [OUT [VERSION]] - builds the Debian packages in a copy of the tree and puts them into OUT (build/deb), what has the debugging symbols into
# OUT/debug. VERSION, in place of that of debian/changelog, is for whoever tries an upgrade. Any user may build; nothing is fetched.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

out=$(realpath -m "${1:-$root/build/deb}")
version=${2:-}
upstream=$(sed -n 's/^VERSION := //p' "$root/Makefile")

# In a folder of its own: a build leaves its files beside the tree.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/computed-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/computed-$upstream
mkdir "$tree"
tar -C "$root" --exclude=./build --exclude=./.git --exclude=.vagrant --exclude=__pycache__ --exclude=.pytest_cache -cf - . | tar -C "$tree" --no-same-owner -xf -

# add_entry: as if somebody had released VERSION a moment after the last one.
add_entry() {
    local date
    date=$(dpkg-parsechangelog -l "$root/debian/changelog" -S Date)
    printf 'computed (%s) bookworm; urgency=medium\n\n  * Another build.\n\n -- %s  %s\n\n' "$version" \
        "$(dpkg-parsechangelog -l "$root/debian/changelog" -S Maintainer)" "$date"
    cat "$root/debian/changelog"
}
[ -z "$version" ] || add_entry >"$tree/debian/changelog"

have=$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Version)
[ "${have%-*}" = "$upstream" ] || die "debian/changelog is about $have, the Makefile about $upstream"

build() { (cd "$tree" && dpkg-buildpackage --build=binary --no-sign "--jobs=$(nproc)"); }
step "building the packages of computed $have" "$root/build/deb.log" build
rm -rf "$out"
mkdir -p "$out/debug"
mv "$work"/*-dbgsym_*.deb "$out/debug/"
mv "$work"/*.deb "$out/"
