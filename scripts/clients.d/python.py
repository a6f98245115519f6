"""Python's http.client and urllib: every file over one connection, uploads, and what goes wrong.

Relies on the standard library, and on the servers, FOLDER and LINKS of scripts/clients.
"""

import http.client
import os
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

FILES, FIXED, ANSWERS = (os.environ[name] for name in ("FILES", "FIXED", "ANSWERS"))
FOLDER = Path(os.environ["FOLDER"])
NAMES = [line.split("\t")[3] for line in Path(os.environ["LINKS"]).read_text().splitlines()]
SECONDS = 20  # the most that one answer may take
CLOCK_SECONDS = 5  # how far a Date may be from our time
THREADS = 8

count = 0
counting = threading.Lock()


class Wrong(Exception):
    pass


def expect(what, expected, found):
    if expected != found:
        raise Wrong(f"{what}: {shown(found)} instead of {shown(expected)}")


def shown(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}... ({len(value)} long)"


class Connection:
    """One connection, which must last as long as it is not said to close."""

    def __init__(self, address):
        self.http = http.client.HTTPConnection(address, timeout=SECONDS)
        self.http.connect()
        self.http.auto_open = False  # a second connection would be an error
        self.address = address

    def ask(self, method, path, expected, body=None, **options):
        """One request; the answer's fields and its body."""
        global count
        what = f"{method} {path[:60]}"
        fields = options.pop("fields", {})
        self.http.request(method, path, body, fields, **options)
        answer = self.http.getresponse()
        content = answer.read()
        expect(f"{what}: the status", expected, answer.status)
        expect(f"{what}: the version", 11, answer.version)
        date = parsedate_to_datetime(answer.getheader("Date"))
        if abs((datetime.now(timezone.utc) - date).total_seconds()) > CLOCK_SECONDS:
            raise Wrong(f"{what}: Date is {date}")
        if method != "HEAD" and answer.getheader("Content-Length") is not None:
            expect(f"{what}: the length", int(answer.getheader("Content-Length")), len(content))
        with counting:
            count += 1
        return answer, content

    def close(self):
        self.http.close()


def bytes_of(name):
    return (FOLDER / name).read_bytes()


def one_connection():
    connection = Connection(FILES)
    for name in NAMES:
        path = "/" + urllib.parse.quote(name)
        _, content = connection.ask("GET", path, 200)
        expect(f"GET {path}: the content", bytes_of(name), content)
        head, content = connection.ask("HEAD", path, 200)
        expect(f"HEAD {path}: the content", b"", content)
        expect(f"HEAD {path}: the length", str((FOLDER / name).stat().st_size), head.getheader("Content-Length"))
        tag = {"If-None-Match": head.getheader("ETag")}
        _, content = connection.ask("GET", path, 304, fields=tag)
        expect(f"304 {path}: the content", b"", content)
    connection.close()


def all_at_once():
    """Small files by several threads, each in an order of its own."""
    wrong = []

    def work(number):
        try:
            connection = Connection(FILES)
            for at in range(200):
                name = f"many/{(at * 7 + number * 31) % 300 + 1}.txt"
                _, content = connection.ask("GET", "/" + name, 200)
                expect(f"GET /{name}: the content", bytes_of(name), content)
            connection.close()
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def in_pieces():
    """A body that is read piece by piece, with another client served between."""
    global count
    connection, other = Connection(FILES), Connection(FILES)
    connection.http.request("GET", "/size-20971520.bin")
    answer = connection.http.getresponse()
    whole = bytearray()
    while piece := answer.read(1_000_000):
        whole += piece
        other.ask("GET", "/hello.txt", 200)
    expect("a body in pieces", bytes_of("size-20971520.bin"), bytes(whole))
    count += 1
    connection.ask("GET", "/hello.txt", 200)
    connection.close()
    other.close()


def what_goes_wrong():
    """Requests that are refused; the connection goes on, where it may."""
    connection = Connection(FILES)
    for method, path, status in [
        ("GET", "/missing", 404),
        ("GET", "/.hidden", 404),
        ("GET", "/outside", 404),
        ("GET", "/many", 301),
        ("POST", "/hello.txt", 405),
        ("DELETE", "/hello.txt", 405),
        ("BREW", "/hello.txt", 501),
        ("OPTIONS", "*", 204),
        ("GET", "/hello.txt", 200),
    ]:
        connection.ask(method, path, status)
    connection.ask("POST", "/hello.txt", 405, b"x" * 60_000)
    connection.ask("PUT", "/hello.txt", 405, (b"piece" for _ in range(1000)), encode_chunked=True,
                   fields={"Transfer-Encoding": "chunked"})
    connection.ask("GET", "/hello.txt", 200)
    answer, _ = connection.ask("GET", "/%2e%2e/secret", 400)
    expect("after a fault: Connection", "close", answer.getheader("Connection"))
    connection.close()
    for path in ["/size-0.bin%", "/" + "a" * 9000]:
        connection = Connection(FILES)
        connection.ask("GET", path, 414 if len(path) > 8192 else 400)
        connection.close()


def uploads():
    connection = Connection(ANSWERS)
    for body in [b"hello", b"x" * 1_000_000, b""]:
        _, content = connection.ask("POST", "/shout", 200, body)
        expect("POST /shout", body.upper(), content)
        pieces = [body[at:at + 9973] for at in range(0, len(body), 9973)]
        _, content = connection.ask("POST", "/shout", 200, iter(pieces), encode_chunked=True,
                                    fields={"Transfer-Encoding": "chunked"})
        expect("POST /shout in chunks", body.upper(), content)
    answer, content = connection.ask("GET", "/lines", 200)
    expect("a body of unknown length", "chunked", answer.getheader("Transfer-Encoding"))
    expect("a body of unknown length", "".join(f"line {n}\n" for n in range(1, 2001)).encode(), content)
    connection.close()
    connection = Connection(ANSWERS)
    try:
        connection.ask("GET", "/cut", 200)
        raise Wrong("a body that is cut short was taken for whole")
    except http.client.IncompleteRead:
        pass
    connection.close()


def by_urllib():
    global count
    for name in ["hello.txt", "size-0.bin", "size-65536.bin", "grüße.txt"]:
        with urllib.request.urlopen(f"http://{FILES}/{urllib.parse.quote(name)}", timeout=SECONDS) as answer:
            expect(f"urllib: {name}", bytes_of(name), answer.read())
            count += 1
    with urllib.request.urlopen(f"http://{FILES}/sub/with-index", timeout=SECONDS) as answer:
        expect("urllib: a redirect", f"http://{FILES}/sub/with-index/", answer.url)
        expect("urllib: a redirect", bytes_of("sub/with-index/index.html"), answer.read())
        count += 2
    for path, body, status in [("missing", None, 404), ("hello.txt", b"x" * 2_000_000, 405)]:
        try:
            urllib.request.urlopen(f"http://{FILES}/{path}", body, timeout=SECONDS)
            raise Wrong(f"urllib: {path} should have been {status}")
        except urllib.error.HTTPError as error:
            expect(f"urllib: {path}", status, error.code)
            error.read()
            count += 1
    with urllib.request.urlopen(f"http://{FIXED}/", timeout=SECONDS) as answer:
        expect("urllib: a fixed answer", b"Hello, World!", answer.read())
        count += 1


for check in [one_connection, all_at_once, in_pieces, what_goes_wrong, uploads, by_urllib]:
    try:
        check()
    except Exception as error:
        sys.exit(f"{check.__name__}: {type(error).__name__}: {error}")

print(f"{count} answers")
