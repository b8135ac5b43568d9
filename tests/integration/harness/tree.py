"""ZooKeeper's tree as a test sees it: read, list, write, delete, in ZooKeeper's own bytes.

One connection a call, with a session that is closed again: nothing is kept alive, so it
works through outages and never holds a test up. Paths are relative to the chroot that
the Tree was made with.
"""

import contextlib
import dataclasses
import json
import socket
import struct

CREATE, DELETE, EXISTS, GET, SET, CHILDREN, AUTH, CLOSE = 1, 2, 3, 4, 5, 12, 100, -11
NO_NODE = -101
TIMEOUT = 10.0
# A word of its own for the world: all rights to anyone.
OPEN_ACL = struct.pack(">ii", 1, 31) + b"\0\0\0\x05world\0\0\0\x06anyone"


@dataclasses.dataclass(frozen=True)
class Stat:
    """What ZooKeeper keeps of a node."""

    czxid: int
    mzxid: int
    version: int
    owner: int       # the session of an ephemeral node, 0 of another
    children: int


class TreeError(Exception):
    """ZooKeeper's answer was an error; `code` is its number."""

    def __init__(self, what: str, code: int):
        super().__init__(f"{what}: ZooKeeper's error {code}")
        self.code = code


class Tree:
    """What is under `chroot` of an ensemble; `auth` is user:password for its digest ACLs."""

    def __init__(self, servers: str, chroot: str = "", auth: str = ""):
        self.servers = servers
        self.chroot = chroot
        self.auth = auth

    def get(self, path: str) -> bytes | None:
        """A node's data, None if there is no node."""
        found = self.get_with_stat(path)
        return None if found is None else found[0]

    def get_with_stat(self, path: str) -> tuple[bytes, Stat] | None:
        """Data and stat, None if there is no node."""
        with self._session() as call:
            return _data_and_stat(call(GET, _text(self.chroot + path) + b"\0", path))

    def json(self, path: str):
        """A node's document; None if there is no node or it is empty."""
        data = self.get(path)
        return json.loads(data) if data else None

    def stat(self, path: str) -> Stat | None:
        """A node's stat, None if there is no node."""
        found = self.get_with_stat(path)
        return None if found is None else found[1]

    def children(self, path: str) -> list[str]:
        """Names of children, sorted; [] if there is no node."""
        with self._session() as call:
            return _names(call(CHILDREN, _text(self.chroot + path or "/") + b"\0", path))

    def set(self, path: str, data: bytes | str | dict, version: int = -1) -> None:
        """Write an existing node, with no limit of size."""
        with self._session() as call:
            body = _text(self.chroot + path) + _bytes(_raw(data)) + struct.pack(">i", version)
            if call(SET, body, path) is None:
                raise TreeError(f"set {path}", NO_NODE)

    def create(self, path: str, data: bytes | str | dict = b"") -> None:
        """Make a persistent node."""
        with self._session() as call:
            self.create_with(call, path, data)

    def create_with(self, call, path: str, data: bytes | str | dict = b"") -> None:
        """The same over a connection that is there: for thousands."""
        body = _text(self.chroot + path) + _bytes(_raw(data)) + OPEN_ACL + struct.pack(">i", 0)
        if call(CREATE, body, path) is None:
            raise TreeError(f"create {path}", NO_NODE)

    def delete(self, path: str) -> None:
        """Remove a node and all under it; nothing if there is none."""
        with self._session() as call:
            self._delete(call, path)

    def _delete(self, call, path: str) -> None:
        for name in _names(call(CHILDREN, _text(self.chroot + path) + b"\0", path)):
            self._delete(call, f"{path}/{name}")
        call(DELETE, _text(self.chroot + path) + struct.pack(">i", -1), path)

    def dump(self, path: str = "") -> dict[str, bytes]:
        """{path: data} of a node and all under it."""
        found = {}
        with self._session() as call:
            waiting = [path]
            while waiting:
                each = waiting.pop()
                answer = call(GET, _text(self.chroot + each or "/") + b"\0", each)
                if answer is None:
                    continue
                found[each or "/"] = _data_and_stat(answer)[0]
                names = call(CHILDREN, _text(self.chroot + each or "/") + b"\0", each)
                waiting += [f"{each}/{name}" for name in _names(names)]
        return found

    @contextlib.contextmanager
    def _session(self):
        with self._connect() as sock:
            sock.sendall(_framed(struct.pack(">iqiqi", 0, 0, 10000, 0, 16) + bytes(16)))
            assert _frame(sock), f"{self.servers} closed the connection"
            count = 0

            def call(kind, body, what):
                nonlocal count
                count += 1
                xid = -4 if kind == AUTH else count
                sock.sendall(_framed(struct.pack(">ii", xid, kind) + body))
                while True:
                    answer = _frame(sock)
                    assert answer, f"{self.servers} closed the connection"
                    got, _, code = struct.unpack_from(">iqi", answer)
                    if got == xid:
                        break
                if code == NO_NODE:
                    return None
                if code:
                    raise TreeError(str(what), code)
                return answer[16:]
            if self.auth:
                call(AUTH, struct.pack(">i", 0) + _text("digest") + _text(self.auth), "auth")
            yield call
            call(CLOSE, b"", "close")

    def _connect(self):
        last = None
        for server in self.servers.split(","):
            host, _, port = server.rpartition(":")
            try:
                return socket.create_connection((host, int(port)), TIMEOUT)
            except OSError as error:
                last = error
        raise last


def _text(text: str) -> bytes:
    return _bytes(text.encode())


def _bytes(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def _raw(data) -> bytes:
    if isinstance(data, dict):
        data = json.dumps(data)
    return data.encode() if isinstance(data, str) else data


def _framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def _frame(sock) -> bytes:
    head = _exactly(sock, 4)
    return _exactly(sock, struct.unpack(">i", head)[0]) if head else b""


def _exactly(sock, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            return b""
        data += part
    return data


def _data_and_stat(answer: bytes | None) -> tuple[bytes, Stat] | None:
    if answer is None:
        return None
    size = max(0, struct.unpack_from(">i", answer)[0])
    czxid, mzxid, _, _, version, _, _, owner, _, children, _ = struct.unpack_from(
        ">qqqqiiiqiiq", answer, 4 + size)
    return answer[4:4 + size], Stat(czxid, mzxid, version, owner, children)


def _names(answer: bytes | None) -> list[str]:
    if answer is None:
        return []
    names, at = [], 4
    for _ in range(struct.unpack_from(">i", answer)[0]):
        size = struct.unpack_from(">i", answer, at)[0]
        names.append(answer[at + 4:at + 4 + size].decode())
        at += 4 + size
    return sorted(names)
