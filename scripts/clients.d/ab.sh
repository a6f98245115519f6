#!/usr/bin/env bash
# ab: so many requests over HTTP/1.0, with a connection each and with connections kept.
#
# Relies on the servers, $FOLDER and $SCRATCH of scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

count=0

# load ADDRESS PATH FILE REQUESTS [-k]
load() {
    local what="ab ${5:-} $1$2" said size length kept=()
    length=$(wc -c <"$3")
    [ -z "${5:-}" ] || kept=('Connection: keep-alive')
    size=$(size_of "$1" "$2" 1.0 "${kept[@]}")
    said=$(ab -q ${5:+"$5"} -n "$4" -c 20 -s 20 "http://$1$2" 2>&1) || wrong "$what failed: $said"
    expect "$what: answers" "$4" "$(number_after 'Complete requests:' <<<"$said")"
    expect "$what: failed" 0 "$(number_after 'Failed requests:' <<<"$said")"
    expect "$what: answers that are no 2xx" "" "$(number_after 'Non-2xx responses:' <<<"$said")"
    expect "$what: kept connections" "${5:+$4}" "$(number_after 'Keep-Alive requests:' <<<"$said")"
    expect "$what: length" "$length" "$(number_after 'Document Length:' <<<"$said")"
    expect "$what: bytes of content" $((length * $4)) "$(number_after 'HTML transferred:' <<<"$said")"
    expect "$what: bytes" $((size * $4)) "$(number_after 'Total transferred:' <<<"$said")"
    count=$((count + $4))
}

while read -r address path file requests; do
    load "$address" "$path" "$file" "$requests"
    load "$address" "$path" "$file" "$requests" -k
done < <(loads)
echo "$count answers"
