#!/usr/bin/env bash
# oha: so many requests over HTTP/1.1, by hyper, on twenty connections kept and on one for each.
#
# Relies on oha 1.6 or later, and on the servers, $FOLDER and $SCRATCH of scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

count=0

# load ADDRESS PATH FILE REQUESTS [ARGUMENT]
load() {
    local what="oha ${5:-} $1$2" said
    said=$(oha --no-tui --output-format json -n "$4" -c 20 -t 20s ${5:+"$5"} "http://$1$2" 2>&1) ||
        wrong "$what failed: $said"
    said=$(tr -d ' \n' <<<"$said")
    expect "$what: statuses" "{\"200\":$4}" \
        "$(grep -o '"statusCodeDistribution":{[^}]*}' <<<"$said" | cut -d : -f 2-)"
    expect "$what: errors" "{}" "$(grep -o '"errorDistribution":{[^}]*}' <<<"$said" | cut -d : -f 2-)"
    expect "$what: bytes of content" $(($(wc -c <"$3") * $4)) \
        "$(grep -o '"totalData":[0-9]*' <<<"$said" | cut -d : -f 2)"
    count=$((count + $4))
}

while read -r address path file requests; do
    load "$address" "$path" "$file" "$requests"
    load "$address" "$path" "$file" "$requests" --disable-keepalive
done < <(loads)
echo "$count answers"
