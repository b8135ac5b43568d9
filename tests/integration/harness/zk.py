"""Sessions with ZooKeeper as a test drives them: zk_shell, and a proxy that loses answers."""

import os
import pathlib
import queue
import re
import socket
import struct
import subprocess
import threading
import time

from .core import SANITIZER_REPORT, binary
from .waiting import PATIENCE, wait_until

CREATE, DELETE, SET, MULTI, CREATE2 = 1, 2, 5, 14, 15
XID_SPECIAL = (-2, -4, -8)  # ping, auth, watches


def shell_binary(name: str = "zk/zk_shell") -> pathlib.Path:
    """A program of tests/unit: the file that MR_ZK_SHELL (…) names, else that of mr-core's
    build."""
    named = os.environ.get("MR_" + pathlib.Path(name).name.upper())
    return pathlib.Path(named or binary().parent.parent / "tests/unit" / name)


class Shell:
    """One session in a process of its own."""

    program = "zk/zk_shell"

    def __init__(self, servers: str, folder, **options):
        Shell.count = getattr(Shell, "count", 0) + 1
        self.log_path = pathlib.Path(folder) / f"zk_shell-{Shell.count}.log"
        self._answers = queue.Queue()
        self._events = []
        self._news = threading.Condition()
        words = [f"{key}={value}" for key, value in {"servers": servers, **options}.items()]
        with open(self.log_path, "wb") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen([shell_binary(self.program), *words], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith("event "):
                with self._news:
                    self._events.append((time.monotonic(), line[6:]))
                    self._news.notify_all()
            else:
                self._answers.put(line)

    def send(self, line: str) -> None:
        """A command, its answer to be taken later."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, timeout: float = 20) -> str:
        """The next answer."""
        return self._answers.get(timeout=timeout * PATIENCE)

    def run(self, line: str) -> str:
        """A command's answer, which must be ok, without that word."""
        self.send(line)
        answer = self.answer()
        assert answer == "ok" or answer.startswith("ok "), f"{line}: {answer}"
        return answer[3:]

    def run_again(self, line: str, tries: int = 20) -> str:
        """run(), where the connection may break: asked again as often as its answer is lost.
        For what may be done twice only."""
        for _ in range(tries):
            self.send(line)
            answer = self.answer()
            if not answer.startswith("error ETIMEDOUT "):
                break
        assert answer == "ok" or answer.startswith("ok "), f"{line}: {answer}"
        return answer[3:]

    def fails(self, line: str) -> str:
        """The errno of a command that must fail."""
        self.send(line)
        answer = self.answer()
        assert answer.startswith("error "), f"{line}: {answer}"
        return answer.split()[1]

    @property
    def events(self) -> list[str]:
        """All that was told until now."""
        return [text for _, text in self._events]

    def wait(self, pattern: str, timeout: float = 15, after: int = 0) -> re.Match:
        """The first event from number `after` that matches; `.string` is all of it."""
        return self.wait_timed(pattern, timeout, after)[1]

    def wait_timed(self, pattern: str, timeout: float = 15, after: int = 0):
        """The same, with the time it came at."""
        def found():
            return next(((at, match) for at, text in self._events[after:]
                         if (match := re.search(pattern, text))), None)
        return wait_until(found, timeout, f"event {pattern!r}, there is {self.events[-8:]}", 0.005)

    def connected(self) -> "Shell":
        """This, once it has a session."""
        self.wait("state new session")
        return self

    @property
    def session(self) -> str:
        """Its session's id, hexadecimal."""
        return self.run("session").split()[0]

    def role(self) -> str:
        """What the election told last."""
        told = [text.split() for text in self.events if text.startswith("election ")]
        return told[-1][1] if told else ""

    def signal(self, number) -> None:
        """To the process."""
        self.process.send_signal(number)

    def close(self) -> None:
        """End the session and look for a sanitizer's findings."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30 * PATIENCE)
        log = self.log_path.read_text("utf-8", "replace")
        assert not SANITIZER_REPORT.search(log), log[-6000:]
        assert self.process.returncode in (0, -9), f"{self.process.returncode}\n{log[-3000:]}"


class LossyProxy:
    """Between sessions and one server. lose(op) breaks the connection of the next request of
    that kind once the server has answered it: done, and nobody was told."""

    def __init__(self, server):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.lost = 0
        self._lose = []
        self._blocked = threading.Event()
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, *ops: int) -> None:
        """Lose the answer to the next request of each of these kinds."""
        self._lose += ops

    def block(self) -> None:
        """Break all connections and take no new ones."""
        self._blocked.set()
        for each in self._sockets:
            _shut(each)

    def unblock(self) -> None:
        """Let them in again."""
        self._blocked.clear()

    def close(self) -> None:
        """Stop."""
        for each in [self._listener, *self._sockets]:
            _shut(each)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                if self._blocked.is_set():
                    client.close()
                    continue
                upstream = socket.create_connection((self._server.host, self._server.port), 10)
            except OSError:
                return
            upstream.settimeout(None)
            self._sockets += [client, upstream]
            doomed = set()  # xids whose answers are lost
            threading.Thread(target=self._up, args=(client, upstream, doomed), daemon=True).start()
            threading.Thread(target=self._down, args=(client, upstream, doomed),
                             daemon=True).start()

    def _up(self, client, upstream, doomed):
        first = True
        while frame := _frame(client):
            if not first and len(frame) >= 12:
                xid, op = struct.unpack(">ii", frame[4:12])
                if xid not in XID_SPECIAL and op in self._lose:
                    self._lose.remove(op)
                    doomed.add(xid)
            first = False
            try:
                upstream.sendall(frame)
            except OSError:
                break
        _shut(upstream)

    def _down(self, client, upstream, doomed):
        first = True
        while frame := _frame(upstream):
            if not first and struct.unpack(">i", frame[4:8])[0] in doomed:
                self.lost += 1
                break
            first = False
            try:
                client.sendall(frame)
            except OSError:
                break
        _shut(client)
        _shut(upstream)


class KillingProxy(LossyProxy):
    """Counts what is written through it, but for what matches `but`, and calls `kill` once
    ZooKeeper has done the nth write after arm(n), before its answer arrives; arm(0): before
    the first is sent."""

    def __init__(self, server, but: bytes):
        self.written = []  # the kinds, since it was armed
        self.fired = False
        self._but, self._kill, self._at = but, None, None
        self._guard = threading.Lock()
        super().__init__(server)

    def arm(self, at: int | None, kill=None) -> None:
        """Kill there; None: only count."""
        with self._guard:
            self.written, self.fired, self._at, self._kill = [], False, at, kill

    def _shoot(self):
        self.fired, self._at = True, None
        self._kill()

    def _up(self, client, upstream, doomed):
        first = True
        while frame := _frame(client):
            with self._guard:
                if not first and self._is_write(frame):
                    if self._at == 0:
                        self._shoot()
                        break
                    self.written.append(struct.unpack(">i", frame[8:12])[0])
                    if len(self.written) == self._at:
                        doomed.add(struct.unpack(">i", frame[4:8])[0])
            first = False
            try:
                upstream.sendall(frame)
            except OSError:
                break
        _shut(upstream)

    def _is_write(self, frame: bytes) -> bool:
        xid, op = struct.unpack(">ii", frame[4:12])
        return (xid not in XID_SPECIAL and op in (CREATE, DELETE, SET, MULTI, CREATE2)
                and self._but not in frame)

    def _down(self, client, upstream, doomed):
        first = True
        while frame := _frame(upstream):
            if not first and struct.unpack(">i", frame[4:8])[0] in doomed:
                with self._guard:
                    if self._at is not None:
                        self._shoot()
                break
            first = False
            try:
                client.sendall(frame)
            except OSError:
                break
        _shut(client)
        _shut(upstream)


def raw_set(server, path: str, data: bytes) -> None:
    """Write a document with none of our limits: connect, setData, in ZooKeeper's own bytes."""
    with socket.create_connection((server.host, server.port), 10) as sock:
        sock.sendall(struct.pack(">iiqiqi", 44, 0, 0, 10000, 0, 16) + bytes(16))
        assert _frame(sock)
        name = path.encode()
        body = struct.pack(">iii", 1, SET, len(name)) + name
        body += struct.pack(">i", len(data)) + data + struct.pack(">i", -1)
        sock.sendall(struct.pack(">i", len(body)) + body)
        answer = _frame(sock)
        assert struct.unpack(">i", answer[16:20]) == (0,), answer[:20]


def _frame(sock) -> bytes:
    head = _exactly(sock, 4)
    body = _exactly(sock, struct.unpack(">i", head)[0]) if head else b""
    return head + body if body else b""


def _exactly(sock, count: int) -> bytes:
    data = b""
    try:
        while len(data) < count:
            part = sock.recv(count - len(data))
            if not part:
                return b""
            data += part
    except OSError:
        return b""
    return data


def _shut(sock) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
