"""nginx with proxy_cache in front: what it keeps, asks for again, cuts into slices, and tells apart.

Relies on the standard library, and on DOWNLOADS, DOWNLOADS_FOLDER, DOWNLOADS_LOG and SCRATCH of
scripts/clients. Each nginx server of nginx.conf is a Unix socket below SCRATCH; nginx ends with this program.
"""

import gzip
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ADDRESS = os.environ["DOWNLOADS"]
FOLDER, LOG = Path(os.environ["DOWNLOADS_FOLDER"]), Path(os.environ["DOWNLOADS_LOG"])
PREFIX = Path(os.environ["SCRATCH"])
SECONDS = 20  # the most that anything may take
SLICE = 1 << 20
LINES = b"".join(b"line %d\n" % n for n in range(5000))
CONTENTS = {
    "nginx/a.bin": os.urandom(100_000),
    "nginx/b.bin": os.urandom(1000),
    "nginx/c.bin": os.urandom(500_000),
    "nginx/d.bin": os.urandom(5 * SLICE + 12_345),
    "nginx/e.txt.br": b"not brotli, but what is kept as that",
    "nginx/e.txt.gz": gzip.compress(LINES),
    "nginx/e.txt": LINES,
    "nginx/f.bin": os.urandom(70_000),
}

count = 0


class Wrong(Exception):
    pass


class Server(http.client.HTTPConnection):
    """One of nginx's servers."""

    def __init__(self, name):
        super().__init__("localhost", timeout=SECONDS)
        self.path = PREFIX / name

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self.path))


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.content = answer.status, answer.headers, answer.read()
        self.cache, self.tag = self.headers["X-Cache"], self.headers["ETag"]
        self.coding = self.headers["Content-Encoding"]


def ask(server, name, method="GET", **fields):
    global count
    connection = Server(server)
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    connection.putrequest(method, "/" + name, skip_accept_encoding=True)
    for field in fields.items():
        connection.putheader(*field)
    connection.endheaders()
    answer = Answer(connection.getresponse())
    connection.close()
    count += 1
    return answer


def expect(what, expected, found):
    if expected != found:
        raise Wrong(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


def until(what, holds):
    """Asks again and again until it holds; what did is given back."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    raise Wrong(f"in {SECONDS} s never: {what}")


def logged(name, status):
    """How often oneloop itself has answered so by now. The log is written a little later, in order."""
    mark = f"nginx/mark-{count}"
    ask("pass", mark)
    until("the mark in the log", lambda: times_in_log(mark, 404))
    return times_in_log(name, status)


def times_in_log(name, status):
    return len(re.findall(rf'"GET /{re.escape(name)} HTTP/1\.1" {status} ', LOG.read_text()))


def put(name, content):
    """A file in place of another, as a deployment does it; each is dated later than the one before."""
    path = FOLDER / name
    new = path.with_name("new")
    new.write_bytes(content)
    before = path.stat().st_mtime if path.exists() else time.time() - 1000
    os.utime(new, (before + 10, before + 10))
    new.rename(path)


def is_served(name, content):
    """Whether it is, with a strong entity tag, which it has once it is no longer new."""
    answer = ask("pass", name)
    return answer.content == content and not answer.tag.startswith("W/")


def make_files():
    (FOLDER / "nginx").mkdir()
    for name, content in CONTENTS.items():
        put(name, content)
    for name, content in CONTENTS.items():
        until(f"{name} with a strong entity tag", lambda: is_served(name, content))


def kept_and_asked_for_again():
    name, content = "nginx/a.bin", CONTENTS["nginx/a.bin"]
    whole = logged(name, 200)
    first = ask("whole", name)
    expect("the first", ("MISS", 200, content), (first.cache, first.status, first.content))
    for _ in range(3):
        again = ask("whole", name)
        if again.cache == "HIT":
            break
        expect("asked for again", ("REVALIDATED", first.tag), (again.cache, again.tag))
    else:
        raise Wrong("never a HIT")
    expect("from the cache", (200, content, first.tag), (again.status, again.content, again.tag))
    expect("from the cache: who has it", (304, b""), status_of(ask("whole", name, If_None_Match=first.tag)))
    expect("from the cache: a range", (206, content[70_000:70_010]),
           status_of(ask("whole", name, Range="bytes=70000-70009")))
    later = until("REVALIDATED", lambda: one("REVALIDATED", ask("whole", name)))
    expect("revalidated", (200, content, first.tag), (later.status, later.content, later.tag))
    expect("304 in the log", True, logged(name, 304) > 0)
    # A second later is a second time.
    before = logged(name, 304)
    until("REVALIDATED again", lambda: one("REVALIDATED", ask("whole", name)))
    expect("304 in the log again", True, logged(name, 304) > before)
    expect("asked for whole", whole + 1, logged(name, 200))

    changed = os.urandom(90_001)
    put(name, changed)
    until("what changed", lambda: is_served(name, changed))
    new = until("EXPIRED", lambda: one(("EXPIRED", "REVALIDATED"), ask("whole", name)))
    expect("changed", ("EXPIRED", 200, changed), (new.cache, new.status, new.content))
    expect("what had the old one", (200, changed), status_of(ask("whole", name, If_None_Match=first.tag)))
    (FOLDER / name).unlink()
    until("404 for what was deleted", lambda: ask("whole", name).status == 404)


def status_of(answer):
    return answer.status, answer.content


def one(caches, answer):
    """The answer, if the cache says one of these."""
    return answer if answer.cache in caches else None


def kept_for_a_second():
    """What oneloop asks of caches when it was told nothing else."""
    name = "nginx/b.bin"
    first = ask("obedient", name)
    expect("the first", ("MISS", 200), (first.cache, first.status))
    for caches in ["HIT", "REVALIDATED", "HIT"]:
        answer = until(caches, lambda: one(caches, ask("obedient", name)))
        expect(f"as {caches}", (200, first.content), status_of(answer))


def ranges_of_what_is_not_there():
    """nginx asks for all of it, and gives the part."""
    name, content = "nginx/c.bin", CONTENTS["nginx/c.bin"]
    answer = ask("whole", name, Range="bytes=-100")
    expect("a range of what is not there", ("MISS", 206, content[-100:]),
           (answer.cache, answer.status, answer.content))
    answer = ask("whole", name, Range="bytes=-100")
    expect("the range again", (206, content[-100:]), status_of(answer))


def slices():
    name, content = "nginx/d.bin", CONTENTS["nginx/d.bin"]
    first = 2 * SLICE - 10
    answer = ask("sliced", name, Range=f"bytes={first}-{first + 19}")
    expect("a range over two slices", (206, content[first:first + 20]), status_of(answer))
    expect("a range over two slices", f"bytes {first}-{first + 19}/{len(content)}", answer.headers["Content-Range"])
    expect("slices that were asked for", 2, logged(name, 206))
    answer = ask("sliced", name)
    expect("all slices", (200, str(len(content))), (answer.status, answer.headers["Content-Length"]))
    expect("all slices: the content", True, answer.content == content)
    until("a slice revalidated", lambda: ask("sliced", name, Range="bytes=0-9") and logged(name, 304) > 0)
    answer = ask("sliced", name, Range="bytes=-12346")
    expect("the end", (206, content[-12_346:]), status_of(answer))
    answer = ask("sliced", name, Range=f"bytes={len(content)}-")
    expect("beyond the end", 416, answer.status)


def codings():
    """Who accepts brotli gets brotli, who accepts nothing gets the file, both from the cache."""
    name, content = "nginx/e.txt", CONTENTS["nginx/e.txt"]
    beside = {"br": CONTENTS[f"{name}.br"], "gzip": CONTENTS[f"{name}.gz"]}
    seen = set()
    # As a browser says it, and as clients do that take no coding.
    for accepted, coding in 4 * [("br", "br"), (None, None), ("gzip", "gzip"), ("identity", None)]:
        fields = {"Accept_Encoding": accepted} if accepted else {}
        answer = ask("whole", name, **fields)
        what = f"Accept-Encoding: {accepted}, {answer.cache}"
        expect(what, (200, coding), (answer.status, answer.coding))
        expect(what, beside.get(coding, content), answer.content)
        expect(what, "Accept-Encoding", answer.headers["Vary"])
        expect(what, len(answer.content), int(answer.headers["Content-Length"]))
        seen.add((accepted, answer.cache == "MISS"))
    if len(seen) < 7:
        raise Wrong(f"not all of them came from the cache as well: {seen}")
    tags = {coding: ask("pass", name, Accept_Encoding=coding).tag for coding in ["br", "gzip", "identity"]}
    expect("entity tags", 3, len(set(tags.values())))
    for coding, tag in tags.items():
        answer = ask("pass", name, Accept_Encoding="br", If_None_Match=tag)
        expect(f"br, with the tag of {coding}", 304 if coding == "br" else 200, answer.status)


def passed_on():
    """Without a cache, all of it is oneloop's own."""
    name, content = "nginx/f.bin", CONTENTS["nginx/f.bin"]
    whole = ask("pass", name)
    tag, date = whole.tag, whole.headers["Last-Modified"]
    for what, fields, expected in [
        ("a range", {"Range": "bytes=10-19"}, (206, content[10:20])),
        ("If-Range", {"Range": "bytes=10-19", "If_Range": tag}, (206, content[10:20])),
        ("If-Range, another", {"Range": "bytes=10-19", "If_Range": '"x"'}, (200, content)),
        ("If-None-Match", {"If_None_Match": f'"x", {tag}'}, (304, b"")),
        ("If-Modified-Since", {"If_Modified_Since": date}, (304, b"")),
    ]:
        expect(what, expected, status_of(ask("pass", name, **fields)))
    for what, fields, status in [
        ("If-Match, another", {"If_Match": '"x"'}, 412),
        ("beyond the end", {"Range": "bytes=70000-"}, 416),
    ]:
        expect(what, status, ask("pass", name, **fields).status)
    expect("HEAD", (200, b""), status_of(ask("pass", name, "HEAD")))
    expect("a folder without its slash", 301, ask("pass", "nginx").status)


def run():
    config = (Path(__file__).parent / "nginx.conf").read_text()
    config = config.replace("PREFIX", str(PREFIX)).replace("ADDRESS", ADDRESS)
    (PREFIX / "nginx.conf").write_text(config)
    command = ["nginx", "-p", PREFIX, "-c", PREFIX / "nginx.conf", "-e", PREFIX / "error.log"]
    nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        until("nginx listens", lambda: nginx.poll() is not None or (PREFIX / "sliced").exists())
        for check in [make_files, kept_and_asked_for_again, kept_for_a_second, ranges_of_what_is_not_there, slices, codings,
                      passed_on]:
            try:
                check()
            except Exception as error:
                said = "".join((PREFIX / "error.log").read_text().splitlines(True)[-5:])
                raise Wrong(f"{check.__name__}: {type(error).__name__}: {error}\n{said}") from None
    finally:
        nginx.terminate()
        nginx.wait(SECONDS)


# Who is told to end ends nginx first.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
try:
    run()
except Wrong as error:
    sys.exit(str(error))
print(f"{count} answers")
