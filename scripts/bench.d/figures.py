"""From single measurements to what is shown: medians, ratios of the same round, and tables.

Relies on nothing but arithmetic. A result is what `--json` writes: see `summarised` for its shape.
"""

from statistics import median

from peers import FLOORS
from workloads import WORKLOADS


def spread(values):
    """The median, the least and the greatest."""
    return {"median": median(values), "least": min(values), "most": max(values)}


def ratios(own, base):
    """Round by round: what drifts from one round to the next is in both, and cancels out."""
    return spread([a / b for a, b in zip(own, base)])


def summarised(measured):
    """{workload: {peer: figures}} of [{workload, peer, round, cpu_us, …}], in the order measured.

    The floor of a workload is the cheaper of those that were measured.
    """
    figures = {}
    for workload in dict.fromkeys(one["workload"] for one in measured):
        rounds = {}
        for one in measured:
            if one["workload"] == workload:
                rounds.setdefault(one["peer"], []).append(one)
        cost = {peer: [one["cpu_us"] for one in own] for peer, own in rounds.items()}
        floors = sorted((median(cost[name]), name) for name in FLOORS if name in cost)
        bases = {"floor": floors[0][1] if floors else None, "nginx": "nginx"}
        figures[workload] = {
            peer: {
                "cpu_us": spread(cost[peer]),
                "rate": median(one["rate"] for one in own),
                "busy": median(one["busy"] for one in own),
                **{
                    f"to_{base}": ratios(cost[peer], cost[name])
                    for base, name in bases.items()
                    if name in cost
                },
            }
            for peer, own in rounds.items()
        }
    return figures


def ordered(figures):
    """The peers of one workload, the cheapest first."""
    return sorted(figures, key=lambda peer: figures[peer]["cpu_us"]["median"])


def two_digits(value):
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio_text(ratio):
    if ratio is None:
        return ("-", "")
    ends = f"{two_digits(ratio['least'])} to {two_digits(ratio['most'])}"
    return (two_digits(ratio["median"]), ends)


def table(workload, figures):
    """The lines that are printed for one workload."""
    title = f"{workload}: {WORKLOADS[workload].says}"
    head = ("", "us/request", "x floor", "spread", "x nginx", "requests/s", "busy")
    rows = [head]
    for peer in ordered(figures):
        own = figures[peer]
        rows.append(
            (
                peer,
                two_digits(own["cpu_us"]["median"]),
                *ratio_text(own.get("to_floor")),
                ratio_text(own.get("to_nginx"))[0],
                f"{own['rate']:.0f}",
                f"{own['busy']:.0%}",
            )
        )
    return ["", title, *columns(rows)]


def overview(figures):
    """The lines of all workloads: multiples of the floor, medians."""
    peers = dict.fromkeys(peer for own in figures.values() for peer in own)
    peers = [peer for peer in peers if peer not in FLOORS]
    rows = [("x floor", *peers)]
    for workload, own in figures.items():
        texts = (ratio_text(own.get(peer, {}).get("to_floor"))[0] for peer in peers)
        rows.append((workload, *texts))
    return columns(rows)


def latency_table(latency):
    """The lines for {peer: {p50: spread, …}}."""
    names = ("p50", "p99", "p99.9")
    rows = [("", *(f"{name} us" for name in names), "p99 spread")]
    for peer, own in latency.items():
        ends = f"{own['p99']['least']:.0f} to {own['p99']['most']:.0f}"
        rows.append((peer, *(f"{own[name]['median']:.0f}" for name in names), ends))
    return columns(rows)


def columns(rows):
    """Aligned: the first column left, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        rest = "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))
        lines.append(f"{row[0]:<{widths[0]}}  {rest}".rstrip())
    return lines
