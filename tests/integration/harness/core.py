"""mr-core as a test runs it: to its end (run) or in the background (start).

Every process is bounded in time, in the size of the files it writes, and dies
with the test run. A sanitizer's report in its stderr fails the test, whatever
its exit status was.
"""

import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from .waiting import PATIENCE, wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
FILE_SIZE_LIMIT = 8 * 2**30
SANITIZER_REPORT = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: |ERROR: libFuzzer")


def binary() -> pathlib.Path:
    """mr-core: the file that MR_CORE names, else the release build's."""
    return pathlib.Path(os.environ.get("MR_CORE") or REPOSITORY / "build/release/core/mr-core")


@dataclasses.dataclass
class Result:
    """What a finished mr-core left."""

    status: int | None           # exit status, negative for a signal
    stdout: str
    stderr: str
    summary: dict | None    # what --summary wrote, None if it wrote nothing
    seconds: float
    state: pathlib.Path

    @property
    def lines(self) -> list[str]:
        """stdout's lines."""
        return whole_lines(self.stdout)

    @property
    def messages(self) -> list:
        """stdout's lines as JSON (pipe stdout without --with-keys)."""
        return [json.loads(line) for line in self.lines]

    def ok(self) -> "Result":
        """This result, asserted to be a success."""
        assert self.status == 0, f"mr-core ended with status {self.status}:\n{_tail(self.stderr)}"
        return self


class Running:
    """An mr-core in the background."""

    def __init__(self, argv, folder: pathlib.Path, state: pathlib.Path, summary: pathlib.Path,
                 env: dict):
        self.argv = argv
        self.state = state
        self._summary = summary
        self.stdout_path = folder / "stdout"
        self.stderr_path = folder / "stderr"
        self._began = time.monotonic()
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            # pylint: disable-next=consider-using-with
            self._popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "prlimit", f"--fsize={FILE_SIZE_LIMIT}",
                 "--core=0", "--", *argv],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, env=env)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    @property
    def stderr(self) -> str:
        """All of its log so far."""
        return self.stderr_path.read_text(encoding="utf-8", errors="replace")

    @property
    def lines(self) -> list[str]:
        """Whole lines of stdout so far."""
        return whole_lines(self.stdout_path.read_text(encoding="utf-8", errors="replace"))

    @property
    def messages(self) -> list:
        """Whole lines of stdout so far, as JSON."""
        return [json.loads(line) for line in self.lines]

    def wait_for_log(self, pattern: str, timeout: float = 20.0) -> re.Match:
        """Wait until stderr has a match of `pattern`; fails at once if the process ends without."""
        def found():
            match = re.search(pattern, self.stderr)
            if match is None and not self.alive:
                match = re.search(pattern, self.stderr)
                assert match, (f"mr-core ended with status {self._popen.returncode} without "
                               f"logging {pattern!r}:\n{_tail(self.stderr)}")
            return match
        return wait_until(found, timeout, f"mr-core logs {pattern!r}; its log:\n"
                                          f"{_tail(self.stderr)}")

    def wait_for_lines(self, count: int, timeout: float = 20.0) -> list[str]:
        """Wait for `count` lines of stdout, and return all there are."""
        wait_until(lambda: len(self.lines) >= count or not self.alive, timeout,
                   f"{count} lines of output, have {len(self.lines)}; the log:\n"
                   f"{_tail(self.stderr)}")
        lines = self.lines
        assert len(lines) >= count, (f"mr-core ended with status {self._popen.returncode} after "
                                     f"{len(lines)} lines:\n{_tail(self.stderr)}")
        return lines

    def signal(self, number: int) -> None:
        """Send a signal."""
        if self.alive:
            os.kill(self.pid, number)

    def kill(self) -> Result:
        """SIGKILL."""
        self.signal(signal.SIGKILL)
        return self.wait(10)

    def terminate(self, timeout: float = 20.0) -> Result:
        """SIGTERM, and wait for the drained end."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = 60.0) -> Result:
        """Wait for its end by itself; killed and failed when that does not come."""
        try:
            self._popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(10)
            raise AssertionError(f"mr-core did not end within {timeout * PATIENCE:.0f} s:\n"
                                 f"{_tail(self.stderr)}") from None
        return self.result()

    def result(self) -> Result:
        """What there is so far; a sanitizer's report in it is a failure."""
        summary = None
        if self._summary.exists():
            text = self._summary.read_text(encoding="utf-8")
            summary = json.loads(text) if text.strip() else None
        stderr = self.stderr
        assert not SANITIZER_REPORT.search(stderr), f"a sanitizer reports:\n{_tail(stderr, 60)}"
        return Result(self._popen.poll(),
                      self.stdout_path.read_text(encoding="utf-8", errors="replace"),
                      stderr, summary, time.monotonic() - self._began, self.state)

    def rss_bytes(self) -> int:
        """Resident memory now."""
        return self._status("VmRSS")

    def peak_rss_bytes(self) -> int:
        """The most resident memory so far."""
        return self._status("VmHWM")

    def _status(self, key: str) -> int:
        with open(f"/proc/{self.pid}/status", encoding="ascii") as handle:
            for line in handle:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"/proc/{self.pid}/status has no {key}")


class Core:
    """Runs mr-core for one test, in a folder of that test. State lasts over its runs."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.state = folder / "state"
        self._runs: list[Running] = []

    def start(self, task: dict | str | None, *, until: str | None = None,
              state: pathlib.Path | None = None, with_keys: bool = False, extra=(),
              env: dict | None = None) -> Running:
        """Start mr-core --standalone on a task document (a dict, or text to be taken as it is)."""
        run = self.folder / f"run-{len(self._runs) + 1}"
        run.mkdir(parents=True)
        state = state or self.state
        summary = run / "summary.json"
        argv = [str(binary())]
        if task is not None:
            document = run / "task.json"
            document.write_text(task if isinstance(task, str) else json.dumps(task, indent=1),
                                encoding="utf-8")
            argv += ["--task", str(document), "--standalone", "--state", str(state),
                     "--summary", str(summary)]
        if until:
            argv += ["--until", until]
        if with_keys:
            argv.append("--with-keys")
        argv += map(str, extra)
        running = Running(argv, run, state, summary, {**os.environ, **(env or {})})
        self._runs.append(running)
        return running

    def run(self, task: dict | str | None, *, until: str | None = "head", timeout: float = 60.0,
            **keywords) -> Result:
        """Run mr-core to its end; any exit status is returned."""
        return self.start(task, until=until, **keywords).wait(timeout)

    def command(self, *arguments: str, timeout: float = 20.0) -> Result:
        """Run mr-core with just these arguments (--version, --check-config …)."""
        return self.run(None, until=None, extra=arguments, timeout=timeout)

    def close(self) -> None:
        """Kill what still runs, then look at every log for a sanitizer's report."""
        for running in self._runs:
            if running.alive:
                running.signal(signal.SIGKILL)
                running.wait(10)
        for running in self._runs:
            running.result()

    def logs(self, lines: int = 40) -> str:
        """The end of every run's log, for the report of a failed test."""
        return "\n".join(f"--- {' '.join(running.argv)}\n{_tail(running.stderr, lines)}"
                         for running in self._runs[-5:])


def whole_lines(text: str) -> list[str]:
    """The lines that are ended, by a newline alone: U+2028 or U+0085 may stand in a value."""
    return text.split("\n")[:-1]


def _tail(text: str, lines: int = 30) -> str:
    return "\n".join(text.splitlines()[-lines:])
