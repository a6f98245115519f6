"""A crowd in a process of its own: so many connections that ask once and then stay.

Started by growth.py, with a port and a number. It says `ready` when each has had its answer, and
stays until its standard input ends.
"""

import socket
import sys

ASK = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
AT_ONCE = 64  # that have asked before the first is waited for


def answer(client):
    """Reads one answer: head, and content by its Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += more(client)
    head, _, content = got.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if not head.startswith(b"HTTP/1.1 200"):
        sys.exit(f"an answer was {head.splitlines()[0].decode()}")
    length = int(fields[b"content-length"])
    while len(content) < length:
        content += more(client)


def more(client):
    got = client.recv(65536)
    if not got:
        sys.exit("a connection was closed; expected it to stay")
    return got


def main():
    port, count = map(int, sys.argv[1:])
    clients = []
    for first in range(0, count, AT_ONCE):
        asked = []
        for _ in range(min(AT_ONCE, count - first)):
            client = socket.create_connection(("127.0.0.1", port), 10)
            client.sendall(ASK)
            asked.append(client)
        for client in asked:
            answer(client)
        clients += asked
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
