"""A capture whose position is in ZooKeeper (core/pipeline), and the daemon with it: the
courtesy clock, sessions that end, lost answers, positions that a person sets.

A capture is a capture_shell (tests/unit/pipeline/capture_shell.c): it does what the
supervisor does, and no more.
"""

import json
import re
import time

import pytest

from harness.commit import COMMIT, TASK, control, edit, new_tree
from harness.tasks import task_document
from harness.waiting import wait_until
from harness.zk import MULTI, SET, LossyProxy, Shell

SESSION_MS = 1000  # the least that a tick of 500 ms allows


@pytest.fixture
def tree(zookeeper):
    """A tree of this test's own, with a task that has never run."""
    return new_tree(zookeeper)


@pytest.fixture
def proxy(zookeeper):
    """A way to ZooKeeper that loses answers."""
    made = LossyProxy(zookeeper.members[0])
    yield made
    made.close()


class Capture(Shell):
    """A capture_shell: a session, an instance's node, and a task that runs."""

    program = "pipeline/capture_shell"

    def begin(self, order=None, uid="u-1"):
        """Run the task."""
        path, epoch = self.run(f"node {TASK}/instances h").split()
        self.path, self.epoch = path, int(epoch)
        self.again(order, uid)
        return self

    def again(self, order=None, uid="u-1"):
        """Run it once more, as the same instance."""
        self.run(f"run {TASK} {uid} {order or control()}")

    @property
    def state(self) -> str:
        """As capture_status() has it."""
        return self.run("status").split()[0]

    @property
    def rows(self) -> int:
        """Acknowledged."""
        return int(self.run("status").split()[1])

    @property
    def waiting(self) -> str:
        """The code of what is waited for, or -."""
        return self.run("status").split()[4]

    def wait_state(self, state: str, timeout: float = 15):
        """Until it is so."""
        wait_until(lambda: self.state == state, timeout, f"{state}, it is {self.run('status')}")

    def ended(self, pattern: str = "", timeout: float = 15) -> str:
        """What capture_run() returned."""
        return self.wait(rf"^ended {pattern}", timeout).string


@pytest.fixture
def captures(zookeeper, tree, tmp_path, mysql_80, new_database):
    """Makes captures of one table into a file, of a source that inserts into it."""
    made = []
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    out = tmp_path / "out"

    def make(servers=None, timeout=10000, order=None, **sections):
        path = tmp_path / "task.json"
        path.write_text(json.dumps(task_document(
            mysql_80, include=f"{database}.t", pipe={"type": "file", "path": str(out)},
            commit_interval_ms=100, name="t", **sections)))
        shell = Capture((servers or zookeeper.servers) + tree.chroot, tmp_path, timeout=timeout,
                        task=path)
        made.append(shell)
        return shell.connected().begin(order)

    def insert(*numbers):
        values = ",".join(f"({n})" for n in numbers)
        mysql_80.sql(f"INSERT INTO {database}.t VALUES {values}")

    def delivered() -> list[int]:
        return [json.loads(line)["after"]["id"] for line in out.read_text().splitlines()]
    make.insert, make.delivered, make.server, make.table = (insert, delivered, mysql_80,
                                                            f"{database}.t")
    yield make
    for each in made:
        each.close()


@pytest.mark.sanitize
def test_a_capture_saves_its_position(tree, captures):
    """It claims, resolves `latest`, saves at once, and tells its position while it runs."""
    one = captures()
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT), 10, "the first position")
    assert tree.json(COMMIT)["epoch"] == one.epoch
    captures.insert(1, 2, 3)
    wait_until(lambda: one.rows == 3, 10, "rows")
    wait_until(lambda: tree.json(COMMIT)["seq"] >= 2, 10, "a second position")
    wait_until(lambda: one.run("position").split()[2] == captures.server.gtid(), 5, "the position")
    assert tree.json(COMMIT)["gtid"] == captures.server.gtid()
    one.run("stop")
    assert one.ended() == "ended 0"
    assert captures.delivered() == [1, 2, 3]
    one.again()
    captures.insert(4)
    wait_until(lambda: captures.delivered() == [1, 2, 3, 4], 10, "it goes on where it was")


@pytest.mark.sanitize
def test_zookeeper_away_holds_the_delivery(tree, captures, proxy):
    """Until the courtesy clock runs out rows go on, then they wait, then all come, once."""
    one = captures(servers=proxy.address, timeout=6000)
    one.wait_state("RUNNING")
    captures.insert(1)
    wait_until(lambda: captures.delivered() == [1], 10, "a row")
    proxy.block()
    captures.insert(2)
    wait_until(lambda: captures.delivered() == [1, 2], 3, "a row within the clock's time")
    one.wait_state("RETRYING", 6)
    assert one.waiting == "zk_unreachable"
    captures.insert(3, 4)
    time.sleep(0.7)
    assert captures.delivered() == [1, 2], "nothing is handed over any more"
    seq = tree.json(COMMIT)["seq"]
    proxy.unblock()
    wait_until(lambda: captures.delivered() == [1, 2, 3, 4], 10, "the rows that waited")
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT)["seq"] > seq, 10, "a save")
    assert one.waiting == "-"
    assert not [event for event in one.events if event.startswith("ended")]


@pytest.mark.sanitize
def test_a_session_that_ends_ends_the_capture(tree, captures, proxy):
    """It is no failure of the task; a new instance goes on, and nothing is lost."""
    one = captures(servers=proxy.address, timeout=SESSION_MS)
    one.wait_state("RUNNING")
    captures.insert(1)
    wait_until(lambda: captures.delivered() == [1], 10, "a row")
    wait_until(lambda: tree.json(COMMIT)["seq"] >= 2, 10, "its position")
    saved = tree.json(COMMIT)
    proxy.block()
    captures.insert(2)
    time.sleep(SESSION_MS / 1000 + 2.5)
    captures.insert(3)
    proxy.unblock()
    ended = one.ended()
    assert re.match(r"ended (ENOLINK zk_expired|EIDRM zk_gone) retry", ended), ended
    assert tree.json(COMMIT)["seq"] in (saved["seq"], saved["seq"] + 1)
    one.wait("state new session", after=1)
    one.begin()
    wait_until(lambda: set(captures.delivered()) == {1, 2, 3}, 10, "all rows")
    assert captures.delivered()[-1] == 3


@pytest.mark.sanitize
def test_a_node_that_is_deleted_ends_the_capture(tree, captures):
    """At the next save."""
    one = captures()
    one.wait_state("RUNNING")
    tree.delete(one.path)
    captures.insert(1)
    assert one.ended().startswith("ended EIDRM zk_gone retry")


def test_an_edit_by_hand_ends_the_capture(tree, captures):
    """Only a person can say which position is right."""
    one = captures()
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT), 10, "a position")
    edit(tree, pos=4, file="binlog.000001", gtid="")
    captures.insert(1)
    assert one.ended().startswith("ended EEXIST position_conflict operator")


def test_lost_answers_to_saves_lose_nothing(tree, captures, proxy):
    """Rows once, positions without an end."""
    one = captures(servers=proxy.address)
    one.wait_state("RUNNING")
    for number in range(1, 21):
        if number % 4 == 0:
            proxy.lose(MULTI)
        captures.insert(number)
        time.sleep(0.15)
    wait_until(lambda: captures.delivered() == list(range(1, 21)), 15, "the rows")
    wait_until(lambda: tree.json(COMMIT)["gtid"] == captures.server.gtid(), 15, "the position")
    assert proxy.lost >= 2
    one.run("stop")
    assert one.ended() == "ended 0"


@pytest.mark.sanitize
def test_a_position_set_by_a_person(tree, captures):
    """control's position, once; a restart goes on from what was saved since."""
    one = captures()
    one.wait_state("RUNNING")
    start = captures.server.gtid()
    captures.insert(1, 2)
    captures.insert(3)
    wait_until(lambda: captures.delivered() == [1, 2, 3], 10, "rows")
    one.run("stop")
    one.ended()
    order = control(reset=1, position={"gtid": start})
    one.again(order)
    wait_until(lambda: captures.delivered() == [1, 2, 3, 1, 2, 3], 10, "the same again")
    assert tree.json(COMMIT)["reset"] == 1
    one.run("stop")
    wait_until(lambda: len([e for e in one.events if e.startswith("ended")]) == 2, 10, "its end")
    one.again(order)
    captures.insert(4)
    wait_until(lambda: captures.delivered()[-1] == 4, 10, "the next row")
    assert captures.delivered() == [1, 2, 3, 1, 2, 3, 4]


def test_a_stop_while_zookeeper_is_away(tree, captures, proxy):
    """It does not wait for it for ever, and says that the position is not saved."""
    one = captures(servers=proxy.address, timeout=6000)
    one.wait_state("RUNNING")
    captures.insert(1)
    wait_until(lambda: captures.delivered() == [1], 10, "a row")
    wait_until(lambda: tree.json(COMMIT)["seq"] >= 2, 10, "its position")
    proxy.block()
    captures.insert(2)
    wait_until(lambda: captures.delivered() == [1, 2], 5, "a row")
    began = time.monotonic()
    one.run("stop")
    ended = one.ended()
    assert time.monotonic() - began < 6
    assert re.match("ended EAGAIN zk_(unreachable|unknown) retry", ended), ended


@pytest.mark.sanitize
def test_where_a_capture_failed(tree, captures):
    """The transaction whose row could not be processed, for counting failures."""
    one = captures()
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT), 10, "a position")
    before = captures.server.position()
    with captures.server.connect() as link, link.cursor() as cursor:
        cursor.execute("SET SESSION binlog_format='STATEMENT'")
        cursor.execute(f"INSERT INTO {captures.table} VALUES (1)")
    ended = one.ended()
    assert "event_statement data" in ended, ended
    file, pos, gtid = one.run("failure").split()
    assert (file, int(pos)) == before
    assert gtid in captures.server.gtid() or gtid.split(":")[1] == \
        captures.server.gtid().split("-")[-1]
    one.again()
    wait_until(lambda: len([e for e in one.events if e.startswith("ended")]) == 2, 10, "its end")
    assert one.run("failure").split()[:2] == [file, pos], "the same place"


def test_what_is_no_transactions_failure(tree, captures):
    """A source that will not have us: the task's place counts, not an event's."""
    captures.server.create_repl_user("repl-later", grants="")
    one = captures(user="repl-later")
    assert "source_grant operator" in one.ended()
    assert one.run("failure") == "none"


# ---- the daemon


@pytest.fixture
def counted(cluster, mysql_80, new_database, kafka, bus):
    """A task of a daemon; rows that are put in, and those that arrived."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(mysql_80, include=f"{database}.t", pipe=kafka,
                             commit_interval_ms=100)

    class Counted:
        """What is put in and what comes out."""

        last = 0
        name = document["name"]

        def create(self):
            """Through the API, started."""
            cluster.create(document, start=True)
            return cluster.wait_state(self.name, "RUNNING")

        def add(self, count=1):
            """Rows with the next numbers."""
            for _ in range(count):
                self.last += 1
                mysql_80.sql(f"INSERT INTO {database}.t VALUES ({self.last})")

        def arrived(self) -> list[int]:
            """Once all are there."""
            topic = f"{self.name}.{database}.t"

            def found():
                ids = [message.key_json["id"] for message in bus.collect(topic, count=1)]
                return ids if set(ids) >= set(range(1, self.last + 1)) else None
            return wait_until(found, 30, f"{self.last} rows")
    return Counted()


def test_an_edit_by_hand_fails_the_task(cluster, counted):
    """At once and on every host; a restart goes on from what is there."""
    cluster.server()
    cluster.core("c1")
    cluster.core("c2")
    counted.create()
    counted.add(2)
    counted.arrived()
    path = cluster.path(counted.name, "lastCommit")
    wait_until(lambda: cluster.tree.json(path)["seq"] >= 2, 10, "a position")
    document = cluster.tree.json(path)
    cluster.tree.set(path, {**document, "seq": document["seq"] + 50})
    counted.add()
    failed = cluster.wait_state(counted.name, "FAILED")
    assert failed["error"]["code"] == "position_conflict"
    assert cluster.tree.json(path)["seq"] == document["seq"] + 50, "it was left as it is"
    assert cluster.tree.json(cluster.path(counted.name, "status"))["failures"][0]["count"] == 1
    cluster.mrctl("task", "restart", counted.name).ok()
    cluster.wait_state(counted.name, "RUNNING")
    counted.add()
    counted.arrived()
    assert cluster.tree.json(path)["seq"] > document["seq"] + 50


def test_a_lastcommit_that_knows_more_than_control(cluster, counted, mysql_80):
    """A tree that was restored in part: FAILED, and setting the position mends it."""
    cluster.server()
    cluster.core("c1")
    counted.create()
    counted.add(2)
    counted.arrived()
    path = cluster.path(counted.name, "lastCommit")
    wait_until(lambda: cluster.tree.json(path)["seq"] >= 2, 10, "a position")
    cluster.tree.set(path, {**cluster.tree.json(path), "reset": 9})
    counted.add()
    failed = cluster.wait_state(counted.name, "FAILED")
    assert failed["error"]["code"] == "position_conflict"
    cluster.mrctl("task", "restart", counted.name).ok()
    time.sleep(2)
    cluster.wait_state(counted.name, "FAILED")
    cluster.api.put(f"/tasks/{counted.name}/position", {"start": {"gtid": mysql_80.gtid()}}).ok()
    cluster.wait_state(counted.name, "RUNNING")
    counted.add()
    counted.arrived()
    assert cluster.tree.json(path)["reset"] == 10


@pytest.mark.sanitize
def test_a_core_without_zookeeper(cluster, counted, proxy):
    """For longer than its session: it stops in time, and comes back by itself; all rows come,
    and only those in flight a second time."""
    cluster.server()
    cluster.core("c1", zookeeper={"servers": proxy.address + cluster.chroot})
    first = counted.create()
    counted.add(5)
    counted.arrived()
    epoch = cluster.tree.json(cluster.path(counted.name, "lastCommit"))["epoch"]
    proxy.block()
    counted.add(5)
    time.sleep(6)
    counted.add(5)
    time.sleep(1)
    proxy.unblock()
    second = cluster.wait_state(counted.name, "RUNNING")
    counted.add(5)
    ids = counted.arrived()
    assert set(ids) == set(range(1, 21))
    assert len(ids) - 20 <= 10, ids
    wait_until(lambda: cluster.tree.json(cluster.path(counted.name, "lastCommit"))["epoch"]
               > epoch, 10, "a new epoch")
    assert second["hostname"] == first["hostname"]


def test_lost_answers_all_over(cluster, counted, proxy):
    """Every fifth second answers to multis, creates and sets get lost, while rows flow."""
    cluster.server()
    cluster.core("c1", zookeeper={"servers": proxy.address + cluster.chroot})
    counted.create()
    for number in range(24):
        if number % 4 == 0:
            proxy.lose(MULTI, SET)
        counted.add(3)
        time.sleep(0.25)
    ids = counted.arrived()
    assert sorted(set(ids)) == list(range(1, counted.last + 1))
    assert proxy.lost >= 4
    cluster.wait_state(counted.name, "RUNNING")
    assert cluster.tree.json(cluster.path(counted.name, "status"))["failures"] == []
