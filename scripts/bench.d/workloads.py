"""What is asked for: the workloads, and the folder that holds what they ask for.

Relies on nothing. The contents are made here, the same in every run, so that every answer can be
held against what it must be.
"""

import gzip
import random
from dataclasses import dataclass

CONNECTIONS = 64
HELLO = b"Hello, World!"
DEPTH = 16  # requests that leave at once in `pipe`
SIZES = {"f1k": 1 << 10, "f10k": 10 << 10, "f100k": 100 << 10, "f1m": 1 << 20}

# A page's files: names as sites have them, and sizes from 3 to 300 KB, each about a quarter larger
# than the one before.
PAGE_NAMES = (
    "manifest.json logo.svg reset.css header.html footer.html analytics.js layout.css helpers.js"
    " sprite.svg theme.css router.js utilities.css forms.js components.css charts.js app.css"
    " strings.json icons.svg vendor.js app.js"
).split()
PAGE_SIZES = [round(3000 * 100 ** (i / 19)) for i in range(20)]


@dataclass(frozen=True)
class Workload:
    name: str
    says: str  # what a reader of the picture needs to know
    paths: tuple = ("/hello",)
    depth: int = 1
    fields: tuple = ()  # (name, value) of every request
    is_file: bool = False  # whether a floor with sendfile is a floor as well


WORKLOADS = {
    one.name: one
    for one in (
        Workload("hello", "13 bytes"),
        Workload("pipe", f"13 bytes, {DEPTH} requests at once", depth=DEPTH),
        Workload("close", "13 bytes, a connection each", fields=(("Connection", "close"),)),
        Workload("f1k", "a file of 1 KiB", ("/f1k",), is_file=True),
        Workload("f10k", "a file of 10 KiB", ("/f10k",), is_file=True),
        Workload("f100k", "a file of 100 KiB", ("/f100k",), is_file=True),
        Workload("f1m", "a file of 1 MiB", ("/f1m",), is_file=True),
        Workload(
            "page",
            "20 files of 3 to 300 KB in turn, each with a .gz beside it",
            tuple(f"/page/{name}" for name in PAGE_NAMES),
            fields=(("Accept-Encoding", "gzip"),),
            is_file=True,
        ),
    )
}


def prose(size, seed):
    """Text that compresses about as well as what people write."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfw"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(800)]
    text = ""
    while len(text) < size:
        text += " ".join(chance.choices(words, k=400)) + "\n"
    return text[:size].encode()


class Folder:
    """What is served, as files below `root`, and what each path must be answered with."""

    def __init__(self, root):
        self.root = root
        self.contents = {"/hello": HELLO}
        (root / "page").mkdir(parents=True)
        (root / "hello").write_bytes(HELLO)
        for name, size in SIZES.items():
            self.contents[f"/{name}"] = b"x" * size
            (root / name).write_bytes(b"x" * size)
        for name, size in zip(PAGE_NAMES, PAGE_SIZES):
            plain = prose(size, name)
            packed = gzip.compress(plain, mtime=0)
            self.contents[f"/page/{name}"] = packed
            (root / "page" / name).write_bytes(plain)
            (root / "page" / f"{name}.gz").write_bytes(packed)

    def size(self, workload):
        """Bytes of content of a request's answer, in the mean."""
        return round(sum(len(self.contents[path]) for path in workload.paths) / len(workload.paths))

    def file_of_size(self, size):
        """A file of just so many bytes, for a floor to send."""
        path = self.root / f"floor-{size}"
        if not path.exists():
            path.write_bytes(b"x" * size)
        return path
