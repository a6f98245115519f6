"""The tables: how they are written, read again, and held against each other.

A table is a dictionary of rows, a row one of figures by column, and a figure that there is not is
None. `benches/counts.txt` has them as text, so that a change stands in the diff of a commit.
"""

import re

VISIBLE = 0.02  # a change by more than this share is one to give a reason for
NOISE = 0.001  # a change by no more than this share is none: another second, another seed
TITLE = """\
# What a request costs, in counts that are the same on every day. `scripts/counts --write` makes this
# file, `scripts/counts` shows what has changed since, and `scripts/counts --check`, which is a part of
# `scripts/test`, refuses a change by more than 2 % that is not written down here. Where several connections are counted, all of
# them have sent before the server reads from one; how many are ready at once in life is their doing, and
# is what `scripts/counts --load` shows.
"""


class Column:
    """How a kind of figure is written, and a difference that says nothing whatever its share."""

    def __init__(self, decimals, slack):
        self.decimals, self.slack = decimals, slack


class Table:
    """`first` heads the column of names; `columns` are the others, by name."""

    def __init__(self, first, columns):
        self.first, self.columns = first, columns
        self.rows = {}
        self.slack = {}  # by row and column, where it is not the column's

    def lines(self, shown):
        """Lines of text: each figure as `shown(row, column, its text)`."""
        cells = [[self.first, *self.columns]]
        for name, row in self.rows.items():
            figures = [
                shown(name, column, text(row.get(column), of.decimals))
                for column, of in self.columns.items()
            ]
            cells.append([name, *figures])
        widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
        for first, *rest in cells:
            line = first.ljust(widths[0])
            for cell, width in zip(rest, widths[1:]):
                line += "  " + cell.rjust(width)
            yield line.rstrip()

    def plain(self):
        return self.lines(lambda _row, _column, figure: figure)

    def compared(self, before):
        """Each figure with what has changed since, and marked where that is much."""

        def shown(row, column, figure):
            change = self.change(before, row, column)
            mark = "!" if abs(change) > VISIBLE else " "
            said = "" if change == 0 else "from 0" if change == float("inf") else f"{change:+.1%}"
            return f"{figure} {said:>7}{mark}"

        return self.lines(shown)

    def change(self, before, row, column):
        """By which share a figure has changed since, 0 for what is noise or was not there."""
        now, then = self.rows[row].get(column), before.get(row, {}).get(column)
        slack = self.slack.get((row, column), self.columns[column].slack)
        if now is None or then is None or abs(now - then) <= slack:
            return 0
        change = (now - then) / then if then else float("inf")
        return change if abs(change) > NOISE else 0

    def keep(self, before):
        """Takes the figures of before where nothing, or nothing but noise, is to be told."""
        for name, row in self.rows.items():
            for column in self.columns:
                then = before.get(name, {}).get(column)
                if then is not None and self.change(before, name, column) == 0:
                    row[column] = then

    def unsaid(self, before, column):
        """What is not as it is written down, in words."""
        for name, row in self.rows.items():
            if name not in before:
                yield f"{name}: it is not in the table"
            elif abs(self.change(before, name, column)) > VISIBLE:
                decimals = self.columns[column].decimals
                now, then = text(row[column], decimals), text(before[name][column], decimals)
                yield f"{name}: {now} {column} instead of {then}"


def text(figure, decimals):
    return "-" if figure is None else f"{figure:.{decimals}f}"


def write(path, made_by, tables):
    blocks = [TITLE + "\n".join(f"{name}: {value}" for name, value in made_by.items())]
    blocks += ["\n".join(table.plain()) for table in tables]
    path.write_text("\n\n".join(blocks) + "\n")


def read(path):
    """What made the file, and its tables by the head of their first column."""
    made_by, tables = {}, {}
    if not path.exists():
        return made_by, tables
    first, *blocks = path.read_text().split("\n\n")
    for line in first.splitlines():
        if not line.startswith("#"):
            name, value = line.split(": ", 1)
            made_by[name] = value
    for block in blocks:
        head, *lines = [re.split(r"\s{2,}", line) for line in block.splitlines()]
        tables[head[0]] = {
            line[0]: {
                column: None if figure == "-" else float(figure)
                for column, figure in zip(head[1:], line[1:])
            }
            for line in lines
        }
    return made_by, tables
