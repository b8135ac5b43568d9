"""An installation as a test runs it: mr-core, mr-server, mr-monitor, mrctl, ZooKeeper's tree.

    def test_a_standby_takes_over(cluster, source, database, kafka):
        first, second = cluster.core("c1"), cluster.core("c2")
        cluster.server()
        name = cluster.create(task_document(source, include=f"{database}.t", pipe=kafka))
        cluster.mrctl("task", "start", name, "--wait").ok()
        runner = cluster.wait_state(name, "RUNNING")       # its instance document, with "node"
        cluster.daemon(runner["hostname"]).kill()          # kill -9; also stop(), cont(), end()
        cluster.wait_state(name, "RUNNING", not_on=runner["hostname"])

Each Cluster has a chroot, a key ring, secrets and config files of its own; the ZooKeeper
server is shared (fixture `cluster`) or the test's own (fixture `new_cluster`, which also
takes auth=True for a tree with digest ACLs). Any configuration key is given by section:

    cluster.core("c1", core={"tasks": "a, b"},
                 zookeeper={"servers": proxy.address + cluster.chroot})
    cluster.monitor(**{"rule.lag": {"threshold": "2s"}, "channel.oncall":
                       {"type": "webhook", "url": webhook.url}})

Logs stay in the test's folder; a failed test shows their ends. At the end every daemon that
still lives gets SIGTERM and must end with status 0; no log may hold a sanitizer's report.
"""

import contextlib
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import secrets
import signal
import subprocess
import time

from .core import FILE_SIZE_LIMIT, SANITIZER_REPORT, binary
from .tree import Tree, TreeError
from .waiting import PATIENCE, wait_until

ROOT = "/mysql_replicator"
_NUMBERS = itertools.count(1)


def program(name: str) -> pathlib.Path:
    """mr-core, mr-server, mr-monitor or mrctl of the build that MR_CORE is from."""
    build = binary().parent.parent
    places = {"mr-core": ["core"], "mr-server": ["server"], "mr-monitor": ["monitor"],
              "mrctl": ["server/cli", "server"]}[name]
    paths = [build / place / name for place in places]
    found = next((path for path in paths if path.is_file()), None)
    assert found, f"{paths[0]} is not there: build it (tests/run does)"
    return found


@dataclasses.dataclass
class Done:
    """A command that ended."""

    argv: list
    status: int
    stdout: str
    stderr: str

    def ok(self) -> "Done":
        """This, asserted to have ended with 0."""
        assert self.status == 0, f"{self}"
        return self

    def failed(self, status: int = 1) -> "Done":
        """This, asserted to have ended with a status."""
        assert self.status == status, f"not status {status}: {self}"
        return self

    @property
    def json(self):
        """stdout as JSON."""
        return json.loads(self.stdout)

    def __str__(self):
        return (f"{' '.join(map(str, self.argv))} ended with status {self.status}\n"
                f"{self.stdout[-3000:]}\n{self.stderr[-3000:]}")


@dataclasses.dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict  # names in lower case
    text: str

    @property
    def json(self):
        """The body."""
        return json.loads(self.text)

    def ok(self) -> "Answer":
        """This, asserted to be 2xx."""
        assert 200 <= self.status < 300, f"{self.status}: {self.text[:2000]}"
        return self

    def error(self, status: int, code: str | None = None) -> dict:
        """The error member of an answer that must have this status (and code)."""
        assert self.status == status, f"not {status} but {self.status}: {self.text[:2000]}"
        found = self.json["error"]
        assert code is None or found["code"] == code, f"not {code}: {found}"
        return found


def request(port: int, method: str, path: str, body=None, headers=None,
            timeout: float = 30.0) -> Answer:
    """One HTTP request to a loopback port; a dict or list as body is sent as JSON."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout * PATIENCE)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()},
                      answer.read().decode("utf-8", "replace"))
    finally:
        connection.close()


class Api:
    """mr-server's API with one token: api.get("/tasks"), api.post("/tasks", document)."""

    def __init__(self, port: int, token: str | None):
        self.port = port
        self.token = token

    def call(self, method: str, path: str, body=None, headers=None) -> Answer:
        """A request under /api/v1."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return request(self.port, method, "/api/v1" + path, body, headers)

    def get(self, path: str, **keywords) -> Answer:
        """GET."""
        return self.call("GET", path, **keywords)

    def post(self, path: str, body=None, **keywords) -> Answer:
        """POST; without a body an empty one."""
        return self.call("POST", path, body, **keywords)

    def put(self, path: str, body, revision: int | None = None, headers=None) -> Answer:
        """PUT, with If-Match where a revision is given."""
        headers = dict(headers or {})
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        return self.call("PUT", path, body, headers)

    def delete(self, path: str, **keywords) -> Answer:
        """DELETE."""
        return self.call("DELETE", path, **keywords)


class Daemon:
    """One of the three programs in the background. start() again goes on with its config."""

    def __init__(self, kind: str, name: str, folder: pathlib.Path, config: pathlib.Path,
                 port: int, env: dict):
        self.kind, self.name, self.folder, self.config, self.port = kind, name, folder, config, port
        self.argv = [str(program(kind)), "--config", str(config)]
        self.env = env
        self._logs: list[pathlib.Path] = []
        self._popen = None
        self._stopped = False

    def start(self, wait: bool = True, timeout: float = 20.0) -> "Daemon":
        """Start; with `wait` until it is ready: a session with ZooKeeper and the tree there."""
        assert not self.alive, f"{self.name} runs"
        self._logs.append(self.folder / f"{self.name}-{len(self._logs) + 1}.log")
        self._stopped = False
        with open(self._logs[-1], "wb") as log:
            # pylint: disable-next=consider-using-with
            self._popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "prlimit", f"--fsize={FILE_SIZE_LIMIT}",
                 "--core=0", "--", *self.argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.env})
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout: float = 20.0) -> None:
        """Wait until /readyz says so; fails at once if the process ends."""
        def ready():
            assert self.alive, (f"{self.name} ended with status {self._popen.returncode}:\n"
                                f"{self.log[-6000:]}")
            try:
                return self.get("/readyz").status == 200
            except OSError:
                return False
        wait_until(ready, timeout, f"{self.name} is ready; its log:\n{self.log[-3000:]}")

    def get(self, path: str) -> Answer:
        """GET of its HTTP side: /metrics, /healthz, /readyz."""
        return request(self.port, "GET", path)

    def metric(self, name: str, **labels) -> float | None:
        """The value of a metric with (at least) these labels, None if it has none."""
        for line in self.get("/metrics").ok().text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and \
                    all(f'{key}="{text}"' in head for key, text in labels.items()):
                return float(value)
        return None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it runs (or is stopped)."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal, None while alive."""
        return self._popen.poll()

    @property
    def log(self) -> str:
        """All it logged, over all its starts."""
        return "".join(path.read_text("utf-8", "replace") for path in self._logs)

    def wait_for_log(self, text: str, timeout: float = 20.0, after: int = 0) -> None:
        """Wait until its log, from character `after`, has a text."""
        wait_until(lambda: text in self.log[after:], timeout,
                   f"{self.name} logs {text!r}; its log:\n{self.log[-3000:]}")

    def signal(self, number: int) -> None:
        """Send a signal, if it lives."""
        if self.alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, and gone."""
        self.signal(signal.SIGKILL)
        self._popen.wait(10)

    def stop(self) -> None:
        """SIGSTOP: it hangs, its connections stay."""
        self._stopped = True
        self.signal(signal.SIGSTOP)

    def cont(self) -> None:
        """SIGCONT."""
        self._stopped = False
        self.signal(signal.SIGCONT)

    def end(self, timeout: float = 20.0) -> int:
        """SIGTERM, and its exit status; an error when it does not end."""
        if self._stopped:
            self.cont()
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit status, once it ends by itself."""
        try:
            return self._popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(10)
            raise AssertionError(f"{self.name} did not end within {timeout * PATIENCE:.0f} s:\n"
                                 f"{self.log[-6000:]}") from None

    def memory(self, key: str = "VmRSS") -> int:
        """Bytes of a line of /proc/PID/status: VmRSS, VmHWM."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as handle:
            return next(int(line.split()[1]) * 1024 for line in handle
                        if line.startswith(key + ":"))

    def cpu_seconds(self) -> float:
        """User and system time of the process."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as handle:
            fields = handle.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """See the head of this file."""

    def __init__(self, folder: pathlib.Path, servers: str, free_port, *, session_timeout="2s",
                 auth: bool = False):
        """`servers` is host:port,… of ZooKeeper; `free_port` a function that gives one."""
        self.folder = pathlib.Path(folder) / f"cluster-{next(_NUMBERS)}"
        self.folder.mkdir(parents=True)
        self.chroot = f"/t-{os.getpid()}-{time.time_ns()}"
        self.servers = servers
        self.daemons: list[Daemon] = []
        self._free_port = free_port
        self._session_timeout = session_timeout
        self._token = None
        self.key_ring = self.folder / "keys"
        self.write_private(self.key_ring, f"k1 {secrets.token_hex(32)}\n")
        self.secrets_dir = self.folder / "secrets"
        self.secrets_dir.mkdir(mode=0o700)
        self.auth = ""
        if auth:
            self.auth = "replicator:" + secrets.token_hex(8)
            self.write_private(self.secrets_dir / "zk-digest", self.auth + "\n")
        self.tree = Tree(servers, self.chroot, self.auth)

    @staticmethod
    def write_private(path: pathlib.Path, text: str) -> pathlib.Path:
        """A file that only we read."""
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as handle:
            handle.write(text)
        return path

    # Daemons.

    def core(self, name: str | None = None, *, start=True, env=None, **sections) -> Daemon:
        """An mr-core named c1, c2 … that covers all hot tasks, unless `core` says otherwise."""
        return self._daemon("mr-core", name or self._name("c"), "core", "metrics_listen",
                            start, env, sections)

    def server(self, name: str | None = None, *, start=True, env=None, **sections) -> Daemon:
        """An mr-server named s1, s2 …; the API client and mrctl speak to the first that lives."""
        return self._daemon("mr-server", name or self._name("s"), "server", "listen",
                            start, env, sections)

    def monitor(self, name: str | None = None, *, start=True, env=None, **sections) -> Daemon:
        """An mr-monitor named m1, m2 …"""
        return self._daemon("mr-monitor", name or self._name("m"), "monitor", "metrics_listen",
                            start, env, sections)

    def daemon(self, name: str) -> Daemon:
        """The daemon of a name (= hostname)."""
        return next(each for each in self.daemons if each.name == name)

    def _name(self, letter: str) -> str:
        taken = {each.name for each in self.daemons}
        return next(name for number in itertools.count(1)
                    if (name := f"{letter}{number}") not in taken)

    def _daemon(self, kind, name, section, listen, start, env, sections) -> Daemon:
        port = self._free_port()
        folder = self.folder / name
        folder.mkdir()
        config = self.config(name, section, {listen: f"127.0.0.1:{port}"}, sections)
        daemon = Daemon(kind, name, folder, config, port, env or {})
        self.daemons.append(daemon)
        if start:
            daemon.start()
        return daemon

    def config(self, name: str, section: str, own: dict, sections: dict) -> pathlib.Path:
        """Write a daemon's file; `sections` are laid over what every daemon here has."""
        merged = {"zookeeper": {"servers": self.servers + self.chroot,
                                "session_timeout": self._session_timeout},
                  "secrets": {"secrets_dir": self.secrets_dir},
                  section: {"hostname": name, "log_level": "debug", **own}}
        if section != "monitor":
            merged["secrets"]["key_ring"] = self.key_ring
        if section == "core":
            merged["core"]["state_dir"] = self.folder / name
        if self.auth:
            merged["zookeeper"]["auth"] = "file:zk-digest"
        for each, keys in sections.items():
            merged.setdefault(each, {}).update(keys)
        text = "".join(f"[{each}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()
                                               if value is not None) + "\n"
                       for each, keys in merged.items())
        return self.write_private(self.folder / f"{name}.conf", text)

    def live(self, kind: str) -> list[Daemon]:
        """Those of a program that live and are not stopped."""
        return [each for each in self.daemons
                if each.kind == kind and each.alive and not each._stopped]

    # API and mrctl.

    @property
    def api(self) -> Api:
        """The API of the first mr-server that lives, as an admin."""
        return Api(self.live("mr-server")[0].port, self.token)

    @property
    def token(self) -> str:
        """An admin's token, made on the host when first asked for."""
        if self._token is None:
            self._token = self.new_token("admin")
        return self._token

    def new_token(self, role: str, *words: str) -> str:
        """Another token, by `mr-server token create`."""
        servers = [each for each in self.daemons if each.kind == "mr-server"]
        done = self.run(program("mr-server"), "--config", servers[0].config, "token", "create",
                        "--role", role, *words).ok()
        return done.stdout.splitlines()[-1]

    def mrctl(self, *words, stdin: str | None = None, token: str | None = None,
              timeout: float = 90.0, env: dict | None = None) -> Done:
        """Run mrctl against the first mr-server that lives, with the admin's token."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return self.run(program("mrctl"), *words, stdin=stdin, timeout=timeout, env={
            "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"),
            "MR_SERVER": f"http://127.0.0.1:{self.live('mr-server')[0].port}",
            "MR_TOKEN": token or self.token, **(env or {})})

    @staticmethod
    def run(*argv, stdin: str | None = None, timeout: float = 60.0,
            env: dict | None = None) -> Done:
        """Run a command to its end."""
        done = subprocess.run(list(map(str, argv)), input=stdin or "", capture_output=True,
                              encoding="utf-8", errors="replace", timeout=timeout * PATIENCE,
                              check=False, env={**os.environ, **(env or {})})
        assert not SANITIZER_REPORT.search(done.stderr), done.stderr[-6000:]
        return Done(list(argv), done.returncode, done.stdout, done.stderr)

    def create(self, document: dict, *, start: bool = False, preflight: bool = True) -> str:
        """Create a task through the API; its name. With `start` waits until it is RUNNING."""
        query = "&".join((["preflight=skip"] if not preflight else [])
                         + (["start=true"] if start else []))
        self.api.post("/tasks" + (f"?{query}" if query else ""), document).ok()
        if start:
            self.wait_state(document["name"], "RUNNING")
        return document["name"]

    # The tree.

    def path(self, task: str, part: str = "") -> str:
        """The path of a task (hot or cold), or of a part of it: path("a", "control")."""
        named = self.tree.get(f"{ROOT}/names/{task}")
        base = named.decode() if named else f"{ROOT}/tasks/{task}"
        return f"{base}/{part}" if part else base

    def instances(self, task: str) -> list[dict]:
        """Instance documents with "node", the smallest sequence first."""
        folder = self.path(task, "instances")
        nodes = sorted(self.tree.children(folder), key=lambda node: node[-10:])
        found = ((node, self.tree.json(f"{folder}/{node}")) for node in nodes)
        return [{"node": node, **document} for node, document in found if document]

    def wait_state(self, task: str, state: str, *, on: str | None = None,
                   not_on: str | None = None, timeout: float = 30.0) -> dict:
        """Wait until an instance (of hostname `on`, or not of `not_on`) is in a state."""
        def found():
            return next((each for each in self.instances(task) if each["state"] == state
                         and on in (None, each["hostname"]) and each["hostname"] != not_on), None)
        seen = []

        def remembered():
            seen[:] = [(each["node"], each["state"], each.get("error"))
                       for each in self.instances(task)]
            return found()
        try:
            return wait_until(remembered, timeout, f"{task} is {state}")
        except AssertionError as error:
            raise AssertionError(f"{error} on {on or 'any'}, not on {not_on}; there is {seen}, "
                                 f"control {self.tree.get(self.path(task, 'control'))}, "
                                 f"status {self.tree.get(self.path(task, 'status'))}") from None

    # The end.

    def close(self) -> None:
        """End what lives, cleanly; look at every log. The chroot goes too."""
        living = [each for each in self.daemons if each.alive]
        for each in living:
            if each._stopped:
                each.cont()
            each.signal(signal.SIGTERM)
        try:
            for each in living:
                status = each.wait(30)
                assert status == 0, f"{each.name} ended with status {status}:\n{each.log[-4000:]}"
            for each in self.daemons:
                assert not SANITIZER_REPORT.search(each.log), (
                    f"a sanitizer reports in {each.name}:\n{each.log[-8000:]}")
        finally:
            for each in self.daemons:
                if each.alive:
                    each.kill()
            # Its ZooKeeper may be gone; the next run has another chroot.
            with contextlib.suppress(OSError, TreeError, AssertionError):
                self.tree.delete("")

    def logs(self, lines: int = 30) -> str:
        """The end of every daemon's log."""
        return "\n".join(f"--- {each.name}\n" + "\n".join(each.log.splitlines()[-lines:])
                         for each in self.daemons)
