"""System calls a request by strace: which, how many, and which of them fail.

Every call is written to a file as it ends, so that a stretch is the lines that were added between two
moments at which the server waits. The signal by which `Server.stopped` makes clients come at once
interrupts a wait; such a wait is no call of the server's, and is left out. Of several stretches the
one with the fewest calls counts (`steady.py`).

Where the kernel has no epoll_wait, as on aarch64, or the C library prefers epoll_pwait, that is the
same call.
"""

import re
import time
from collections import Counter

from server import PATIENCE, Server
from steady import lowest, undisturbed

ENDED = re.compile(r"\d+\s+(?:<\.\.\. )?(\w+)(?:\(| resumed>).* = (-?\w+)(?: (\w+))?")
INTERRUPTED = "EINTR"
WAITS = re.compile(r" epoll_p?wait2?\(")


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
        return undisturbed(lambda: self.fewest(case))

    def fewest(self, case):
        with case.client(self.server) as client:
            client(min(case.times, 32))
            found, _ = lowest(lambda: self.stretch(case, client), lambda of: sum(of[0].values()))
        return found

    def stretch(self, case, client):
        before = self.ended()
        client(case.times)
        calls, failed = Counter(), Counter()
        for line in self.ended()[len(before) :]:
            match = ENDED.match(line)
            if not match or match[3] == INTERRUPTED:
                continue
            name = "epoll_wait" if WAITS.match(f" {match[1]}(") else match[1]
            calls[name] += 1
            if match[2] == "-1":
                failed[f"{name} {match[3]}"] += 1
        return [
            {name: n / case.times for name, n in sorted(counter.items())}
            for counter in (calls, failed)
        ]

    def ended(self):
        """The calls that have ended, now that the server waits: its wait has not."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.server.asleep()
            written = self.out.read_text()
            own = [line for line in written.split("\n") if line.startswith(str(self.server.pid))]
            # What has begun is written, too.
            if own and WAITS.search(own[-1]) and " = " not in own[-1]:
                return written.split("\n")[:-1]
        raise SystemExit(f"scripts/counts: the server does not wait; strace wrote: {own[-1:]}")
