"""What somebody deleted from ZooKeeper by hand: no task begins anew at `latest` for it.

The position is gone, the task's node is, the whole tree is. Either the task goes on where it
was, or it stops and says what is missing.
"""

import pytest

from harness.cluster import ROOT
from harness.tasks import task_document
from harness.tree import TreeError
from harness.waiting import wait_until

pytestmark = pytest.mark.sources("mysql-9.7")
DELIVERIES = pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])


class Copied:
    """A task of one core, the rows that were written, and those that arrived."""

    def __init__(self, cluster, source, database, kafka, bus, delivery):
        self.cluster, self.source, self.bus = cluster, source, bus
        self.table = f"{database}.t"
        source.sql(f"CREATE TABLE {self.table} (id INT PRIMARY KEY)")
        self.document = task_document(
            source, include=self.table, commit_interval_ms=100,
            pipe={"type": "kafka", "brokers": kafka.brokers, "delivery": delivery})
        self.name = self.document["name"]
        self.last = 0
        cluster.server()
        cluster.core("c1")
        cluster.create(self.document, start=True)
        cluster.wait_state(self.name, "RUNNING")

    def add(self, count=1) -> None:
        """Rows with the next numbers."""
        first, self.last = self.last + 1, self.last + count
        self.source.sql("".join(f"INSERT INTO {self.table} VALUES ({i});"
                                for i in range(first, self.last + 1)))

    def arrived(self) -> list[int]:
        """All of them, once they are there."""
        def found():
            topic = f"{self.name}.{self.table}"
            ids = [message.key_json["id"] for message in self.bus.collect(topic, count=1)]
            return ids if set(ids) >= set(range(1, self.last + 1)) else None
        return wait_until(found, 30, f"{self.last} rows")

    def ctl(self, *words) -> None:
        """mrctl task …"""
        self.cluster.mrctl("task", words[0], self.name, *words[1:]).ok()

    def node(self, part="") -> str:
        """A node of the task."""
        return self.cluster.path(self.name, part)


def delete_tree(cluster) -> None:
    """All of it, although daemons put nodes back meanwhile; the root is made again."""
    def gone():
        try:
            cluster.tree.delete(ROOT)
            return True
        except TreeError:
            return False
    wait_until(gone, 20, "the tree is gone", 0)
    wait_until(lambda: cluster.tree.get(ROOT), 20, "the root is back")


def put_back(cluster, kept, *, without) -> None:
    """What people and daemons wrote, but for what belongs to living processes.

    What orders a task to run comes last: a core that sees the order before the position that is
    still to come says position_conflict, and rightly.
    """
    left_out = ("/instances/", "/machines/", "/servers/", *without)
    for path in sorted(kept, key=lambda path: (path.endswith("/control"), path)):
        if not any(part in path for part in left_out) and cluster.tree.get(path) is None:
            cluster.tree.create(path, kept[path])


@pytest.fixture
def copied(cluster, source, database, kafka, bus):
    """Makes one."""
    return lambda delivery: Copied(cluster, source, database, kafka, bus, delivery)


@DELIVERIES
def test_the_position_is_deleted_while_the_task_runs(copied, cluster, delivery):
    """It is made again by who runs."""
    copy = copied(delivery)
    copy.add(2)
    copy.arrived()
    cluster.tree.delete(copy.node("lastCommit"))
    copy.add(2)
    assert copy.arrived() == [1, 2, 3, 4]
    wait_until(lambda: cluster.tree.json(copy.node("lastCommit")), 20, "it is there again")


def test_the_position_is_deleted_while_the_task_is_stopped(copied, cluster):
    """at_least_once has no other: rows written meanwhile are not passed over in silence."""
    copy = copied("at_least_once")
    copy.add(2)
    copy.arrived()
    copy.ctl("stop", "--wait")
    position = cluster.tree.json(copy.node("lastCommit"))
    cluster.tree.delete(copy.node("lastCommit"))
    copy.add(2)
    copy.ctl("start")
    failed = cluster.wait_state(copy.name, "FAILED")
    assert failed["error"]["code"] == "position_conflict"
    assert "lastCommit is gone" in failed["error"]["message"]
    starts = "starting, epoch"
    before = cluster.daemon("c1").log.count(starts)
    copy.ctl("restart")
    wait_until(lambda: cluster.daemon("c1").log.count(starts) > before, 20, "another try")
    assert cluster.wait_state(copy.name, "FAILED")["error"]["code"] == "position_conflict"
    copy.ctl("position", "--set", f"{position['file']}:{position['pos']}")
    cluster.wait_state(copy.name, "RUNNING")
    assert copy.arrived() == [1, 2, 3, 4]


def test_with_exactly_once_it_is_in_kafka(copied, cluster, bus):
    """lastCommit is a copy: without it the task goes on where it was. Without both it does not."""
    copy = copied("exactly_once")
    copy.add(2)
    copy.arrived()
    copy.ctl("stop", "--wait")
    cluster.tree.delete(copy.node("lastCommit"))
    copy.add(2)
    copy.ctl("start", "--wait")
    assert copy.arrived() == [1, 2, 3, 4]
    copy.ctl("stop", "--wait")
    cluster.tree.delete(copy.node("lastCommit"))
    bus.delete_topic(f"__mr_positions.{cluster.tree.json(ROOT)['cluster']}.{copy.name}")
    copy.add(2)
    copy.ctl("start")
    failed = cluster.wait_state(copy.name, "FAILED")
    assert failed["error"]["code"] == "pipe_lost_position"
    assert "neither Kafka" in failed["error"]["message"]


@DELIVERIES
def test_the_whole_tree_is_deleted_under_a_running_task(copied, cluster, delivery):
    """The core steps down; with the tree put back as it was the task goes on where it was."""
    copy = copied(delivery)
    copy.add(2)
    copy.arrived()
    wait_until(lambda: cluster.tree.json(copy.node("lastCommit")), 10, "a position")
    kept = cluster.tree.dump(ROOT)
    core = cluster.daemon("c1")
    before = len(core.log)
    delete_tree(cluster)
    core.wait_for_log(f"{copy.name}: ", after=before)
    copy.add(2)  # nobody has the task now
    put_back(cluster, kept, without=())
    cluster.wait_state(copy.name, "RUNNING")
    copy.add(1)
    ids = copy.arrived()
    assert sorted(set(ids)) == [1, 2, 3, 4, 5]
    assert ids == [1, 2, 3, 4, 5] or delivery == "at_least_once"


@DELIVERIES
def test_a_tree_that_is_put_back_without_positions(copied, cluster, delivery):
    """What tells that the task has run is there: it does not begin at `latest`."""
    copy = copied(delivery)
    copy.add(2)
    copy.arrived()
    kept = cluster.tree.dump(ROOT)
    delete_tree(cluster)
    copy.add(2)
    put_back(cluster, kept, without=("/lastCommit",))
    if delivery == "exactly_once":
        cluster.wait_state(copy.name, "RUNNING")
        assert copy.arrived() == [1, 2, 3, 4]
    else:
        failed = cluster.wait_state(copy.name, "FAILED")
        assert failed["error"]["code"] == "position_conflict"
