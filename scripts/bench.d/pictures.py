"""The pictures: SVG that stands alone, 720 wide, light or dark as the reader's page is.

Relies on figures alone; the same figures draw the same picture, byte by byte. It asks nobody for
anything: no font, no script, no other file.
"""

import math
import textwrap
from xml.sax.saxutils import escape

from figures import ordered, two_digits
from peers import FLOORS
from workloads import WORKLOADS

WIDTH, MARGIN = 720, 24
CAPTION_LETTERS = 116  # of a caption's line

STYLE = """
text { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif;
  fill: var(--ink) }
svg { --page: #ffffff; --ink: #1f2328; --dim: #59636e; --rule: #d8dee4; --ours: #0969da;
  --second: #bc4c00; --peer: #818b98; --floor: #1a7f37 }
@media (prefers-color-scheme: dark) { svg { --page: #0d1117; --ink: #e6edf3; --dim: #9198a1;
  --rule: #30363d; --ours: #4493f8; --second: #f0883e; --peer: #7d8590; --floor: #3fb950 } }
.page { fill: var(--page) } .title { font-size: 16px; font-weight: 600 }
.dim { fill: var(--dim) } .small { font-size: 11px; fill: var(--dim) }
.strong { font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle }
.rule { stroke: var(--rule) } .floor { stroke: var(--floor); fill: var(--floor) }
.ours { stroke: var(--ours); fill: var(--ours) } .peer { stroke: var(--peer); fill: var(--peer) }
.second { stroke: var(--second); fill: var(--second) }
text.floor, text.ours { stroke: none } .bar { stroke: none }
.line { fill: none; stroke-width: 2 } .line.ours { stroke-width: 3 }
.spread { stroke: var(--ink); stroke-width: 1.25 }
"""


class Picture:
    """A growing list of shapes."""

    def __init__(self, title, says):
        self.title, self.says, self.shapes = title, says, []

    def text(self, x, y, what, kind=""):
        place = f'x="{x:.1f}" y="{y:.1f}"'
        self.shapes.append(f'<text {place} class="{kind}">{escape(str(what))}</text>')

    def line(self, x1, y1, x2, y2, kind, dashes=""):
        dashes = f' stroke-dasharray="{dashes}"' if dashes else ""
        ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self.shapes.append(f'<line {ends} class="{kind}"{dashes}/>')

    def bar(self, x1, x2, y, height, kind):
        left, width = min(x1, x2), max(abs(x2 - x1), 1)
        place = f'x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}"'
        self.shapes.append(f'<rect {place} rx="1.5" class="bar {kind}"/>')

    def dot(self, x, y, kind):
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{kind}"/>')

    def path(self, points, kind):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.shapes.append(f'<polyline points="{points}" class="line {kind}"/>')

    def caption(self, y, lines):
        """Wrapped lines from `y` on; where they end."""
        for line in lines:
            for part in textwrap.wrap(line, CAPTION_LETTERS):
                self.text(MARGIN, y, part, "small")
                y += 15
        return y

    def svg(self, height):
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
            f' viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="title says">'
        )
        title = f'<title id="title">{escape(self.title)}</title>'
        says = f'<desc id="says">{escape(self.says)}</desc>'
        page = f'<rect class="page" width="{WIDTH}" height="{height:.0f}"/>'
        style = f"<style>{STYLE}</style>"
        return "\n".join([head, title, says, style, page, *self.shapes, "</svg>", ""])


def kind_of(peer):
    """The colour of a peer's marks."""
    return "ours" if peer.startswith("oneloop") else "floor" if peer in FLOORS else "peer"


# The ratios.

LABELS, PLOT, VALUES = 140, 560, 604  # where the names, the bars and the medians end
TOP, HEADING, ROW, BETWEEN = 88, 24, 18, 8  # heights
TICKS = (0.5, 0.75, 2, 4, 8, 16, 32, 64, 1.5, 3, 6, 12, 24, 48, 1.25)  # the first that has room
LEAST_GAP = 36  # between the figures on the axis
FROM_TO = (0.9, 1.5)  # what the axis shows at least


def ratios(figures, caption):
    """CPU time a request as a multiple of the floor's, by workload: {workload: {peer: figures}}."""
    picture = Picture(
        "CPU time a request, as a multiple of the floor’s",
        "; ".join(
            f"{workload}: "
            + ", ".join(f"{peer} {two_digits(own['to_floor']['median'])}" for peer, own in rows)
            for workload, rows in shown(figures)
        ),
    )
    ends = [
        own["to_floor"][end]
        for _, rows in shown(figures)
        for _, own in rows
        for end in ("least", "most")
    ]
    low, high = min(FROM_TO[0], *ends), max(FROM_TO[1], *ends) * 1.03

    def across(ratio):
        return LABELS + 8 + (PLOT - LABELS - 8) * math.log(ratio / low) / math.log(high / low)

    picture.text(MARGIN, 34, picture.title, "title")
    says = "Shorter is better; the scale is logarithmic. The floor answers, and looks at nothing."
    picture.text(MARGIN, 54, says, "dim")
    marks = axis(across, (low, high))
    y = TOP
    scale(picture, marks, y - 8)
    picture.text(VALUES, y - 8, "median", "small end")
    picture.text(WIDTH - MARGIN, y - 8, "least to most", "small end")
    for workload, rows in shown(figures):
        picture.text(MARGIN, y + 16, workload, "strong")
        picture.text(MARGIN + 44, y + 16, WORKLOADS[workload].says, "small")
        y += HEADING
        for x, _, kind in marks:
            picture.line(x, y, x, y + ROW * len(rows), kind)
        for peer, own in rows:
            row(picture, y, peer, own["to_floor"], across)
            y += ROW
        y += BETWEEN
    scale(picture, marks, y + 8)
    return picture.svg(picture.caption(y + 36, caption) + 4)


def shown(figures):
    """[(workload, [(peer, figures)])] of what is beside a floor, the cheapest first."""
    found = []
    for workload, own in figures.items():
        rows = [
            (peer, own[peer])
            for peer in ordered(own)
            if peer not in FLOORS and "to_floor" in own[peer]
        ]
        if rows:
            found.append((workload, rows))
    return found


def row(picture, y, peer, ratio, across):
    kind = kind_of(peer)
    name = "ours strong end" if kind == "ours" else "end"
    middle = y + ROW / 2
    picture.text(LABELS, middle + 4, peer, name)
    picture.bar(across(1), across(ratio["median"]), y + 4, ROW - 8, kind)
    picture.line(across(ratio["least"]), middle, across(ratio["most"]), middle, "spread")
    for end in ("least", "most"):
        x = across(ratio[end])
        picture.line(x, middle - 3, x, middle + 3, "spread")
    picture.text(VALUES, middle + 4, two_digits(ratio["median"]), name)
    ends = f"{two_digits(ratio['least'])} to {two_digits(ratio['most'])}"
    picture.text(WIDTH - MARGIN, middle + 4, ends, "small end")


def axis(across, ends):
    """[(x, name, kind)] of the marks that have room, the floor's before all others."""
    marks = [(across(1), "floor", "floor")]
    for tick in TICKS:
        x = across(tick)
        if ends[0] <= tick <= ends[1] and all(abs(x - other) > LEAST_GAP for other, *_ in marks):
            marks.append((x, f"{tick:g}×", "rule"))
    return marks


def scale(picture, marks, y):
    for x, name, kind in marks:
        picture.text(x, y, name, f"middle {'floor strong' if kind == 'floor' else 'small'}")


# The cost of growth.

PANELS = {
    "active": ("µs of CPU a request", "all asking"),
    "beside_idle": ("µs of CPU a request", "64 asking, these idle"),
    "bytes": ("bytes a connection", "idle, beyond the empty server"),
}
GAP, HIGH = 46, 190  # between panels, and their height
LINES = {"floor": "floor", "oneloop-files": "ours", "nginx": "second"}


def growth(figures, counts, caption):
    """CPU and memory by the number of connections: {measure: {peer: {connections: spread}}}."""
    picture = Picture(
        "The cost of growth, from 1 connection to 10,000",
        "; ".join(
            f"{' '.join(PANELS[measure])}: "
            + ", ".join(
                f"{peer} {own[min(own)]['median']:.3g} at {min(own)} and"
                f" {own[max(own)]['median']:.3g} at {max(own)}"
                for peer, own in peers.items()
            )
            for measure, peers in figures.items()
        ),
    )
    picture.text(MARGIN, 34, picture.title, "title")
    x = MARGIN
    for peer in dict.fromkeys(peer for peers in figures.values() for peer in peers):
        kind = LINES.get(peer, "peer")
        picture.path([(x, 54), (x + 20, 54)], kind)
        picture.dot(x + 10, 54, kind)
        picture.text(x + 26, 58, peer, "ours strong" if kind == "ours" else "")
        x += 26 + 7 * len(peer) + 20
    width = (WIDTH - 2 * MARGIN - 34 - 2 * GAP) / 3
    for number, (measure, peers) in enumerate(figures.items()):
        panel(picture, MARGIN + 34 + number * (width + GAP), 112, width, measure, peers, counts)
    return picture.svg(picture.caption(112 + HIGH + 52, caption) + 6)


def panel(picture, left, top, width, measure, peers, counts):
    bottom = top + HIGH
    most = max(one["most"] for own in peers.values() for one in own.values())
    step = nice_step(most / 4)
    high = step * math.ceil(most / step)
    places = {n: left + 8 + (width - 16) * i / (len(counts) - 1) for i, n in enumerate(counts)}

    def up(value):
        return bottom - HIGH * max(value, 0) / high

    what, who = PANELS[measure]
    picture.text(left - 30, top - 30, what, "strong")
    picture.text(left - 30, top - 15, who, "small")
    for number in range(round(high / step) + 1):
        y = up(number * step)
        picture.line(left, y, left + width, y, "rule")
        picture.text(left - 6, y + 4, f"{number * step:g}", "small end")
    for count, x in places.items():
        name = f"{count // 1000}k" if count >= 1000 else str(count)
        picture.text(x, bottom + 16, name, "small middle")
    picture.text(left + width / 2, bottom + 32, "connections", "small middle")
    for peer, own in peers.items():
        kind = LINES.get(peer, "peer")
        picture.path([(places[n], up(one["median"])) for n, one in own.items()], kind)
        for n, one in own.items():
            picture.line(places[n], up(one["least"]), places[n], up(one["most"]), kind)
            picture.dot(places[n], up(one["median"]), kind)


def nice_step(least):
    """The least of 1, 2 and 5 times a power of ten that is no less."""
    power = 10 ** math.floor(math.log10(least)) if least > 0 else 1
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)
