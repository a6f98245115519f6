#!/usr/bin/env bash
# Chromium without a window: loads page/index.html, which says in its document what it found.
#
# Relies on the servers, $FOLDER and $SCRATCH of scripts/clients. Asks for nothing but loopback.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir="$SCRATCH/profile" \
    --virtual-time-budget=30000 --dump-dom "http://${FILES:?}/page/" >"$SCRATCH/dom" 2>"$SCRATCH/said" ||
    wrong "chromium ended with $?: $(tail -n 5 "$SCRATCH/said")"
verdict=$(sed -n 's|.*<output id="verdict">\(.*\)</output>.*|\1|p' "$SCRATCH/dom")
case $verdict in
"all right: "*) tr / '\n' <<<"${verdict#all right: }" ;;
*) wrong "the page says '${verdict}': $(head -c 2000 "$SCRATCH/dom")" ;;
esac
