"""Reads several ranges: a multipart/byteranges body is taken apart, and each part held against the file.

    multipart.py FILE CONTENT-TYPE BODY RANGE...    with each RANGE as in bytes 0-9/*: `0-9`

Ends with 1, and says why, where they are not these ranges in this order, with these bytes. Imported by
ranges.py too.
"""

import sys
from email.message import Message
from pathlib import Path


class Wrong(Exception):
    pass


def parts(content_type, body):
    """The parts, as (fields, content); the framing is that of RFC 2046 §5.1.1."""
    said = Message()
    said["Content-Type"] = content_type
    if said.get_content_type() != "multipart/byteranges":
        raise Wrong(f"the type is {content_type}")
    delimiter = b"--" + said.get_param("boundary", "").encode()
    before, *found, end = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if before or end not in (b"--", b"--\r\n"):
        raise Wrong(f"the body begins with {before[:50]} and ends with {end[:50]}")
    for part in found:
        head, blank, content = part.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n"):
            raise Wrong(f"a part begins with {part[:50]}")
        fields = (line.split(": ", 1) for line in head[2:].decode("ascii").split("\r\n"))
        yield {name.lower(): value for name, value in fields}, content


def check(path, content_type, body, ranges):
    """Holds a body against a file, of which nothing but those ranges is read."""
    size = Path(path).stat().st_size
    found = list(parts(content_type, body))
    said = [fields["content-range"] for fields, _ in found]
    expected = [f"bytes {first}-{last}/{size}" for first, last in ranges]
    if said != expected:
        raise Wrong(f"the parts are {said} instead of {expected}")
    with open(path, "rb") as file:
        for (first, last), (_, content) in zip(ranges, found):
            file.seek(first)
            if file.read(last - first + 1) != content:
                raise Wrong(f"other bytes in {first}-{last}")


if __name__ == "__main__":
    FILE, TYPE, BODY, *RANGES = sys.argv[1:]
    try:
        check(FILE, TYPE, Path(BODY).read_bytes(), [tuple(map(int, one.split("-"))) for one in RANGES])
    except Wrong as error:
        sys.exit(f"{FILE}: {error}")
