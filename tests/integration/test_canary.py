"""No secret shows: passwords and keys that can be found again, looked for everywhere.

Where it is looked: every znode, every log, every answer of the API to a GET and to requests
that fail, what mrctl prints, the command lines and environments of all processes, /metrics,
what the webhook is sent, and the memory of mr-server and mr-monitor, which a core dump
would hold.

Not covered: the memory of mr-core. Its libraries (libmariadb, librdkafka, OpenSSL) need a
source's and a broker's password to connect again, and keep copies that we cannot wipe; its
unit therefore writes no core dump (LimitCORE=0). And the key ring itself is in the memory
of mr-core and mr-server, locked and left out of dumps (tests/unit/seal).
"""

import contextlib
import json
import os
import pathlib
import re
import secrets

import pytest

from harness.cluster import request
from harness.tasks import task_document
from harness.waiting import wait_until

# Every route of GET; {task} and the like are filled in.
ROUTES = ("/tasks", "/tasks?q=canary", "/tasks/{task}", "/tasks/{other}", "/tasks/{task}/position",
          "/tasks/{task}/revisions", "/tasks/{task}/revisions/1", "/tasks/{other}/revisions/1",
          "/tasks/{task}/why", "/tasks/{other}/why", "/machines", "/alerts", "/cluster", "/tokens",
          "/healthz", "/readyz", "/metrics")


def canary(what: str) -> str:
    """A secret that is in nothing else."""
    return f"canary-{what}-{secrets.token_hex(12)}"


class Canaries:
    """The secrets of one installation, by what they are."""

    def __init__(self):
        self.known: dict[str, str] = {}

    def new(self, what: str) -> str:
        """A new one."""
        self.known[what] = canary(what)
        return self.known[what]

    def found_in(self, data: bytes | str) -> list[str]:
        """Which of them stand in this, as they are, or as JSON, hexadecimal or base64."""
        if isinstance(data, str):
            data = data.encode()
        return [what for what, text in self.known.items()
                if text.encode() in data or text.encode().hex().encode() in data.lower()]

    def absent(self, where: str, data: bytes | str) -> None:
        """An AssertionError that names the secret and the place, without showing either."""
        found = self.found_in(data)
        assert not found, f"{found} in {where}"


@pytest.fixture
def known():
    """The test's canaries."""
    return Canaries()


@pytest.fixture
def installation(new_cluster, webhook, known, zookeeper):
    """All three daemons with digest ACLs, a channel with a token, and an admin."""
    cluster = new_cluster(zookeeper, auth=True)
    known.known["zookeeper.auth"] = cluster.auth
    known.known["key ring"] = cluster.key_ring.read_text().split()[1]
    cluster.write_private(cluster.secrets_dir / "pager", known.new("channel token") + "\n")
    cluster.core("c1")
    cluster.server("s1")
    cluster.monitor("m1", **{"channel.oncall": {"type": "webhook", "url": webhook.url,
                                                "token": "file:pager"},
                             "rule.failed": {"for": "0s"}, "monitor": {"interval": "500ms"}})
    # The secret part of mrt_<id>_<secret>; the id may be shown.
    known.known["admin's token"] = cluster.token.split("_", 2)[2]
    known.known["viewer's token"] = cluster.new_token("viewer").split("_", 2)[2]
    return cluster


def pem(kind: str, text: str) -> str:
    """What passes for a key or certificate where nobody opens it."""
    return f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n"


def with_secrets(document: dict, known) -> dict:
    """The document with a secret in every place that takes one."""
    document["pipe"]["security"] = {
        "tls": {"mode": "required", "cert": pem("CERTIFICATE", "AAAA"),
                "key": pem("PRIVATE KEY", known.new("pipe.security.tls.key"))},
        "sasl": {"mechanism": "PLAIN", "user": "kafka",
                 "password": known.new("pipe.security.sasl.password")}}
    document["source"]["tls"] = {"mode": "required", "cert": pem("CERTIFICATE", "AAAA"),
                                 "key": pem("PRIVATE KEY", known.new("source.tls.key"))}
    return document


@pytest.fixture
def tasks(installation, mariadb_1011, kafka, new_database, known):
    """(cluster, a task that runs, one that never did and has every kind of secret)."""
    database = new_database(mariadb_1011)
    mariadb_1011.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY);")
    user = f"canary{os.getpid()}"
    password = known.new("source.password")
    mariadb_1011.create_repl_user(user, password)
    running = task_document(mariadb_1011, include=f"{database}.t", pipe=kafka, user=user,
                            password=password)
    installation.create(running, start=True)
    mariadb_1011.sql(f"INSERT INTO {database}.t VALUES (1)")
    wait_until(lambda: installation.instances(running["name"])[0]["rows"] == 1, 30, "a row")
    other = with_secrets(task_document(mariadb_1011, include=f"{database}.t", pipe=kafka,
                                       password=known.new("other's source.password")), known)
    installation.create(other, preflight=False)
    return installation, running, other


@pytest.mark.sanitize
def test_no_secret_is_in_the_tree(tasks, known):
    """Sealed before they reach ZooKeeper; of a token there is a hash."""
    cluster, running, other = tasks
    tree = cluster.tree.dump()
    assert len(tree) > 30
    for path, data in tree.items():
        known.absent(f"znode {path}", data)
    for document in (running, other):
        stored = cluster.tree.get(cluster.path(document["name"]))
        assert b"sealed:v1:k1:" in stored


def test_no_answer_holds_a_secret(tasks, known):
    """GET of everything, and requests that are refused, whose errors quote what was sent."""
    cluster, running, other = tasks
    names = {"task": running["name"], "other": other["name"]}
    for route in ROUTES:
        answer = cluster.api.get(route.format(**names))
        assert answer.status == 200, f"{route}: {answer.status} {answer.text[:300]}"
        known.absent(f"GET {route}", answer.text)
    shown = cluster.api.get(f"/tasks/{other['name']}").json["document"]
    assert shown["source"]["password"] == "***"
    assert shown["pipe"]["security"]["sasl"]["password"] == "***"
    for wrong in _wrong_documents(running, known):
        for method, path in (("POST", "/tasks"), ("POST", "/validate"),
                             ("PUT", f"/tasks/{running['name']}")):
            answer = cluster.api.call(method, path, wrong, {"If-Match": '"1"'})
            assert answer.status >= 400 or answer.json.get("valid") is False, answer.text
            known.absent(f"{method} {path}: {answer.status}", answer.text)
    _look_at_logs(cluster, known)


def _wrong_documents(document, known):
    """The same with a secret that stands where none belongs, or that is not accepted."""
    text = json.dumps(document)
    secret = known.new("a misplaced password")
    for replaced in ({"pasword": secret}, {"password": {"x": secret}}, {"port": secret},
                     {"user": "nobody", "password": secret},
                     {"host": "127.0.0.1", "port": 1, "password": secret},
                     {"password": "sealed:v1:k1:" + secret}):
        wrong = json.loads(text)
        wrong["source"].update(replaced)
        yield wrong
    yield text.replace('"source"', f'"{secret}": 1, "source"', 1)[:-1].encode()  # cut off, too


def test_no_command_prints_a_secret(tasks, known, tmp_path):
    """mrctl in all its forms, and `mr-server token list`."""
    cluster, running, other = tasks
    name = running["name"]
    path = cluster.write_private(tmp_path / "task.json", json.dumps(
        {**running, "commit_interval_ms": 700}))
    words = [("task", "list"), ("task", "show", name), ("task", "show", other["name"]),
             ("task", "why", name), ("task", "revisions", name), ("task", "position", name),
             ("task", "diff", name, path), ("task", "validate", path), ("task", "update", path),
             ("machine", "list"), ("alert", "list"), ("cluster", "show"), ("token", "list"),
             ("task", "create", path)]
    for each in words:
        for form in ((), ("-o", "json")):
            done = cluster.mrctl(*each, *form)
            known.absent(f"mrctl {' '.join(map(str, each))}", done.stdout + done.stderr)
    done = cluster.mrctl("task", "list", token="mrt_x_" + known.new("a wrong token"))
    assert done.status != 0
    known.absent("mrctl with a wrong token", done.stdout + done.stderr)
    _look_at_logs(cluster, known)


def test_no_process_shows_a_secret(tasks, known):
    """Command lines and environments, as `ps` reads them; /metrics of all three."""
    cluster, _, _ = tasks
    for daemon in cluster.daemons:
        for file in ("cmdline", "environ"):
            known.absent(f"{daemon.name}'s {file}",
                         pathlib.Path(f"/proc/{daemon.pid}/{file}").read_bytes())
        known.absent(f"{daemon.name}'s /metrics", daemon.get("/metrics").ok().text)


def test_no_log_and_no_alert_holds_a_secret(tasks, known, webhook, mariadb_1011):
    """A whole life, with failures: a login that is refused, a stop, a delete."""
    cluster, running, other = tasks
    name = running["name"]
    mariadb_1011.sql(f"ALTER USER '{running['source']['user']}'@'%' IDENTIFIED BY 'changed'")
    cluster.api.post(f"/tasks/{name}/restart").ok()
    wait_until(lambda: any(each["state"] in ("RETRYING", "FAILED")
                           for each in cluster.instances(name)), 30, "the login is refused")
    cluster.api.post(f"/tasks/{other['name']}/start").ok()
    cluster.api.post("/alerts/test").ok()
    wait_until(lambda: webhook.deliveries, 30, "the webhook is told something")
    for each in (name, other["name"]):
        cluster.api.post(f"/tasks/{each}/stop").ok()
        cluster.api.delete(f"/tasks/{each}").ok()
        wait_until(lambda each=each: cluster.api.get(f"/tasks/{each}").status == 404, 30, "gone")
    for path, data in cluster.tree.dump().items():
        known.absent(f"znode {path}", data)
    for delivery in webhook.deliveries:
        known.absent("an alert", delivery.body)
        # The channel's own token goes to the channel, in its header, and nowhere else.
        headers = {key.lower(): value for key, value in delivery.headers.items()}
        assert headers["authorization"] == "Bearer " + known.known["channel token"]
    for daemon in cluster.daemons:
        daemon.end()
    _look_at_logs(cluster, known)


def _look_at_logs(cluster, known) -> None:
    """Logs, and whatever else the daemons wrote into their folders."""
    for daemon in cluster.daemons:
        known.absent(f"{daemon.name}'s log", daemon.log)
        for path in daemon.folder.rglob("*"):
            if path.is_file():
                known.absent(str(path), path.read_bytes())


def memory(pid: int):
    """(place, bytes) of all that a process may write to: what a core dump holds of it."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps.read().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not found or "[vvar]" in line:
                continue
            begin, end = int(found[1], 16), int(found[2], 16)
            with contextlib.suppress(OSError, ValueError):
                mem.seek(begin)
                yield line, mem.read(end - begin)


def remembered(daemon, known) -> dict[str, str]:
    """{secret: a place in the daemon's memory where it stands}."""
    seen = {}
    for place, data in memory(daemon.pid):
        for what in known.found_in(data):
            seen.setdefault(what, place)
    return seen


def test_a_server_forgets_the_documents_it_was_given(tasks, known, mariadb_1011):
    """After create, update, validate and show no plain secret is left in mr-server's memory,
    nor in mr-monitor's; nor the token that a request brought."""
    cluster, running, other = tasks
    name = running["name"]
    for _ in range(3):
        revision = cluster.api.get(f"/tasks/{name}").json["revision"]
        cluster.api.put(f"/tasks/{name}", {**running, "commit_interval_ms": 600 + revision},
                        revision).ok()
        cluster.api.post("/validate", running).ok()
        list(map(lambda wrong: cluster.api.post("/tasks", wrong),
                 _wrong_documents(running, known)))
    # Another request takes the place of the last one in what is reused.
    server, monitor = cluster.daemon("s1"), cluster.daemon("m1")
    for _ in range(3):
        assert request(server.port, "GET", "/healthz").status == 200
    del known.known["key ring"]  # the keys themselves are needed, as bytes
    for daemon in (server, monitor):
        allowed = {"channel token", "zookeeper.auth"}  # needed to connect again
        seen = remembered(daemon, known)
        assert not {what: place for what, place in seen.items() if what not in allowed}, \
            daemon.name
    # That it would be found: mr-core needs it, as the head of this file says.
    assert "source.password" in remembered(cluster.daemon("c1"), known)
