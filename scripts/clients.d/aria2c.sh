#!/usr/bin/env bash
# aria2c: a file over four connections at once, and one that is cut and resumed.
#
# Relies on $DOWNLOADS, $DOWNLOADS_FOLDER, $DOWNLOADS_LOG and $SCRATCH of scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

base=http://${DOWNLOADS:?} folder=${DOWNLOADS_FOLDER:?}
digest=$(sha256sum <"$folder/big.bin")
mkdir -p "$folder/aria2c"

# get WHAT STATUS NAME ARGUMENT...: aria2c, which must end with that status.
get() {
    local what=$1 expected=$2 name=$3 status=0
    shift 3
    aria2c --no-conf --console-log-level=warn --summary-interval=0 --file-allocation=none \
        --min-split-size=1M --max-tries=1 \
        --timeout=20 --auto-file-renaming=false --dir="$SCRATCH" "$@" "$base/$name" >"$SCRATCH/said" 2>&1 || status=$?
    expect "$what: aria2c's exit code ($(head -c 500 "$SCRATCH/said"))" "$expected" "$status"
}

cp "$folder/big.bin" "$folder/aria2c/four.bin"
get "-x 4 -s 4" 0 aria2c/four.bin -x 4 -s 4 --checksum="sha-256=${digest%% *}"
same "-x 4 -s 4" "$folder/big.bin" "$SCRATCH/four.bin"
until_logged 3 aria2c/four.bin 206
until_logged 4 aria2c/four.bin 200 206

# It is stopped after a second; what is missing then is fetched.
cp "$folder/big.bin" "$folder/aria2c/cut.bin"
get "--stop=1" 7 aria2c/cut.bin -x 4 -s 4 --max-overall-download-limit=6M --stop=1
[ -e "$SCRATCH/cut.bin.aria2" ] || wrong "--stop=1: it was not cut"
cp "$SCRATCH/cut.bin" "$SCRATCH/part"
cp "$SCRATCH/cut.bin.aria2" "$SCRATCH/part.aria2"
until_logged 4 aria2c/cut.bin 200 206
get "--continue" 0 aria2c/cut.bin -x 4 -s 4 --continue --checksum="sha-256=${digest%% *}"
same "--continue" "$folder/big.bin" "$SCRATCH/cut.bin"
until_logged 5 aria2c/cut.bin 200 206

# The file is another one by then: that is found, and nothing is mixed.
head -c 20000000 "$folder/big.bin" >"$folder/aria2c/part"
mv "$folder/aria2c/part" "$folder/aria2c/part.bin"
mv "$SCRATCH/part" "$SCRATCH/part.bin"
mv "$SCRATCH/part.aria2" "$SCRATCH/part.bin.aria2"
get "--continue of another file" 1 aria2c/part.bin -x 4 -s 4 --continue
grep -q 'length mismatch' "$SCRATCH/said" || wrong "--continue of another file: $(cat "$SCRATCH/said")"

echo "$(logged 'aria2c/[a-z]*.bin' 200 206) answers"
echo "$(logged 'aria2c/[a-z]*.bin' 206) of them ranges"
