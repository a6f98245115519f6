"""Where the instructions of a profile go: by floor, by function, by line.

callgrind says how many instructions each address took, counting addresses as the program's file does,
wherever it was loaded. `addr2line` says which lines they came from, one for each function that was
inlined there; the innermost that is not the standard library's counts, since what `core` does is done
for whoever called it.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

OURS = re.compile(r"(?:^|/)src/(\w+)(?:\.rs|/)")
CRATE = re.compile(r"/registry/src/[^/]+/(.+?)-\d[^/]*/")
STANDARD = re.compile(r"/rustc/[0-9a-f]+/|/rustlib/src/|/library/(?:core|alloc|std)/")


class Place:
    """Whose an instruction is."""

    def __init__(self, floor, function, line):
        self.floor, self.function, self.line = floor, function, line


def by_address(profile):
    """Instructions by object, function and address: its own, without those of what it calls."""
    names, spent = {}, Counter()
    now = {"ob": "", "fn": ""}
    address, is_call = 0, False
    with Path(profile).open() as lines:
        for line in lines:
            key, equals, value = line.rstrip("\n").partition("=")
            if equals and key in ("ob", "fn", "cfn", "cob"):
                number, _, name = value.partition(" ")
                kind = key[-2:]
                if name:
                    names[kind, number] = name
                if key in now:
                    now[key] = names[kind, number]
            elif key == "calls":
                is_call = True
            elif line[0] in "0+-*":
                position, _, cost = line.split()
                if position[0] == "0":
                    address = int(position, 16)
                elif position != "*":
                    address += int(position)
                if not is_call:
                    spent[now["ob"], now["fn"], address] += int(cost)
                is_call = False
    return spent


def places(program, addresses):
    """For each address of the program, whose it is."""
    command = ["addr2line", "-e", program, "-a", "-i", "-f", "-C"]
    asked = "\n".join(hex(address) for address in addresses)
    said = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
    found = {}
    for block in re.split(r"^0x", said, flags=re.MULTILINE)[1:]:
        address, *lines = block.splitlines()
        found[int(address, 16)] = place(list(zip(lines[::2], lines[1::2])))
    return found


def place(frames):
    """Of the functions that are inlined in each other there, the innermost that has a floor."""
    for function, at in frames:
        at = at.split(" (discriminator")[0]
        crate = CRATE.search(at)
        if crate:
            return Place(crate[1], function, at[crate.start(1) :])
        floor = None if STANDARD.search(at) else OURS.search(at)
        if floor:
            return Place(floor[1], function, at[floor.start(1) :])
    return Place("std", frames[-1][0], "std")


class Where:
    """The instructions of one request."""

    def __init__(self, profile, times, program):
        spent = by_address(profile)
        ours = str(Path(program).resolve())
        addresses = sorted({address for object, _, address in spent if object == ours})
        found = places(program, addresses)
        self.floors, self.functions, self.lines = Counter(), Counter(), Counter()
        for (object, function, address), count in spent.items():
            if object == ours:
                of = found[address]
            else:
                library = Path(object).name.split(".so")[0].split("-")[0]
                of = Place(library, function, library)
            self.floors[of.floor] += count / times
            self.functions[f"{of.floor}: {of.function}"] += count / times
            self.lines[of.line] += count / times
