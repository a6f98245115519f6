"""The program, started under a tool that counts, and what can be seen of it from outside.

Relies on Linux's /proc to know when it waits: a stretch that is counted begins and ends there.
"""

import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60  # seconds, far beyond what anything here takes


class Server:
    def __init__(self, tool, program, what):
        """`tool` and `program` are commands; `what` is what it says that it is doing."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ONELOOP_") and name != "RUST_LOG"
        }
        self.process = subprocess.Popen(
            [*tool, *program, "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        line = self.process.stdout.readline()
        address = re.fullmatch(r"oneloop: (.*) on http://127\.0\.0\.1:(\d+)/\n", line)
        if not address or not address[1].startswith(what):
            self.process.kill()
            raise SystemExit(f"scripts/counts: {program[0]} said: {line}{self.process.stderr.read()}")
        self.port = int(address[2])
        self.pid = self.traced() if tool and tool[0] == "strace" else self.process.pid
        self.asleep()

    def traced(self):
        """strace's child."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            os.kill(self.pid, signal.SIGKILL)
            self.process.communicate(timeout=PATIENCE)

    def seen(self):
        """The state of the thread that is the loop, and how often it has gone to sleep by itself."""
        status = Path(f"/proc/{self.pid}/task/{self.pid}/status").read_text()
        state = status.split("State:\t", 1)[1][0]
        return state, int(status.split("\nvoluntary_ctxt_switches:\t", 1)[1].split()[0])

    def until(self, is_so):
        deadline = time.monotonic() + PATIENCE
        while not is_so(*self.seen()):
            if time.monotonic() > deadline:
                raise SystemExit(f"scripts/counts: the server does not come to rest: {self.seen()}")

    def asleep(self):
        """Waits until the loop waits: all that has come is answered."""
        # Twice, because it may sleep for a moment in something else.
        for _ in range(2):
            self.until(lambda state, _: state == "S")

    @contextmanager
    def woken(self):
        """What is done meanwhile wakes the loop; goes on when it sleeps again."""
        self.asleep()
        _, slept = self.seen()
        yield
        self.until(lambda state, times: state == "S" and times > slept)

    @contextmanager
    def stopped(self):
        """Whatever is done meanwhile, the loop finds it all at once."""
        self.asleep()
        os.kill(self.pid, signal.SIGSTOP)
        self.until(lambda state, _: state in "Tt")
        yield
        os.kill(self.pid, signal.SIGCONT)
