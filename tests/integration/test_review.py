"""Sequences that a reviewer thought of: each of them went wrong once."""

import datetime
import json
import re
import time

import pytest

from harness.proxy import Cut, Proxy, event_type
from harness.tasks import here, here_gtid, task_document, unique
from harness.waiting import PATIENCE, wait_until


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


@pytest.fixture
def counted(source, database):
    """A table, and a function that inserts a row."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT, b INT)")

    def insert(number):
        source.sql(f"INSERT INTO {table} (id) VALUES ({number})")
    insert.table = table
    return insert


@pytest.mark.sources("mariadb-10.11")
def test_until_waits_for_the_broker(source, counted, core, kafka, bus):
    """Status 0 means delivered: with the broker away, --until waits for it."""
    start = here(source)
    for number in range(5):
        counted(number)
    kafka.pause()
    try:
        name = unique("late")
        running = core.start(task_document(source, include=counted.table, start=start, name=name,
                                           pipe=kafka), until="head")
        time.sleep(13)
        assert running.alive, running.stderr
    finally:
        kafka.resume()
    result = running.wait(40).ok()
    assert result.summary["rows"] == 5
    got = bus.collect(f"{name}.{counted.table}", count=5)
    assert sorted(message.json["after"]["id"] for message in got) == list(range(5))


@pytest.mark.sources("mariadb-10.11")
def test_definition_changed_by_set_statement(source, counted, core):
    """MariaDB logs SET STATEMENT … FOR ALTER as it was written; names are learned again."""
    start = here_gtid(source)
    running = core.start(task_document(source, include=counted.table, start=start))
    source.sql(f"INSERT INTO {counted.table} VALUES (1, 10, 20)")
    running.wait_for_lines(1)
    alter = f"SET STATEMENT lock_wait_timeout=9 FOR ALTER TABLE {counted.table} RENAME COLUMN "
    source.sql(f"{alter} a TO x, RENAME COLUMN b TO a; {alter} x TO b;"
               f"INSERT INTO {counted.table} (id, a, b) VALUES (2, 1, 2)")
    running.wait_for_lines(2)
    result = running.terminate().ok()
    assert result.messages[0]["after"] == {"id": 1, "a": 10, "b": 20}
    assert result.messages[1]["after"] == {"id": 2, "a": 1, "b": 2}


def test_a_source_that_breaks_each_connection(source, counted, core):
    """It takes connections and breaks each at the same event: neither hammered nor logged for
    ever, and when it is well again nothing is missing."""
    start = here(source)
    counted(1)
    between = Proxy(source)
    broken = True

    def on_event(event, _):
        if broken and event_type(event) in (23, 30):
            raise Cut(3)
        return event
    between.on_event = on_event
    try:
        running = core.start(task_document(between, include=counted.table, start=start,
                                           source_extra={"tls": {"mode": "disabled"}}))
        running.wait_for_log("the source is away")
        time.sleep(6)
        assert between.dumps < 12, "it backs off"
        assert len(running.stderr.splitlines()) < 45
        broken = False
        running.wait_for_lines(1, 25)
        assert ids(running.terminate().ok().messages) == [1]
    finally:
        between.close()


@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_catalogue_connection_that_idled_out(source, counted, core):
    """The connection that brings definitions is closed by the server while it is not needed:
    another one is opened, and the stream goes on undisturbed."""
    user = unique("idle")
    source.sql(f"CREATE USER {user}@'%' IDENTIFIED BY 'repl-password'; GRANT REPLICATION SLAVE, "
               f"REPLICATION CLIENT, SELECT ON *.* TO {user}@'%'")
    running = core.start(task_document(source, include=counted.table, start=here_gtid(source),
                                       user=user))
    counted(1)
    running.wait_for_lines(1)
    idle = source.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE "
                      f"COMMAND = 'Sleep' AND USER = '{user}'")
    if not idle:
        pytest.skip("this server tells everything in its binlog")
    source.sql(f"KILL {idle[0][0]}; ALTER TABLE {counted.table} ADD COLUMN c INT")
    counted(2)
    running.wait_for_lines(2)
    result = running.terminate().ok()
    assert ids(result.messages) == [1, 2]
    assert "is away" not in result.stderr, result.stderr


@pytest.mark.sources("mariadb-10.11")
def test_until_head_of_another_server(source, counted, core, new_server):
    """Saved file and offset lie behind the head of another server: its GTIDs alone count."""
    other = new_server("mariadb-10.11", options={"gtid_domain_id": 7})
    other.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    task = task_document(other, include="d.t", start=here_gtid(other))
    core.run(task).ok()
    other.sql("INSERT INTO d.t VALUES (1)")
    path = core.state / "position.json"
    saved = json.loads(path.read_text())
    saved["file"], saved["pos"] = re.sub(r"\d+$", "009999", other.position()[0]), 4
    path.write_text(json.dumps(saved))
    assert ids(core.run(task).ok().messages) == [1]


@pytest.mark.sources("mariadb-10.11")
def test_second_host_that_lags(source, core, new_server):
    """The first of two hosts is away, the second has not got our transactions yet: waited for."""
    first = new_server("mariadb-10.11")
    second = new_server("mariadb-10.11")
    first.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    hosts = [f"{each.host}:{each.port}" for each in (first, second)]
    task = task_document(first, include="d.t", start=here_gtid(first))
    del task["source"]["host"], task["source"]["port"]
    task["source"]["hosts"] = hosts
    running = core.start(task)
    first.sql("INSERT INTO d.t VALUES (1)")
    running.wait_for_lines(1)
    first.kill()
    running.wait_for_log("another is tried")
    time.sleep(1)
    assert running.alive, running.stderr
    first.start()
    first.sql("INSERT INTO d.t VALUES (2)")
    running.wait_for_lines(2, 30 * PATIENCE)
    wait_until(lambda: "is back" in running.stderr, 10, "it is back")
    assert ids(running.terminate().ok().messages) == [1, 2]


def test_start_inside_a_second(new_server, new_database, core):
    """MariaDB logs whole seconds: a start in the middle of one leaves out nothing behind it."""
    # A server of its own: its first binlog is read from the start.
    server = new_server("mariadb-10.11")
    table = f"{new_database(server)}.t"
    server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    now = time.time()
    time.sleep(1.3 - now % 1)
    start = datetime.datetime.now(datetime.timezone.utc)
    server.sql(f"INSERT INTO {table} VALUES (1)")
    time.sleep(1)
    server.sql(f"INSERT INTO {table} VALUES (2)")
    text = start.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    task = task_document(server, include=table, start={"time": text})
    assert ids(core.run(task).ok().messages) == [1, 2]
