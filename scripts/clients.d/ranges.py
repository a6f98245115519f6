"""Ranges by Python's urllib: far into a file of 5 GiB, several at once, and only if it is still the same.

Relies on the standard library, and on DOWNLOADS and DOWNLOADS_FOLDER of scripts/clients. The large file is
sparse; no more than a few bytes of it are ever read.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from email.utils import formatdate
from pathlib import Path

from multipart import Wrong, check

BASE = f"http://{os.environ['DOWNLOADS']}/"
FOLDER = Path(os.environ["DOWNLOADS_FOLDER"])
SECONDS = 20  # the most that one answer may take
MOST = 1_000_000  # bytes of one answer
GIB = 1 << 30
LARGE = "sparse.bin"  # 5 GiB, with marks where scripts/clients put them

count = 0


def expect(what, expected, found):
    if expected != found:
        raise Wrong(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


def ask(name, method="GET", **fields):
    """The status, the fields and the content of one answer."""
    global count
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    request = urllib.request.Request(BASE + name, headers=fields, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        content = answer.read(MOST)
        count += 1
        return answer.status, answer.headers, content


def bytes_at(name, first, last):
    with open(FOLDER / name, "rb") as file:
        file.seek(first)
        return file.read(last - first + 1)


def beyond_4_gib():
    size = (FOLDER / LARGE).stat().st_size
    _, head, _ = ask(LARGE, "HEAD")
    expect("HEAD of a large file: Content-Length", str(size), head["Content-Length"])
    marks = 0
    for first, last in [
        (0, 15),
        (2 * GIB - 8, 2 * GIB + 7),
        (4 * GIB - 8, 4 * GIB + 7),  # over the edge
        (4 * GIB, 4 * GIB),
        (4 * GIB + 65_530, 4 * GIB + 200_000),
        (size - 16, size - 1),
    ]:
        what = f"bytes {first}-{last}"
        for said in [f"bytes={first}-{last}"] + [f"bytes={first}-", f"bytes=-{size - first}"] * (last == size - 1):
            status, head, content = ask(LARGE, Range=said)
            expect(f"{what}: the status", 206, status)
            expect(f"{what}: Content-Range", f"bytes {first}-{last}/{size}", head["Content-Range"])
            expect(f"{what}: Content-Length", str(last - first + 1), head["Content-Length"])
            expect(f"{what}: the content", bytes_at(LARGE, first, last), content)
        marks += any(content)
    expect("ranges with a mark in them", 6, marks)
    for said in [f"bytes={size}-", "bytes=-0", f"bytes={1 << 63}-", f"bytes={size}-{size + 5}"]:
        status, head, _ = ask(LARGE, Range=said)
        expect(f"{said}: the status", 416, status)
        expect(f"{said}: Content-Range", f"bytes */{size}", head["Content-Range"])


def to_the_end():
    """An open range of a gigabyte, of which only the beginning is read; and the next answer comes."""
    global count
    request = urllib.request.Request(BASE + LARGE, headers={"Range": f"bytes={4 * GIB}-"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        expect("an open range: Content-Length", str(GIB), answer.headers["Content-Length"])
        expect("an open range: the content", bytes_at(LARGE, 4 * GIB, 4 * GIB + MOST - 1), answer.read(MOST))
    count += 1


def several():
    size = (FOLDER / LARGE).stat().st_size
    edge = 4 * GIB
    for said, ranges in [
        (f"0-9,{edge}-{edge + 9}", [(0, 9), (edge, edge + 9)]),
        (f"-16,{edge - 8}-{edge + 7},0-15", [(size - 16, size - 1), (edge - 8, edge + 7), (0, 15)]),
        (f"5-5 , ,{size - 1}-,{size}-", [(5, 5), (size - 1, size - 1)]),  # what is beyond is left out
    ]:
        status, head, content = ask(LARGE, Range=f"bytes={said}")
        expect(f"bytes={said}: the status", 206, status)
        expect(f"bytes={said}: the length", str(len(content)), head["Content-Length"])
        expect(f"bytes={said}: Content-Range", None, head["Content-Range"])
        check(FOLDER / LARGE, head["Content-Type"], content, ranges)
    # One that is left is no multipart (RFC 9110 §15.3.7.2 leaves it open; clients are better off).
    status, head, content = ask(LARGE, Range=f"bytes={edge}-{edge + 5},{size}-")
    expect("one that is left: the status", 206, status)
    if head["Content-Range"]:
        expect("one that is left", bytes_at(LARGE, edge, edge + 5), content)
    else:
        check(FOLDER / LARGE, head["Content-Type"], content, [(edge, edge + 5)])


def what_is_no_range():
    """What cannot be understood is not heeded, and neither is a range for another method."""
    size = (FOLDER / "text.txt").stat().st_size
    for said in ["bytes=9-1", "bytes=a-b", "lines=1-2", "bytes", "bytes=", "bytes=--5", "bytes=1-2-3"]:
        status, head, content = ask("text.txt", Range=said)
        expect(f"{said}: the status", (200, size), (status, len(content)))
    status, head, _ = ask("text.txt", "HEAD", Range="bytes=0-9")
    expect("HEAD with a range", (200, str(size)), (status, head["Content-Length"]))
    # A flood of ranges costs no more than the file.
    flood = ",".join(f"{at}-" for at in range(0, 1500))
    status, _, content = ask("text.txt", Range=f"bytes={flood}")
    if status not in (200, 206, 416) or len(content) > size + 2000:
        raise Wrong(f"a flood of ranges: {status} with {len(content)} bytes")


def if_it_is_the_same():
    folder = FOLDER / "ranges"
    folder.mkdir()
    path, name = folder / "f.bin", "ranges/f.bin"
    path.write_bytes(bytes(range(256)) * 400)
    # In a second that is over a date tells two states apart, and a tag is a strong one.
    old = time.time() - 100
    os.utime(path, (old, old))
    deadline = time.monotonic() + SECONDS
    while (head := ask(name)[1])["ETag"].startswith("W/") and time.monotonic() < deadline:
        time.sleep(0.05)
    tag, date = head["ETag"], head["Last-Modified"]
    for same in [tag, date]:
        status, head, content = ask(name, Range="bytes=256-300", If_Range=same)
        expect(f"If-Range: {same}", (206, bytes(range(45))), (status, content))
    for other in ['"x"', "W/" + tag, formatdate(old - 1, usegmt=True), formatdate(old + 1, usegmt=True)]:
        status, head, content = ask(name, Range="bytes=256-300", If_Range=other)
        expect(f"If-Range: {other}", (200, path.read_bytes()), (status, content))
    # Replaced, as a deployment does it.
    (folder / "new").write_bytes(b"new" * 30_000)
    (folder / "new").rename(path)
    while (head := ask(name)[1])["ETag"] == tag and time.monotonic() < deadline:
        time.sleep(0.05)
    for before in [tag, date]:
        status, _, content = ask(name, Range="bytes=256-300", If_Range=before)
        expect(f"replaced, If-Range: {before}", (200, path.read_bytes()), (status, content))
        field = "If_Match" if before == tag else "If_Unmodified_Since"
        status, _, _ = ask(name, Range="bytes=256-300", **{field: before})
        expect(f"replaced, {field}: {before}", 412, status)


def codings_told_apart():
    """A file and what lies beside it, of the same length and the same second: the tags differ still."""
    folder = FOLDER / "codings"
    folder.mkdir()
    contents = {"identity": b"f" * 1000, "br": b"b" * 1000, "gzip": b"g" * 1000, "zstd": b"z" * 1000}
    suffixes = {"identity": "", "br": ".br", "gzip": ".gz", "zstd": ".zst"}
    for coding, content in contents.items():
        path = folder / f"f.txt{suffixes[coding]}"
        path.write_bytes(content)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    tags = {}
    for coding, content in contents.items():
        _, head, found = ask("codings/f.txt", Accept_Encoding=f"{coding}, *;q=0")
        expect(f"{coding}: the content", content, found)
        expect(f"{coding}: the type", "text/plain; charset=utf-8", head["Content-Type"])
        expect(f"{coding}: Vary", "Accept-Encoding", head["Vary"])
        tags[coding] = head["ETag"]
    expect("entity tags", len(contents), len(set(tags.values())))
    for coding, content in contents.items():
        for held, tag in tags.items():
            accepted = {"Accept_Encoding": f"{coding}, *;q=0"}
            status, _, found = ask("codings/f.txt", Range="bytes=10-19", If_Range=tag, **accepted)
            what = f"part of {held} is there, {coding} is wanted"
            expect(what, (206, content[:10]) if held == coding else (200, content), (status, found))
            status, _, _ = ask("codings/f.txt", If_None_Match=tag, **accepted)
            expect(what, 304 if held == coding else 200, status)


for part in [beyond_4_gib, to_the_end, several, what_is_no_range, if_it_is_the_same, codings_told_apart]:
    try:
        part()
    except Exception as error:
        sys.exit(f"{part.__name__}: {type(error).__name__}: {error}")

print(f"{count} answers")
