#!/usr/bin/env bash
# wget: cut and resumed, only what is new, and a whole folder by following its listings.
#
# Relies on curl too, and on $DOWNLOADS, $DOWNLOADS_FOLDER, $DOWNLOADS_LOG and $SCRATCH of
# scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

base=http://${DOWNLOADS:?} folder=$(realpath "${DOWNLOADS_FOLDER:?}")
count=0
cd "$SCRATCH"

# get WHAT ARGUMENT...: wget, which must succeed.
get() {
    local what=$1
    shift
    wget --no-config --no-verbose --tries=1 --timeout=20 "$@" >said 2>&1 ||
        wrong "$what: wget $* ended with $?: $(cat said)"
}

# logs N PATH STATUS: since the last time, the server gave so many such answers.
declare -A seen
logs() {
    local already=${seen[$2 $3]:-0}
    until_logged $((already + $1)) "$2" "$3"
    seen[$2 $3]=$((already + $1)) count=$((count + $1))
}

# Cut and resumed; asked again when it is whole.
mkdir -p "$folder/wget"
cp "$folder/big.bin" "$folder/wget/big.bin"
status=0
timeout 0.7 wget --no-config -q --limit-rate=12m "$base/wget/big.bin" || status=$?
expect "a download that is cut short: wget's exit code" 124 "$status"
[ -s big.bin ] || wrong "nothing came before the cut"
logs 1 wget/big.bin 200
get "-c" -c "$base/wget/big.bin"
same "-c" "$folder/big.bin" big.bin
logs 1 wget/big.bin 206
get "-c of what is whole" -c "$base/wget/big.bin"
same "-c of what is whole" "$folder/big.bin" big.bin
logs 1 wget/big.bin 416

# Only what is new.
mkdir new && cd new
seq 20000 >"$folder/wget/new.txt"
for expected in 200 304; do
    get "-N" -N "$base/wget/new.txt"
    same "-N" "$folder/wget/new.txt" new.txt
    expect "-N: the time of the file" "$(stat -c %Y "$folder/wget/new.txt")" "$(stat -c %Y new.txt)"
    logs 1 wget/new.txt $expected
done
tag=$(tag_of "$base/wget/new.txt")
seq 20001 | tac >"$folder/wget/new.txt"
touch -d "$(date -R -r new.txt) + 2 seconds" "$folder/wget/new.txt"
until_changed "$base/wget/new.txt" "$tag"
get "-N of what changed" -N "$base/wget/new.txt"
same "-N of what changed" "$folder/wget/new.txt" new.txt
logs 1 wget/new.txt 200
cd ..

# A folder and all below it.
get "-r" -r --no-parent --no-host-directories --restrict-file-names=nocontrol --execute robots=off "$base/tree/"
while IFS= read -r name; do
    same "-r" "$folder/tree/$name" "tree/$name"
    count=$((count + 1))
done < <(cd "$folder/tree" && find . -type f ! -name '*.gz')
expect "-r: what came" "$(cd "$folder/tree" && find . -type f | sort)" \
    "$(find tree -type f -printf './%P\n' | grep -v '/index.html' | sort)"
count=$((count + $(find tree -name index.html | wc -l)))

echo "$count answers"
