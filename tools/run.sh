#!/bin/bash
# run.sh - `make run`: a daemon for this machine on 127.0.0.1:8081 with the tiny image registered, until Ctrl-C. Its state stays for the next time.
# COMPUTED_LISTEN, COMPUTED_STATE_DIR, COMPUTED_LIBVIRT_URI and COMPUTED_AUTH are taken from the environment when they are set.
set -euo pipefail
# shellcheck source=tools/daemon.sh
. "$(dirname "$0")/daemon.sh"

choose_state_dir() {
    local inside=$root/build/run/state outside
    outside=/var/tmp/computed-$(id -u)
    if [ -n "${COMPUTED_STATE_DIR:-}" ]; then
        echo "$COMPUTED_STATE_DIR"
    elif [ "$uri" != qemu:///system ] || is_open_to_qemu "$root"; then
        install -d -m 711 "$root/build" "$root/build/run" "$inside"
        echo "$inside"
    else
        say "  QEMU cannot pass the folders above $root: the state lies in $outside instead"
        mkdir -m 711 "$outside" 2>/dev/null || true
        if [ ! -O "$outside" ] || [ -L "$outside" ]; then die "$outside belongs to somebody else"; fi
        echo "$outside/state"
    fi
}

show_lines() {
    cat >&2 <<END

computed is ready on $url ($uri; state in $state_dir). Ctrl-C stops it.
auth=none: whoever reaches this address of this machine is the administrator, without a password. Lines to paste:

  curl -s $url/health | jq .
  curl -s $url/v1/keypairs -H 'Content-Type: application/json' -d '{"name":"me"}' | jq -r .private_key >me.key && chmod 600 me.key
  curl -s $url/v1/vms -H 'Content-Type: application/json' -d '{"name":"first","image":"tiny","flavor":"small","keypair":"me"}' | jq .
  ssh -i me.key root@ADDRESS       # it is networks[0].addresses[0] of that answer; wait for ready_at
  curl -s $url/v1/vms | jq '.vms[] | {name, status, task, fault}'
  curl -s $url/v1/vms/first/console-log
  virsh -c $uri list --title
  curl -s $url/v1/vms/first/stop -X POST | jq .
  curl -s $url/v1/vms/first -X DELETE | jq .

or: build/computectl keypair create mine --out mine.key
    ssh -i mine.key root@\$(build/computectl vm create second --image tiny --flavor small --keypair mine --wait=ready)

With users and tokens: stop it, then
    COMPUTED_STATE_DIR=$state_dir build/computed init      # prints the administrator's password, once
    COMPUTED_AUTH=token make run
END
}

show_login_lines() {
    cat >&2 <<END

computed is ready on $url ($uri; state in $state_dir; auth=$auth). Ctrl-C stops it. Lines to paste:

  export COMPUTED_URL=$url
  build/computectl login --user admin     # the password is what \`computed init\` printed
  build/computectl vm list
END
}

is_stopping=no
# shellcheck disable=SC2317  # called by the trap
stop() {
    is_stopping=yes
    stop_daemon
}
trap stop INT TERM HUP

uri=${COMPUTED_LIBVIRT_URI:-$("$root/tools/libvirt-up")}
image=$("$root/tools/mkimage-tiny.sh")
state_dir=$(choose_state_dir)
auth=${COMPUTED_AUTH:-none}
start_daemon "$state_dir" "${COMPUTED_LISTEN:-127.0.0.1:8081}" "$uri" || die "the daemon did not become ready"
# With tokens a script has no say: the tiny image is there when it has ever run without.
if [ "$auth" = none ]; then
    register_tiny "$image" || die "the image could not be registered"
    show_lines
else
    show_login_lines
fi
wait "$daemon_pid" && status=0 || status=$?
[ "$is_stopping" = no ] || {
    say "stopped; guests keep running, and the next \`make run\` knows them"
    exit 0
}
exit "$status"
