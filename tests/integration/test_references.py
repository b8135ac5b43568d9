"""References to secrets (file:NAME and so on) in documents: who may write them, which never open."""

import socket
import threading

import pytest

from harness.cluster import Api
from harness.tasks import task_document


@pytest.fixture
def installation(zookeeper, new_cluster, pool, new_database):
    """A tree with digest ACLs, a core, a server, a table; a source's password as a file."""
    cluster = new_cluster(zookeeper, auth=True)
    cluster.server()
    cluster.core("c1")
    source = pool.get("mariadb-10.11")
    database = new_database(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    cluster.write_private(cluster.secrets_dir / "db1", "repl-password\n")
    cluster.document = lambda **more: task_document(source, include=f"{database}.t", pipe="none",
                                                    **{"password": "file:db1", **more})
    return cluster


class Trap:
    """A server that keeps what it is sent."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.got = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                self.got += connection.recv(4096)
            except OSError:
                return

    def close(self):
        """Stop."""
        self._listener.close()


@pytest.mark.sanitize
def test_a_reference_is_an_admins_to_write(installation):
    """An operator neither writes one nor moves one that is there; the rest he may change."""
    cluster = installation
    operator = Api(cluster.live("mr-server")[0].port, cluster.new_token("operator"))
    document = cluster.document()
    for path in ("/tasks", "/validate"):
        assert operator.post(path, document).error(403, "forbidden")["field"] == "source.password"
    task = cluster.create(document, start=True)
    stored = operator.get(f"/tasks/{task}").ok().json
    changed = stored["document"]
    assert changed["source"]["password"] == "file:db1"
    changed["commit_interval_ms"] = 700
    operator.put(f"/tasks/{task}", changed, revision=1).ok()
    trap = Trap()
    for key, value in (("host", "127.0.0.2"), ("port", trap.port), ("user", "eve"),
                       ("tls", {"mode": "disabled"})):
        moved = {**changed, "source": {**changed["source"], key: value}}
        answer = operator.put(f"/tasks/{task}", moved, revision=2)
        assert answer.status in (403, 422), answer.text
        answer = operator.put(f"/tasks/{task}?preflight=skip", moved, revision=2)
        assert key == "tls" or answer.status in (403, 422), answer.text
    assert not trap.got
    trap.close()
    # An admin may, and it is tried at the new place.
    other = {**changed, "source": {**changed["source"], "host": "localhost"}}
    cluster.api.put(f"/tasks/{task}", other,
                    revision=operator.get(f"/tasks/{task}").json["revision"]).ok()


@pytest.mark.sanitize
@pytest.mark.parametrize("reference", ["file:zk-digest", "file:zk-other", "env:MR_SECRET_ZK_X",
                                       "credential:zk-digest"])
def test_the_daemons_secrets_are_no_tasks(installation, reference):
    """Not even for an admin: the digest of the tree would be sent to any host."""
    cluster = installation
    trap = Trap()
    document = cluster.document(password=reference, source_extra={"host": "127.0.0.1",
                                                                  "port": trap.port})
    answer = cluster.api.post("/validate", document).ok().json
    assert not answer["valid"]
    failed = next(each for each in answer["checks"] if each["result"] == "failed")
    assert failed["code"] == "secret_missing" and "no task may use" in failed["message"]
    cluster.api.post("/tasks?preflight=skip&start=true", document).ok()
    shown = cluster.wait_state(document["name"], "FAILED")
    assert shown["error"]["code"] == "secret_missing"
    assert not trap.got
    trap.close()


def test_a_secret_that_comes_later(installation):
    """A file that is missing: FAILED with its name; there, and restarted: it runs."""
    cluster = installation
    document = cluster.document(password="file:later")
    cluster.api.post("/tasks?preflight=skip&start=true", document).ok()
    failed = cluster.wait_state(document["name"], "FAILED")
    assert failed["error"]["code"] == "secret_missing" and "later" in failed["error"]["message"]
    cluster.write_private(cluster.secrets_dir / "later", "repl-password\n")
    cluster.api.post(f"/tasks/{document['name']}/restart").ok()
    cluster.wait_state(document["name"], "RUNNING")


def test_a_host_that_cannot_open_it_fails_nobody_else(installation):
    """c1 has no key ring; c2 has: the task ends up there, and its status is no obstacle."""
    cluster = installation
    cluster.daemon("c1").end()
    cluster.core("c2")
    document = cluster.document(password="repl-password")
    task = cluster.create(document, start=True)
    cluster.wait_state(task, "RUNNING", on="c2")
    cluster.daemon("c2").end()
    c1 = cluster.daemon("c1")
    c1.config.write_text(c1.config.read_text().replace("key_ring = ", "key_ring = /nowhere"))
    c1.start()
    failed = cluster.wait_state(task, "FAILED", on="c1")
    assert failed["error"]["code"] == "secret_sealed"
    cluster.daemon("c2").start()
    cluster.wait_state(task, "RUNNING", on="c2")
    # Its own turn comes with its ring.
    cluster.daemon("c2").end()
    cluster.wait_state(task, "FAILED", on="c1")
    c1.end()
    c1.config.write_text(c1.config.read_text().replace("/nowhere", ""))
    c1.start()
    cluster.wait_state(task, "RUNNING", on="c1")
