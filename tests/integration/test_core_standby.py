"""Hot standby: who takes over, when, from where; what a process that was replaced may still do.

Nothing is lost in any of these. Rows may come twice (delivery is at_least_once): at most
those since the last save of the position, and only where a process had no time to save it.
"""

import collections
import time

import pytest

from harness.cluster import ROOT
from harness.tasks import task_document
from harness.waiting import PATIENCE, wait_until
from harness.writer import Writer
from harness.zk import LossyProxy

# Who takes over does not depend on the source's kind; where from is test_capture's.
pytestmark = pytest.mark.sources("mariadb-10.11")

SESSION = 2.0  # seconds that the cluster's daemons ask for


class Copy:
    """A task on two cores, its table, what arrived."""

    def __init__(self, cluster, source, database, kafka, bus, **core_sections):
        self.cluster, self.source, self.bus = cluster, source, bus
        self.table = f"{database}.t"
        source.sql(f"CREATE TABLE {self.table} (id INT PRIMARY KEY, v VARCHAR(20))")
        cluster.server()
        cluster.core("c1", **core_sections)
        self.task = cluster.create(task_document(source, include=self.table, pipe=kafka),
                                   start=True)
        cluster.core("c2")
        cluster.wait_state(self.task, "STANDBY", on="c2")
        self.last = 0

    def add(self, n: int = 1) -> None:
        """Rows, a transaction each."""
        for _ in range(n):
            self.last += 1
            self.source.sql(f"INSERT INTO {self.table} VALUES ({self.last}, 'x')")

    def ids(self, last: int | None = None) -> list[int]:
        """What arrived, once the last row has."""
        last = last or self.last

        def arrived():
            found = [message.key_json["id"] for message in
                     self.bus.collect(f"{self.task}.{self.table}", count=1)]
            return found if last in found else None
        return wait_until(arrived, 60, f"row {last} arrives")

    def epoch(self) -> int:
        """lastCommit's."""
        return self.cluster.tree.json(self.cluster.path(self.task, "lastCommit"))["epoch"]

    def running(self, on: str) -> dict:
        """Wait until it is RUNNING there."""
        return self.cluster.wait_state(self.task, "RUNNING", on=on)


@pytest.fixture
def copy(cluster, source, database, kafka, bus):
    """See Copy."""
    return Copy(cluster, source, database, kafka, bus)


def in_order(ids: list[int]) -> bool:
    """First appearances come in order: what is repeated was there before."""
    first = list(dict.fromkeys(ids))
    return first == sorted(first)


@pytest.mark.sanitize
def test_a_clean_stop_hands_over(copy, cluster):
    """SIGTERM: the position is saved, the node goes, nothing comes twice."""
    copy.add(5)
    copy.ids()
    old = copy.epoch()
    began = time.monotonic()
    assert cluster.daemon("c1").end() == 0
    copy.running("c2")
    print(f"RUNNING elsewhere {time.monotonic() - began:.2f} s after SIGTERM")
    copy.add(5)
    assert copy.ids() == list(range(1, 11))
    assert copy.epoch() > old
    # The first host comes back: it stands by, at the end of the line.
    cluster.daemon("c1").start()
    cluster.wait_state(copy.task, "STANDBY", on="c1")
    assert cluster.instances(copy.task)[0]["hostname"] == "c2"


@pytest.mark.sources("mariadb-10.11", "mysql-9.7")
def test_kill_9_under_load(copy, cluster):
    """Three times kill -9 of whoever runs, while rows are written: none is lost."""
    writer = Writer(copy.source, copy.table)
    for _ in range(3):
        runner = cluster.wait_state(copy.task, "RUNNING")["hostname"]
        wait_until(lambda start=writer.done: writer.done > start + 50, 30, "rows are written")
        began = time.monotonic()
        cluster.daemon(runner).kill()
        copy.running("c2" if runner == "c1" else "c1")
        print(f"kill -9: RUNNING elsewhere after {time.monotonic() - began:.2f} s")
        cluster.daemon(runner).start()
        cluster.wait_state(copy.task, "STANDBY", on=runner)
    written = writer.stop()
    ids = copy.ids(written[-1])
    assert set(ids) == set(written), "lost"
    assert in_order(ids)
    repeats = [n for n in collections.Counter(ids).values() if n > 1]
    print(f"{len(written)} rows, {len(repeats)} of them twice or more")
    # Only what was delivered since the last save may come again, once for each kill.
    assert max(repeats, default=1) <= 4 and len(repeats) < len(written)


@pytest.mark.sanitize
def test_a_process_that_was_stopped_steps_down(copy, cluster):
    """SIGSTOP for longer than the session, SIGCONT: the position stays the successor's."""
    copy.add(3)
    copy.ids()
    first = cluster.daemon("c1")
    first.stop()
    copy.running("c2")
    copy.add(3)
    copy.ids()
    epoch = copy.epoch()
    first.cont()
    cluster.wait_state(copy.task, "STANDBY", on="c1")
    copy.add(3)
    ids = copy.ids()
    assert set(ids) == set(range(1, 10)) and in_order(ids)
    assert copy.epoch() == epoch
    assert first.alive


@pytest.mark.sanitize
def test_a_node_deleted_by_hand(copy, cluster):
    """The one that runs steps down and stands at the end of the line."""
    copy.add(2)
    copy.ids()
    node = cluster.wait_state(copy.task, "RUNNING", on="c1")["node"]
    cluster.tree.delete(cluster.path(copy.task, f"instances/{node}"))
    copy.running("c2")
    cluster.wait_state(copy.task, "STANDBY", on="c1")
    copy.add(2)
    ids = copy.ids()
    assert set(ids) == {1, 2, 3, 4} and in_order(ids)
    status = cluster.tree.json(cluster.path(copy.task, "status"))
    assert status["failures"] == []


@pytest.mark.sanitize
def test_handover(copy, cluster):
    """By order: to the standby and back, nothing twice; alone it is refused."""
    copy.add(2)
    copy.ids()

    def handover() -> dict:
        order = cluster.api.post(f"/tasks/{copy.task}/handover").ok().json["command"]
        return wait_until(lambda: (found := cluster.api.get(
            f"/tasks/{copy.task}/commands/{order}").ok().json)["state"] != "pending" and found,
            20, "the order is answered")
    for to in ("c2", "c1"):
        assert handover()["state"] == "done"
        copy.running(to)
        copy.add(2)
        cluster.wait_state(copy.task, "STANDBY")
    assert copy.ids() == [1, 2, 3, 4, 5, 6]
    cluster.daemon("c2").end()
    wait_until(lambda: len(cluster.instances(copy.task)) == 1, 20, "one is left")
    refused = handover()
    assert refused["state"] == "failed" and refused["error"]["code"] == "no_standby"
    copy.add()
    assert copy.ids() == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.sanitize
def test_drain(copy, cluster):
    """A drained core gives its tasks up, says so, and takes them again afterwards."""
    copy.add(2)
    copy.ids()
    cluster.api.post("/machines/c1/drain").ok()
    copy.running("c2")
    wait_until(lambda: [each["hostname"] for each in cluster.instances(copy.task)] == ["c2"], 20,
               "c1 has no instance")
    nodes = [node for node in cluster.tree.children(f"{ROOT}/machines") if node.startswith("c1-")]
    wait_until(lambda: cluster.tree.json(f"{ROOT}/machines/{nodes[0]}")["draining"], 10, "it says so")
    copy.add(2)
    assert copy.ids() == [1, 2, 3, 4]
    cluster.api.delete("/machines/c1/drain").ok()
    cluster.wait_state(copy.task, "STANDBY", on="c1")


@pytest.mark.sanitize
def test_cut_off_from_zookeeper(cluster, zookeeper, source, database, kafka, bus):
    """The link between c1 and ZooKeeper is cut: c1 stops in time, c2 runs, c1 comes back."""
    proxy = LossyProxy(zookeeper.members[0])
    copy = Copy(cluster, source, database, kafka, bus,
                zookeeper={"servers": proxy.address + cluster.chroot})
    copy.add(3)
    copy.ids()
    proxy.block()
    copy.running("c2")
    copy.add(3)
    copy.ids()
    # c1 cannot say anything now; that it was not published twice says it for it.
    assert copy.ids() == [1, 2, 3, 4, 5, 6]
    proxy.unblock()
    cluster.wait_state(copy.task, "STANDBY", on="c1")
    copy.add(3)
    assert copy.ids() == list(range(1, 10))
    proxy.close()


def test_zookeeper_goes_and_comes_back(new_cluster, sandbox, source, database, kafka, bus):
    """Away for longer than the sessions: tasks stop in time and come back by themselves."""
    zookeeper = sandbox.zookeeper()
    cluster = new_cluster(zookeeper)
    copy = Copy(cluster, source, database, kafka, bus)
    copy.add(3)
    copy.ids()
    zookeeper.stop()
    copy.add(3)
    time.sleep((SESSION + 1) * PATIENCE)  # an outage is as long as it is
    assert all(each.alive for each in cluster.daemons)
    for each in ("c1", "c2"):
        assert cluster.daemon(each).get("/readyz").status == 503
        assert cluster.daemon(each).get("/healthz").status == 200
    zookeeper.start()
    cluster.wait_state(copy.task, "RUNNING", timeout=60)
    copy.add(3)
    ids = copy.ids()
    assert set(ids) == set(range(1, 10)) and in_order(ids)
    cluster.wait_state(copy.task, "STANDBY")


def test_a_poisoned_row_is_tried_on_two_hosts(copy, cluster):
    """A change that cannot be published: one try on each host, then FAILED, with the place."""
    copy.add(2)
    copy.ids()
    # Logged as a statement: the row itself is nowhere.
    copy.source.sql(f"SET SESSION binlog_format = 'STATEMENT'; "
                    f"INSERT INTO {copy.table} VALUES (1000, 'statement')")
    failed = cluster.wait_state(copy.task, "FAILED")
    assert failed["error"]["code"] == "event_statement"
    assert failed["error"]["position"]["file"]
    status = cluster.tree.json(cluster.path(copy.task, "status"))
    assert [each["count"] for each in status["failures"]] == [2]
    assert failed["hostname"] == "c2", "the second try was the other host's"
    wait_until(lambda: len(cluster.instances(copy.task)) == 2, 20, "the first stands in line again")
    # Past it by position, as the error says.
    cluster.api.put(f"/tasks/{copy.task}/position", {"start": "latest"}).ok()
    cluster.wait_state(copy.task, "RUNNING")
    copy.add(2)
    assert copy.ids() == [1, 2, 3, 4]


def test_an_ensemble_loses_its_leader(new_cluster, sandbox, source, database, kafka, bus):
    """Three ZooKeepers, the leader killed: the task goes on where it is, and so does the API."""
    ensemble = sandbox.zookeeper(3)
    cluster = new_cluster(ensemble, session_timeout="8s")
    copy = Copy(cluster, source, database, kafka, bus)
    copy.add(3)
    assert copy.ids() == [1, 2, 3]
    leader = next(each for each in ensemble.members if "Mode: leader" in each.ask("srvr"))
    leader.kill()
    copy.add(3)
    assert copy.ids() == list(range(1, 7)), "nothing twice: the session lived on"
    assert cluster.wait_state(copy.task, "RUNNING", timeout=60)["hostname"] == "c1"
    cluster.tree.servers = ",".join(f"{each.host}:{each.port}" for each in ensemble.members
                                    if each is not leader)
    wait_until(lambda: cluster.api.get(f"/tasks/{copy.task}").status == 200, 30, "the API answers")
    cluster.api.post(f"/tasks/{copy.task}/handover").ok()
    copy.running("c2")
    copy.add(3)
    assert copy.ids() == list(range(1, 10))
    for each in cluster.daemons:
        each.end()
    sandbox.discard(ensemble)
