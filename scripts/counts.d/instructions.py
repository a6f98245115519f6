"""Instructions a request by callgrind: the whole program in user mode, over real sockets.

A stretch is what the server did between two dumps, and each dump is made while it waits. Dumping wakes
it once; what that costs is counted in an empty stretch and taken away. Of several stretches the
cheapest counts (`steady.py`).
"""

import re
import subprocess

from server import Server
from steady import lowest, undisturbed

ALLOCATING = re.compile(r"(malloc|calloc|realloc|posix_memalign|aligned_alloc|memalign)(@.*)?('\d+)?")


class Callgrind:
    """A server under callgrind."""

    def __init__(self, program, what, work):
        self.out, self.vgdb = work / "callgrind", f"--vgdb-prefix={work}/vgdb"
        self.dumps = 0
        options = ["--dump-instr=yes", f"--callgrind-out-file={self.out}", self.vgdb]
        self.server = Server(["valgrind", "--tool=callgrind", *options], program, what)
        self.dump()
        (self.of_dumping, _), _ = lowest(lambda: self.stretch(lambda: None), cost)

    def __enter__(self):
        return self

    def __exit__(self, *how):
        self.server.__exit__(*how)

    def dump(self):
        self.server.asleep()
        command = ["vgdb", self.vgdb, f"--pid={self.server.pid}", "dump"]
        subprocess.run(command, check=True, capture_output=True)
        self.dumps += 1
        self.server.asleep()
        return self.out.with_name(f"{self.out.name}.{self.dumps}")

    def stretch(self, does):
        """Instructions spent meanwhile, and the file that says where."""
        does()
        path = self.dump()
        with path.open() as lines:
            total = next(line for line in lines if line.startswith("summary:"))
        return int(total.split()[1]), path

    def count(self, case):
        """Instructions and allocations of one request, and the profile of so many of them."""
        (spent, path), stretches = undisturbed(lambda: self.stretches(case))
        # What grows once may grow in any of them.
        allocated = min(allocations(profile) for _, profile in stretches)
        return (spent - self.of_dumping) / case.times, allocated / case.times, path

    def stretches(self, case):
        with case.client(self.server) as client:
            client(min(case.times, 32))
            self.dump()
            return lowest(lambda: self.stretch(lambda: client(case.times)), cost)


def cost(stretch):
    return stretch[0]


def allocations(path):
    """How often the allocator was called, by whoever."""
    names, count, called = {}, 0, ""
    with path.open() as lines:
        for line in lines:
            if line.startswith(("fn=", "cfn=")):
                number, _, name = line.split("=", 1)[1].rstrip("\n").partition(" ")
                if name:
                    names[number] = name
                if line.startswith("cfn="):
                    called = names[number]
            elif line.startswith("calls=") and ALLOCATING.fullmatch(called):
                count += int(line[6:].split()[0])
    return count
