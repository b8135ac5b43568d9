"""Three brokers, as in production: one may go at any moment, and what they lose is noticed.

Topics have three copies of which two must have a message (min.insync.replicas) before it counts.
"""

import random
import time

import pytest
from confluent_kafka import admin

from harness.bus import Bus
from harness.tasks import here, task_document
from harness.waiting import PATIENCE, wait_until
from harness.writer import Writer

# Three brokers beside the pool's: heavy, and alone on the machine.
pytestmark = [pytest.mark.sources("mysql-9.7"), pytest.mark.alone]


@pytest.fixture(scope="module")
def cluster(sandbox):
    """Three brokers."""
    made = sandbox.kafkas(3)
    yield made
    sandbox.discard(made)


@pytest.fixture(autouse=True)
def _all_brokers(cluster):
    yield
    cluster.start()


def document(source, table, cluster, **pipe):
    """A task that delivers to the three."""
    return task_document(source, include=table, start=here(source),
                         pipe={"type": "kafka", "brokers": cluster.brokers, "delivery": "exactly_once",
                               **pipe})


def make_table(source, database) -> str:
    """A table as Writer fills it."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(200))")
    return f"{database}.t"


def partitions(cluster, topic):
    """The topic's partitions as the brokers see them."""
    client = admin.AdminClient({"bootstrap.servers": cluster.brokers})
    return client.list_topics(topic, timeout=15 * PATIENCE).topics[topic].partitions


def leader(cluster, topic, partition=0) -> int:
    """Who leads it, once somebody does."""
    return wait_until(lambda: max(partitions(cluster, topic)[partition].leader, 0), 30,
                      f"{topic}/{partition} has a leader")


def in_sync(cluster, topic) -> bool:
    """All copies are."""
    return all(len(each.isrs) == 3 for each in partitions(cluster, topic).values())


def last_id(bus, topic) -> int:
    """The highest id that has arrived."""
    return max((message.key_json["id"] for message in bus.collect(topic)), default=0)


def each_once(bus, topic, wanted) -> None:
    """A read_committed consumer has each row once; in order within each partition."""
    got = bus.collect(topic, count=len(wanted), timeout=60)
    assert sorted(message.key_json["id"] for message in got) == wanted
    for partition in bus.partitions(topic):
        ids = [message.key_json["id"] for message in got if message.partition == partition]
        assert ids == sorted(ids)


@pytest.mark.full
def test_each_broker_is_killed_in_turn(source, database, core, cluster):
    """Leaders of rows, of positions and of transactions among them: it goes on with two."""
    table = make_table(source, database)
    task = document(source, table, cluster, topics={"partitions": 3})
    topic = f"{task['name']}.{table}"
    writer = Writer(source, table)
    running = core.start(task)
    bus = Bus(cluster.brokers)
    wait_until(lambda: bus.partitions(topic), 30, "the topic is made")
    assert all(len(each.replicas) == 3 for each in partitions(cluster, topic).values())
    rng = random.Random(3)
    for node in (1, 2, 3):
        wait_until(lambda: in_sync(cluster, topic), 60, "all copies are in sync")
        time.sleep(rng.uniform(0.2, 1.0))
        cluster.member(node).kill()
        before = writer.done
        wait_until(lambda least=before: last_id(bus, topic) > least, 60,
                   f"rows arrive without broker {node}")
        cluster.start()
    wanted = writer.stop()
    wait_until(lambda: last_id(bus, topic) == wanted[-1], 60, "the last row arrives")
    running.terminate().ok()
    each_once(bus, topic, wanted)


@pytest.mark.full
def test_two_brokers_away_is_an_outage(source, database, core, cluster):
    """One copy is not enough to count: it waits, says so, and goes on by itself."""
    table = make_table(source, database)
    task = document(source, table, cluster)
    topic = f"{task['name']}.{table}"
    writer = Writer(source, table)
    running = core.start(task)
    bus = Bus(cluster.brokers)
    wait_until(lambda: bus.partitions(topic) and last_id(bus, topic), 30, "rows arrive")
    first = leader(cluster, topic)
    for member in cluster.members:
        if member.node != first:
            member.kill()
    time.sleep(5)
    assert running.alive
    cluster.start()
    wanted = writer.stop()
    wait_until(lambda: last_id(bus, topic) == wanted[-1], 90, "the last row arrives")
    running.terminate().ok()
    each_once(bus, topic, wanted)


@pytest.mark.full
@pytest.mark.parametrize("while_running", [False, True], ids=["stopped", "running"])
def test_an_unclean_election_is_noticed(source, database, core, cluster, while_running):
    """A copy that lacks acknowledged rows becomes the leader: the task stops, it does not go on."""
    table = make_table(source, database)
    task = document(source, table, cluster)
    topic = f"{task['name']}.{table}"
    bus = Bus(cluster.brokers)
    # What an operator may have set, and should not.
    bus.create_topic(topic, replicas=2, config={"min.insync.replicas": "1",
                                                "unclean.leader.election.enable": "true"})
    running = core.start(task)
    source.sql(f"INSERT INTO {table} VALUES (1, 'on both')")
    wait_until(lambda: last_id(bus, topic) == 1, 30, "the first row arrives")
    ahead = leader(cluster, topic)
    behind = next(node for node in partitions(cluster, topic)[0].replicas if node != ahead)
    cluster.member(behind).kill()
    wait_until(lambda: partitions(cluster, topic)[0].isrs == [ahead], 30, "one copy is left")
    source.sql(f"INSERT INTO {table} VALUES (2, 'on one'), (3, 'on one')")
    wait_until(lambda: last_id(bus, topic) == 3, 60, "rows arrive with one copy")
    if not while_running:
        running.terminate().ok()
    cluster.member(ahead).kill()
    cluster.member(behind).start()
    wait_until(lambda: leader(cluster, topic) == behind, 60, "the stale copy leads")
    source.sql(f"INSERT INTO {table} VALUES (4, 'later')")
    result = running.wait(120) if while_running else core.run(task)
    assert result.status == 1 and "pipe_topic_lost" in result.stderr, result.stderr
    assert topic in result.stderr
