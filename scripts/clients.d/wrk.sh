#!/usr/bin/env bash
# wrk: as many requests as a second holds, one at a time and pipelined; wrk.lua looks at every answer.
#
# Relies on the servers, $FOLDER and $SCRATCH of scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

connections=32
count=0

# load ADDRESS PATH FILE DEPTH
load() {
    local what="wrk $1$2, $4 at a time" said answers bytes size rest
    said=$(CONTENT=$3 DEPTH=$4 timeout 20 wrk -t 1 -c "$connections" -d 1s --timeout 10s \
        -s "$(dirname "$0")/wrk.lua" "http://$1$2" 2>&1) || wrong "$what failed: $said"
    read -r _ answers bytes rest < <(grep '^summary ' <<<"$said") || wrong "$what: no summary in: $said"
    expect "$what: wrong, connect, read, write, status, timeout" "0 0 0 0 0 0" "$rest"
    [ "$answers" -gt 0 ] || wrong "$what: no answers"
    # What is on its way when the time is up is counted as bytes and not as answers.
    size=$(size_of "$1" "$2" 1.1)
    if ((bytes < answers * size || bytes > (answers + connections * $4) * size)); then
        wrong "$what: $bytes bytes, which are no $answers answers of $size"
    fi
    count=$((count + answers))
}

while read -r address path file _; do
    load "$address" "$path" "$file" 1
    load "$address" "$path" "$file" 16
done < <(loads)
echo "$count answers"
