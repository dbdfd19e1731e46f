#!/bin/sh
# The life of a VM through the workspace API, with curl and jq:  workspace.sh [address] [workspace] [image] [flavor]
# With TOKEN in the environment it goes along as X-Auth-Token.
set -eu

address=${1:-http://127.0.0.1:8081}
workspace=${2:-default}
image=${3:-tiny}
flavor=${4:-small}

call() { # method path [body]
    curl --silent --show-error --fail-with-body --request "$1" --header "X-Auth-Token: ${TOKEN:-}" \
        --header "Content-Type: application/json" ${3:+--data "$3"} "$address/api/v1/vms$2"
}

await() { # id status
    while status=$(call GET "/$1" | jq --raw-output .status); [ "$status" != "$2" ]; do
        if [ "$status" = error ]; then
            echo "the VM is in error" >&2
            exit 1
        fi
        sleep 0.2
    done
    echo "$status"
}

body=$(jq --null-input --arg workspace "$workspace" --arg image "$image" --arg flavor "$flavor" \
    '{name: "my first VM", workspace_id: $workspace, provider: "libvirt", type: $flavor, region: "local", image_id: $image}')
id=$(call POST "" "$body" | jq --raw-output .id)
await "$id" running
call GET "?workspace_id=$workspace&status=running&limit=10" | jq --compact-output '{total, names: [.vms[].name]}'
call PUT "/$id" '{"name": "a better name", "metadata": {"team": "blue"}}' | jq --raw-output .name
call POST "/$id/stop" >/dev/null
await "$id" stopped
call POST "/$id/start" >/dev/null
await "$id" running
call POST "/$id/restart" >/dev/null
await "$id" running
call POST "/$id/terminate" >/dev/null
await "$id" terminated
call DELETE "/$id"
echo gone
