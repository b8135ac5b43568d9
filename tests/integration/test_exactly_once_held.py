"""exactly_once, rules 10 to 12: processes that are held up or die over and over, and poison rows."""

import time

import pytest

from harness.tasks import here, task_document
from harness.waiting import PATIENCE, wait_until
from harness.writer import Writer
from test_exactly_once import arrived, exactly, insert, make_table

pytestmark = pytest.mark.sources("mysql-9.7")

HELD_S = 45  # beyond Kafka's transaction timeout of 30 s, which brokers look at every 10 s


def transaction(table, first, rows) -> str:
    """A transaction of many rows."""
    return "BEGIN;" + "".join(
        f"INSERT INTO {table} VALUES " + ",".join(
            f"({i}, REPEAT('x', 150))" for i in range(start, start + 1000)) + ";"
        for start in range(first, first + rows, 1000)) + "COMMIT"


@pytest.mark.full
@pytest.mark.parametrize("cores", [1, 2], ids=["alone", "with a standby"])
def test_held_in_an_open_transaction(cores, cluster, source, database, kafka, bus):
    """SIGSTOP for longer than a transaction may last, while rows of one are in the topic."""
    table = make_table(source, database)
    cluster.server()
    cluster.core("c1")
    task = cluster.create(exactly(
        source, table, kafka, memory={"group_bytes": 1 << 20, "queue_bytes": 1 << 20},
        pipe={"properties": {"linger.ms": "0", "batch.size": "2000"}}), start=True)
    if cores > 1:
        cluster.core("c2")
        cluster.wait_state(task, "STANDBY", on="c2")
    topic, rows = f"{task}.{table}", 60000
    source.sql(transaction(table, 0, rows))
    # What a reader of committed rows does not have yet is in an open transaction.
    wait_until(lambda: bus.collect(topic, committed=False), 60, "rows of an open transaction")
    cluster.daemon("c1").stop()
    time.sleep(HELD_S)
    seen = len(arrived(bus, topic, committed=False))
    insert(source, table, range(rows, rows + 3))
    cluster.daemon("c1").cont()
    assert arrived(bus, topic, count=rows + 3, timeout=120) == list(range(rows + 3))
    assert len(arrived(bus, topic, committed=False)) >= seen
    cluster.wait_state(task, "RUNNING", timeout=60)


def test_a_core_that_dies_over_and_over(cluster, source, database, kafka, bus):
    """Killed as soon as it runs again, five times: the task goes on, nothing comes twice."""
    table = make_table(source, database)
    cluster.server()
    cluster.core("c1")
    task = cluster.create(exactly(source, table, kafka), start=True)
    cluster.core("c2")
    cluster.wait_state(task, "STANDBY", on="c2")
    writer = Writer(source, table, pause=0.01)
    for _ in range(5):
        cluster.daemon("c1").kill()
        time.sleep(0.7 * PATIENCE)
        cluster.daemon("c1").start()
    wanted = writer.stop()
    assert arrived(bus, f"{task}.{table}", count=len(wanted), timeout=90) == wanted
    status = cluster.tree.json(cluster.path(task, "status"))
    assert not status or not status.get("failures"), "nobody's fault"


def test_a_poison_row_in_exactly_once(cluster, source, database, kafka, bus):
    """Tried on two hosts, then FAILED until somebody changes something; rows in front come once."""
    table = make_table(source, database)
    cluster.server()
    cores = [cluster.core("c1"), cluster.core("c2")]
    task = cluster.create(task_document(
        source, include=table, start=here(source),
        pipe={"type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once"}), start=True)
    path = cluster.path(task, "status")

    def failures():
        status = cluster.tree.json(path)
        return [each["count"] for each in status["failures"]] if status else []
    insert(source, table, [1, 2])
    assert arrived(bus, f"{task}.{table}", count=2) == [1, 2]
    # Logged as a statement: the row itself is nowhere.
    source.sql(f"INSERT INTO {table} VALUES (3, 'x'); SET SESSION binlog_format = 'STATEMENT'; "
               f"INSERT INTO {table} VALUES (1000, 'statement')")
    cluster.wait_state(task, "FAILED")
    assert failures() == [2]
    for core in cores:
        core.kill()
        core.start()
    cluster.wait_state(task, "FAILED")
    time.sleep(1)
    assert failures() == [2], "not tried again because a core is new"
    cluster.api.post(f"/tasks/{task}/restart").ok()
    wait_until(lambda: failures() != [2], 30, "tried again when it was asked for")
    cluster.wait_state(task, "FAILED")
    cluster.api.put(f"/tasks/{task}/position", {"start": "latest"}).ok()
    cluster.wait_state(task, "RUNNING")
    insert(source, table, [4])
    assert arrived(bus, f"{task}.{table}", count=4) == [1, 2, 3, 4]
