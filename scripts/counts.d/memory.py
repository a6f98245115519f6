"""Bytes of user memory a connection: private memory of the real program, from /proc.

Twice as many connections are opened as at first, and what they cost more is what one costs: what the
program has anyway falls out, and nothing is extrapolated. What the kernel keeps for a socket is not in
it.
"""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

from cases import CURL, WRK, path
from server import Server
from steady import pages, undisturbed

MANY = 8000
SEGMENT = 536  # bytes, what every host takes (RFC 9293 section 3.7.1)
UNREAD = 56  # pages that the kernel holds for who never reads, and for the others hardly any
SPARE = 100  # open files for everything else
# Nothing ends while it is counted; their order is that of the defaults, since it decides what is kept.
PATIENT = ["--idle-timeout", "60m", "--head-timeout", "10m", "--write-timeout", "30m"]
MID_HEAD = (CURL[:-2] + b"X-Padding: " + b"x" * 100)[:78]


def answered(stream):
    """A whole answer, so that the connection is accepted and idle."""
    stream.sendall(WRK)
    while not stream.recv(1 << 16).endswith(b"World!"):
        pass


def stuck(stream):
    stream.sendall(MID_HEAD)


def never_reading(stream):
    stream.sendall(path("1m"))


KINDS = [
    ("idle", "fixed", lambda stream: None),
    ("78 bytes of a head", "fixed", stuck),
    ("never reads 1 MiB", "file", never_reading),
]


def numbers(then):
    """How many connections: as many as the limit of open files lets both sides have, and as the
    kernel has room for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Where nearly all are taken, the server closes each after its answer.
    many = min(MANY, (hard - SPARE) * 4 // 5)
    if then == never_reading:
        _, free_below = pages()
        many = min(many, free_below * 3 // 4 // UNREAD)
    return many // 2, many // 2 * 2


def private(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def bytes_each(program, what, then):
    """What each connection costs on which that has been done."""
    return undisturbed(lambda: counted(program, what, then))


def counted(program, what, then):
    few, many = numbers(then)
    with Server([], [*program, *PATIENT], what) as server, ExitStack() as open_ones:
        seen = []
        for goal in (few, many):
            for _ in range(goal - len(seen) * few):
                stream = socket.socket()
                open_ones.enter_context(stream)
                # What nobody reads is to stay the server's. For a client of the loopback's segments,
                # of 64 KiB, the kernel would take the whole file, and nobody would be stuck.
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
                stream.settimeout(60)
                stream.connect(("127.0.0.1", server.port))
                answered(stream)
                then(stream)
            server.asleep()
            seen.append(private(server.pid))
        return (seen[1] - seen[0]) / (many - few)
