"""A TCP proxy between mr-core and a real server, which can damage what the server sends.

It knows the client/server protocol's packets (3 bytes length, 1 byte number, payload), so
it works on connections without TLS; with `tls=True` it only passes bytes on. Once a client
has asked for a dump, each packet that follows is 0x00 and an event, which `on_event` may
change, cut off, or hold back. A Proxy can stand in for a server in task_document().
"""

import socket
import threading
import zlib

COM_BINLOG_DUMP = 0x12
COM_BINLOG_DUMP_GTID = 0x1e
COM_REGISTER_SLAVE = 0x15
CLIENT_SSL = 0x800

XID = 16
TABLE_MAP = 19
GTID = (33, 162)  # MySQL's and MariaDB's
ROWS = (23, 24, 25, 30, 31, 32)  # write, update, delete; v1 and v2

PACKET_MAX = 0xffffff


class Cut(Exception):
    """Raised by on_event: break the connection after so many bytes of the packet."""

    def __init__(self, after: int):
        super().__init__(f"cut after {after} bytes")
        self.after = after


class Hold(Exception):
    """Raised by on_event: send nothing more on this connection, and keep it open."""


def event_type(event: bytes) -> int:
    """The type in an event's header."""
    return event[4]


def flipped(event: bytes, offset: int) -> bytes:
    """The event with one bit of one byte turned over."""
    return event[:offset] + bytes([event[offset] ^ 0x10]) + event[offset + 1:]


def sealed(event: bytes) -> bytes:
    """An event without its CRC, as one whose length and CRC are right."""
    whole = event[:9] + (len(event) + 4).to_bytes(4, "little") + event[13:]
    return whole + zlib.crc32(whole).to_bytes(4, "little")


class Proxy:
    """Listens on a port of its own until close()."""

    def __init__(self, server, *, host: str = "127.0.0.1", tls: bool = False):
        self._server = server
        self._raw = tls
        self._listener = socket.create_server((host, 0))
        self.host, self.port = self._listener.getsockname()
        # on_event(event, number of the dump from 0) -> the event to send instead, or Cut or Hold
        self.on_event = None
        # on_command(bytes of a packet from a client): may raise Cut, which breaks the connection
        self.on_command = None
        self.hide_tls = False  # take the TLS flag out of the server's greeting
        self.refuse = False  # break new connections at once
        self.from_client = bytearray()  # all that clients have sent
        self.dumps = 0
        self._sockets = []
        self._closed = threading.Event()
        self._guard = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Break the connections there are."""
        for each in self._sockets:
            _shut(each)

    def close(self) -> None:
        """Break every connection and stop listening."""
        self._closed.set()
        # A thread that waits in accept() is not woken by close() alone.
        _shut(self._listener)
        self.drop()

    def _accept(self):
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse:
                _shut(client)
                continue
            try:
                upstream = socket.create_connection((self._server.host, self._server.port), 10)
                upstream.settimeout(None)
            except OSError:
                _shut(client)
                continue
            self._sockets += [client, upstream]
            link = _Link(self, client, upstream)
            for work in (link.pump_client, link.pump_server):
                threading.Thread(target=work, daemon=True).start()

    def note_client(self, data: bytes) -> None:
        """Remember what a client sent."""
        with self._guard:
            self.from_client += data

    def next_dump(self) -> int:
        """Number of a dump that begins."""
        with self._guard:
            self.dumps += 1
            return self.dumps - 1

    @property
    def raw(self) -> bool:
        """Whether bytes are only passed on."""
        return self._raw

    @property
    def closed(self) -> threading.Event:
        """Set when the proxy is gone."""
        return self._closed


class _Link:
    """One client's connection, and ours to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, upstream: socket.socket):
        self._proxy = proxy
        self._client = client
        self._upstream = upstream
        self._dump = None  # its number, once there is one
        self._tail = False  # the next packet goes on with a payload of over 16 MiB

    def _read(self, sock: socket.socket) -> bytes:
        return sock.recv(65536) if self._proxy.raw else _read_packet(sock)

    def pump_client(self) -> None:
        """Client to server."""
        try:
            while data := self._read(self._client):
                self._proxy.note_client(data)
                command = data[4] if len(data) > 4 and data[3] == 0 else None
                if not self._proxy.raw and command in (COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID):
                    self._dump = self._proxy.next_dump()
                if self._proxy.on_command is not None:
                    self._proxy.on_command(data)
                self._upstream.sendall(data)
        except (OSError, Cut):
            pass
        self._end()

    def pump_server(self) -> None:
        """Server to client, with the damage."""
        try:
            first = True
            while data := self._read(self._upstream):
                if first and self._proxy.hide_tls:
                    data = _without_tls(data)
                first = False
                self._client.sendall(self._damaged(data))
        except Cut as cut:
            self._client.sendall(data[:cut.after])
        except Hold:
            self._proxy.closed.wait()
        except OSError:
            pass
        self._end()

    def _damaged(self, packet: bytes) -> bytes:
        tail, self._tail = self._tail, packet[:3] == b"\xff\xff\xff"
        if self._dump is None or tail or self._tail or len(packet) < 24 or packet[4] != 0:
            return packet
        if self._proxy.on_event is None:
            return packet
        event = self._proxy.on_event(packet[5:], self._dump)
        return (len(event) + 1).to_bytes(3, "little") + packet[3:5] + event

    def _end(self):
        _shut(self._client)
        _shut(self._upstream)


def _read_exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = sock.recv(min(count - len(data), 1 << 20))
        if not part:
            return b""
        data += part
    return bytes(data)


def _read_packet(sock: socket.socket) -> bytes:
    """A whole packet with its header, b"" at the end."""
    header = _read_exactly(sock, 4)
    length = int.from_bytes(header[:3], "little")
    body = _read_exactly(sock, length) if length else b""
    return header + body if header and len(body) == length else b""


def _without_tls(greeting: bytes) -> bytes:
    """Protocol 10's greeting: version text, thread id, 8 bytes of nonce, a zero, flags."""
    flags = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1
    value = int.from_bytes(greeting[flags:flags + 2], "little") & ~CLIENT_SSL
    return greeting[:flags] + value.to_bytes(2, "little") + greeting[flags + 2:]


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()
