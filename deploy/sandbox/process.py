"""One server process: how it starts, how it is bothered, how it surely ends.

Every child is the leader of a session of its own, so that a Ctrl-C at the
terminal reaches only us and servers are stopped in order by us. Should this
process be killed outright, the kernel kills the children (PR_SET_PDEATHSIG).

The kernel sends that signal when the *thread* that forked the child ends, so
all children are forked by one thread that lives as long as the process.

Output goes through a pump into a bounded log: a server that prints in a loop
must not fill the disk.
"""

import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

from .errors import SandboxError

LOG_LIMIT = 16 * 2**20  # bytes of one log file; one older file is kept beside it


class _Spawner:
    """The thread that forks all children."""

    def __init__(self):
        self._orders = queue.SimpleQueue()
        self._thread = None
        self._guard = threading.Lock()

    def popen(self, argv, **keywords) -> subprocess.Popen:
        """subprocess.Popen(), called in the spawner's thread."""
        with self._guard:
            if self._thread is None:
                # A daemon thread ends only with the process, after atexit handlers.
                self._thread = threading.Thread(target=self._serve, name="spawner", daemon=True)
                self._thread.start()
        answer = queue.SimpleQueue()
        self._orders.put((argv, keywords, answer))
        result = answer.get()
        if isinstance(result, Exception):
            raise result
        return result

    def _serve(self):
        while True:
            argv, keywords, answer = self._orders.get()
            try:
                answer.put(subprocess.Popen(argv, **keywords))
            except Exception as error:  # handed to the caller, who raises it
                answer.put(error)


_SPAWNER = _Spawner()


class Process:
    """A child process with a bounded log. Not restartable: make another."""

    def __init__(self, name, argv, log_path, *, account=None, env=None, cwd="/", tee=None):
        """`env` is laid over a minimal environment; `tee` is a binary stream that gets
        the output as well."""
        self.name = name
        self.log_path = pathlib.Path(log_path)
        self._paused = False
        self._tee = tee
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        environment.update(env or {})
        guard = ["setpriv", "--pdeathsig", "KILL"]
        if account:
            guard += ["--reuid", str(account[0]), "--regid", str(account[1]), "--clear-groups"]
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        # Where this process's own words begin: in the older file (None: not there), in the log.
        self._own = (None, self.log_path.stat().st_size if self.log_path.exists() else 0)
        self._popen = _SPAWNER.popen(
            [*guard, "--", *map(str, argv)], env=environment, cwd=cwd, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._pump = threading.Thread(target=self._pump_log, name=f"log {name}", daemon=True)
        self._pump.start()

    def _pump_log(self):
        with open(self.log_path, "ab", buffering=0) as first:
            log = first
            written = log.tell()
            try:
                while chunk := self._popen.stdout.read1(65536):
                    if written + len(chunk) > LOG_LIMIT:
                        os.replace(self.log_path, f"{self.log_path}.1")
                        self._own = (self._own[1], 0)
                        if log is not first:
                            log.close()
                        # pylint: disable-next=consider-using-with
                        log = open(self.log_path, "ab", buffering=0)
                        written = 0
                    log.write(chunk)
                    written += len(chunk)
                    if self._tee:
                        self._tee.write(chunk)
                        self._tee.flush()
            finally:
                if log is not first:
                    log.close()

    @property
    def pid(self) -> int:
        """The child's process id (and that of its session)."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether the child has not ended yet."""
        return self._popen.poll() is None

    @property
    def returncode(self):
        """The exit status, negative for a signal, None while alive."""
        return self._popen.poll()

    def signal_group(self, number: int) -> None:
        """Send a signal to the child and all it started, unless it has ended."""
        if self._popen.poll() is not None:
            return  # the id may be someone else's by now
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            pass  # ended this moment

    def pause(self) -> None:
        """SIGSTOP: the server hangs, its connections stay."""
        self._paused = True
        self.signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._paused = False
        self.signal_group(signal.SIGCONT)

    def wait(self, timeout: float) -> bool:
        """Wait for the end; False if it has not come in time."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._pump.join(5)
        return True

    def stop(self, timeout: float) -> bool:
        """SIGTERM, and SIGKILL when that takes too long. True if it ended by itself."""
        if self.alive:
            self.signal_group(signal.SIGTERM)
            if self._paused:
                self.resume()
        if self.wait(timeout):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """SIGKILL to the whole session, and wait until it is gone."""
        self.signal_group(signal.SIGKILL)
        if not self.wait(30):
            raise SandboxError(f"{self.name} (pid {self.pid}) does not die")

    def wait_until(self, ready, timeout: float, what: str) -> None:
        """Poll `ready()` until it is true; an error with the log's tail otherwise."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive:
                self._pump.join(5)
                raise SandboxError(f"{self.name} ended with status {self.returncode} before "
                                   f"{what}; the end of {self.log_path}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise SandboxError(f"{self.name}: no {what} after {timeout:.0f} s; the end of "
                                   f"{self.log_path}:\n{self.log_tail()}")
            time.sleep(0.02)

    def wait_for_log(self, text: str, timeout: float) -> None:
        """Wait until this process has logged `text` (what stood in the log before it
        started does not count)."""
        wanted = text.encode()
        self.wait_until(lambda: wanted in self._said(), timeout, f"'{text}' in its log")

    def _said(self) -> bytes:
        """What this process has logged, as far as the two files still hold it."""
        older, begin = self._own
        said = b"" if older is None else _since(f"{self.log_path}.1", older)
        return said + _since(self.log_path, begin)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        return tail(self.log_path, lines)


def _since(path, offset: int) -> bytes:
    try:
        with open(path, "rb") as handle:
            handle.seek(offset)
            return handle.read()
    except OSError:
        return b""


def tail(path, lines: int = 20) -> str:
    """The last lines of a text file, '' if there is none."""
    try:
        with open(path, "rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - 64 * 1024))
            text = handle.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def run_quietly(argv, log_path, *, account=None, stdin=None, timeout=300.0, what="") -> None:
    """Run a one-off step to its end; an error with its output's tail if it fails."""
    guard = ["setpriv", "--pdeathsig", "KILL"]
    if account:
        guard += ["--reuid", str(account[0]), "--regid", str(account[1]), "--clear-groups"]
    with open(log_path, "ab") as log:
        try:
            done = subprocess.run(
                [*guard, "--", *map(str, argv)], input=stdin, stdout=log,
                stderr=subprocess.STDOUT, timeout=timeout, check=False, cwd="/",
                stdin=subprocess.DEVNULL if stdin is None else None, start_new_session=True)
        except subprocess.TimeoutExpired:
            raise SandboxError(f"{what or argv[0]}: not done after {timeout:.0f} s; the end of "
                               f"{log_path}:\n{tail(log_path)}") from None
    if done.returncode != 0:
        raise SandboxError(f"{what or argv[0]} failed with status {done.returncode}; the end of "
                           f"{log_path}:\n{tail(log_path)}")
