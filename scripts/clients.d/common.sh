# What the clients written in shell share. Sourced; never run.
# shellcheck shell=bash

# wrong WHAT...: says what is wrong, and ends the client.
wrong() {
    printf '%s\n' "$*" >&2
    exit 1
}

# expect WHAT EXPECTED FOUND
expect() { [ "$2" = "$3" ] || wrong "$1: '$3' instead of '$2'"; }

# How many bytes an answer to GET has, head and all: size_of HOST:PORT PATH VERSION [FIELD...]
size_of() {
    local LC_ALL=C line length=0 size=0
    exec 3<>"/dev/tcp/${1%:*}/${1#*:}"
    printf '%s\r\n' "GET $2 HTTP/$3" 'Host: a' "${@:4}" '' >&3
    while IFS= read -r line <&3; do
        size=$((size + ${#line} + 1))
        case $line in
        $'\r') break ;;
        [Cc]ontent-[Ll]ength:*) length=${line//[^0-9]/} ;;
        esac
    done
    exec 3>&-
    echo $((size + length))
}

# What a load is put on, as `HOST:PORT PATH FILE REQUESTS`: an answer from memory, a small file, one
# that is sent by the kernel, one that blocks, and none at all. FILE has the content that is right.
loads() {
    printf 'Hello, World!' >"$SCRATCH/fixed"
    echo "${FIXED:?} / $SCRATCH/fixed 5000"
    echo "${FILES:?} /hello.txt ${FOLDER:?}/hello.txt 5000"
    echo "$FILES /size-65537.bin $FOLDER/size-65537.bin 2000"
    echo "$FILES /size-1048576.bin $FOLDER/size-1048576.bin 200"
    echo "$FILES /size-0.bin $FOLDER/size-0.bin 2000"
}

# The number after a word in a summary: number_after WORD <SUMMARY
number_after() { sed -n "s|^ *$1 *\([0-9][0-9]*\).*|\1|p" | head -n 1; }

# same WHAT FILE FILE
same() { cmp "$2" "$3" >&2 || wrong "$1: $2 and $3 differ"; }

# The entity tag of what is there: tag_of URL [ARGUMENT...]
tag_of() { curl --silent --head --max-time 20 --write-out '%header{etag}' -o /dev/null "$@"; }

# Waits until the entity tag of a URL is another one: what changed is served from the next second on.
until_changed() {
    local _
    for _ in {1..100}; do
        [ "$(tag_of "$1")" = "$2" ] || return 0
        sleep 0.05
    done
    wrong "$1 changed, and is served as it was"
}

# Waits until a URL's entity tag is a strong one: it is weak for as long as the file is new.
until_strong() {
    local _
    for _ in {1..100}; do
        [[ $(tag_of "$1") = W/* ]] || return 0
        sleep 0.05
    done
    wrong "$1 has a weak entity tag still"
}

# How often the server that people download from has answered a path, with one of these statuses:
# logged PATH STATUS...
logged() {
    local path=$1 IFS='|'
    shift
    grep -cE "\"GET /$path HTTP/1.1\" ($*) " "${DOWNLOADS_LOG:?}" || true
}

# Waits until it is so often at least, for the log is written a little later: until_logged N PATH STATUS...
until_logged() {
    local most=$1 _
    shift
    for _ in {1..100}; do
        [ "$(logged "$@")" -lt "$most" ] || return 0
        sleep 0.02
    done
    wrong "$*: $(logged "$@") answers in the log instead of $most: $(grep -F "GET /$1 " "$DOWNLOADS_LOG" | tail -n 20)"
}
