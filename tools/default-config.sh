#!/bin/bash
# default-config.sh PROGRAM KEY=VALUE...: the configuration file that is installed. Every key with its meaning and its default, commented out;
# below it the value that an installed daemon begins with, where that is another.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

program=${1:?usage: default-config.sh PROGRAM KEY=VALUE...}
shift
declare -A chosen=()
for choice in "$@"; do chosen[${choice%%=*}]=${choice#*=}; done

defaults=$("$program" --print-defaults)
cat <<'EOF'
# The configuration of computed; computed.conf(5) tells more. A key that is commented out has the value that is written there.
# After a change: computed --check-config && systemctl restart computed

EOF
while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line == '#'[a-z]* ]] || continue
    key=${line%% =*}
    key=${key#'#'}
    [ -v "chosen[$key]" ] || continue
    printf '%s = %s\n' "$key" "${chosen[$key]}"
    unset "chosen[$key]"
done <<<"$defaults"
[ ${#chosen[@]} -eq 0 ] || die "no such key: ${!chosen[*]}"
