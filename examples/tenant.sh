#!/bin/sh
# The life of an instance through the tenant API, with curl and jq: tenant.sh [URL] [IMAGE]
set -eu
url=${1:-http://localhost:8081}
image=${2:-tiny}
tenant=acme

# Prints the answer's body; fails on an error of HTTP.
call() {
    curl --fail-with-body --silent --show-error -H "X-Tenant-ID: $tenant" -H 'Content-Type: application/json' "$@"
}

# The API has no waiting for "creating" and "restarting": whoever wants to know asks again.
until_running() {
    for _ in $(seq 300); do
        status=$(call "$url/api/v1/compute/instances/$1" | jq -r .status)
        [ "$status" != running ] || return 0
        [ "$status" != error ] || break
        sleep 0.1
    done
    echo "instance $1 is $status" >&2
    return 1
}

health=$(curl --fail --silent --show-error "$url/health")
printf '%s\n' "$health" | jq -r .status
curl --fail --silent "$url/api/v1/compute/flavors" | jq -r '.flavors[] | "\(.name): \(.vcpus) vCPU, \(.ramGB) GB, \(.description)"'

body="{\"name\":\"web\",\"type\":\"vm\",\"flavor\":\"small\",\"imageId\":\"$image\",\"metadata\":{\"tier\":\"front\"}}"
made=$(call "$url/api/v1/compute/instances" -d "$body")
id=$(printf '%s\n' "$made" | jq -r .id)
until_running "$id"
call "$url/api/v1/compute/instances" | jq -r '.instances[] | "\(.name) \(.status)"'

call -X POST "$url/api/v1/compute/instances/$id/stop" | jq -r .status
call -X POST "$url/api/v1/compute/instances/$id/start" | jq -r .status
call -X POST "$url/api/v1/compute/instances/$id/stop" | jq -r .status
call -X POST "$url/api/v1/compute/instances/$id/restart" | jq -r .status
until_running "$id"

# One that runs is not deleted.
call -X DELETE "$url/api/v1/compute/instances/$id" | jq -r .error
call -X POST "$url/api/v1/compute/instances/$id/stop" | jq -r .status
call -X DELETE "$url/api/v1/compute/instances/$id"
echo gone
