"""What the servers' dumps do beside sending rows, each as it was found on a real one."""

import signal
import time

import pytest

from harness.proxy import Proxy, event_type
from harness.tasks import here, task_document
from harness.waiting import PATIENCE, wait_until

ANNOTATE, HEARTBEATS = 160, {27, 41}


@pytest.fixture
def between(source):
    """A proxy in front of the source."""
    proxy = Proxy(source)
    yield proxy
    proxy.close()


def ids(messages):
    """The ids that were inserted."""
    return [message["after"]["id"] for message in messages]


@pytest.mark.sources("mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-10.11", "mariadb-11.8")
def test_an_idle_source_beats(source, database, core, between):
    """Heartbeats come, in the server's own form, and MariaDB's statements only where asked for."""
    source.sql("CREATE TABLE t (id INT PRIMARY KEY)", database)
    types = []

    def listen(event, _):
        types.append(event_type(event))
        return event
    between.on_event = listen
    running = core.start(task_document(
        between, include=f"{database}.t", start=here(source),
        source_extra={"tls": {"mode": "disabled"}}))
    source.sql("INSERT INTO t VALUES (1)", database)
    running.wait_for_lines(1)
    wait_until(lambda: sum(each in HEARTBEATS for each in types) >= 2, 15, "heartbeats")
    source.sql("INSERT INTO t VALUES (2)", database)
    running.wait_for_lines(2)
    result = running.terminate().ok()
    assert ids(result.messages) == [1, 2]
    assert ANNOTATE not in types and "the source is away" not in result.stderr


@pytest.mark.sources("mysql-8.0", "mariadb-10.11")
def test_a_reader_that_stalls_is_not_disconnected(source, database, core):
    """For longer than the server's net_write_timeout, with more to send than sockets hold."""
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)", database)
    start = here(source)
    (timeout,), = source.sql("SELECT @@GLOBAL.net_write_timeout")
    source.sql("SET GLOBAL net_write_timeout = 1")
    try:
        document = task_document(source, include=f"{database}.t", start=start)
        document["tables"]["columns"] = [{"match": f"{database}.t.v", "action": "drop"}]
        running = core.start(document)
        running.wait_for_log("reading ")
        running.signal(signal.SIGSTOP)
        for number in range(16):
            source.sql(f"INSERT INTO t VALUES ({number}, REPEAT('x', 2000000))", database)
        time.sleep(3 * PATIENCE)  # longer than the server would wait
        running.signal(signal.SIGCONT)
        running.wait_for_lines(16)
        result = running.terminate().ok()
    finally:
        source.sql(f"SET GLOBAL net_write_timeout = {timeout}")
    assert ids(result.messages) == list(range(16))
    assert "the source is away" not in result.stderr


@pytest.mark.sources("mariadb-10.11", "mariadb-11.8")
def test_a_domain_that_the_start_does_not_name(new_server, source_name, core):
    """It is read from its start, as a replica of MariaDB reads it."""
    server = new_server(source_name)
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY);"
               "SET gtid_domain_id = 7; INSERT INTO d.t VALUES (1), (2);"
               "SET gtid_domain_id = 0; INSERT INTO d.t VALUES (3)")
    (position,), = server.sql("SELECT @@gtid_binlog_pos")
    known = [gtid for gtid in position.split(",") if gtid.startswith("0-")]
    assert len(known) == 1 and known[0] != position
    server.sql("INSERT INTO d.t VALUES (4)")
    result = core.run(task_document(server, include="d.t", start={"gtid": known[0]})).ok()
    assert sorted(ids(result.messages)) == [1, 2, 4]
