"""The cost of growth: CPU a request, and memory a connection, at 1 to 10,000 connections.

Relies on running.py, on wrk with load.lua's marks, and on crowd.py. Clients are processes of their
own, so that a connection takes one descriptor of each process and no more.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import load
from figures import columns, spread
from load import HERE, environment, url_of, wrk_words
from running import Process, check_answers, started
from trouble import Trouble
from workloads import CONNECTIONS, WORKLOADS

COUNTS = (1, 10, 100, 1000, 10000)
PEERS = ("floor", "oneloop-files", "nginx")
MARK = 500  # requests from one mark of wrk's to the next
WARM_UP = 0.5  # seconds from when every connection has asked twice
LEAST_COUNTED = 100  # memory comes in pages of 4 KiB: fewer connections than this say nothing
CONNECT_AT = 8000  # connections a second that a crowd makes, at least
MEASURES = {
    "active": "CPU a request, that many connections asking (us)",
    "beside_idle": f"CPU a request, {CONNECTIONS} asking beside that many idle (us)",
    "bytes": "memory of each idle connection (bytes)",
}


def seconds_of(peers, rounds, seconds):
    each = sum(2 * (seconds + WARM_UP + 0.5) + 3 * count / CONNECT_AT + 1 for count in COUNTS)
    return each * len(peers) * rounds


def measured(peers, place, rounds, seconds):
    """Every round, as [{peer, connections, round, active, beside_idle, bytes}]."""
    if place.most_connections < COUNTS[-1] + CONNECTIONS:
        raise Trouble(
            f"open files are limited to {place.descriptors}, too few for {COUNTS[-1]} connections;"
            " raise the hard limit (ulimit -Hn 20000)"
        )
    return [
        {"peer": peer.name, "connections": count, "round": number}
        | once(peer, count, place, seconds)
        for number in range(rounds)
        for count in COUNTS
        for peer in peers
    ]


def once(peer, count, place, seconds):
    hello = WORKLOADS["hello"]
    with started(peer, hello, place) as server:
        check_answers(server, peer, hello, place.folder)
        with crowd(server, 1, place):
            pass  # whatever the first connection takes once and for all
        empty = server.private_bytes()
        with crowd(server, count, place):
            used = server.private_bytes() - empty
            beside_idle = cpu_of_request(server, peer, CONNECTIONS, place, seconds)
        active = cpu_of_request(server, peer, count, place, seconds)
    return {
        "active": active,
        "beside_idle": beside_idle,
        "bytes": used / count if count >= LEAST_COUNTED else None,
        "empty_bytes": empty,
    }


@contextmanager
def crowd(server, count, place):
    """So many idle connections while the block lasts."""
    words = [sys.executable, HERE / "crowd.py", server.port, count]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    clients = Process(words, place.client_cpu, subprocess.PIPE, **pipes)
    try:
        if clients.process.stdout.readline() != b"ready\n":
            said = clients.process.stderr.read().decode().strip().splitlines() or ["nothing"]
            raise Trouble(f"{count} idle connections: {said[-1]}")
        yield
    finally:
        clients.stop()


def cpu_of_request(server, peer, count, place, seconds):
    """CPU time a request in microseconds, of `count` connections that ask all the time.

    From a mark of wrk's to a later one, so that what connecting costs is not in it.
    """
    hello = WORKLOADS["hello"]
    most = seconds + WARM_UP + count / CONNECT_AT + 2
    words = wrk_words(url_of(server), hello, int(most) + 1, count)
    client = Process(
        words, place.client_cpu, stdout=subprocess.PIPE, env=environment(hello, MARK=str(MARK))
    )
    first = last = None
    try:
        everybody = None  # when every connection had asked twice
        for line in client.process.stdout:
            word, *numbers = line.split()
            if word == b"summary":
                load.summary(line.decode(), f"wrk at {peer.name}", place.folder.size(hello), count)
            if word != b"sent" or int(numbers[0]) < 2 * count:
                continue
            now, sent = time.monotonic(), int(numbers[0])
            everybody = everybody or now
            if now < everybody + WARM_UP or (first and last[2] > first[2] + seconds):
                continue
            last = (sent, server.cpu_seconds(), now)
            first = first or last
            if last[2] > first[2] + seconds:
                os.kill(client.pid, signal.SIGINT)  # wrk sums up at once
    finally:
        client.stop()
    if not first or first == last:
        raise Trouble(f"{peer.name}: {count} connections of wrk's did nothing in {most:.0f} s")
    return (last[1] - first[1]) / (last[0] - first[0]) * 1e6


def summarised(rounds):
    """{measure: {peer: {connections: spread}}}."""
    figures = {}
    for measure in MEASURES:
        for one in rounds:
            if one[measure] is not None:
                own = figures.setdefault(measure, {}).setdefault(one["peer"], {})
                own.setdefault(one["connections"], []).append(one[measure])
    return {
        measure: {
            peer: {count: spread(values) for count, values in counts.items()}
            for peer, counts in peers.items()
        }
        for measure, peers in figures.items()
    }


def table(figures):
    lines = []
    for measure, says in MEASURES.items():
        rows = [("", *(f"{count:,}" for count in COUNTS))]
        for peer, counts in figures[measure].items():
            digits = 0 if measure == "bytes" else 2
            texts = (f"{counts[n]['median']:.{digits}f}" if n in counts else "-" for n in COUNTS)
            rows.append((peer, *texts))
        lines += ["", says, *columns(rows)]
    return lines
