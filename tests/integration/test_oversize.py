"""on_error.oversize_row: rows whose message the broker, or we, find too large.

Nobody but the broker knows what is too large for it, and what it refuses ends the producer and
its transaction. All the same: nothing in front is lost, nothing comes twice to a reader of
committed messages, and a refused row is named by table, key and place.
"""

import os

import pytest

from harness.failure import failure
from harness.tasks import here, task_document

DELIVERIES = pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
LIMIT = 100_000


@pytest.fixture
def source(mariadb_1011):
    """The pipe does not know whence rows come: one server does for most of these tests."""
    return mariadb_1011


@pytest.fixture
def table(source, database):
    """A table for rows of any size, and where it begins."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v LONGTEXT)")
    return f"{database}.t", here(source)


def noise(size: int) -> str:
    """Text that does not compress."""
    return os.urandom(size // 2).hex()


def document(source, table, kafka, delivery, pipe=None, **sections):
    """A task with dead letters."""
    name, start = table
    return task_document(
        source, include=name, start=start, on_error={"oversize_row": "dead_letter"},
        pipe={"type": "kafka", "brokers": kafka.brokers, "delivery": delivery, **(pipe or {})},
        **sections)


def small_topic(bus, task, table, **config) -> str:
    """The table's topic, which takes little."""
    topic = f"{task['name']}.{table}"
    bus.create_topic(topic, 1, {"max.message.bytes": str(LIMIT), **config})
    return topic


@DELIVERIES
def test_the_task_stops_at_a_row_that_is_too_large(source, core, kafka, bus, table, delivery):
    """In the middle of a transaction: what is in front arrives, the message names the row."""
    name, start = table
    source.sql(f"INSERT INTO {name} VALUES (1, 'x'); BEGIN; INSERT INTO {name} VALUES (2, 'x'), "
               f"(3, '{noise(300_000)}'), (4, 'x'); COMMIT; INSERT INTO {name} VALUES (5, 'x')")
    task = task_document(source, include=name, start=start, pipe={
        "type": "kafka", "brokers": kafka.brokers, "delivery": delivery})
    topic = small_topic(bus, task, name)
    for _ in range(2):
        line = failure(core.run(task), "pipe_oversize", f"table {name}", 'key {"id":3}',
                       f"topic {topic}", f"{LIMIT} bytes (max.message.bytes)",
                       "row change 2 of the transaction", "on_error.oversize_row")
        assert "a message of 300" in line
        assert [m.key_json["id"] for m in bus.collect(topic)] == [1, 2]
    task["on_error"] = {"oversize_row": "dead_letter"}
    core.run(task).ok()
    assert [m.key_json["id"] for m in bus.collect(topic)] == [1, 2, 4, 5]
    assert [m.json["row"] for m in bus.collect(f"{task['name']}.dead-letters")] == [2]


@DELIVERIES
@pytest.mark.sanitize
def test_dead_letters_stand_in_their_place(source, core, kafka, bus, table, delivery):
    """Two of one transaction and two of another; updates and deletes with tombstones."""
    name, _ = table
    task = document(source, table, kafka, delivery)
    topic = small_topic(bus, task, name)
    source.sql(
        f"BEGIN; INSERT INTO {name} VALUES (1, 'x'), (2, '{noise(300_000)}'), (3, 'x');"
        f"INSERT INTO {name} VALUES (4, '{noise(200_000)}'), (5, REPEAT('x', 1000000)); COMMIT;"
        f"BEGIN; UPDATE {name} SET v = 'y' WHERE id = 2; DELETE FROM {name} WHERE id = 4;"
        f"UPDATE {name} SET id = 6 WHERE id = 5; INSERT INTO {name} VALUES (7, 'x'); COMMIT")
    result = core.run(task)
    result.ok()
    messages = bus.collect(topic)
    got = [(m.key_json["id"], m.json["op"] if m.value is not None else None) for m in messages]
    # 5 is 1 MB that compresses: the broker takes it. A delete that is too large has its tombstone.
    assert got == [(1, "c"), (3, "c"), (5, "c"), (4, None), (5, "d"), (5, None), (6, "c"), (7, "c")]
    letters = bus.collect(f"{task['name']}.dead-letters")
    told = [(m.json["type"], m.json["row"], m.json["part"], m.key_json["id"]) for m in letters]
    assert told == [("insert", 2, 1, 2), ("insert", 4, 1, 4), ("update", 1, 1, 2),
                    ("delete", 2, 1, 4)]
    first = letters[0].json
    assert first["task"] == task["name"] and first["topic"] == topic
    assert f"{first['database']}.{first['table']}" == name
    assert first["error"] == "pipe_oversize" and first["limit"] == LIMIT
    assert 300_000 < first["bytes"] < 302_000 and str(first["bytes"]) in first["message"]
    assert first["key"] == '{"id":2}' and first["key_bytes"] == 8
    assert first["gtid"] and first["file"] and first["pos"] > 4
    assert dict(letters[0].headers) == {"__mr.error": b"pipe_oversize", "__mr.topic": topic.encode()}
    assert letters[0].key == b'{"id":2}'
    assert len(letters[0].value) < 1000
    # Once more: all of it is behind the position.
    core.run(task).ok()
    assert len(bus.collect(topic)) == 8 and len(bus.collect(f"{task['name']}.dead-letters")) == 4


@pytest.mark.parametrize("format_", ["maxwell", "canal"])
@DELIVERIES
def test_other_formats(source, core, kafka, bus, table, delivery, format_):
    """Maxwell keeps the newest message back; its tombstones follow the delete."""
    name, _ = table
    source.sql(f"CREATE TABLE {name}2 LIKE {name}")
    task = document(source, table, kafka, delivery,
                    pipe={"format": format_, "tombstones": True, "topic": "{task}.{table}"},
                    tables={"include": [f"{name}*"]})
    short = name.split(".")[1]
    topics = [small_topic(bus, task, short), small_topic(bus, task, f"{short}2")]
    source.sql(
        f"BEGIN; INSERT INTO {name} VALUES (1, 'x'), (2, '{noise(300_000)}');"
        f"INSERT INTO {name}2 VALUES (1, '{noise(300_000)}'), (2, 'x'); COMMIT; BEGIN;"
        f"DELETE FROM {name}2 WHERE id = 1; DELETE FROM {name}; COMMIT;"
        f"INSERT INTO {name} VALUES (3, 'x')")
    core.run(task).ok()

    def kinds(topic):
        return [m.json["type"].lower() if m.value is not None else None
                for m in bus.collect(topic)]
    assert kinds(topics[0]) == ["insert", "delete", None, None, "insert"]
    assert kinds(topics[1]) == ["insert", None]
    letters = [m.json for m in bus.collect(f"{task['name']}.dead-letters")]
    assert [(m["table"], m["type"], m["row"]) for m in letters] == [
        (short, "insert", 2), (f"{short}2", "insert", 3), (f"{short}2", "delete", 1),
        (short, "delete", 3)]


@DELIVERIES
def test_larger_than_our_own_limit(source, core, kafka, bus, table, delivery):
    """Known without asking anybody: no transaction is aborted for it."""
    name, _ = table
    task = document(source, table, kafka, delivery,
                    pipe={"properties": {"message.max.bytes": "150000"}})
    topic = f"{task['name']}.{name}"
    source.sql(f"INSERT INTO {name} VALUES (1, 'x'), (2, REPEAT('x', 200000)), (3, 'x')")
    result = core.run(task)
    result.ok()
    assert [m.key_json["id"] for m in bus.collect(topic)] == [1, 3]
    letter, = bus.collect(f"{task['name']}.dead-letters")
    assert letter.json["limit"] == 150_000 and "message.max.bytes" in letter.json["message"]
    assert "going back" not in result.stderr
    assert result.summary["messages"] == 3


@DELIVERIES
def test_a_dead_letter_that_is_too_large_itself(source, core, kafka, bus, table, delivery):
    """Not even that fits: the task ends, it does not go round."""
    name, _ = table
    task = document(source, table, kafka, delivery)
    small_topic(bus, task, name)
    letters = f"{task['name']}.dead-letters"
    bus.create_topic(letters, 1, {"max.message.bytes": "100"})
    source.sql(f"INSERT INTO {name} VALUES (1, 'x'), (2, '{noise(300_000)}'), (3, 'x')")
    failure(core.run(task), "pipe_oversize", f"topic {letters}", "100 bytes")


def test_without_a_key(source, core, kafka, bus, table):
    """No primary key, a row over a megabyte, after it many more: only places tell them apart."""
    name, start = table
    source.sql(f"CREATE TABLE {name}2 (v LONGTEXT)")
    task = document(source, (f"{name}2", start), kafka, "exactly_once")
    topic = small_topic(bus, task, f"{name}2")
    rows = ",".join(f"('{noise(150_000)}')" for _ in range(6))
    source.sql(f"INSERT INTO {name}2 VALUES {rows}; INSERT INTO {name}2 VALUES ('x'), ('y')")
    core.run(task).ok()
    assert [m.json["after"]["v"] for m in bus.collect(topic)] == ["x", "y"]
    letters = bus.collect(f"{task['name']}.dead-letters")
    assert [m.json["row"] for m in letters] == [1, 2, 3, 4, 5, 6]
    assert all(m.key is None and m.json["key"] is None for m in letters)
