"""An mr-server that a test makes up: it answers what it is told to, byte by byte if need be."""

import dataclasses
import json
import socket
import ssl
import threading
import time


@dataclasses.dataclass(frozen=True)
class Request:
    """One request that came."""

    method: str
    path: str
    headers: dict  # names in lower case
    body: bytes

    @property
    def json(self):
        """The body."""
        return json.loads(self.body)


def answer(status: int, body=None, headers=None, reason: str = "X") -> bytes:
    """An HTTP answer; a dict or list as body is JSON."""
    raw = body if isinstance(body, bytes) else \
        b"" if body is None else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": len(raw),
             "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode() + raw


def error(status: int, code: str, message: str, **more) -> bytes:
    """An error as the API gives it; keywords `field`, `remedy`, `checks`."""
    inner = {"code": code, "message": message,
             **{key: more[key] for key in ("field", "remedy") if key in more}}
    whole = {"error": inner}
    if "checks" in more:
        whole["checks"] = more["checks"]
    return answer(status, whole)


class FakeApi:
    """Listens on a loopback port; `on("GET", "/tasks/a", …)` says what it answers.

    An answer is bytes to send before closing, a number of seconds to be silent for, a list of
    these for one request after the other (the last one stays), or a function of the Request.
    """

    def __init__(self, certificate=None):
        self.requests: list[Request] = []
        self._routes: dict = {}
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, method: str, path: str, *answers) -> "FakeApi":
        """What to answer to a path under /api/v1 (with its query)."""
        self._routes[(method, "/api/v1" + path)] = list(answers)
        return self

    def close(self) -> None:
        """Stop listening; who is kept waiting is let go."""
        self._closing.set()
        self._listener.close()

    def _accept(self):
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                connection.settimeout(10)
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                request = self._read(connection)
                if request:
                    self._reply(connection, request)
        except OSError:
            pass

    @staticmethod
    def _read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return Request(method, path, headers, body)

    def _reply(self, connection, request):
        with self._guard:
            self.requests.append(request)
            answers = self._routes.get((request.method, request.path))
            if not answers:
                chosen = error(404, "task_unknown", f"no {request.method} {request.path} here")
            else:
                chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(chosen):
            chosen = chosen(request)
        if isinstance(chosen, (int, float)):
            self._closing.wait(chosen)
            return
        connection.sendall(chosen)
        time.sleep(0.01)
