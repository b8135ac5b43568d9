"""What the quickstart shows, piece by piece: the three daemons, the topic's messages, a
receiver of alerts. quickstart.py says in which order.
"""

import http.server
import json
import os
import pathlib
import queue
import secrets
import shlex
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

from . import build, process
from .errors import SandboxError

READY_TIMEOUT = 20.0
SESSION_TIMEOUT = "2s"  # a core that is killed is missed after this and half a second


class Installation:
    """Key ring, configuration files, two cores, a server, a monitor; and mrctl."""

    def __init__(self, box, zookeeper, hook_url: str, say):
        self.folder = box.state_dir
        self.daemons: dict[str, process.Process] = {}
        self.ports: dict[str, int] = {}
        self._say = say
        self._token = ""
        self._secrets = self.folder / "secrets"
        self._secrets.mkdir(mode=0o700)
        private(self._secrets / "zk-digest", f"quickstart:{secrets.token_hex(12)}\n")
        # As an operator does it, once for an installation.
        private(self.folder / "keys", _run([build.program("mr-server"), "key", "generate"]))
        everybody = {"zookeeper": {"servers": f"{zookeeper.servers}/quickstart",
                                   "session_timeout": SESSION_TIMEOUT, "auth": "file:zk-digest"},
                     "secrets": {"secrets_dir": self._secrets}}
        opener = {**everybody, "secrets": {**everybody["secrets"],
                                           "key_ring": self.folder / "keys"}}
        for name in ("core-1", "core-2"):
            self._configure(name, box.free_port(), {**opener, "core": {
                "hostname": name, "metrics_listen": "{}", "state_dir": self.folder / name}})
        self._configure("server-1", box.free_port(), {**opener, "server": {
            "hostname": "server-1", "listen": "{}"}})
        # Alerts at once, where an installation waits for a minute.
        self._configure("monitor-1", box.free_port(), {
            **everybody,
            "monitor": {"hostname": "monitor-1", "metrics_listen": "{}", "interval": "500ms"},
            "channel.oncall": {"type": "webhook", "url": hook_url},
            "rule.no_standby": {"for": "1s"}, "rule.machine_gone": {"for": "1s"}})

    def _configure(self, name: str, port: int, sections: dict) -> None:
        self.ports[name] = port
        lines = []
        for section, keys in sections.items():
            lines += [f"[{section}]", *(f"{key} = {value}".format(f"127.0.0.1:{port}")
                                        for key, value in keys.items()), ""]
        private(self.config(name), "\n".join(lines))

    def config(self, name: str) -> pathlib.Path:
        """A daemon's configuration file."""
        return self.folder / f"{name}.conf"

    def start(self, *names: str) -> None:
        """Start daemons and wait until all are ready."""
        for name in names:
            program = build.program("mr-" + name.partition("-")[0])
            self.daemons[name] = process.Process(
                name, [program, "--config", self.config(name)], self.folder / f"{name}.log")
        for name in names:
            self.daemons[name].wait_until(lambda port=self.ports[name]: _ready(port),
                                          READY_TIMEOUT, "being ready")

    def check(self) -> None:
        """An error if a daemon has ended that should not have."""
        for name, daemon in self.daemons.items():
            if not daemon.alive:
                raise SandboxError(f"{name} ended with status {daemon.returncode}; the end of "
                                   f"its log:\n{daemon.log_tail()}")

    def kill(self, name: str) -> None:
        """kill -9."""
        self.daemons.pop(name).kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """Ends all; after a failure without looking at how they end."""
        if kind is None:
            self.stop()
            return
        for daemon in self.daemons.values():
            daemon.stop(10)

    def stop(self) -> None:
        """End all, cores first: they drain; an error if one does not end well."""
        order = sorted(self.daemons, key=lambda name: not name.startswith("core"))
        bad = []
        for name in order:
            daemon = self.daemons.pop(name)
            if not daemon.stop(30) or daemon.returncode != 0:
                bad.append(f"{name} did not stop cleanly (status {daemon.returncode}); the end "
                           f"of its log:\n{daemon.log_tail()}")
        if bad:
            raise SandboxError("\n".join(bad))

    @property
    def url(self) -> str:
        """The API."""
        return f"http://127.0.0.1:{self.ports['server-1']}"

    @property
    def token_path(self) -> pathlib.Path:
        """The file with the admin's token."""
        return self.folder / "token"

    def make_token(self) -> None:
        """The first token, made on the host."""
        words = [build.program("mr-server"), "--config", self.config("server-1"),
                 "token", "create", "--role", "admin", "--name", "quickstart"]
        self._token = _run(words).splitlines()[-1]
        private(self.token_path, self._token + "\n")

    def mrctl(self, *words, show: bool = True) -> str:
        """Run mrctl; shown as it would be typed, with its output."""
        if show:
            self._say("$ mrctl " + shlex.join(map(str, words)))
        out = _run([build.program("mrctl"), *words],
                   env={"MR_SERVER": self.url, "MR_TOKEN": self._token})
        if show and out.strip():
            print("\n".join("    " + line for line in out.rstrip().splitlines()), flush=True)
        return out

    def running_on(self, task: str) -> str:
        """The hostname of the core that runs a task; "" if none does now."""
        shown = json.loads(self.mrctl("task", "show", task, "-o", "json", show=False))
        return next((each["hostname"] for each in shown["instances"]
                     if each["state"] == "RUNNING"), "")


def private(path: pathlib.Path, text: str) -> None:
    """Write a file that only its owner reads."""
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as handle:
        handle.write(text)


def _run(argv, env=None) -> str:
    words = list(map(str, argv))
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, check=False, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        name = pathlib.Path(words[0]).name
        raise SandboxError(f"{name} {shlex.join(words[1:])} ended with status {done.returncode}:\n"
                           f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


class Events:
    """A topic's messages, as kcat prints them, one at a time."""

    def __init__(self, brokers: str, topic: str, check):
        """`check()` raises when there is no use in waiting any longer."""
        self.topic = topic
        self._brokers = brokers
        self._check = check
        self._lines = queue.SimpleQueue()
        self._kcat = None

    def next(self, timeout: float):
        """The next change event as JSON text, None if none came in time; deletes are followed
        by a tombstone, which is passed over."""
        if self._kcat is None:
            self._subscribe(timeout)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            try:
                size, _, value = self._lines.get(timeout=0.2).partition(" ")
            except queue.Empty:
                continue
            if size != "-1":
                return value
        return None

    def check(self) -> None:
        """An error if a daemon or kcat has ended."""
        self._check()
        if self._kcat is not None and self._kcat.poll() is not None:
            raise SandboxError(f"kcat ended with status {self._kcat.returncode}: "
                               f"{self._kcat.stderr.read()[-500:]}")

    def _subscribe(self, timeout: float) -> None:
        # kcat gives up on a topic that does not exist yet, and mr-core makes it.
        deadline = time.monotonic() + timeout
        while not self._topic_exists():
            self.check()
            if time.monotonic() > deadline:
                raise SandboxError(f"no topic {self.topic} after {timeout:.0f} s")
            time.sleep(0.1)
        self._kcat = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "kcat", "-C", "-q", "-u", "-b", self._brokers,
             "-t", self.topic, "-o", "beginning", "-f", "%S %s\n", "-X", "fetch.wait.max.ms=50"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._kcat.stdout:
            self._lines.put(line.rstrip("\n"))

    def _topic_exists(self) -> bool:
        done = subprocess.run(["kcat", "-L", "-J", "-b", self._brokers, "-m", "10"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)
        if done.returncode != 0:
            return False
        return any(topic["topic"] == self.topic and topic["partitions"]
                   for topic in json.loads(done.stdout)["topics"])

    def close(self) -> None:
        """End kcat."""
        if self._kcat is not None and self._kcat.poll() is None:
            self._kcat.send_signal(signal.SIGKILL)
            self._kcat.wait(10)


class Hook:
    """Listens for alerts, as a pager service would, and prints each."""

    def __init__(self, say):
        self._say = say
        self._told = []
        self._news = threading.Condition()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One alert a request."""

            def do_POST(self):  # pylint: disable=invalid-name
                """Take it."""
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 2**20))
                hook._take(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):  # pylint: disable=redefined-builtin
                """Nothing: the alert itself is printed."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def _take(self, alert: dict) -> None:
        what = f"webhook: {alert['event'].upper()} {alert['rule']} {alert['name']}"
        self._say(what + (f": {alert['message']}" if alert["event"] == "firing" else ""))
        with self._news:
            self._told.append(alert)
            self._news.notify_all()

    def wait(self, event: str, rule: str, timeout: float) -> dict:
        """The alert of a rule, once it was told with that event."""
        def found():
            return next((each for each in self._told
                         if (each["event"], each["rule"]) == (event, rule)), None)
        with self._news:
            if not self._news.wait_for(found, timeout):
                raise SandboxError(f"the webhook was not told of {rule} {event} within "
                                   f"{timeout:.0f} s")
            return found()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
