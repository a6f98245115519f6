"""What disturbs a count, and how it is kept out.

What happens by the clock falls into a stretch or does not: another Date, and the look at files that
have been asked for, each once a second; on a busy machine a stretch may be longer than that. It only
ever adds, so a figure is the lowest, once that was seen twice.

What the kernel has for TCP is one pool for the whole machine. Where somebody else's sockets have all
but emptied it, each socket takes a little at a time: a file leaves in many calls with waits between
them, and what a client does not read stays with the program. That may last for minutes, and it is the
machine's and not the program's, so whatever was counted meanwhile is thrown away.
"""

import time
from pathlib import Path

ALIKE = 0.004  # two stretches are the same: less than a look at a file, more than a new Date
FEWEST = 3  # because what grows once, and allocates, may do so in any of two
STRETCHES = 16  # are enough for the lowest to come twice
TRIES = 5
PATIENCE = 120  # seconds until somebody else's sockets are closed


def lowest(stretch, cost, stretches=STRETCHES):
    """Of as many stretches as it takes, the cheapest, and all of them."""
    seen = []
    for _ in range(stretches):
        seen.append(stretch())
        costs = sorted(cost(one) for one in seen)
        if len(costs) >= FEWEST and costs[1] <= costs[0] * (1 + ALIKE):
            return min(seen, key=cost), seen
    raise SystemExit(f"scripts/counts: of {stretches} stretches no two cost the same: {costs}")


def pages():
    """What all sockets of the machine hold, and below what the kernel spares nothing."""
    held = Path("/proc/net/sockstat").read_text().split("\nTCP:", 1)[1].split(" mem ", 1)[1]
    return int(held.split()[0]), int(Path("/proc/sys/net/ipv4/tcp_mem").read_text().split()[0])


def shortages():
    """How often the kernel began to spare."""
    lines = Path("/proc/net/netstat").read_text().splitlines()
    names, figures = (line.split() for line in lines if line.startswith("TcpExt:"))
    return int(figures[names.index("TCPMemoryPressures")])


def await_room():
    deadline = time.monotonic() + PATIENCE
    while True:
        held, free_below = pages()
        if held < free_below:
            return
        if time.monotonic() > deadline:
            raise SystemExit(
                f"scripts/counts: the sockets of this machine hold {held} pages, and from "
                f"{free_below} on the kernel spares (/proc/net/sockstat); end what holds them"
            )
        time.sleep(0.1)


def undisturbed(count):
    """What is counted while the kernel spares nothing."""
    for _ in range(TRIES):
        await_room()
        before = shortages()
        try:
            found = count()
        except SystemExit:
            # Of what is disturbed no two need be alike.
            if shortages() == before:
                raise
            continue
        held, free_below = pages()
        if held < free_below and shortages() == before:
            return found
    raise SystemExit("scripts/counts: somebody empties the kernel's memory for TCP again and again")
