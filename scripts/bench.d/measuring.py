"""The rounds: every server once a round, so that a ratio holds when the machine drifts.

Relies on running.py and load.py. It measures CPU time a request, the server's own, because on few
CPUs the rate is the client's as much as the server's; the rate is written down beside it.
"""

import load
from figures import spread
from running import check_answers, started
from workloads import WORKLOADS

WARM_UP = 1  # seconds of load before a measurement
OVERHEAD = 0.3  # seconds to start a server and its clients, and to end them
CHECK = 0.1  # seconds to look at a server's answers once
LATENCY_AT = 0.5  # of what the slowest can


def cells(workloads, peers):
    """Every pair of a workload and a server that can do it, in the order of a round."""
    return [(one, peer) for one in workloads for peer in peers if peer.can(one)]


def seconds_of(workloads, peers, rounds, seconds):
    count = len(cells(workloads, peers))
    return count * (CHECK + rounds * (WARM_UP + seconds + OVERHEAD))


def seconds_of_latency(peers, rounds, seconds):
    count = len(cells([WORKLOADS["hello"]], peers))
    return count * (1 + rounds) * (WARM_UP + seconds + OVERHEAD)


def check(workloads, peers, place):
    """Everybody answers everything rightly, before anything is measured."""
    for workload, peer in cells(workloads, peers):
        with started(peer, workload, place) as server:
            check_answers(server, peer, workload, place.folder)


def once(workload, peer, place, seconds):
    with started(peer, workload, place) as server:
        load.wrk(server, peer, workload, place, WARM_UP)
        before = server.cpu_seconds()
        run = load.wrk(server, peer, workload, place, seconds)
        used = server.cpu_seconds() - before
    return {
        "workload": workload.name,
        "peer": peer.name,
        "cpu_us": used / run.requests * 1e6,
        "rate": run.requests / run.seconds,
        "busy": used / run.seconds,
        "p99_us": run.p99_us,
    }


def measured(workload, peers, place, rounds, seconds):
    """Every round of one workload."""
    return [
        {"round": number, **once(one, peer, place, seconds)}
        for number in range(rounds)
        for one, peer in cells([workload], peers)
    ]


def latency(peers, place, rounds, seconds):
    """What `hello` waits for, and how that was measured: {peer: {p50: spread, …}} and a line."""
    workload = WORKLOADS["hello"]
    peers = [peer for _, peer in cells([workload], peers)]
    rate = None
    if load.has_oha():
        peaks = [at_rate(workload, peer, place, seconds, None)["rate"] for peer in peers]
        rate = round(min(peaks) * LATENCY_AT)
        how = (
            f"oha asks {rate} times a second, half of what the slowest can do for it; latency"
            " counts from when a request was due"
        )
    else:
        how = (
            "by wrk at full load, uncorrected: a slow answer delays what would have been asked"
            " meanwhile; cargo install oha for latency at a constant rate"
        )
    found = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found[peer.name].append(at_rate(workload, peer, place, seconds, rate))
    names = ("p50", "p99", "p99.9")
    return {
        peer: {name: spread([one[name] for one in own]) for name in names}
        for peer, own in found.items()
    }, how


def at_rate(workload, peer, place, seconds, rate):
    with started(peer, workload, place) as server:
        if load.has_oha():
            load.oha(server, workload, place, WARM_UP, rate)
            return load.oha(server, workload, place, seconds, rate)
        load.wrk(server, peer, workload, place, WARM_UP)
        run = load.wrk(server, peer, workload, place, seconds)
        return {"p50": run.p50_us, "p99": run.p99_us, "p99.9": run.p999_us}
