#!/bin/bash
# run.sh [--json FILE] - what `make bench` runs: builds the release daemon and the programs beside it, then measures in namespaces of its own
# (a private libvirtd, 1000 domains that nobody else sees), as root.
set -euo pipefail
cd "$(dirname "$0")/../.."

make -s --no-print-directory all
mkdir -p build/bench
flags=(-std=gnu11 -O2 -Wall -Wextra -Werror -Iinclude -pthread)
read -ra libvirt <<<"$(pkg-config --cflags --libs libvirt libvirt-qemu libxml-2.0 jansson nettle inih)"
read -ra microhttpd <<<"$(pkg-config --cflags --libs libmicrohttpd)"
gcc "${flags[@]}" -o build/bench/raw_libvirt tests/bench/raw_libvirt.c build/lib/virt.a build/lib/model.a build/lib/base.a "${libvirt[@]}"
gcc "${flags[@]}" -o build/bench/listeners tests/bench/listeners.c
gcc "${flags[@]}" -o build/bench/hello tests/bench/hello.c "${microhttpd[@]}"

exec tests/lib/private_libvirt.py tests/bench/bench.py "$@"
