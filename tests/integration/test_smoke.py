"""The shortest way through everything: what fails here fails everywhere.

Also the example to write other tests from.
"""

import pytest
from harness.tasks import here, here_gtid, task_document

CHANGES = """
CREATE TABLE {db}.t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO {db}.t VALUES (1, 'one'), (2, 'two');
UPDATE {db}.t SET v = 'zwei' WHERE id = 2;
DELETE FROM {db}.t WHERE id = 1;
"""

EXPECTED = [("c", None, {"id": 1, "v": "one"}), ("c", None, {"id": 2, "v": "two"}),
            ("u", {"id": 2, "v": "two"}, {"id": 2, "v": "zwei"}),
            ("d", {"id": 1, "v": "one"}, None)]


def shape(message):
    """What of an event these tests look at."""
    return message["op"], message["before"], message["after"]


@pytest.mark.sanitize
@pytest.mark.parametrize("begin", [here, here_gtid], ids=["file", "gtid"])
def test_rows_reach_stdout(source, database, core, begin):
    """Insert, update and delete, from a position and from a GTID set, up to the head."""
    start = begin(source)
    source.sql(CHANGES.format(db=database))
    result = core.run(task_document(source, include=f"{database}.t", start=start)).ok()
    # The delete's tombstone is a message without a value.
    assert [shape(message) for message in result.messages if message] == EXPECTED
    assert result.summary["rows"] == 4


@pytest.mark.sanitize
def test_rows_reach_kafka(source, database, core, bus):
    """The same into Kafka: keys, order in the partition, the tombstone behind the delete."""
    start = here(source)
    source.sql(CHANGES.format(db=database))
    task = task_document(source, include=f"{database}.t", start=start, pipe=bus)
    core.run(task).ok()
    messages = bus.collect(f"{task['name']}.{database}.t", count=5)
    assert [shape(message.json) for message in messages if message.value] == EXPECTED
    assert [message.key_json["id"] for message in messages] == [1, 2, 2, 1, 1]
    assert messages[-1].value is None


def test_a_running_core_follows_and_drains(source, database, core):
    """In the background: rows as they are made, and SIGTERM ends it with status 0."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(20))")
    running = core.start(task_document(source, include=f"{database}.t", start=here(source)))
    source.sql(f"INSERT INTO {database}.t VALUES (1, 'one')")
    running.wait_for_lines(1)
    source.sql(f"INSERT INTO {database}.t VALUES (2, 'two')")
    running.wait_for_lines(2)
    result = running.terminate()
    assert result.status == 0
    assert [message["after"]["id"] for message in result.messages] == [1, 2]


def test_version_is_said(core):
    """--version needs no server."""
    result = core.command("--version").ok()
    assert result.stdout.startswith("mr-core ")
