"""Only what happened arrives: rollbacks, savepoints, groups larger than memory, kill -9."""

import json
import time

import pytest

from harness.tasks import here, task_document, unique
from harness.waiting import wait_until

MIB = 1024 * 1024


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages if m and m["op"] == "c"]


# MySQL with GTIDs refuses such a transaction; without the MyISAM table no server logs undone rows.
@pytest.mark.sanitize
@pytest.mark.sources("mariadb-10.11")
def test_savepoints(source, database, core):
    """Rows that a ROLLBACK TO took back do not arrive, rows beside them do."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY) ENGINE=InnoDB;"
               f"CREATE TABLE {database}.m (id INT) ENGINE=MyISAM")
    start = here(source)
    # A MyISAM table in the transaction keeps the undone rows in the binlog.
    source.sql(f"BEGIN; INSERT INTO {database}.t VALUES (1); SAVEPOINT a;"
               f"INSERT INTO {database}.t VALUES (2); INSERT INTO {database}.m VALUES (100);"
               f"INSERT INTO {database}.t VALUES (3); ROLLBACK TO a;"
               f"INSERT INTO {database}.t VALUES (4); COMMIT")
    result = core.run(task_document(source, include=f"{database}.*", start=start)).ok()
    rows = [(m["source"]["table"], m["after"]["id"]) for m in result.messages]
    assert [row for row in rows if row[0] == "t"] == [("t", 1), ("t", 4)]
    assert [row for row in rows if row[0] == "m"] == [("m", 100)], \
        "a row of a non-transactional table stays"


def test_rollback_with_a_temporary_table(source, database, core):
    """MariaDB logs these rows and then ROLLBACK; nothing of it arrives."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    start = here(source)
    source.sql(f"BEGIN; INSERT INTO {database}.t VALUES (1);"
               f"CREATE TEMPORARY TABLE {database}.tmp (a INT); ROLLBACK")
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    result = core.run(task_document(source, include=f"{database}.t", start=start)).ok()
    assert ids(result.messages) == [2]


@pytest.fixture
def wide(source, database):
    """A table, and a function that puts a transaction of n rows in it."""
    table = f"{database}.wide"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(1000))")

    def insert(first, count, width=200):
        depth = "max_recursive_iterations" if "mariadb" in source_kind(source) \
            else "cte_max_recursion_depth"
        source.sql(
            f"SET SESSION {depth} = 1000000000; INSERT INTO {table} WITH RECURSIVE s(n) AS "
            f"(SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {first + count - 1}) "
            f"SELECT n, REPEAT(CHAR(97 + n % 26), {width}) FROM s")
    return table, insert


def source_kind(source):
    """'mariadb' or 'mysql'."""
    return type(source).__name__.lower()


@pytest.mark.sanitize
def test_a_group_larger_than_memory(source, core, wide):
    """Read twice, published once, in order; memory stays bounded."""
    table, insert = wide
    start = here(source)
    insert(1, 10)
    insert(11, 60000)
    insert(60011, 10)
    result = core.run(task_document(
        source, include=table, start=start,
        memory={"queue_bytes": 4 * MIB, "group_bytes": 4 * MIB})).ok()
    assert ids(result.messages) == list(range(1, 60021))
    assert result.summary["transactions"] == 3


@pytest.mark.sources("mariadb-10.11")
def test_a_large_group_with_undone_rows(source, database, core):
    """The verdict of the first reading holds in the second."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(2000));"
               f"CREATE TABLE {database}.m (id INT) ENGINE=MyISAM")
    start = here(source)
    statements = ["BEGIN"]
    for number in range(3000):
        statements.append(f"INSERT INTO {database}.t VALUES ({number}, REPEAT('x', 1500))")
        if number == 999:
            statements.append("SAVEPOINT a")
        if number == 1999:
            statements.append(f"INSERT INTO {database}.m VALUES (1)")
            statements.append("ROLLBACK TO a")
    statements.append("COMMIT")
    source.sql(";".join(statements))
    result = core.run(task_document(source, include=f"{database}.t", start=start,
                                    memory={"queue_bytes": MIB, "group_bytes": MIB})).ok()
    assert ids(result.messages) == [*range(1000), *range(2000, 3000)]


def test_kill_inside_a_large_group(source, core, kafka, bus, wide):
    """After kill -9 inside a transaction it goes on inside it: nothing is lost, and what
    comes twice reaches back only to the last save."""
    table, insert = wide
    start = here(source)
    insert(1, 200000)
    insert(200001, 100)
    name = unique("big")
    document = task_document(
        source, include=table, start=start, name=name, commit_interval_ms=100,
        pipe={"type": "kafka", "brokers": kafka.brokers},
        memory={"queue_bytes": MIB, "group_bytes": MIB})
    partial = None
    for _ in range(5):
        running = core.start(document, until="head")
        deadline = time.monotonic() + 20
        while running.alive and time.monotonic() < deadline:
            saved = core.state / "position.json"
            position = json.loads(saved.read_text()) if saved.exists() else {}
            if position.get("partial"):
                partial = position["partial"]
                break
            time.sleep(0.01)
        if partial or not running.alive:
            break
    assert partial, "never seen inside the transaction"
    running.kill()
    position = json.loads((core.state / "position.json").read_text())
    rows = position["partial"]["rows"] if position["partial"] else 200000
    before = len(bus.collect(f"{name}.{table}"))
    core.run(document, timeout=120).ok()
    messages = [m.json["after"]["id"] for m in bus.collect(f"{name}.{table}", count=200100)]
    assert set(messages) == set(range(1, 200101))
    assert messages[:before] == list(range(1, before + 1))
    assert messages[before:] == list(range(rows + 1, 200101)), \
        "resumed right behind the saved row"


@pytest.mark.sanitize
def test_kill_under_load(source, database, core, kafka, bus):
    """kill -9 again and again while rows are written: every row arrives, in order."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(100))")
    name = unique("load")
    document = task_document(source, include=f"{database}.t", start=here(source), name=name,
                             commit_interval_ms=50, pipe=kafka)
    number = 0
    for _ in range(6):
        running = core.start(document)
        for _ in range(12):
            values = ",".join(f"({number + i}, 'row {number + i}')" for i in range(50))
            source.sql(f"INSERT INTO {database}.t VALUES {values}")
            number += 50
        running.kill()
    core.run(document).ok()
    seen = [m.json["after"]["id"] for m in bus.collect(f"{name}.{database}.t", count=number)]
    assert set(seen) == set(range(number)), "a row is missing"
    newest = -1
    for identifier in seen:   # repeats go back, but never skip forward
        assert identifier <= newest + 1
        newest = max(newest, identifier)


def test_sigterm_under_load_doubles_nothing(source, core, kafka, bus, wide):
    """A clean stop inside a large transaction saves where it was."""
    table, insert = wide
    start = here(source)
    insert(1, 100000)
    name = unique("stop")
    document = task_document(source, include=table, start=start, name=name,
                             pipe={"type": "kafka", "brokers": kafka.brokers},
                             memory={"queue_bytes": MIB, "group_bytes": MIB})
    for _ in range(4):
        running = core.start(document)
        running.wait_for_log("reading ")
        time.sleep(0.15)
        running.terminate().ok()
    core.run(document).ok()
    seen = [m.json["after"]["id"] for m in bus.collect(f"{name}.{table}", count=100000)]
    assert seen == list(range(1, 100001))


def test_an_idle_task_follows_the_files(new_server, new_database, core):
    """Without GTIDs the position moves with the files: purging what was passed does not harm."""
    source = new_server("mysql-8.0", options={"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"})
    database = new_database(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY); INSERT INTO {database}.t VALUES (1)")
    document = task_document(source, include=f"{database}.t", start=here(source))
    running = core.start(document)
    running.wait_for_log("reading ")
    source.sql("FLUSH BINARY LOGS")
    file, _ = source.position()
    wait_until(lambda: json.loads((core.state / "position.json").read_text())["file"] == file, 20,
               "the saved position is in the new file")
    assert running.terminate().ok().summary["transactions"] == 0
    source.sql(f"PURGE BINARY LOGS TO '{file}'; INSERT INTO {database}.t VALUES (2)")
    assert ids(core.run(document).ok().messages) == [2]
