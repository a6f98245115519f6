"""GoAccess reads the access log: 100,000 lines of the combined format, of which every one counts.

Relies on the standard library, and on LOGGED, LOGGED_LOG and SCRATCH of scripts/clients. It is the only
client of that server.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from multipart import Wrong

HOST, PORT = os.environ["LOGGED"].rsplit(":", 1)
LOG = Path(os.environ["LOGGED_LOG"])
REPORT = Path(os.environ["SCRATCH"]) / "report.json"
LINES = 100_000
CONNECTIONS = 100
BATCH = 50
SECONDS = 20  # the most that one answer, the log and the report may take

# What stands in quotes in the log, among it what would end them.
AGENTS = [
    b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    b"curl/8.5.0",
    b'an "agent" \\ of its own \xff',
]
REFERERS = [b"", b"https://a.example/page?x=1", b'https://b.example/"quoted"']


def expect(what, expected, found):
    if expected != found:
        raise Wrong(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


def request(number):
    fields = [b"Host: test", b"User-Agent: " + AGENTS[number % 3]]
    referer = REFERERS[number % 7 % 3]
    if referer:
        fields.append(b"Referer: " + referer)
    line = b"GET /page-%d?q=%d HTTP/1.1" % (number % 50, number)
    return b"\r\n".join([line, *fields, b"", b""])


def fill():
    """All requests, in batches on kept connections."""
    for first in range(0, LINES, LINES // CONNECTIONS):
        with socket.create_connection((HOST, int(PORT)), timeout=SECONDS) as stream:
            for begin in range(first, first + LINES // CONNECTIONS, BATCH):
                stream.sendall(b"".join(map(request, range(begin, begin + BATCH))))
                answers = b""
                while answers.count(b"\r\n\r\n") < BATCH or not answers.endswith(b"Hello, World!"):
                    read = stream.recv(1 << 16)
                    if not read:
                        raise Wrong(f"the server closed in the middle of batch {begin}")
                    answers += read
                expect("answers of 200", BATCH, answers.count(b"HTTP/1.1 200 "))


def lines_written():
    """The lines of the log, once all are there: they are written a moment after their answers."""
    until = time.monotonic() + SECONDS
    while True:
        lines = LOG.read_bytes().count(b"\n")
        if lines >= LINES or time.monotonic() > until:
            return lines
        time.sleep(0.05)


def main():
    fill()
    expect("lines of the log", LINES, lines_written())
    command = ["goaccess", str(LOG), "--log-format=COMBINED", "--no-global-config", "-o", str(REPORT)]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Wrong(f"goaccess failed: {done.stderr[-300:]}")
    report = json.loads(REPORT.read_bytes())
    general = report["general"]
    for key, expected in [
        ("total_requests", LINES),
        ("valid_requests", LINES),
        ("failed_requests", 0),
        ("bandwidth", LINES * len("Hello, World!")),
        ("unique_visitors", len(AGENTS)),
    ]:
        expect(key, expected, general[key])
    expect("status codes", ["2xx Success"], [row["data"] for row in report["status_codes"]["data"]])
    print(f"{LINES} answers")
    print(f"{general['unique_files']} targets in the report")


try:
    main()
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
