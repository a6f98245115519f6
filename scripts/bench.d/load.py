"""Load: wrk, which asks as fast as it is answered, and oha, which asks at a rate.

Relies on load.lua. Every run is held against what its answers must have been: their status, how
many bytes they were, and that no connection broke.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from running import Process
from trouble import Trouble
from workloads import CONNECTIONS

HERE = Path(__file__).resolve().parent
SECONDS_TO_SPARE = 30  # beyond what a run was to take
MOST_HEAD = 1024  # bytes of an answer's head


@dataclass
class Run:
    """What one run of wrk came to."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    p999_us: float


def wrk_words(url, workload, seconds, connections):
    fields = [word for name, value in workload.fields for word in ("-H", f"{name}: {value}")]
    script = ["-s", HERE / "load.lua"]
    how = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    return ["wrk", *how, *script, *fields, url + workload.paths[0]]


def environment(workload, **more):
    asked = {"DEPTH": str(workload.depth), "PATHS": ",".join(workload.paths)}
    return {**os.environ, **asked, **more}


def url_of(server):
    return f"http://127.0.0.1:{server.port}"


def wrk(server, peer, workload, place, seconds):
    """Runs wrk to its end."""
    words = wrk_words(url_of(server), workload, seconds, CONNECTIONS)
    said = finished(words, place, seconds, env=environment(workload))
    where = f"wrk at {workload.name} of {peer.name}"
    return summary(said, where, place.folder.size(workload), CONNECTIONS * workload.depth)


def finished(words, place, seconds, **how):
    """What a client that runs to its end says."""
    client = Process(words, place.client_cpu, stdout=subprocess.PIPE, **how)
    try:
        said, _ = client.process.communicate(timeout=seconds + SECONDS_TO_SPARE)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{words[0]} did not end after {seconds} s and {SECONDS_TO_SPARE} more")
    finally:
        client.stop()
    return said.decode()


def summary(said, where, size, under_way):
    """Reads load.lua's last line, and holds it against the size of an answer."""
    lines = [line for line in said.splitlines() if line.startswith("summary ")]
    if not lines:
        raise Trouble(f"{where}: no summary; it said: {' '.join(said.split())[-160:]}")
    requests, read, micros, *errors = map(int, lines[0].split()[1:9])
    p50, p99, p999 = map(int, lines[0].split()[9:])
    if not requests:
        raise Trouble(f"{where}: not one answer")
    if any(errors):
        kinds = zip(("connect", "read", "write", "status", "timeout"), errors)
        raise Trouble(f"{where}: {', '.join(f'{n} {kind} errors' for kind, n in kinds if n)}")
    # What is on its way when the time is up is counted as bytes and not as answers; of a page's
    # files only the mean is known.
    if not requests * size * 0.95 <= read <= (requests + under_way) * (size * 1.05 + MOST_HEAD):
        raise Trouble(f"{where}: {read} bytes, which are no {requests} answers of {size}")
    return Run(requests, micros / 1e6, p50, p99, p999)


def has_oha():
    return shutil.which("oha") is not None


def oha(server, workload, place, seconds, rate=None):
    """Requests a second that were answered, and the latency's percentiles in microseconds.

    With a rate, each latency counts from when its request was due, not from when it could leave.
    """
    at = ["-q", str(rate), "--latency-correction"] if rate else []
    words = ["oha", "--no-tui", "--output-format", "json", "-c", str(CONNECTIONS)]
    words += ["-z", f"{seconds}s", *at, url_of(server) + workload.paths[0]]
    said = json.loads(finished(words, place, seconds))
    if set(said["statusCodeDistribution"]) != {"200"}:
        raise Trouble(f"oha: answers were {said['statusCodeDistribution']}; expected 200")
    percentiles = said["latencyPercentiles"]
    return {
        "rate": said["summary"]["requestsPerSec"],
        **{name: percentiles[name] * 1e6 for name in ("p50", "p99", "p99.9")},
    }
