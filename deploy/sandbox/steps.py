"""Long jobs as a person sees them: stages with times, commands with logs and an end."""

import contextlib
import fcntl
import os
import pathlib
import sys
import threading
import time

from . import process
from .errors import SandboxError

HEARTBEAT = 30.0  # seconds of silence before a running command is shown to be alive


class Progress:
    """Prints stages and what happens in them, each line with the seconds since the start.

    Lines may come from several threads.
    """

    def __init__(self):
        self._began = time.monotonic()
        self._guard = threading.Lock()
        self.stages = []  # [name, seconds, outcome]

    def say(self, text: str) -> None:
        """One line, with the time."""
        with self._guard:
            print(f"[{time.monotonic() - self._began:6.1f} s] {text}", flush=True)

    @contextlib.contextmanager
    def stage(self, name: str):
        """Run a stage; its time and outcome are kept for a table. Exceptions pass.

        Yields the row [name, seconds, outcome]; the block may set the outcome.
        """
        self.say(f"{name} …")
        began = time.monotonic()
        row = [name, 0.0, ""]
        self.stages.append(row)
        try:
            yield row
            row[2] = row[2] or "ok"
        finally:
            row[1] = time.monotonic() - began
            row[2] = row[2] or "failed"
            self.say(f"{name}: {row[2]} ({row[1]:.1f} s)")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began


def run(argv, log_path, *, progress, cwd, env=None, timeout=1800.0, stream=False) -> int:
    """Run a command to its end, with its output in a log (and on stdout if `stream`).

    Returns the exit status. It is killed when we are interrupted or it takes too long.
    """
    child = process.Process(pathlib.Path(str(argv[0])).name, argv, log_path, cwd=cwd,
                            env={**os.environ, **(env or {})},
                            tee=sys.stdout.buffer if stream else None)
    deadline = time.monotonic() + timeout
    seen, since = -1, time.monotonic()
    try:
        while not child.wait(0.2):
            now = time.monotonic()
            size = pathlib.Path(log_path).stat().st_size if pathlib.Path(log_path).exists() else 0
            if stream and size != seen:
                seen, since = size, now
            if now - since > HEARTBEAT:
                since = now
                progress.say("… " + _last_step(child.log_tail(50)))
            if now > deadline:
                raise SandboxError(f"{' '.join(map(str, argv))}: not done after {timeout:.0f} s; "
                                   f"the end of {log_path}:\n{child.log_tail()}")
    finally:
        if child.alive:
            child.kill()
    return child.returncode


def _last_step(text: str) -> str:
    """The last line that counts steps, as ninja's and ctest's do, else just the last."""
    lines = text.splitlines() or ["running"]
    counting = [line for line in lines if line.startswith("[")]
    return (counting or lines)[-1][:100]


def in_background(function, *arguments):
    """Start function(*arguments) in a thread; returns a function that waits for its end and
    raises what it raised."""
    outcome = []

    def work():
        try:
            outcome.append((function(*arguments), None))
        except BaseException as error:  # raised again by the waiter
            outcome.append((None, error))
    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def join():
        thread.join()
        value, error = outcome[0]
        if error is not None:
            raise error
        return value
    return join


@contextlib.contextmanager
def single_copy(path: pathlib.Path, what: str):
    """Hold a lock file for as long as the block runs; an error if another copy has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise SandboxError(f"{what} runs already in this checkout (process "
                               f"{handle.read().strip() or '?'}): let it finish, or stop it"
                               ) from None
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield
