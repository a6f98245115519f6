#!/usr/bin/env bash
# curl, as people download with it: cut and resumed, in ranges, compressed, and only what is new.
#
# Relies on curl 7.84 or later, on python3 for reading several ranges, and on $DOWNLOADS,
# $DOWNLOADS_FOLDER, $DOWNLOADS_LOG and $SCRATCH of scripts/clients.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=scripts/clients.d/common.sh
. "$here/common.sh"

base=http://${DOWNLOADS:?} folder=${DOWNLOADS_FOLDER:?}
count=0 body=$SCRATCH/body
big=big.bin big_size=$(stat -c %s "$folder/big.bin")

# ask WHAT EXPECTED ARGUMENT...: curl must end with $ends and say EXPECTED; that is the status and the
# bytes that came, where no other --write-out is given.
ends=0
ask() {
    local what=$1 expected=$2 found status=0
    shift 2
    found=$(curl --silent --max-time 20 --write-out '%{http_code} %{size_download}' "$@") || status=$?
    expect "$what: the exit code of curl $*" "$ends" "$status"
    expect "$what: curl $*" "$expected" "$found"
    count=$((count + 1))
}

# cut URL FILE: its beginning only.
cut_short() {
    local status=0
    curl --silent --limit-rate 12M --max-time 0.5 -o "$2" "$1" || status=$?
    expect "a download that is cut short: curl's exit code" 28 "$status"
    [ -s "$2" ] || wrong "nothing came before the cut"
    count=$((count + 1))
}

# Cut in the middle, and resumed.
cut_short "$base/$big" "$SCRATCH/part"
had=$(stat -c %s "$SCRATCH/part")
ask "resumed" "206 $((big_size - had))" -C - -o "$SCRATCH/part" "$base/$big"
same "resumed" "$folder/$big" "$SCRATCH/part"
ask "resumed once it is whole" 416 --write-out '%{http_code}' -C - -o "$SCRATCH/part" "$base/$big"
same "resumed once it is whole" "$folder/$big" "$SCRATCH/part"

# Resumed after the file changed. curl itself sends no If-Range: who adds it gets the whole of the new
# file, or has curl refuse to put it behind a part of the old one.
mkdir -p "$folder/download"
changing=download/changing.bin
head -c 9000000 "$folder/$big" >"$folder/$changing"
until_strong "$base/$changing"
tag=$(tag_of "$base/$changing")
head -c 4000000 "$folder/$changing" >"$SCRATCH/part"
cp "$SCRATCH/part" "$SCRATCH/before"
ask "resumed with If-Range" "206 5000000" -C - -H "If-Range: $tag" -o "$SCRATCH/part" "$base/$changing"
same "resumed with If-Range" "$folder/$changing" "$SCRATCH/part"
tail -c 9000001 "$folder/$big" >"$SCRATCH/new"
mv "$SCRATCH/new" "$folder/$changing"
until_changed "$base/$changing" "$tag"
ask "the file changed: If-Range" "200 9000001" -r 4000000- -H "If-Range: $tag" -o "$body" "$base/$changing"
same "the file changed: If-Range" "$folder/$changing" "$body"
cp "$SCRATCH/before" "$SCRATCH/part"
ends=33 ask "the file changed: curl refuses" "200 0" -C - -H "If-Range: $tag" -o "$SCRATCH/part" "$base/$changing"
same "the file changed: curl refuses" "$SCRATCH/before" "$SCRATCH/part"

# A file that is shorter now than what is there of the old one.
head -c 1000 "$folder/$big" >"$folder/download/short.bin"
ends=22 ask "the file is shorter now" "416 bytes */1000" --fail --write-out '%{http_code} %header{content-range}' \
    -C - -o "$SCRATCH/part" "$base/download/short.bin"
same "the file is shorter now" "$SCRATCH/before" "$SCRATCH/part"

# Ranges, as `RANGE FIRST LAST`.
while read -r range first last; do
    tail -c +$((first + 1)) "$folder/$big" | head -c $((last - first + 1)) >"$SCRATCH/range" || true
    ask "a range" "206 $((last - first + 1)) bytes $first-$last/$big_size" -r "$range" -o "$body" \
        --write-out '%{http_code} %{size_download} %header{content-range}' "$base/$big"
    same "the range $range" "$SCRATCH/range" "$body"
done <<RANGES
0-0 0 0
0-99 0 99
65530-65545 65530 65545
1000000-1999999 1000000 1999999
-1 $((big_size - 1)) $((big_size - 1))
-70000 $((big_size - 70000)) $((big_size - 1))
$((big_size - 5))- $((big_size - 5)) $((big_size - 1))
$((big_size - 5))-999999999999 $((big_size - 5)) $((big_size - 1))
RANGES
ask "a range beyond the end" "416 bytes */$big_size" -r "$big_size-" -o /dev/null \
    --write-out '%{http_code} %header{content-range}' "$base/$big"
ask "a suffix longer than the file" "206 bytes 0-$((big_size - 1))/$big_size" -r "-999999999999" -o "$body" \
    --write-out '%{http_code} %header{content-range}' "$base/$big"
same "a suffix longer than the file" "$folder/$big" "$body"

# Several, as `RANGES PART...`: what overlaps or all but touches may come as one.
while read -r ranges parts; do
    rm -f "$body"
    ask "several ranges" 206 -r "$ranges" -D "$SCRATCH/head" -o "$body" --write-out '%{http_code}' "$base/$big"
    type=$(sed -n 's/^content-type: \(.*\)\r$/\1/Ip' "$SCRATCH/head")
    read -ra parts <<<"$parts"
    python3 -B "$here/multipart.py" "$folder/$big" "$type" "$body" "${parts[@]}" ||
        wrong "several ranges: curl -r $ranges"
done <<RANGES
0-9,1000-1999 0-9 1000-1999
0-0,-5 0-0 $((big_size - 5))-$((big_size - 1))
500000-699999,100-299,20000000- 500000-699999 100-299 20000000-$((big_size - 1))
RANGES

# Compressed: what lies beside the file comes, and is the file once it is unpacked.
vary='%{http_code} %header{vary}'
ask "--compressed" '200 Accept-Encoding' --compressed -D "$SCRATCH/head" -o "$body" --write-out "$vary" "$base/text.txt"
same "--compressed" "$folder/text.txt" "$body"
grep -qiE '^content-encoding: (gzip|br|zstd)' "$SCRATCH/head" || wrong "--compressed: $(cat "$SCRATCH/head")"
ask "not --compressed" "200 Accept-Encoding $(stat -c %s "$folder/text.txt")" -o "$body" \
    --write-out "$vary %{size_download}" "$base/text.txt"
same "not --compressed" "$folder/text.txt" "$body"
tags=$(tag_of "$base/text.txt")
for coding in gzip:gz br:br zstd:zst; do
    beside=text.txt.${coding#*:}
    [ -e "$folder/$beside" ] || continue
    length=$(stat -c %s "$folder/$beside")
    ask "${coding%:*}" "200 Accept-Encoding ${coding%:*} $length $length" -o "$body" \
        -H "Accept-Encoding: ${coding%:*}" --write-out "$vary %header{content-encoding} %header{content-length} %{size_download}" "$base/text.txt"
    same "${coding%:*}" "$folder/$beside" "$body"
    ask "a range, ${coding%:*}" "206 ${coding%:*} bytes 10-19/$length" -H "Accept-Encoding: ${coding%:*}" -r 10-19 \
        --write-out '%{http_code} %header{content-encoding} %header{content-range}' -o "$body" "$base/text.txt"
    same "a range, ${coding%:*}" <(tail -c +11 "$folder/$beside" | head -c 10) "$body"
    # A part of one coding is never put behind the beginning of another.
    ask "If-Range with the tag of the file, ${coding%:*}" "200 $length" -H "Accept-Encoding: ${coding%:*}" -r 10-19 \
        -H "If-Range: $(tag_of "$base/text.txt")" -o "$body" "$base/text.txt"
    same "If-Range with the tag of the file, ${coding%:*}" "$folder/$beside" "$body"
    tags+=$'\n'$(tag_of "$base/text.txt" -H "Accept-Encoding: ${coding%:*}")
    count=$((count + 1))
done
expect "codings with the same entity tag" "" "$(sort <<<"$tags" | uniq -d)"

# Only what is new.
until_strong "$base/$changing"
ask "--etag-save" "200 9000001" --etag-save "$SCRATCH/etag" -o "$body" "$base/$changing"
ask "--etag-compare" "304 0" --etag-compare "$SCRATCH/etag" -o "$body" "$base/$changing"
ask "-z" "304 0" -z "$folder/$changing" -o "$body" "$base/$changing"
# curl takes its own look at the time too, and wants it to be before that of -z.
ask "-z -DATE, If-Unmodified-Since" "200 9000001" -z "-$(date -R -d '1 minute')" -o "$body" "$base/$changing"
ask "-z -DATE of what is newer" "412 0" -z "-$(date -R -d '1994-11-06')" -o "$body" \
    --write-out '%{http_code} 0' "$base/$changing"
tag=$(tag_of "$base/$changing")
head -c 5000 "$folder/$big" >"$SCRATCH/new"
touch -d "$(date -R -r "$folder/$changing") + 2 seconds" "$SCRATCH/new"
date=$(date -R -r "$folder/$changing")
mv "$SCRATCH/new" "$folder/$changing"
until_changed "$base/$changing" "$tag"
ask "--etag-compare of what changed" "200 5000" --etag-compare "$SCRATCH/etag" -o "$body" "$base/$changing"
ask "-z of what changed" "200 5000" -z "$date" -R -o "$body" "$base/$changing"
same "what changed" "$folder/$changing" "$body"
expect "-R: the time of the file" "$(stat -c %Y "$folder/$changing")" "$(stat -c %Y "$body")"

echo "$count answers"
