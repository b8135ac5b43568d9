"""mr-core reads its configuration anew at SIGHUP: secrets, and a file that is not valid."""

import signal

import pytest

from harness.tasks import task_document
from harness.waiting import wait_until


@pytest.fixture
def document(source, database, kafka):
    """A document of a table, with members of `source` as given."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    return lambda **keywords: task_document(source, include=f"{database}.t", pipe=kafka, **keywords)


def reload(core) -> None:
    """SIGHUP, and until it is done, well or not."""
    before = len(core.log)
    core.signal(signal.SIGHUP)
    wait_until(lambda: "configuration read again" in core.log[before:] or
               "the old one stays" in core.log[before:], 10, "it has read its configuration")


@pytest.mark.sanitize
@pytest.mark.sources("mariadb-10.11")
def test_secrets_are_read_anew(cluster, document):
    """A key ring that comes later, another secrets_dir: a reload and a restart of the task."""
    ring = cluster.key_ring.read_text()
    cluster.server()
    referred, sealed = [cluster.api.post("/tasks?preflight=skip&start=true", each).ok().json["name"]
                        for each in (document(password="file:source"), document())]
    cluster.key_ring.unlink()
    core = cluster.core("c1")
    assert cluster.wait_state(sealed, "FAILED")["error"]["code"] == "secret_sealed"
    failed = cluster.wait_state(referred, "FAILED")
    assert "secrets/source" in failed["error"]["message"]
    cluster.write_private(cluster.key_ring, ring)
    other = cluster.folder / "other-secrets"
    other.mkdir(mode=0o700)
    cluster.write_private(other / "source", "repl-password\n")
    text = core.config.read_text()
    core.config.write_text(text.replace(str(cluster.secrets_dir), str(other)))
    reload(core)
    for task in (sealed, referred):
        cluster.api.post(f"/tasks/{task}/restart").ok()
        cluster.wait_state(task, "RUNNING")
    # What is read is all valid or not taken at all: a ring with a mistake, a key nobody knows.
    for refused, (path, broken) in enumerate((
            (cluster.key_ring, "k1 too-short\n"),
            (core.config, core.config.read_text() + "\n[core]\ncolour = red\n")), 1):
        good = path.read_text()
        path.write_text(broken)
        reload(core)
        path.write_text(good)
        assert core.log.count("the old one stays") == refused
        cluster.api.post(f"/tasks/{sealed}/restart").ok()
        cluster.wait_state(sealed, "RUNNING")
    assert core.alive
