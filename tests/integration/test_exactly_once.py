"""pipe.delivery exactly_once: a read_committed consumer has each row change once, in order.

protocol.md, rules 1 to 8: rows and position are one transaction of Kafka's; who takes over
fences who wrote before, and reads there what was committed.
"""

import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

import pytest
from confluent_kafka import admin

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from clocks import Clock  # noqa: E402

from harness.bus import Bus  # noqa: E402
from harness.tasks import here, task_document  # noqa: E402
from harness.tree import TreeError  # noqa: E402
from harness.waiting import PATIENCE, wait_until  # noqa: E402
from harness.writer import Writer  # noqa: E402

# What is tested is on Kafka's side, but for the positions' form.
pytestmark = pytest.mark.sources("mariadb-10.11", "mysql-9.7")
ONE_SOURCE = pytest.mark.sources("mysql-9.7")


def exactly(source, table, kafka, **sections):
    """A document with this delivery."""
    return task_document(source, include=table, start=here(source),
                         pipe={"type": "kafka", "brokers": kafka.brokers,
                               "delivery": "exactly_once", **sections.pop("pipe", {})},
                         **sections)


def make_table(source, database) -> str:
    """A table."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(200))")
    return f"{database}.t"


def insert(source, table, ids) -> None:
    """Rows, a transaction each."""
    source.sql("".join(f"INSERT INTO {table} VALUES ({i}, 'x');" for i in ids))


def positions_topic(core, task) -> str:
    """The name of the topic with the task's positions."""
    state = json.loads((core.state / "state.json").read_text(encoding="utf-8"))
    return f"__mr_positions.{state['cluster']}.{task}"


def positions(bus, topic) -> list[dict]:
    """The positions that were committed, in order."""
    return [message.json for message in bus.collect(topic) if message.key == b"position"]


def arrived(bus, topic, **keywords) -> list[int]:
    """The ids of a topic as a read_committed consumer has them."""
    return [message.key_json["id"] for message in bus.collect(topic, **keywords)]


@pytest.mark.sanitize
def test_rows_and_position_are_committed_together(source, database, core, kafka, bus):
    """The plain case; the position topic is as it must be; a second run goes on."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    insert(source, table, range(1, 4))
    core.run(task).ok()
    topic = f"{task['name']}.{table}"
    assert arrived(bus, topic, count=3) == [1, 2, 3]
    log = positions_topic(core, task["name"])
    assert bus.partitions(log) == [0]
    committed = positions(bus, log)
    kept = json.loads((core.state / "position.json").read_text(encoding="utf-8"))
    assert kept == committed[-1], "what is kept here is a copy"
    assert [entry["seq"] for entry in committed] == list(range(1, len(committed) + 1))
    assert kept["delivery"] == "exactly_once" and kept["pipe_cluster"]
    offsets = [message for message in bus.collect(log) if message.key == f"{topic}/0".encode()]
    assert int(offsets[-1].value.decode().split("\n")[1]) == bus.collect(topic)[-1].offset
    insert(source, table, range(4, 6))
    core.run(task).ok()
    assert arrived(bus, topic, count=5) == [1, 2, 3, 4, 5]
    assert positions(bus, log)[-1]["epoch"] == 2


@ONE_SOURCE
def test_what_was_not_committed_is_not_seen(source, database, core, kafka, bus):
    """kill -9 ten times under load: each row once, in order."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    topic = f"{task['name']}.{table}"
    rng = random.Random(7)
    writer = Writer(source, table, pause=0)
    for _ in range(10):
        running = core.start(task)
        time.sleep(rng.uniform(0.3, 1.5) * PATIENCE)
        running.kill()
    wanted = writer.stop()
    core.run(task).ok()
    got = arrived(bus, topic, count=len(wanted), timeout=60)
    assert got == wanted
    assert len(arrived(bus, topic, committed=False)) >= len(got)


@ONE_SOURCE
def test_a_large_transaction_is_finished_inside(source, database, core, kafka, bus):
    """Over group_bytes: killed in the middle, it goes on behind its last commit."""
    table = make_table(source, database)
    task = exactly(source, table, kafka, memory={"group_bytes": 1 << 20, "queue_bytes": 1 << 20},
                   pipe={"properties": {"linger.ms": "0", "batch.size": "2000"}})
    topic = f"{task['name']}.{table}"
    rows = 60000
    source.sql("BEGIN;" + "".join(
        f"INSERT INTO {table} VALUES " + ",".join(
            f"({i}, REPEAT('x', 150))" for i in range(first, first + 1000)) + ";"
        for first in range(0, rows, 1000)) + "COMMIT")
    running = core.start(task)
    partial = wait_until(lambda: (core.state / "position.json").exists() and json.loads(
        (core.state / "position.json").read_text(encoding="utf-8"))["partial"], 60,
        "a position inside the transaction")
    running.kill()
    assert 0 < partial["rows"] < rows
    core.run(task, timeout=120).ok()
    assert arrived(bus, topic, count=rows, timeout=60) == list(range(rows))


def fails_with(result, code):
    """The run ended with this error."""
    assert result.status == 1 and code in result.stderr, result.stderr
    return result


@ONE_SOURCE
def test_heartbeats_hold_nothing_back(source, database, core, kafka, bus):
    """Behind the last row of a source that falls silent: row and heartbeats are seen at once."""
    table = make_table(source, database)
    task = exactly(source, table, kafka, pipe={
        "topics": {"heartbeat": "{task}.beat", "heartbeat_interval": "1s"}})
    topic = f"{task['name']}.{table}"
    running = core.start(task)
    bus.collect(f"{task['name']}.beat", count=3, timeout=10)
    insert(source, table, range(1, 4))
    assert arrived(bus, topic, count=3, timeout=10) == [1, 2, 3]
    bus.collect(f"{task['name']}.beat", count=6, timeout=10)
    running.terminate().ok()
    core.run(task).ok()
    assert arrived(bus, topic, count=3) == [1, 2, 3]


@ONE_SOURCE
def test_a_topic_that_lost_its_end(source, database, core, kafka, bus):
    """Deleted between two runs: the task stops and does not go on as if nothing were missing."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    topic = f"{task['name']}.{table}"
    insert(source, table, range(1, 4))
    core.run(task).ok()
    bus.delete_topic(topic)
    insert(source, table, range(4, 5))
    fails_with(core.run(task), "pipe_topic_lost")
    fails_with(core.run(task), "pipe_topic_lost")


@ONE_SOURCE
def test_a_position_that_kafka_lost(source, database, core, kafka, bus):
    """The position topic is deleted: what is kept here says that there was one."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    insert(source, table, range(1, 4))
    core.run(task).ok()
    bus.delete_topic(positions_topic(core, task["name"]))
    fails_with(core.run(task), "pipe_lost_position")
    fails_with(core.run(task), "pipe_lost_position")


@ONE_SOURCE
def test_topics_that_change_under_a_running_task(source, database, core, kafka, bus):
    """Partitions are added: it goes on. Deleted and made anew: it stops, also when it was idle."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    topic = f"{task['name']}.{table}"
    running = core.start(task)
    insert(source, table, range(1, 4))
    assert arrived(bus, topic, count=3) == [1, 2, 3]
    client = admin.AdminClient({"bootstrap.servers": kafka.brokers})
    client.create_partitions([admin.NewPartitions(topic, 3)])[topic].result(20)
    wait_until(lambda: bus.partitions(topic) == [0, 1, 2], 20, "partitions are added")
    insert(source, table, range(4, 30))
    got = arrived(bus, topic, count=29)
    assert sorted(got) == list(range(1, 30))
    bus.delete_topic(topic)
    bus.create_topic(topic, 3)
    insert(source, table, range(30, 60))
    fails_with(running.wait(60), "pipe_topic_lost")
    fails_with(core.run(task), "pipe_topic_lost")


@ONE_SOURCE
def test_the_position_topic_is_deleted_under_a_running_task(source, database, core, kafka, bus):
    """What was acknowledged is not there any more: it stops, and says what is missing."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    running = core.start(task)
    insert(source, table, range(1, 4))
    arrived(bus, f"{task['name']}.{table}", count=3)
    bus.delete_topic(positions_topic(core, task["name"]))
    insert(source, table, range(4, 6))
    fails_with(running.wait(60), "pipe_lost_position")
    fails_with(core.run(task), "pipe_lost_position")


@ONE_SOURCE
def test_a_position_topic_that_is_not_fit(source, database, core, kafka, bus):
    """One that would be deleted after a week, or has several partitions, is refused."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    core.run(task).ok()
    log = positions_topic(core, task["name"])
    bus.configure_topic(log, {"cleanup.policy": "delete"})
    assert "set it to compact" in fails_with(core.run(task), "pipe_refused").stderr
    bus.configure_topic(log, {"cleanup.policy": "compact"})
    core.run(task).ok()


@ONE_SOURCE
def test_deliveries_are_changed(source, database, core, kafka, bus):
    """at_least_once, exactly_once and back: each goes on where the other ended."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    topic = f"{task['name']}.{table}"
    for number, delivery in enumerate(("at_least_once", "exactly_once", "at_least_once",
                                       "exactly_once", "exactly_once"), 1):
        task["pipe"]["delivery"] = delivery
        insert(source, table, [number])
        core.run(task).ok()
        kept = json.loads((core.state / "position.json").read_text(encoding="utf-8"))
        assert kept["delivery"] == delivery
    assert arrived(bus, topic, count=5) == [1, 2, 3, 4, 5]


@ONE_SOURCE
def test_xa_across_a_crash(source, database, core, kafka, bus):
    """Prepared before a kill -9, decided after it."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    topic = f"{task['name']}.{table}"
    source.sql(f"XA START 'e1'; INSERT INTO {table} VALUES (1, 'x'); XA END 'e1';"
               "XA PREPARE 'e1'")
    insert(source, table, [2])
    running = core.start(task)
    bus.collect(topic, count=1)
    running.kill()
    source.sql("XA COMMIT 'e1'")
    insert(source, table, [3])
    core.run(task).ok()
    assert arrived(bus, topic, count=3) == [2, 1, 3]


@ONE_SOURCE
def test_a_clock_hours_ahead(source, database, core, kafka, bus, tmp_path):
    """Brokers refuse records from their future: the position is dated by them."""
    table = make_table(source, database)
    task = exactly(source, table, kafka)
    insert(source, table, [1, 2])
    clock = Clock(tmp_path / "clock")
    clock.jump(3 * 3600)
    core.run(task, env=clock.env()).ok()
    assert arrived(bus, f"{task['name']}.{table}", count=2) == [1, 2]


@ONE_SOURCE
def test_other_pipes_take_the_default(source, database, core):
    """A file and stdout have no transactions: the document is valid, each row comes."""
    table = make_table(source, database)
    task = task_document(source, include=table, start=here(source),
                         pipe={"type": "stdout", "delivery": "exactly_once"})
    insert(source, table, [1])
    assert core.run(task).ok().messages[0]["after"]["id"] == 1
    kept = json.loads((core.state / "position.json").read_text(encoding="utf-8"))
    assert kept["delivery"] == "at_least_once"


# ---- in a cluster


class Copies:
    """A task on two cores, written to all the time."""

    def __init__(self, cluster, source, database, kafka, bus):
        self.cluster, self.source, self.bus = cluster, source, bus
        self.table = make_table(source, database)
        cluster.server()
        cluster.core("c1")
        self.task = cluster.create(exactly(source, self.table, kafka), start=True)
        cluster.core("c2")
        cluster.wait_state(self.task, "RUNNING", on="c1")
        cluster.wait_state(self.task, "STANDBY", on="c2")
        self.topic = f"{self.task}.{self.table}"
        self.writer = Writer(source, self.table)

    def check(self) -> None:
        """What is in the table arrived once, in order."""
        wanted = self.writer.stop()
        got = arrived(self.bus, self.topic, count=len(wanted), timeout=90)
        assert got == wanted

    def commit(self) -> dict:
        """lastCommit."""
        return self.cluster.tree.json(self.cluster.path(self.task, "lastCommit"))


@pytest.fixture
def copies(cluster, source, database, kafka, bus):
    """See Copies."""
    return Copies(cluster, source, database, kafka, bus)


@ONE_SOURCE
def test_a_killed_core_and_its_successor(copies, cluster):
    """kill -9; the other goes on where Kafka says."""
    time.sleep(1)
    cluster.daemon("c1").kill()
    cluster.wait_state(copies.task, "RUNNING", on="c2", timeout=60)
    time.sleep(0.5)
    copies.check()
    wait_until(lambda: copies.commit()["delivery"] == "exactly_once", 10, "a copy in ZooKeeper")


@ONE_SOURCE
def test_a_zombie_is_fenced(copies, cluster):
    """Stopped past its session in the middle of its work, then let go again."""
    time.sleep(1)
    cluster.daemon("c1").stop()
    cluster.wait_state(copies.task, "RUNNING", on="c2", timeout=60)
    cluster.daemon("c1").cont()
    cluster.wait_state(copies.task, "STANDBY", on="c1", timeout=60)
    time.sleep(0.5)
    copies.check()


@ONE_SOURCE
def test_a_handover_is_clean(copies, cluster):
    """A clean stop ends its transaction first."""
    time.sleep(0.5)
    cluster.mrctl("task", "handover", copies.task).ok()
    cluster.wait_state(copies.task, "RUNNING", on="c2", timeout=60)
    copies.check()


class Rewriting:
    """Sets the data of the task's instances to what it is, all the time: as reports do."""

    def __init__(self, cluster, task):
        self._tree, self._folder = cluster.tree, cluster.path(task, "instances")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._rewrite, daemon=True)
        self.writes = 0

    def _rewrite(self):
        while not self._end.is_set():
            with contextlib.suppress(TreeError, OSError):
                for node in self._tree.children(self._folder):
                    found = self._tree.get_with_stat(f"{self._folder}/{node}")
                    if found:
                        self._tree.set(f"{self._folder}/{node}", found[0], found[1].version)
                        self.writes += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(30)


@ONE_SOURCE
def test_a_report_in_between_keeps_no_task_from_running(copies, cluster):
    """The claim is checked against the instance's node; that it was rewritten is no failure."""
    with Rewriting(cluster, copies.task) as rewriting:
        for _ in range(4):
            cluster.mrctl("task", "restart", copies.task, "--wait").ok()
            time.sleep(0.3)
        assert rewriting.writes > 50
    copies.check()


@ONE_SOURCE
def test_a_broker_that_restarts(copies, cluster, kafka):
    """Its transactions and ours survive it, or begin anew."""
    time.sleep(0.5)
    kafka.kill()
    time.sleep(1)
    kafka.start()
    cluster.wait_state(copies.task, "RUNNING", timeout=90)
    time.sleep(1)
    copies.check()


@ONE_SOURCE
def test_the_position_is_set_and_the_task_made_anew(cluster, source, database, kafka, bus):
    """position --set counts against what Kafka has; a new task of an old name begins anew."""
    table = make_table(source, database)
    cluster.server()
    cluster.core("c1")
    document = exactly(source, table, kafka)
    name = cluster.create(document, start=True)
    topic = f"{name}.{table}"
    insert(source, table, [1, 2])
    bus.collect(topic, count=2)
    start = document["source"]["start"]
    cluster.mrctl("task", "stop", name, "--wait").ok()
    cluster.mrctl("task", "position", name, "--set",
                  f"{start['file']}:{start['pos']}").ok()
    cluster.mrctl("task", "start", name, "--wait").ok()
    assert arrived(bus, topic, count=4) == [1, 2, 1, 2]
    cluster.mrctl("task", "delete", name, "--yes").ok()
    again = dict(document, source=dict(document["source"], start=here(source)))
    wait_until(lambda: cluster.tree.get(cluster.path(name)) is None, 20, "the task is gone")
    cluster.create(again, start=True)
    insert(source, table, [3])
    assert arrived(bus, topic, count=5) == [1, 2, 1, 2, 3]


@pytest.fixture
def small_broker(new_server):
    """A broker whose disk has 48 MiB: (broker, how to make it larger)."""
    broker = new_server("kafka")
    broker.stop()
    data, drive = broker.folder / "data", broker.folder / "drive"
    drive.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", drive], check=False,
            capture_output=True).returncode != 0:
        pytest.skip("only who may mount can make a small disk")
    try:
        subprocess.run(["cp", "-a", f"{data}/.", drive], check=True)
        broker.options["log.dirs"] = drive
        yield broker.start(), lambda: subprocess.run(
            ["mount", "-o", "remount,size=1g", drive], check=True)
        broker.kill()
    finally:
        subprocess.run(["umount", "--lazy", drive], check=True)


@ONE_SOURCE
@pytest.mark.full
def test_a_broker_whose_disk_is_full(source, database, core, small_broker):
    """It ends; the task waits, and with room every row is there, once."""
    broker, enlarge = small_broker
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v LONGTEXT)")
    task = exactly(source, f"{database}.t", broker)
    running = core.start(task)
    running.wait_for_log("reading ")
    for first in range(1, 200, 10):
        source.sql(f"INSERT INTO {database}.t VALUES " + ",".join(
            f"({i}, '{os.urandom(150_000).hex()}')" for i in range(first, first + 10)))
    wait_until(lambda: not broker.alive, 60, "the broker has given up")
    running.wait_for_log("the pipe is away")
    enlarge()
    broker.start()
    bus = Bus(broker.brokers)
    assert arrived(bus, f"{task['name']}.{database}.t", count=200, timeout=90) == list(range(1, 201))
    running.terminate().ok()
