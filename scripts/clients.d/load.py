"""The server's own figures beside those of its load generators: counts equal, latencies side by side,
and the verdict on what the limit was, in runs that are staged to have one.

wrk and h2load are needed, and promtool; where oha is there, it counts too and asks at a constant rate.
Each run has a server of its own, and its report when that ends.

Relies on the standard library, and on FIXED, BUILT and SCRATCH of scripts/clients.
"""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from multipart import Wrong

PROGRAM = os.environ["BUILT"] + "/oneloop"
SCRATCH = Path(os.environ["SCRATCH"])
HERE = Path(__file__).parent
TEXT = "Hello, World!"
SECONDS = 20  # the most that anything may take
CONNECTIONS = 20
DEPTH = 16
DROPPED_CONNECTIONS = 300
TRIES = 10

count = 0
remarks = []


def expect(what, expected, found):
    if expected != found:
        raise Wrong(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


class Run:
    """A server, and its report once it has ended."""

    report = None

    def __init__(self, *arguments, pinned=None):
        command = ["taskset", "-c", str(pinned)] if pinned is not None else []
        command += [PROGRAM, *arguments, "-p0", "--report=json"]
        self.admin = None
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self.address = self.said()
        self.url = f"http://{self.address}/"
        return self

    def said(self):
        """Where it says that it listens."""
        return re.search(r" on http://([\d.:]+)/$", self.server.stderr.readline().rstrip())[1]

    def __exit__(self, failed, *_):
        self.server.send_signal(signal.SIGCONT)
        self.server.send_signal(signal.SIGKILL if failed else signal.SIGINT)
        out, _ = self.server.communicate(timeout=SECONDS)
        if not failed:
            expect("how the server ended", 0, self.server.returncode)
            self.report = json.loads(out)

    def counts(self, what, requests, size=None):
        """These and no others were counted, and all of them were right."""
        global count
        count += requests
        report = self.report
        expect(f"{what}: requests", requests, report["requests"])
        expect(f"{what}: statuses", {"200": requests}, report["statuses"])
        expect(f"{what}: latencies", requests, report["latency"]["count"])
        expect(f"{what}: errors", 0, sum(report["connections"]["errors"].values()) - dropped(report))
        expect(f"{what}: bytes", requests * (size or SIZE), report["sent_bytes"])


def dropped(report):
    """By full accept queues of anybody on this machine, which says nothing about this server."""
    return (report["accept_queue"] or {"overflows": 0})["overflows"]


def client(*command, **environment):
    """What it says; it must end well."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})
    if done.returncode:
        raise Wrong(f"{' '.join(command)} failed: {(done.stderr or done.stdout)[-300:]}")
    return done.stdout


def answer_size():
    """How long an answer is, head and all, asked of a server whose figures nobody looks at."""
    host, port = os.environ["FIXED"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=SECONDS) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while not answer.endswith(TEXT.encode()):
            answer += stream.recv(1 << 16)
    return len(answer)


SIZE = answer_size()


def oha(url, *options):
    said = json.loads(client("oha", "--no-tui", "--output-format", "json", *options, url))
    expect("oha's errors", {}, said["errorDistribution"])
    return said


def wrk(url, connections, depth, *, fields=0, pinned=None):
    """How many answers it got, all of them right."""
    file = SCRATCH / "content"
    file.write_text(TEXT)
    command = ["taskset", "-c", str(pinned)] if pinned is not None else []
    command += ["wrk", "-t1", f"-c{connections}", "-d1s", "--timeout", f"{SECONDS}s"]
    said = client(*command, "-s", HERE / "wrk.lua", url, CONTENT=str(file), DEPTH=str(depth),
                  FIELDS=str(fields))
    answers, _, *rest = map(int, re.search(r"^summary (.*)$", said, re.M)[1].split())
    expect("wrk: wrong, connect, read, write, status, timeout", [0] * 6, rest)
    return answers


def as_many_as_the_client():
    """oha and h2load ask for a number; kept connections and one for each, one thread and two loops."""
    for loops in [1, 2]:
        for number in [5_000, 20_000]:
            with Run("respond", TEXT, f"-w{loops}") as run:
                said = client("h2load", "--h1", "-n", number, "-c", CONNECTIONS, run.url)
            expect("h2load's own", True, f"{number} succeeded, 0 failed" in said)
            run.counts(f"h2load -n {number}, {loops} loops", number)
            if shutil.which("oha"):
                for option in [[], ["--disable-keepalive"]]:
                    with Run("respond", TEXT, f"-w{loops}") as run:
                        said = oha(run.url, "-n", number, "-c", CONNECTIONS, *option)
                    expect("oha's own", {"200": number}, said["statusCodeDistribution"])
                    size = SIZE + len("Connection: close\r\n") if option else SIZE
                    run.counts(f"oha -n {number} {option}, {loops} loops", number, size)
                    opened = number if option else CONNECTIONS
                    expect("connections of oha", opened, run.report["connections"]["accepted"])


def nearly_as_many_as_wrk():
    """It drops what is under way when its time is up: connections times depth at the most."""
    global count
    for depth in [1, DEPTH]:
        with Run("respond", TEXT) as run:
            answers = wrk(run.url, CONNECTIONS, depth)
        count += answers
        report = run.report
        over = report["requests"] - answers
        if not 0 <= over <= CONNECTIONS * depth:
            raise Wrong(f"wrk, {depth} at a time: {report['requests']} instead of {answers}")
        expect("given, and left or not", sum(report["statuses"].values()), report["requests"] + report["unsent"])
        expect("the most outstanding", depth, report["outstanding"]["most"])
        if depth > 1 and report["outstanding"]["mean"] < depth * 0.9:
            raise Wrong(f"{report['outstanding']} of {depth} at a time")
        # wrk opens one connection more, to see whether anybody is there.
        expect("connections of wrk", CONNECTIONS + 1, report["connections"]["accepted"])
        remarks.append(f"wrk's {answers} and {over} more by depth {depth}")


def side_by_side():
    """At half of the most it can: each share of requests took the server no longer than its client saw."""
    global count
    if not shutil.which("oha"):
        remarks.append("NOT TRIED, as oha is not installed: latencies side by side, oha's counts")
        return
    with Run("respond", TEXT) as run:
        peak = oha(run.url, "-n", 50_000, "-c", CONNECTIONS)["summary"]["requestsPerSec"]
    rate = int(peak / 2)
    number = 2 * rate
    with Run("respond", TEXT) as run:
        said = oha(run.url, "-n", number, "-q", rate, "-c", CONNECTIONS, "--latency-correction")
    run.counts("at a constant rate", number)
    theirs, ours = said["latencyPercentiles"], run.report["latency"]["percentiles_seconds"]
    pairs = [(name, ours[name], theirs[f"p{name}"]) for name in ["50", "75", "90", "95", "99", "99.9"]]
    told = ", ".join(f"p{name} {1e6 * mine:.0f} of {1e6 * their:.0f}" for name, mine, their in pairs)
    remarks.append(f"at {rate}/s the server took of the client's µs {told}")
    # The client may have the answer before the server has looked at its clock.
    slack = 50e-6
    for name, mine, their in pairs[:3]:
        if mine > their * 1.02 + slack:
            raise Wrong(f"p{name} was {mine} s as the server saw it, and {their} s at the client: {told}")
    asked = run.report["requests_per_second"]
    if not rate * 0.5 < asked < rate * 1.5:
        raise Wrong(f"{asked} requests/s by the server's clock, and {rate} by the client's")


def staged(limit, connections, depth, *, fields=0, cpus):
    """A run whose verdict must be that. It is staged anew where others took a CPU meanwhile, which is
    another limit."""
    global count
    for tried in range(1, TRIES + 1):
        with Run("respond", TEXT, pinned=cpus[0]) as run:
            count += wrk(run.url, connections, depth, fields=fields, pinned=cpus[1])
        found = run.report["verdict"]
        if found["limit"] == limit:
            again = f" (staged {tried} times)" if tried > 1 else ""
            remarks.append(found["text"].splitlines()[0].split("(")[0].strip() + again)
            return
    raise Wrong(f"the limit was the {limit}, and the verdict is: {found}")


def the_client_is_the_limit():
    """It asks one at a time."""
    staged("client", 1, 1, cpus=(0, 1))


def the_server_is_the_limit():
    """Reading a request takes it far longer than it takes its client to write that once more."""
    staged("server", 64, DEPTH, fields=50, cpus=(0, 1))


def the_machine_is_the_limit():
    """Client and server have one CPU between them."""
    staged("cpu", 64, 1, cpus=(0, 0))


def overflows():
    """What the kernel says itself."""
    names, numbers = [line.split() for line in open("/proc/net/netstat") if line.startswith("TcpExt:")]
    return int(numbers[names.index("ListenOverflows")])


def until(what, holds):
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise Wrong(f"in {SECONDS} s never: {what}")
        time.sleep(0.01)


def the_accept_queue_is_full():
    """The server is stopped for a moment while hundreds connect: who is dropped tries again later."""
    global count
    before = overflows()
    with contextlib.ExitStack() as streams:
        with Run("respond", TEXT, "--backlog", "1") as run:
            host, port = run.address.split(":")
            run.server.send_signal(signal.SIGSTOP)
            waiting = []
            for _ in range(DROPPED_CONNECTIONS):
                stream = streams.enter_context(socket.socket())
                stream.setblocking(False)
                stream.connect_ex((host, int(port)))
                waiting.append(stream)
            until("an overflow", lambda: overflows() > before)
            dropped_then = overflows() - before
            run.server.send_signal(signal.SIGCONT)
            # Whoever was let in is there at once; the others try again a second later.
            began = time.monotonic()
            ready = select.select([], waiting, [], 0.5)[1]
            late = [stream for stream in waiting if stream not in ready]
            expect("some are let in, and most are not", True, 0 < len(ready) < len(late))
            until("one who was dropped is let in", lambda: select.select([], late, [], 0)[1])
            took = time.monotonic() - began
            for stream in waiting:
                stream.close()
            count += wrk(run.url, 1, 1)
    found = dropped(run.report)
    if not dropped_then <= found <= overflows() - before:
        raise Wrong(f"{found} overflows in the report, and {dropped_then} or more by the kernel")
    text = run.report["verdict"]["text"]
    expect("the verdict has them", True, f"{found:,} connections were dropped by a full accept queue" in text)
    expect("the verdict has advice", True, "raise --backlog and net.core.somaxconn" in text)
    remarks.append(f"{found} dropped by a full accept queue, and the first of them back after {took:.1f} s")


def figures_while_it_runs():
    """The admin listener's: they count no request of their own, and promtool has nothing against them."""
    number = 10_000
    with Run("respond", TEXT, "--admin", "127.0.0.1:0") as run:
        admin = f"http://{run.said()}/"

        def page(path):
            with urllib.request.urlopen(admin + path, timeout=SECONDS) as answer:
                return answer.read().decode()

        client("h2load", "--h1", "-n", number, "-c", CONNECTIONS, run.url)
        for _ in range(2):
            metrics = page("metrics")
            expect("requests in /metrics", True, f"\noneloop_requests_total {number}\n" in metrics)
            expect("requests in /report", number, json.loads(page("report?format=json"))["requests"])
            expect("requests in /report", True, f"Requests:     {number:,}\n" in page("report"))
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True,
                              timeout=SECONDS)
        expect("promtool's complaints", (0, ""), (done.returncode, done.stdout + done.stderr))
    run.counts("beside an admin listener", number)


def main():
    # Where clients and servers share one CPU, neither can be made the limit.
    checks = [as_many_as_the_client, nearly_as_many_as_wrk, side_by_side, the_accept_queue_is_full,
              figures_while_it_runs]
    if len(os.sched_getaffinity(0) & {0, 1}) == 2:
        checks += [the_client_is_the_limit, the_server_is_the_limit, the_machine_is_the_limit]
    else:
        remarks.append("NOT TRIED, as there are not two CPUs: what the limit is")
    for check in checks:
        try:
            check()
        except Exception as error:
            raise Wrong(f"{check.__name__}: {type(error).__name__}: {error}") from None
    print(f"{count} answers")
    print("; ".join(remarks))


# Who is told to end ends the server first.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
try:
    main()
except Wrong as error:
    sys.exit(str(error))
