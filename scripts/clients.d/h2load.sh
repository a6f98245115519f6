#!/usr/bin/env bash
# h2load --h1: so many requests over HTTP/1.1, on twenty connections.
#
# Relies on the servers, $FOLDER and $SCRATCH of scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

count=0
while read -r address path file requests; do
    what="h2load $address$path"
    said=$(h2load --h1 -n "$requests" -c 20 -T 20 "http://$address$path" 2>&1) || wrong "$what failed: $said"
    all="requests: $requests total, $requests started, $requests done, $requests succeeded"
    expect "$what" "$all, 0 failed, 0 errored, 0 timeout" \
        "$(grep '^requests:' <<<"$said")"
    expect "$what" "status codes: $requests 2xx, 0 3xx, 0 4xx, 0 5xx" "$(grep '^status codes:' <<<"$said")"
    bytes=$(($(size_of "$address" "$path" 1.1) * requests)) content=$(($(wc -c <"$file") * requests))
    expect "$what: bytes, and those of content" "$bytes $content" \
        "$(sed -n 's/^traffic: [^(]*(\([0-9]*\)) total,.*(\([0-9]*\)) data$/\1 \2/p' <<<"$said")"
    count=$((count + requests))
done < <(loads)
echo "$count answers"
