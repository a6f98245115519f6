#!/usr/bin/env bash
# curl: every file, one after the other and at once, and what else a user of curl does.
#
# Relies on curl 7.84 or later, and on the servers, $FOLDER, $LINKS and $SCRATCH of scripts/clients.
set -euo pipefail
# shellcheck source=scripts/clients.d/common.sh
. "$(dirname "$0")/common.sh"

base=http://$FILES other=http://${ANSWERS:?}
count=0

# ask WHAT EXPECTED ARGUMENT...: runs curl, which must succeed and print EXPECTED; that is the status,
# where no other --write-out is given.
ask() {
    local what=$1 expected=$2 found status=0
    shift 2
    found=$(curl --silent --show-error --globoff --max-time 20 --write-out '%{http_code}' "$@" 2>&1) || status=$?
    [ "$status" = 0 ] || wrong "$what: curl $* ended with $status: $found"
    expect "$what: curl $*" "$expected" "$found"
    count=$((count + 1))
}

# A file for --config that asks for every file, to be put below a folder.
every_file() {
    local link name
    while IFS=$'\t' read -r link _ _ name; do
        name=${name//\\/\\\\}
        printf 'url = "%s/%s"\noutput = "%s/%s"\n' "$base" "$link" "$1" "${name//\"/\\\"}"
    done <"$LINKS"
}

# fetched WHAT ARGUMENT...: every file by one curl; each is compared, and the connections counted.
fetched() {
    local what=$1 got=$SCRATCH/got name
    shift
    every_file "$got" >"$SCRATCH/config"
    curl --silent --show-error --globoff --create-dirs --max-time 30 --config "$SCRATCH/config" \
        --write-out '%{http_code} %{num_connects}\n' "$@" >"$SCRATCH/report" || wrong "$what: curl ended with $?"
    expect "$what: answers that are no 200" 0 "$(grep -vc '^200 ' "$SCRATCH/report" || true)"
    expect "$what: answers" "$(wc -l <"$LINKS")" "$(wc -l <"$SCRATCH/report")"
    while IFS=$'\t' read -r _ _ _ name; do same "$what" "$FOLDER/$name" "$got/$name"; done <"$LINKS"
    connections=$(awk '{sum += $2} END {print sum}' "$SCRATCH/report")
    count=$((count + $(wc -l <"$LINKS")))
    rm -rf "$got"
}

fetched "every file over one connection"
expect "connections for every file" 1 "$connections"
fetched "every file at once" --no-progress-meter --parallel --parallel-max 16
[ "$connections" -le 16 ] || wrong "every file at once: $connections connections"
fetched "every file over HTTP/1.0 with keep-alive" --http1.0 --header 'Connection: keep-alive'
expect "connections over HTTP/1.0 with keep-alive" 1 "$connections"

# HTTP/1.0 without it: a connection each.
ask "HTTP/1.0" $'200 14 1\n200 14 1' --http1.0 --write-out '%{http_code} %{size_download} %{num_connects}\n' \
    -o /dev/null "$base/hello.txt" -o /dev/null "$base/hello.txt"
count=$((count + 1))

# HEAD: the length is that of the file.
while IFS=$'\t' read -r link size _ name; do
    printf 'url = "%s/%s"\noutput = "%s/head"\n' "$base" "$link" "$SCRATCH"
    printf '200 0 %s\n' "$size" >&3
done <"$LINKS" >"$SCRATCH/config" 3>"$SCRATCH/expected"
curl --silent --show-error --globoff --head --config "$SCRATCH/config" --max-time 20 \
    --write-out '%{http_code} %{size_download} %header{content-length}\n' >"$SCRATCH/report"
diff "$SCRATCH/expected" "$SCRATCH/report" >&2 || wrong "HEAD: status, content and Content-Length"
count=$((count + $(wc -l <"$LINKS")))

# What the client has already.
for name in hello.txt size-0.bin size-1048576.bin; do
    rm -f "$SCRATCH/etag"
    ask "ETag" 200 --etag-save "$SCRATCH/etag" -o "$SCRATCH/body" "$base/$name"
    same "ETag" "$FOLDER/$name" "$SCRATCH/body"
    [ -s "$SCRATCH/etag" ] || wrong "ETag: $name has none"
    ask "If-None-Match" "304 0" --etag-compare "$SCRATCH/etag" \
        --write-out '%{http_code} %{size_download}' "$base/$name"
    ask "If-Modified-Since" "304 0" -z "$FOLDER/$name" --write-out '%{http_code} %{size_download}' "$base/$name"
    ask "modified since 1994" 200 -z '06 Nov 1994 08:49:37 GMT' -o "$SCRATCH/body" "$base/$name"
    same "modified since 1994" "$FOLDER/$name" "$SCRATCH/body"
done

# Uploads that nobody wants: the answer arrives, and no reset.
big=$FOLDER/size-20971520.bin
for expectation in '100-continue' ''; do
    ask "POST of 20 MiB, Expect: $expectation" $'405 Method Not Allowed\n405' --data-binary "@$big" \
        -H "Expect:${expectation:+ $expectation}" "$base/hello.txt"
    ask "chunked PUT of 20 MiB, Expect: $expectation" 405 -T - -H "Expect:${expectation:+ $expectation}" \
        -o /dev/null "$base/hello.txt" <"$big"
done
ask "POST of 3 bytes" '405 1 200 0' --data abc -o /dev/null \
    --write-out '%{http_code} %{num_connects} ' "$base/hello.txt" \
    --next --silent -o /dev/null --write-out '%{http_code} %{num_connects}' "$base/hello.txt"
count=$((count + 1))

# Uploads that are wanted.
head -c 1000000 /dev/zero | tr '\0' a >"$SCRATCH/small"
tr a A <"$SCRATCH/small" >"$SCRATCH/large"
for field in 'Expect: 100-continue' 'Expect:' 'Transfer-Encoding: chunked'; do
    ask "POST that is answered by its body, $field" 200 --data-binary "@$SCRATCH/small" -H "$field" \
        -o "$SCRATCH/body" "$other/shout"
    same "POST that is answered by its body, $field" "$SCRATCH/large" "$SCRATCH/body"
done
ask "POST of too much" 413 --data-binary "@$big" -o /dev/null "$other/shout"

# Bodies of unknown length.
seq 2000 | sed 's/^/line /' >"$SCRATCH/lines"
for version in --http1.1 --http1.0; do
    ask "a body of unknown length, $version" 200 "$version" -o "$SCRATCH/body" "$other/lines"
    same "a body of unknown length, $version" "$SCRATCH/lines" "$SCRATCH/body"
done
status=0
curl --silent --output /dev/null --max-time 20 "$other/cut" || status=$?
expect "a body that is cut short: curl's exit code" 18 "$status"

# Paths.
ask "a path above the root" 400 --path-as-is -o "$SCRATCH/body" "$base/../secret"
ask "an encoded path above the root" 400 --path-as-is -o /dev/null "$base/sub/%2e%2e/%2e%2e/secret"
ask "a dotted path" 200 --path-as-is -o "$SCRATCH/body" "$base/sub/.././hello.txt"
same "a dotted path" "$FOLDER/hello.txt" "$SCRATCH/body"
for path in .hidden outside outside/ missing pipe; do
    ask "what is not there" 404 -o /dev/null "$base/$path"
done
ask "a folder without its slash" '200 1' --location -o "$SCRATCH/body" \
    --write-out '%{http_code} %{num_redirects}' "$base/sub/with-index"
same "a folder without its slash" "$FOLDER/sub/with-index/index.html" "$SCRATCH/body"

# Ranges may be granted or not; what is sent is what is said.
code=$(curl --silent --range 100-299 -o "$SCRATCH/body" --write-out '%{http_code}' "$base/size-65537.bin")
case $code in
200) same "a range that is not granted" "$FOLDER/size-65537.bin" "$SCRATCH/body" ;;
206)
    head -c 300 "$FOLDER/size-65537.bin" | tail -c 200 >"$SCRATCH/range"
    same "a range" "$SCRATCH/range" "$SCRATCH/body"
    ;;
*) wrong "a range: $code instead of 200 or 206" ;;
esac
count=$((count + 1))

# The rest.
ask "OPTIONS *" '204 GET, HEAD, OPTIONS' -X OPTIONS --request-target '*' \
    --write-out '%{http_code} %header{allow}' "$base/"
ask "OPTIONS" '204 GET, HEAD, OPTIONS' -X OPTIONS --write-out '%{http_code} %header{allow}' "$base/hello.txt"
ask "--compressed" 200 --compressed -o "$SCRATCH/body" "$base/many/300.txt"
same "--compressed" "$FOLDER/many/300.txt" "$SCRATCH/body"
ask "a client that reads slowly" 200 --limit-rate 2M -o "$SCRATCH/body" "$base/size-1048576.bin"
same "a client that reads slowly" "$FOLDER/size-1048576.bin" "$SCRATCH/body"
ask "an unknown method" 501 -X BREW -o /dev/null "$base/hello.txt"
ask "a fixed answer" 'Hello, World!200' "http://$FIXED/any/where"

echo "$count answers"
echo "$(wc -l <"$LINKS") files, each four times"
