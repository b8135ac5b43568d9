"""What the servers' dumps do beside sending rows, each as it was found on a real one."""

import signal
import struct
import time

import pytest

from harness.proxy import (COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID, COM_REGISTER_SLAVE, Cut, Proxy,
                           event_type)
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


def replicas(server) -> list[str]:
    """The host names in the server's list of replicas."""
    word = "SHOW REPLICAS" if server.series == "9.7" else "SHOW SLAVE HOSTS"
    return [row[1] for row in server.sql(word, timeout=20 * PATIENCE)]


@pytest.mark.sources("mysql-9.7", "mariadb-10.11", "mariadb-11.8")
def test_a_registration_whose_session_ends_is_forgotten(source):
    """So a server with which we register may be asked for its replicas, whoever died there."""
    for number in range(20):
        connection = source.connect()
        with connection.cursor() as cursor:
            cursor.execute(f"SET @slave_uuid = '{number:036}', @replica_uuid = '{number:036}'")
        body = struct.pack("<I", 3000000001 + number) + b"\x07left-it\0\0" + bytes(10)
        connection._execute_command(COM_REGISTER_SLAVE, body)
        connection._read_packet()
        assert "left-it" in replicas(source)
        connection.close()
        wait_until(lambda: "left-it" not in replicas(source), 10, "it is forgotten")


@pytest.mark.sources("mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-10.11")
def test_a_reader_that_ends_before_its_dump_harms_no_source(new_server, source_name, core):
    """Old MySQL reads the session of a dead registration at the next SHOW SLAVE HOSTS, and dies:
    there we neither register nor ask."""
    old = source_name in ("mysql-5.7", "mysql-8.0")
    server = new_server(source_name)
    server.create_repl_user(grants="SELECT, REPLICATION SLAVE, REPLICATION CLIENT" if
                            server.flavor == "mysql" else
                            "SELECT, REPLICATION SLAVE, BINLOG MONITOR, REPLICATION MASTER ADMIN")
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    start = here(server)
    server.sql("INSERT INTO d.t VALUES (1)")
    cuts, commands, queries = [], set(), []

    def on_command(data):
        if data[3] == 0:  # not a part of the login
            commands.add(data[4])
            queries.append(data[5:])
            if data[4] in (COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID) and len(cuts) < 3:
                cuts.append(data[4])
                raise Cut(0)
    between = Proxy(server)
    between.on_command = on_command
    try:
        result = core.run(task_document(between, include="d.t", start=start,
                                        source_extra={"tls": {"mode": "disabled"}})).ok()
    finally:
        between.close()
    assert ids(result.messages) == [1] and len(cuts) == 3
    for _ in range(10):
        assert not (replicas(server) and old)
    assert server.alive
    asked = bool({b"SHOW SLAVE HOSTS", b"SHOW REPLICAS"} & set(queries))
    assert (asked, COM_REGISTER_SLAVE in commands) == (not old, not old)
