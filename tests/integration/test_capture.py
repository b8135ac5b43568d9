"""Row changes become messages: insert, update, delete, through every pipe, from every source."""

import datetime
import json
import time

import pytest

from harness.tasks import here, here_gtid, task_document, unique


def changes(source, database):
    """A table, an insert, an update and a delete."""
    source.sql(f"CREATE TABLE {database}.item (id INT PRIMARY KEY, name VARCHAR(40), "
               "price DECIMAL(10,2))")
    source.sql(f"INSERT INTO {database}.item VALUES (1, 'lamp', 12.50), (2, 'chair', 99.00)")
    source.sql(f"UPDATE {database}.item SET name = 'desk lamp' WHERE id = 1")
    source.sql(f"DELETE FROM {database}.item WHERE id = 2")


OPTIONS = {"options": {"decimal.handling.mode": "string"}}


def check_events(events, database):
    """The envelopes of changes(), tombstones left out."""
    assert [event["op"] for event in events] == ["c", "c", "u", "d"]
    assert [(event["before"], event["after"]) for event in events] == [
        (None, {"id": 1, "name": "lamp", "price": "12.50"}),
        (None, {"id": 2, "name": "chair", "price": "99.00"}),
        ({"id": 1, "name": "lamp", "price": "12.50"},
         {"id": 1, "name": "desk lamp", "price": "12.50"}),
        ({"id": 2, "name": "chair", "price": "99.00"}, None)]
    for event in events:
        assert list(event) == ["before", "after", "source", "transaction", "op",
                               "ts_ms", "ts_us", "ts_ns"]
        assert event["source"]["db"] == database and event["source"]["table"] == "item"
        assert event["source"]["snapshot"] == "false"
    assert [event["source"]["row"] for event in events] == [0, 1, 0, 0]


@pytest.mark.sanitize
def test_stdout(source, database, core):
    """A message a line, tombstones as null, from a file and offset."""
    start = here(source)
    changes(source, database)
    result = core.run(task_document(source, include=f"{database}.*", start=start,
                                    pipe={"type": "stdout", **OPTIONS})).ok()
    messages = result.messages
    assert messages[-1] is None
    check_events(messages[:-1], database)
    assert result.summary["rows"] == 4 and result.summary["messages"] == 5
    assert result.summary["position"]["file"] and result.summary["position"]["pos"] > 4


def test_by_gtid_and_resume(source, database, core):
    """From a GTID position; a second run goes on where the first ended."""
    start = here_gtid(source)
    changes(source, database)
    document = task_document(source, include=f"{database}.*", start=start,
                             pipe={"type": "stdout", **OPTIONS})
    first = core.run(document).ok()
    check_events(first.messages[:-1], database)
    assert all(event["source"]["gtid"] for event in first.messages[:-1])
    assert first.summary["position"]["gtid"]
    assert core.run(document).ok().messages == []
    source.sql(f"INSERT INTO {database}.item VALUES (3, 'shelf', 7)")
    third = core.run(document).ok().messages
    assert [event["after"]["name"] for event in third] == ["shelf"]


@pytest.mark.sanitize
def test_kafka(source, database, core, kafka, bus):
    """Topic per table with the partitions asked for; keys, tombstones, order per key."""
    start = here(source)
    changes(source, database)
    source.sql(f"CREATE TABLE {database}.other (a INT, b INT, PRIMARY KEY (b, a));"
               f"INSERT INTO {database}.other VALUES (1, 2)")
    name = unique("copy")
    core.run(task_document(
        source, include=f"{database}.*", start=start, name=name,
        pipe={"type": "kafka", "brokers": kafka.brokers, "topics": {"partitions": 3},
              **OPTIONS})).ok()
    topic = f"{name}.{database}.item"
    messages = bus.collect(topic, count=5)
    assert len(messages) == 5 and bus.partitions(topic) == [0, 1, 2]
    assert {message.key_json["id"] for message in messages} == {1, 2}
    one = [message for message in messages if message.key_json["id"] == 1]
    two = [message for message in messages if message.key_json["id"] == 2]
    assert [message.json["op"] for message in one] == ["c", "u"]
    assert [message.json and message.json["op"] for message in two] == ["c", "d", None]
    assert len({message.partition for message in one}) == 1
    (other,) = bus.collect(f"{name}.{database}.other", count=1)
    assert other.key == b'{"b":2,"a":1}', "the key's columns in the key's order"


@pytest.mark.sources("mysql-9.7")
def test_templates_of_topics_and_keys(source, database, core, kafka, bus):
    """Placeholders as often as one likes; tables that share a topic; keys of chosen columns."""
    source.sql("CREATE TABLE a (id INT PRIMARY KEY, n INT); CREATE TABLE b (id INT PRIMARY KEY)",
               database)
    start = here(source)
    source.sql("INSERT INTO a VALUES (1, 7); INSERT INTO b VALUES (2); TRUNCATE TABLE b", database)
    name = unique("named")
    pipe = {"type": "kafka", "brokers": kafka.brokers, "topic": "{table}-of_{db}.{task}.{table}",
            "key": f"columns:{database}.a:n,id", "options": {"skipped.operations": "none"}}
    document = task_document(source, include=f"{database}.?", start=start, name=name, pipe=pipe)
    core.run(document).ok()
    (first,) = bus.collect(f"a-of_{database}.{name}.a", count=1)
    assert first.key == b'{"n":7,"id":1}', "in the order named"
    second, emptied = bus.collect(f"b-of_{database}.{name}.b", count=2)
    assert second.key == b'{"id":2}' and emptied.key is None and emptied.json["op"] == "t"
    document["pipe"] |= {"topic": "all_{db}", "key": "table"}
    core.run(document, state=core.folder / "one").ok()
    messages = bus.collect(f"all_{database}", count=3)
    assert [(m.key_json["table"], m.json["op"]) for m in messages] == [
        ("a", "c"), ("b", "c"), ("b", "t")]
    # Rows in a topic of something else; a key of a column that there is not.
    document["pipe"] |= {"topic": "{task}", "topics": {"schema_changes": "{task}"}}
    result = core.run(document, state=core.folder / "mixed")
    assert result.status == 1 and "must not be mixed" in result.stderr
    document["pipe"] |= {"topic": "{task}", "topics": {}, "key": "columns:none_such"}
    result = core.run(document, state=core.folder / "keyless")
    assert result.status == 1 and f"{database}.a has no column none_such" in result.stderr


def test_file_pipe_and_keys(source, database, core, tmp_path):
    """The file pipe appends; --with-keys shows keys."""
    start = here(source)
    changes(source, database)
    path = tmp_path / "out"
    document = task_document(source, include=f"{database}.*", start=start,
                             pipe={"type": "file", "path": str(path), **OPTIONS})
    core.run(document).ok()
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    check_events(messages[:-1], database)
    source.sql(f"INSERT INTO {database}.item VALUES (9, 'nine', 9)")
    core.run(document).ok()
    assert len(path.read_text().splitlines()) == 6
    keyed = core.run(task_document(source, include=f"{database}.*", start=start), with_keys=True,
                     state=tmp_path / "other").ok()
    assert '{"id":1}' in keyed.lines[0].replace("\\", "")


def test_primary_key_change(source, database, core, kafka, bus):
    """A changed key is a delete, a tombstone and a create, linked by headers."""
    start = here(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v INT);"
               f"INSERT INTO {database}.t VALUES (1, 10)")
    source.sql(f"UPDATE {database}.t SET id = 2")
    name = unique("key")
    core.run(task_document(source, include=f"{database}.t", start=start, name=name,
                           pipe=kafka)).ok()
    messages = bus.collect(f"{name}.{database}.t", count=4)
    assert [(m.key_json["id"], m.json and m.json["op"]) for m in messages] == [
        (1, "c"), (1, "d"), (1, None), (2, "c")]
    assert dict(messages[1].headers) == {"__debezium.newkey": b'{"id":2}'}
    assert dict(messages[3].headers) == {"__debezium.oldkey": b'{"id":1}'}


def test_include_and_exclude(source, database, core):
    """Only what the patterns say."""
    start = here(source)
    for table in ("order_1", "order_tmp", "item", "user"):
        source.sql(f"CREATE TABLE {database}.{table} (id INT PRIMARY KEY);"
                   f"INSERT INTO {database}.{table} VALUES (1)")
    result = core.run(task_document(
        source, include=[f"{database}.order_*", f"{database}.item"], start=start,
        tables={"exclude": ["*.*_tmp"]})).ok()
    assert [m["source"]["table"] for m in result.messages] == ["order_1", "item"]
    assert result.summary["rows"] == 2


def test_latest_starts_now_and_stays_there(source, database, core):
    """`latest` is resolved once: changes made while we were down are not lost."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY); INSERT INTO {database}.t VALUES (1)")
    document = task_document(source, include=f"{database}.t", start="latest")
    running = core.start(document)
    running.wait_for_log("reading ")
    running.kill()
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    assert [m["after"]["id"] for m in core.run(document).ok().messages] == [2]


def test_earliest(new_server, core, new_database):
    """`earliest` begins with the oldest binlog there is."""
    server = new_server("mariadb-10.11")
    database = new_database(server)
    server.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY); INSERT INTO {database}.t VALUES (1);"
               f"FLUSH BINARY LOGS; INSERT INTO {database}.t VALUES (2)")
    result = core.run(task_document(server, include=f"{database}.t", start="earliest")).ok()
    assert [m["after"]["id"] for m in result.messages] == [1, 2]


def test_a_running_task_follows(source, database, core):
    """Events come while they are made; SIGTERM drains, saves and ends with 0."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    running = core.start(task_document(source, include=f"{database}.t"))
    running.wait_for_log("reading ")
    for number in range(5):
        source.sql(f"INSERT INTO {database}.t VALUES ({number})")
        assert json.loads(running.wait_for_lines(number + 1)[number])["after"] == {"id": number}
    result = running.terminate().ok()
    assert result.summary["rows"] == 5


def test_until_a_position(source, database, core):
    """--until FILE:POS and --until GTID end behind that transaction."""
    start, start_gtid = here(source), here_gtid(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    source.sql(f"INSERT INTO {database}.t VALUES (1)")
    file, position = source.position()
    gtid = source.gtid()
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    first = core.run(task_document(source, include=f"{database}.t", start=start),
                     until=f"{file}:{position}", state=core.folder / "a").ok()
    assert [m["after"]["id"] for m in first.messages] == [1]
    assert first.summary["position"]["file"] == file
    assert first.summary["position"]["pos"] == position
    second = core.run(task_document(source, include=f"{database}.t", start=start_gtid),
                      until=gtid, state=core.folder / "b").ok()
    assert [m["after"]["id"] for m in second.messages] == [1]
    assert second.summary["position"]["gtid"] == gtid


@pytest.mark.parametrize("kind", ["mariadb-10.11", "mysql-9.7"])
def test_start_at_a_time(kind, new_server, new_database, core):
    """Transactions committed before `time` are left out; those after it never are again."""
    # A server of its own: its first binlog is read from the start.
    source = new_server(kind)
    database = new_database(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY); INSERT INTO {database}.t VALUES (1)")
    time.sleep(1.1)
    moment = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    time.sleep(1.1)
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    start = {"time": moment.isoformat().replace("+00:00", "Z")}
    document = task_document(source, include=f"{database}.t", start=start)
    assert [m["after"]["id"] for m in core.run(document).ok().messages] == [2]
    # A clock that goes back later does not hide a transaction.
    source.sql(f"SET timestamp = {moment.timestamp() - 100:.0f};"
               f"INSERT INTO {database}.t VALUES (3)")
    assert [m["after"]["id"] for m in core.run(document).ok().messages] == [3]


@pytest.mark.sources("mariadb-10.11")
def test_topics_that_would_be_mixed(source, database, core, kafka):
    """Two tables whose names differ only in what Kafka does not allow are refused."""
    start = here(source)
    for table in ("a$b", "a b"):
        source.sql(f"CREATE TABLE {database}.`{table}` (id INT PRIMARY KEY);"
                   f"INSERT INTO {database}.`{table}` VALUES (1)")
    result = core.run(task_document(source, include=f"{database}.*", start=start, pipe=kafka))
    assert result.status == 1
    assert "task_invalid" in result.stderr and "would share topic" in result.stderr
    assert f"{database}.a$b" in result.stderr and f"{database}.a b" in result.stderr


def test_a_position_is_of_one_server(new_server, core, new_database):
    """A file and an offset are not taken to another server."""
    source = new_server("mariadb-10.11")
    database = new_database(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY); INSERT INTO {database}.t VALUES (1)")
    document = task_document(source, include=f"{database}.t", start="earliest")
    core.run(document).ok()
    saved = core.state / "position.json"
    position = json.loads(saved.read_text())
    position["gtid"] = ""
    saved.write_text(json.dumps(position))
    other = new_server("mariadb-10.11", options={"server_id": 77})
    document["source"]["port"] = other.port
    result = core.run(document)
    assert result.status == 1 and "source_diverged" in result.stderr
