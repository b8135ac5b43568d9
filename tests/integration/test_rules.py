"""Row filters and column rules: what comes out of the pipe, on a real server."""

import hashlib
import hmac
import json

import pytest

from harness.failure import failure
from harness.tasks import here, task_document


def hashed(text: str, salt: str = "") -> str:
    """What the action `hash` makes of a value."""
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.sanitize
def test_rows_that_meet_the_filter(source, database, core):
    """A consumer has exactly the rows that SELECT … WHERE gives; updates come in and go out."""
    table = f"{database}.item"
    where = "price > 10 AND (state IN ('new', 'paid') OR note LIKE '%!%') AND big IS NOT NULL"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, price DECIMAL(10,2), big BIGINT UNSIGNED,"
               "  state ENUM('new','paid','sent'), note VARCHAR(50))")
    start = here(source)
    source.sql(f"""
        INSERT INTO {table} VALUES (1, 10.01, 18446744073709551615, 'new', ''),
          (2, 10, 1, 'new', ''), (3, 99.5, 1, 'sent', 'so!'), (4, 99.5, 1, 'sent', 'so'),
          (5, 50, NULL, 'paid', NULL), (6, NULL, 1, 'paid', NULL);
        UPDATE {table} SET price = price + 1 WHERE id IN (1, 2);
        UPDATE {table} SET state = 'sent' WHERE id = 1;
        UPDATE {table} SET big = 2 WHERE id = 5;
        DELETE FROM {table} WHERE id = 3;
        DELETE FROM {table} WHERE id = 4;
        UPDATE {table} SET id = 50 WHERE id = 5""")
    result = core.run(task_document(source, include=table, start=start, tables={
        "rows": [{"match": table, "where": where}]})).ok()
    assert [(m["op"], (m["after"] or m["before"])["id"]) for m in result.messages if m] == [
        ("c", 1), ("c", 3), ("u", 1), ("c", 2), ("d", 1), ("c", 5), ("d", 3), ("d", 5), ("c", 50)]
    rows = {}
    for message in filter(None, result.messages):
        if message["before"]:
            rows.pop(message["before"]["id"])
        if message["after"]:
            rows[message["after"]["id"]] = message["after"]["state"]
    met = source.sql(f"SELECT id, state FROM {table} WHERE {where} ORDER BY id")
    assert sorted(rows.items()) == [(int(row[0]), row[1]) for row in met]


def test_column_rules(source, database, core):
    """Nothing that a rule takes away is in any message, key or log."""
    table = f"{database}.user"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, email VARCHAR(99), phone CHAR(20),"
               "  birth DATE, pay DECIMAL(8,2), bio TEXT CHARACTER SET utf8mb4, pin VARBINARY(9),"
               "  other INT)")
    start = here(source)
    source.sql(f"""
        INSERT INTO {table} VALUES
          (1, 'secret@x', '+49 secret', '1980-01-02', 12.50, 'größer', 'secret', 5),
          (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        UPDATE {table} SET email = 'secret2@x', bio = 'ä' WHERE id = 1;
        DELETE FROM {table} WHERE id = 1""")
    document = task_document(source, include=table, start=start, tables={
        "salt": "pepper",
        "columns": [
            {"match": f"{database}.user.email", "action": "hash"},
            {"match": "*.user.phone", "action": "mask", "with": "(hidden)"},
            {"match": "*.*.birth", "action": "null"},
            {"match": "*.*.pay", "action": "hash"},
            {"match": "*.*.bio", "action": "truncate", "length": 3},
            {"match": "*.*.pin", "action": "drop"},
            {"match": "*.*.i?", "action": "hash"}]})
    result = core.run(document).ok()
    first, second, update, delete, tombstone = result.messages
    row = {"id": hashed("1", "pepper"), "email": hashed("secret@x", "pepper"),
           "phone": "(hidden)", "birth": None, "pay": hashed("12.50", "pepper"), "bio": "grö",
           "other": 5}
    assert first["after"] == row
    assert second["after"] == dict.fromkeys(row) | {"id": hashed("2", "pepper")}
    row2 = row | {"email": hashed("secret2@x", "pepper"), "bio": "ä"}
    assert (update["before"], update["after"]) == (row, row2)
    assert delete["before"] == row2 and tombstone is None
    assert "secret" not in json.dumps(result.messages) and "secret" not in result.stderr


@pytest.mark.sources("mariadb-10.11")
@pytest.mark.parametrize("tables,expected", [
    ({"columns": [{"match": "*.t.emial", "action": "mask"}]},
     ["tables.columns[0].match", "has no such column"]),
    ({"columns": [{"match": "*.t.id", "action": "mask"}]},
     ["tables.columns[0]", "part of the messages' key"]),
    ({"rows": [{"match": "*.t", "where": "prize > 3"}]},
     ["tables.rows[0].where", "no column prize"]),
    ({"rows": [{"match": "*.t", "where": "email > 3"}]},
     ["tables.rows[0].where", "a text in quotes"]),
])
def test_rules_that_do_not_fit(source, database, core, tables, expected):
    """They stop the task at the table, before anything of it is published."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, email VARCHAR(99))")
    start = here(source)
    source.sql(f"INSERT INTO {database}.t VALUES (1, 'a')")
    result = core.run(task_document(source, include=f"{database}.*", start=start, tables=tables))
    failure(result, "task_invalid", *expected)
    assert not result.messages


@pytest.mark.sources("mysql-8.0", "mariadb-10.11")
def test_filter_and_short_row_images(source, database, core):
    """MINIMAL: what an update leaves unchanged is taken from the image before it, and a column
    that is in neither stops the task instead of being guessed."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v INT, w INT)")
    start = here(source)
    source.sql(f"SET SESSION binlog_row_image = MINIMAL;"
               f"INSERT INTO {table} VALUES (1, 1, 1), (20, 1, 1);"
               f"UPDATE {table} SET v = 2 WHERE id = 20; DELETE FROM {table} WHERE id = 1")
    document = task_document(source, include=table, start=start, tables={
        "rows": [{"match": table, "where": "id > 10"}]})
    result = core.run(document).ok()
    assert [(m["op"], m["after"]) for m in result.messages] == [
        ("c", {"id": 20, "v": 1, "w": 1}), ("u", {"v": 2})]
    document["tables"]["rows"][0]["where"] = "w = 1"
    failure(core.run(document, state=core.folder / "other"), "value_invalid", "column w",
            "binlog_row_image=FULL")


@pytest.mark.sources("mysql-8.0", "mariadb-10.11")
def test_a_row_that_comes_into_the_filter_is_whole(source, database, core):
    """Its insert would lack what MINIMAL images lack, which a consumer takes for defaults."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v INT)")
    start = here(source)
    source.sql(f"INSERT INTO {table} VALUES (1, 5), (2, 6);"
               f"UPDATE {table} SET id = 20 WHERE id = 2;"
               f"SET SESSION binlog_row_image = MINIMAL; UPDATE {table} SET id = 10 WHERE id = 1")
    document = task_document(source, include=table, start=start, tables={
        "rows": [{"match": table, "where": "id >= 10"}]})
    result = core.run(document)
    failure(result, "value_invalid", "column v", "binlog_row_image=FULL")
    assert [(m["op"], m["after"]) for m in result.messages] == [("c", {"id": 20, "v": 6})]
    document["tables"]["columns"] = [{"match": f"{table}.v", "action": "drop"}]
    result = core.run(document, state=core.folder / "dropped").ok()
    assert [(m["op"], m["after"]) for m in result.messages] == [("c", {"id": 20}), ("c", {"id": 10})]


@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_heartbeats(source, database, kafka, bus, core):
    """They come while nothing changes, in order behind the rows read before, and not while the
    source is away."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    document = task_document(source, include=table, pipe=bus, start=here(source))
    topic = document["name"] + ".beat"
    document["pipe"]["topics"] = {"heartbeat": "{task}.beat", "heartbeat_interval": "1s"}
    source.sql(f"INSERT INTO {table} VALUES (1)")
    running = core.start(document)
    beats = bus.collect(topic, count=4)
    running.terminate().ok()
    assert {beat.key for beat in beats} == {b'{"serverName":"%s"}' % document["name"].encode()}
    values = [json.loads(beat.value) for beat in beats]
    times = [value["ts_ms"] for value in values]
    assert times == sorted(times) and all(value["task"] == document["name"] for value in values)
    assert [(values[-1]["file"], values[-1]["pos"])] == [source.position()]
    document["pipe"]["options"] = {"compat": "exact"}
    document["name"] += "x"
    running = core.start(document, state=core.folder / "second")
    beats = bus.collect(document["name"] + ".beat", count=1)
    assert list(json.loads(beats[0].value)) == ["ts_ms"], "as Debezium writes it"
    running.terminate().ok()


@pytest.mark.sanitize
@pytest.mark.sources("mariadb-10.11", "mariadb-11.8")
@pytest.mark.parametrize("metadata", ["FULL", "NO_LOG"])
@pytest.mark.parametrize("columns", [
    "id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING",
    "id INT, a INT) WITH SYSTEM VERSIONING",
    "id INT PRIMARY KEY, a INT, since TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE,"
    "  till TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME"
    "  (since, till)) WITH SYSTEM VERSIONING"])
def test_system_versioning(source, database, core, columns, metadata):
    """Messages are what SELECT shows: history rows are none, and a DELETE is one.
    (Tables versioned by transaction ids are logged as statements by the servers.)"""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} ({columns}")
    start = here(source)
    source.sql(f"SET GLOBAL binlog_row_metadata = {metadata}")
    try:
        source.sql(f"""INSERT INTO {table} (id, a) VALUES (1, 2), (2, 5);
            UPDATE {table} SET a = 4 WHERE id = 1; DELETE FROM {table} WHERE id = 1;
            UPDATE {table} SET a = a + 1, id = 3 WHERE id = 2;
            DELETE HISTORY FROM {table}; INSERT INTO {table} (id, a) VALUES (1, 9)""")
    finally:
        source.sql("SET GLOBAL binlog_row_metadata = DEFAULT")
    keyed = "PRIMARY" in columns
    result = core.run(task_document(source, include=table, start=start)).ok()
    seen = [(m["op"], *((m["after"] or m["before"])[name] for name in ("id", "a")))
            for m in result.messages if m]
    moved = [("d", 2, 5), ("c", 3, 6)] if keyed else [("u", 3, 6)]
    assert seen == [("c", 1, 2), ("c", 2, 5), ("u", 1, 4), ("d", 1, 4), *moved, ("c", 1, 9)]
