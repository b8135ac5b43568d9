"""Leases of server_ids: no two readers of ours throw each other out, and none is left for dead.

Two dumps of one MariaDB under one server_id throw each other out without end; MySQL compares
the UUIDs that both readers bring. The leases are the same on both.
"""

import re
import time

import pytest

from harness.cluster import ROOT
from harness.proxy import Proxy
from harness.tasks import here, task_document, unique
from harness.waiting import wait_until
from harness.zk import LossyProxy

FOLDER = f"{ROOT}/server-ids"


def leases(cluster) -> dict[str, dict]:
    """The nodes of all leases: "<place>/<id>" -> what it says, with its session as "owner"."""
    found = {}
    for place in cluster.tree.children(FOLDER):
        for number in cluster.tree.children(f"{FOLDER}/{place}"):
            path = f"{FOLDER}/{place}/{number}"
            document, stat = cluster.tree.json(path), cluster.tree.stat(path)
            if document and stat:
                found[f"{place}/{number}"] = {**document, "owner": stat.owner}
    return found


def ids_read(daemon, task: str) -> list[int]:
    """The ids that a task's dumps were opened under, in order."""
    return [int(number) for number in
            re.findall(rf"\btask={task}\b.*reading .* as replica (\d+) ", daemon.log)]


def id_read(daemon, task: str, count: int = 1) -> int:
    """The id of its newest dump, once there were so many."""
    wait_until(lambda: len(ids_read(daemon, task)) >= count, 30, f"{task} reads, dump {count}")
    return ids_read(daemon, task)[-1]


@pytest.fixture
def document(source, database):
    """Makes documents of small tasks that read the source."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")

    def make(**extra):
        return task_document(extra.pop("server", source), include=f"{database}.t", pipe="none",
                             source_extra=extra)
    return make


def test_every_reader_has_a_lease(cluster, document):
    """As long as it reads, and no longer."""
    cluster.server()
    first = cluster.core("c1")
    tasks = [cluster.create(document(), start=True) for _ in range(2)]
    numbers = {task: id_read(first, task) for task in tasks}
    found = leases(cluster)
    assert sorted(found) == sorted(f"any/{number}" for number in numbers.values())
    for task, number in numbers.items():
        lease = found[f"any/{number}"]
        assert lease["task"] == task and lease["host"] == "c1" and lease["owner"], lease
    cluster.mrctl("task", "stop", tasks[0], "--wait").ok()
    assert list(leases(cluster)) == [f"any/{numbers[tasks[1]]}"]
    assert first.end() == 0
    assert not leases(cluster)


@pytest.mark.sources("mariadb-10.11", "mysql-9.7")
@pytest.mark.parametrize("cores", (1, pytest.param(2, marks=pytest.mark.full)))
def test_a_fixed_id_is_one_tasks(cluster, document, cores):
    """The second one waits, says for whom, and goes on when that has ended."""
    cluster.server()
    name, other = (unique("task") for _ in range(2))
    first = cluster.core("c1", core={"tasks": name if cores == 2 else "*"})
    second = cluster.core("c2", core={"tasks": other}) if cores == 2 else first
    cluster.create({**document(server_id=4242), "name": name}, start=True)
    cluster.create({**document(server_id=4242), "name": other}, preflight=False)
    cluster.mrctl("task", "start", other).ok()
    error = cluster.wait_state(other, "RETRYING")["error"]
    assert error["code"] == "source_server_id_taken", error
    assert f"task {name} on c1 has it" in error["message"] and "4242" in error["message"]
    assert name in cluster.mrctl("task", "why", other).ok().stdout
    # It stays so, and the first one is not disturbed: one dump was all it needed.
    time.sleep(2)
    assert ids_read(first, name) == [4242] and not ids_read(second, other)
    lease, = leases(cluster).values()
    assert lease["task"] == name
    cluster.mrctl("task", "stop", name, "--wait").ok()
    cluster.wait_state(other, "RUNNING")
    id_read(second, other)
    lease, = leases(cluster).values()
    assert lease["task"] == other


@pytest.mark.full
@pytest.mark.sources("mariadb-10.11")
def test_the_same_number_at_two_servers(cluster, document, source, mariadb_118):
    """A fixed id is another's right where another server is read."""
    cluster.server()
    core = cluster.core("c1")
    for server in (source, mariadb_118):
        task = cluster.create(document(server_id=4243, server=server), start=True)
        id_read(core, task)
    assert len(leases(cluster)) == 2


@pytest.mark.sources("mariadb-10.11")
def test_thrown_out_by_a_stranger(cluster, document, core):
    """Someone else's replica with our number: we take another one, and both go on."""
    cluster.server()
    ours = cluster.core("c1")
    task = cluster.create(document(), start=True)
    number = id_read(ours, task)
    stranger = core.start(document(server_id=number))
    stranger.wait_for_log(f"reading .* as replica {number} ")
    id_read(ours, task, 2)
    cluster.wait_state(task, "RUNNING")
    time.sleep(1)
    assert stranger.alive, "it was thrown out in turn"
    second, = ids_read(ours, task)[1:]
    assert second != number and list(leases(cluster)) == [f"any/{second}"]


@pytest.mark.sources("mariadb-10.11")
def test_thrown_out_of_a_fixed_id(cluster, document, core):
    """There is no other one to take: FAILED, and the stranger is left alone."""
    cluster.server()
    ours = cluster.core("c1")
    task = cluster.create(document(server_id=4244), start=True)
    id_read(ours, task)
    stranger = core.start(document(server_id=4244))
    stranger.wait_for_log("reading .* as replica 4244 ")
    error = cluster.wait_state(task, "FAILED")["error"]
    assert error["code"] == "source_server_id", error
    time.sleep(1)
    assert stranger.alive
    assert not leases(cluster)


@pytest.mark.sources("mariadb-10.11")
def test_a_stranger_is_not_thrown_out(cluster, document, core, source):
    """A replica that is there already keeps its number, where the source tells of it."""
    source.sql("GRANT REPLICATION MASTER ADMIN ON *.* TO 'repl'@'%'")
    try:
        stranger = core.start(document(server_id=4245))
        stranger.wait_for_log("reading .* as replica 4245 ")
        cluster.server()
        cluster.core("c1")
        task = cluster.create(document(server_id=4245), preflight=False)
        cluster.mrctl("task", "start", task).ok()
        error = cluster.wait_state(task, "RETRYING")["error"]
        assert error["code"] == "source_server_id_taken" and "the replica" in error["message"]
        assert stranger.alive
        stranger.terminate().ok()
        cluster.wait_state(task, "RUNNING")
    finally:
        source.sql("REVOKE REPLICATION MASTER ADMIN ON *.* FROM 'repl'@'%'")


@pytest.mark.sources("mariadb-10.11")
@pytest.mark.parametrize("fixed", (0, 4247))
def test_a_second_dump(cluster, document, source, database, fixed):
    """Rows of an XA transaction read again have an id of their own; a fixed one there is once."""
    cluster.server()
    core = cluster.core("c1")
    task = cluster.create(document(server_id=fixed), start=True)
    first = id_read(core, task)
    source.sql(f"XA START 'x'; INSERT INTO {database}.t VALUES (1); XA END 'x'; XA PREPARE 'x'")
    wait_until(lambda: cluster.tree.json(cluster.path(task, "lastCommit"))["prepared"], 20,
               "it is known that the transaction is prepared")
    cluster.mrctl("task", "restart", task, "--wait").ok()
    second = id_read(core, task, 2)
    source.sql("XA COMMIT 'x'")
    again = id_read(core, task, 3)
    wait_until(lambda: cluster.wait_state(task, "RUNNING")["rows"] == 1, 20, "the row is read")
    numbers = {first, second, again}
    assert len(numbers) == (1 if fixed else 3), numbers
    lease, = leases(cluster)
    assert lease.endswith(f"/{second}"), "the second dump's is not kept"


@pytest.mark.sources("mariadb-10.11")
@pytest.mark.parametrize("fixed", (pytest.param(0, marks=pytest.mark.full), 4246))
def test_the_successor_of_one_that_hangs(cluster, document, fixed):
    """The lease goes with the session; whoever wakes up takes nothing from its successor."""
    cluster.server()
    first = cluster.core("c1")
    task = cluster.create(document(server_id=fixed), start=True)
    second = cluster.core("c2")
    cluster.wait_state(task, "STANDBY", on="c2")
    id_read(first, task)
    before, = leases(cluster).values()
    first.stop()
    cluster.wait_state(task, "RUNNING", on="c2")
    id_read(second, task)
    after, = leases(cluster).values()
    assert after["host"] == "c2" and after["owner"] != before["owner"]
    first.cont()
    cluster.wait_state(task, "STANDBY", on="c1")
    time.sleep(1)
    cluster.wait_state(task, "RUNNING", on="c2")
    assert len(ids_read(second, task)) == 1, "it was thrown out"
    assert list(leases(cluster).values()) == [after]


@pytest.mark.sources("mariadb-10.11")
def test_zookeeper_away_and_the_source_too(new_cluster, zookeeper, source, document):
    """What we have is ours as long as the session may live; a reconnect asks nobody."""
    zk, line = LossyProxy(zookeeper.members[0]), Proxy(source)
    try:
        cluster = new_cluster(session_timeout="8s")
        cluster.server()
        servers = f"127.0.0.1:{zk.address.rpartition(':')[2]}"
        core = cluster.core("c1", zookeeper={"servers": servers + cluster.chroot})
        task = cluster.create(document(server=line), start=True)
        number = id_read(core, task)
        zk.block()
        line.drop()
        id_read(core, task, 2)
        zk.unblock()
        assert ids_read(core, task) == [number, number]
        cluster.wait_state(task, "RUNNING")
        assert list(leases(cluster)) == [f"any/{number}"]
    finally:
        line.close()
        zk.close()


@pytest.mark.full
@pytest.mark.sources("mariadb-10.11")
def test_a_new_session(new_cluster, zookeeper, document):
    """Expired and back: leased anew, once."""
    zk = LossyProxy(zookeeper.members[0])
    try:
        cluster = new_cluster()
        cluster.server()
        servers = f"127.0.0.1:{zk.address.rpartition(':')[2]}"
        core = cluster.core("c1", zookeeper={"servers": servers + cluster.chroot})
        task = cluster.create(document(), start=True)
        id_read(core, task)
        before, = leases(cluster).values()
        zk.block()
        wait_until(lambda: not leases(cluster), 20, "the session is over")
        zk.unblock()
        id_read(core, task, 2)
        cluster.wait_state(task, "RUNNING")
        (path, after), = leases(cluster).items()
        assert path == f"any/{ids_read(core, task)[-1]}" and after["owner"] != before["owner"]
    finally:
        zk.close()
