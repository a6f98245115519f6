"""System calls a request while 64 connections ask as fast as they can, by perf.

How many requests are ready when the loop wakes is the load's doing, so this is no figure to hold a
change against: it says what the exact count of `cases.py`, in which all 64 are ready, is worth in life.
A call is 2 + 1/n where n are ready. perf counts in the kernel, which stops nobody; by so much as it slows
the server more are ready, and the figure comes out smaller. So the rate without perf stands beside
that with it.
"""

import os
import re
import subprocess

from server import Server

TOOLS = {"perf": "linux-perf", "wrk": "wrk"}
SECONDS = 2
CALLS, BUSY = "raw_syscalls:sys_enter", "task-clock"


def show(program, what):
    """Prints the table."""
    cpus = sorted(os.sched_getaffinity(0))
    print(f"{'wrk of 64 connections':<34}  system calls  ready together  busy  a second  without perf")
    for name, mine, theirs, threads in (
        ("1 thread, on a processor of its own", cpus[:1], cpus[1:2], 1),
        ("2 threads, on all of them", cpus, cpus, 2),
    ):
        if not theirs:
            print(f"{name}: there is but one")
            continue
        with Server([], program, what) as server:
            os.sched_setaffinity(server.pid, mine)
            wrk = ["taskset", "-c", ",".join(map(str, theirs)), "wrk", f"-t{threads}", "-c64"]
            wrk += [f"-d{SECONDS}", f"http://127.0.0.1:{server.port}/"]
            _, plain = asked(run(wrk))
            perf = ["perf", "stat", "-x;", "-e", f"{CALLS},{BUSY}", "-p", str(server.pid)]
            said = run([*perf, "--", *wrk])
        requests, rate = asked(said)
        calls = counted(said, CALLS) / requests
        busy = counted(said, BUSY) / 1000 / SECONDS
        print(
            f"{name:<34}  {calls:>12.3f}  {1 / (calls - 2):>14.1f}  {busy:>4.0%}"
            f"  {rate:>8.0f}  {plain:>12.0f}"
        )


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"scripts/counts: {command[0]} said: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def asked(said):
    """How many requests, and how many a second."""
    return int(re.search(r"(\d+) requests in", said)[1]), float(re.search(r"sec: +([\d.]+)", said)[1])


def counted(said, event):
    found = re.search(rf"^([\d.]+);[^;]*;{event}(?::u)?;", said, re.MULTILINE)
    if not found:
        raise SystemExit(f"scripts/counts: perf may not count {event} here (run it as root): {said}")
    return float(found[1])
