"""System calls a request by strace: which, how many, and which of them fail.

Every call is written to a file as it ends, so that a stretch is the lines that were added between two
moments at which the server waits. The signal by which `Server.stopped` makes clients come at once
interrupts a wait; such a wait is no call of the server's, and is left out. When the kernel tells of a
connection's end in two events, and not in one, is its own affair: of several stretches the one with
the fewest calls counts.
"""

import re
from collections import Counter

from server import Server

ENDED = re.compile(r"\d+\s+(?:<\.\.\. )?(\w+)(?:\(| resumed>).* = (-?\w+)(?: (\w+))?")
INTERRUPTED = "EINTR"
STRETCHES = 3


class Strace:
    """A server under strace."""

    def __init__(self, program, what, work):
        self.out = work / "strace"
        self.server = Server(["strace", "-f", "-qq", "-o", str(self.out)], program, what)

    def __enter__(self):
        return self

    def __exit__(self, *how):
        self.server.__exit__(*how)

    def count(self, case):
        """Calls of one request by name, and how many of all fail, by name and error."""
        with case.client(self.server) as client:
            client(min(case.times, 32))
            stretches = [self.stretch(case, client) for _ in range(STRETCHES)]
        return min(stretches, key=lambda stretch: sum(stretch[0].values()))

    def stretch(self, case, client):
        before = self.ended()
        client(case.times)
        calls, failed = Counter(), Counter()
        for line in self.ended()[len(before) :]:
            match = ENDED.match(line)
            if not match or match[3] == INTERRUPTED:
                continue
            calls[match[1]] += 1
            if match[2] == "-1":
                failed[f"{match[1]} {match[3]}"] += 1
        return [
            {name: n / case.times for name, n in sorted(counter.items())}
            for counter in (calls, failed)
        ]

    def ended(self):
        """The calls that have ended, now that the server waits: its wait has not."""
        while True:
            self.server.asleep()
            written = self.out.read_text()
            own = [line for line in written.split("\n") if line.startswith(str(self.server.pid))]
            # What has begun is written, too.
            if own and " epoll_wait(" in own[-1] and " = " not in own[-1]:
                return written.split("\n")[:-1]
