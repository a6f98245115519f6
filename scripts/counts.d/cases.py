"""What is counted: each case is a client, and what it does over and over.

A client has one connection at a time, or several of which all have sent before the server reads one,
and always waits for the whole answer, so that the server wakes as often on every machine and on every
day. Relies on `server.py` to know when the server sleeps. `benches/instructions.rs` has the same
requests under the same names.
"""

import os
import socket
from contextlib import contextmanager

CONTENT = b"Hello, World!"
WRK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
CURL = (
    b"GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
)
BROWSER = (
    b"GET / HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
    b'Cache-Control: max-age=0\r\nsec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"\r\n'
    b'sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\nUpgrade-Insecure-Requests: 1\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/142.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;"
    b"q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n"
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n"
)
UNMODIFIED = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nIf-None-Match: *\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n"

FILES = {
    "index.html": CONTENT,
    "index.html.br": CONTENT,
    "100k": b"x" * 100 * 1024,
    "1m": b"x" * 1024 * 1024,
}
LONG_AGO = 1_000_000_000  # the time of every file, so that its entity tag is a strong one at once


def make_folder(folder):
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (LONG_AGO, LONG_AGO))


def path(name):
    return WRK.replace(b"GET /", b"GET /" + name.encode())


class Client:
    """Connections to a server, and what has been read from them."""

    def __init__(self, server, connections=1):
        self.server = server
        self.sockets = [self.connected() for _ in range(connections)]
        self.buffer = bytearray(1 << 21)
        self.length = 0  # of an answer to what this client asks, once one has come

    def connected(self):
        stream = socket.create_connection(("127.0.0.1", self.server.port))
        stream.settimeout(60)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def close(self):
        for stream in self.sockets:
            stream.close()

    def learn(self, request):
        """How long the answer is: it is the same each time, but for its Date."""
        self.sockets[0].sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.sockets[0].recv(1 << 16)
        head, rest = answer.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        status = b"304" if request == UNMODIFIED else b"200"
        assert lines[0].split()[1] == status, f"{lines[0]} to {request}"
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        body = 0 if status == b"304" else int(fields[b"content-length"])
        self.read(self.sockets[0], body - len(rest))
        self.length = len(head) + 4 + body

    def read(self, stream, length):
        room = memoryview(self.buffer)
        while length > 0:
            n = stream.recv_into(room, min(length, len(room)))
            assert n > 0, "the server closed a connection that was to stay"
            length -= n

    def whole(self, request, times):
        """The request, and then its answer."""
        stream = self.sockets[0]
        for _ in range(times):
            stream.sendall(request)
            self.read(stream, self.length)

    def pipelined(self, request, times):
        stream, batch = self.sockets[0], request * 16
        for _ in range(times // 16):
            stream.sendall(batch)
            self.read(stream, 16 * self.length)

    def trickled(self, request, times):
        """Each byte is sent when the server has read the one before, and waits again."""
        stream = self.sockets[0]
        for _ in range(times):
            for at in range(len(request) - 1):
                with self.server.woken():
                    stream.sendall(request[at : at + 1])
            stream.sendall(request[-1:])
            self.read(stream, self.length)
            self.server.asleep()

    def together(self, request, times):
        """All connections have sent before the server reads from one."""
        for _ in range(times // len(self.sockets)):
            with self.server.stopped():
                for stream in self.sockets:
                    stream.sendall(request)
            for stream in self.sockets:
                self.read(stream, self.length)
            self.server.asleep()

    def one_by_one(self, request, times):
        """A connection for each request, which is sent when the server has accepted and waits."""
        for _ in range(times):
            with self.server.woken():
                stream = self.connected()
            stream.sendall(request)
            self.to_the_end(stream)
            self.server.asleep()
            stream.close()
            self.server.asleep()

    def sixteen_new(self, request, times):
        """Sixteen at a time have connected and sent before the server accepts one."""
        for _ in range(times // 16):
            with self.server.stopped():
                streams = [self.connected() for _ in range(16)]
                for stream in streams:
                    stream.sendall(request)
            for stream in streams:
                self.to_the_end(stream)
            with self.server.stopped():
                for stream in streams:
                    stream.close()
            self.server.asleep()

    def to_the_end(self, stream):
        while stream.recv_into(self.buffer) > 0:
            pass


class Case:
    def __init__(self, name, of, request, does=Client.whole, times=480, connections=1):
        self.name, self.of, self.request, self.does = name, of, request, does
        self.times, self.connections = times, connections

    @contextmanager
    def client(self, server):
        """A client that is connected and has asked a few times, so that all is warm."""
        client = Client(server, self.connections)
        client.learn(WRK if self.request == CLOSING else self.request)
        try:
            yield lambda times: self.does(client, self.request, times)
        finally:
            client.close()
            server.asleep()


CASES = [
    Case("wrk", "fixed", WRK),
    Case("curl", "fixed", CURL),
    Case("browser, 15 fields", "fixed", BROWSER),
    Case("wrk, 16 pipelined", "fixed", WRK, Client.pipelined),
    Case("curl, byte by byte", "fixed", CURL, Client.trickled, times=16),
    Case("wrk, 64 connections", "fixed", WRK, Client.together, times=640, connections=64),
    Case("connection each", "fixed", CLOSING, Client.one_by_one, times=96),
    Case("connection each, 16 at once", "fixed", CLOSING, Client.sixteen_new, times=96),
    Case("file, wrk", "file", WRK),
    Case("file, browser", "file", BROWSER),
    Case("file, unmodified", "file", UNMODIFIED),
    Case("file, 16 pipelined", "file", WRK, Client.pipelined),
    Case("file of 100 KiB", "file", path("100k"), times=160),
    Case("file of 1 MiB", "file", path("1m"), times=96),
]
