"""A receiver of alerts: an HTTP server of the test's own that keeps what it is sent."""

import dataclasses
import http.server
import json
import threading

from .waiting import wait_until


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One request that came."""

    path: str
    headers: dict
    body: bytes
    status: int  # that it was answered with

    @property
    def json(self) -> dict:
        """The body."""
        return json.loads(self.body)


class Webhook:
    """Listens on a free loopback port until close()."""

    def __init__(self):
        self.deliveries: list[Delivery] = []
        self._answers = []
        self._guard = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Keeps each request."""

            def do_POST(self):  # pylint: disable=invalid-name
                """Keep it and answer."""
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status = receiver._keep(self.path, dict(self.headers), body)
                receiver._open.wait(60)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):  # pylint: disable=redefined-builtin
                """Nothing."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/alerts"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _keep(self, path, headers, body) -> int:
        with self._guard:
            status = self._answers.pop(0) if self._answers else 200
            self.deliveries.append(Delivery(path, headers, body, status))
            return status

    def answer(self, *statuses: int) -> None:
        """Answer the next requests with these; then with 200 again."""
        with self._guard:
            self._answers += statuses

    def hang(self) -> None:
        """Take requests and answer none, until unhang()."""
        self._open.clear()

    def unhang(self) -> None:
        """Answer again; also what waits."""
        self._open.set()

    def taken(self, **members) -> list[dict]:
        """Bodies that were answered with 200 and have these members."""
        with self._guard:
            bodies = [each.json for each in self.deliveries if each.status == 200]
        return [body for body in bodies
                if all(body.get(key) == value for key, value in members.items())]

    def wait(self, timeout: float = 30.0, **members) -> dict:
        """The first body with these members: webhook.wait(event="firing", rule="lag")."""
        return wait_until(lambda: (self.taken(**members) or [None])[0], timeout,
                          f"the webhook is told {members}; it was told "
                          f"{[(each.status, each.body[:200]) for each in self.deliveries[-5:]]}")

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
