"""Processes: started on a CPU of their own, asked what they have used, and ended, whatever happens.

Relies on Linux's /proc and on taskset. CPU time is the kernel's own count of nanoseconds, of the
process and all its descendants, so that it holds however busy the machine is with something else.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from trouble import Trouble

SECONDS_TO_START = 10


class Ended(KeyboardInterrupt):
    """A signal asked for the end. Being what it is, unittest takes it for no failure of a test."""


def end_on_signals():
    """INT, TERM and HUP unwind the stack once; whatever is running is ended on the way."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number, _):
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        if not Process.is_starting:
            raise Ended(number)
        Process.ended_by = number

    for one in signals:
        signal.signal(one, end)


def end_all():
    """Ends whatever a signal left between its start and the block that was to end it."""
    for one in list(Process.alive):
        one.stop()


def free_port():
    """A port that the kernel has just had to spare."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def descendants(pid):
    """The process and all that it has started."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                pass  # it has ended meanwhile
    return found


class Process:
    """A process in a session of its own, on one CPU."""

    alive = set()
    # A signal while one starts, and is nobody's yet, waits until it is in `alive`.
    is_starting = False
    ended_by = None

    def __init__(self, words, cpu, log=subprocess.DEVNULL, **how):
        words = ["taskset", "-c", str(cpu), *map(str, words)]
        self.name = Path(words[3]).name
        how = {"stdout": log, "stderr": log, **how}
        Process.is_starting = True
        try:
            # Ctrl-C is for this script alone, which ends what it has started in its own order.
            self.process = subprocess.Popen(words, start_new_session=True, **how)
            self.pid = self.process.pid
            Process.alive.add(self)
        finally:
            Process.is_starting = False
        if Process.ended_by:
            raise Ended(Process.ended_by)

    def stop(self):
        """Ends it and all that it has started; it has nothing to lose."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        Process.alive.discard(self)

    def cpu_seconds(self):
        total = 0
        for pid in descendants(self.pid):
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(task.read_text().split()[0])
                except OSError:
                    pass
        return total / 1e9

    def private_bytes(self):
        """Memory that the process has written to and shares with nobody."""
        total = 0
        for pid in descendants(self.pid):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += 1024 * int(re.search(r"Private_Dirty:\s+(\d+)", rollup)[1])
        return total


class Place:
    """Where a run happens: a scratch folder, what is served, what was built, who has which CPU."""

    def __init__(self, scratch, folder, built, server_cpu, client_cpu, descriptors):
        self.scratch, self.folder, self.built = scratch, folder, built
        self.server_cpu, self.client_cpu = server_cpu, client_cpu
        self.descriptors = descriptors
        # The rest is for files and the like.
        self.most_connections = descriptors * 4 // 5


@contextmanager
def started(peer, workload, place):
    """A server that answers; it is gone when the block ends."""
    port = free_port()
    log = place.scratch / f"{peer.name}.log"
    with open(log, "wb") as file:
        server = Process(peer.command(place, port, workload), place.server_cpu, file)
    try:
        server.port = port
        wait_for(server, peer, log)
        yield server
    finally:
        server.stop()


def wait_for(server, peer, log):
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and server.process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", server.port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise Trouble(f"{peer.name} did not start: {said[-1][:200]}")


def check_answers(server, peer, workload, folder):
    """Status and content of every path, once, as they must be."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for path in workload.paths:
        try:
            connection.request("GET", path, headers=dict(workload.fields))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(f"{peer.name} does not answer {path} of {workload.name}: {error}")
        expected = folder.contents[path]
        if peer.name.startswith("floor"):  # it has a content of its own
            is_right = len(content) == folder.size(workload)
        else:
            is_right = content == expected
        if answer.status != 200 or not is_right:
            raise Trouble(
                f"{peer.name} answers {path} of {workload.name} with {answer.status} and"
                f" {len(content)} bytes; expected 200 and {len(expected)} bytes"
            )
    connection.close()
