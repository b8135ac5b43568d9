"""Events that servers write only when told to: compressed ones of both flavours."""

import json
import re

import pytest

from harness import proxy as binlog
from harness.failure import failure, place_in
from harness.proxy import Proxy
from harness.tasks import here, here_gtid, task_document

PAYLOAD = 40


def create(source, table):
    """A table that some changes are made to; `start` in front of them."""
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(200), big LONGTEXT)")


def rows_of(result) -> dict:
    """What the messages make of an empty table."""
    rows = {}
    for message in filter(None, result.messages):
        if message["before"]:
            rows.pop(message["before"]["id"])
        if message["after"]:
            rows[message["after"]["id"]] = (message["after"]["v"], message["after"]["big"])
    return rows


def selected(source, table) -> dict:
    """The same, of the table."""
    return {int(row[0]): (row[1], row[2])
            for row in source.sql(f"SELECT id, v, big FROM {table} ORDER BY id")}


CHANGES = """
    INSERT INTO {t} VALUES (1, 'one', REPEAT('x', 5000));
    {on}
    INSERT INTO {t} VALUES (2, 'two', NULL), (3, 'three', REPEAT('y', 300000));
    BEGIN; UPDATE {t} SET v = 'deux' WHERE id = 2; DELETE FROM {t} WHERE id = 1;
    SAVEPOINT s; INSERT INTO {t} VALUES (4, 'undone', 'x'); ROLLBACK TO s;
    INSERT INTO {t} VALUES (5, 'five', REPEAT('z', 1000)); COMMIT;
    CREATE TABLE {t}_other (id INT);
    UPDATE {t} SET id = id + 100;
    {off}
    INSERT INTO {t} VALUES (9, 'nine', '')"""


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
@pytest.mark.parametrize("how", [here, here_gtid])
def test_transaction_payloads(source, database, core, how):
    """Compressed and plain transactions take turns; each position is a payload's end."""
    table = f"{database}.t"
    create(source, table)
    start = how(source)
    source.sql(CHANGES.format(t=table, on="SET SESSION binlog_transaction_compression = ON;",
                              off="SET SESSION binlog_transaction_compression = OFF;"))
    document = task_document(source, include=table, start=start)
    result = core.run(document).ok()
    assert rows_of(result) == selected(source, table)
    position = result.summary["position"]
    assert (position["file"], position["pos"]) == source.position()
    source.sql(f"SET SESSION binlog_transaction_compression = ON;"
               f"INSERT INTO {table} VALUES (10, 'ten', '')")
    again = core.run(document).ok()
    assert [m["after"]["id"] for m in again.messages] == [10], "resumed behind the last one"


@pytest.mark.sources("mysql-9.7")
def test_payload_over_group_bytes(source, database, core):
    """A payload that holds more than group_bytes is read twice, in bounded memory."""
    table = f"{database}.t"
    create(source, table)
    start = here(source)
    source.sql(f"""SET SESSION cte_max_recursion_depth = 100000;
        SET SESSION binlog_transaction_compression = ON;
        INSERT INTO {table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
          WHERE i < 60000) SELECT i, CONCAT('row ', i), REPEAT('abcdefgh', 120) FROM n""")
    document = task_document(source, include=table, start=start,
                             memory={"group_bytes": 65536, "queue_bytes": 1048576})
    document["pipe"] = {"type": "none", "delivery": "at_least_once"}
    result = core.run(document).ok()
    assert result.summary["rows"] == 60000
    assert result.summary["peak_rss_bytes"] < 48 << 20, "60 MB of rows went through"


@pytest.mark.sources("mysql-9.7")
@pytest.mark.parametrize("damage", ["cut", "flipped", "longer"])
def test_damaged_payload(source, database, core, damage):
    """The outer CRC is made right again: what is inside is looked at for itself."""
    table = f"{database}.t"
    create(source, table)
    start = here(source)
    source.sql(f"SET SESSION binlog_transaction_compression = ON;"
               f"INSERT INTO {table} VALUES (1, 'one', REPEAT('x', 3000))")
    between = Proxy(source)

    def on_event(event, _dump):
        if binlog.event_type(event) != PAYLOAD:
            return event
        magic = event.index(b"\x28\xb5\x2f\xfd")
        body = {"cut": event[:-14], "flipped": binlog.flipped(event, magic)[:-4],
                "longer": event[:-4] + b"\x28\xb5\x2f\xfd"}[damage]
        return binlog.sealed(body)
    between.on_event = on_event
    try:
        result = core.run(task_document(between, include=table, start=start,
                                        source_extra={"tls": {"mode": "disabled"}}))
        line = failure(result, "event_corrupt", "TRANSACTION_PAYLOAD")
        assert place_in(line)[0] == start["file"] and not result.messages
    finally:
        between.close()


@pytest.mark.sanitize
@pytest.mark.parametrize("series", ["10.11", "11.8"])
def test_mariadb_compressed_events(series, core, new_server, new_database):
    """log_bin_compress: rows and statements."""
    source = new_server(f"mariadb-{series}", options={"log_bin_compress": "ON",
                                                      "log_bin_compress_min_len": "20"})
    database = new_database(source)
    table = f"{database}.t"
    create(source, table)
    start = here(source)
    source.sql(CHANGES.format(t=table, on="", off=""))
    document = task_document(source, include=table, start=start)
    result = core.run(document).ok()
    assert rows_of(result) == selected(source, table)
    document["memory"] = {"group_bytes": 65536, "queue_bytes": 262144}
    assert rows_of(core.run(document, state=core.folder / "small").ok()) == selected(source, table)


@pytest.mark.sources("mariadb-10.11", "mariadb-11.8")
def test_mariadb_compressed_columns(source, database, core):
    """Short values are stored as they are, others deflated; sizes of every header."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(2000) COMPRESSED,"
               "  t TEXT COMPRESSED, b LONGBLOB COMPRESSED, l VARCHAR(500) COMPRESSED "
               "  CHARACTER SET latin1)")
    start = here(source)
    source.sql(f"""INSERT INTO {table} VALUES (1, '', 'short', X'00', 'é'),
        (2, REPEAT('ab', 900), REPEAT('größe', 3000), REPEAT(X'0001', 100000), REPEAT('é', 400)),
        (3, NULL, NULL, NULL, NULL);
        UPDATE {table} SET v = REPEAT('c', 300) WHERE id = 1""")
    document = task_document(source, include=table, start=start,
                             pipe={"type": "stdout", "options": {"binary.handling.mode": "hex"}})
    messages = core.run(document).ok().messages
    shown = {int(row[0]): row[1:] for row in source.sql(
        f"SELECT id, v, t, LOWER(HEX(b)), l FROM {table}")}
    for message in messages[-1:] + messages[1:3]:
        after = message["after"]
        assert [after["v"], after["t"], after["b"], after["l"]] == shown[after["id"]]


def compact(text):
    """A document as messages have it: without the blanks behind `,` and `:`."""
    return None if text is None else re.sub(r'("(?:[^"\\]|\\.)*")| ', r"\1", text)


PARTIAL = """
    SET SESSION binlog_row_value_options = 'PARTIAL_JSON';
    UPDATE {t} SET d = JSON_SET(d, '$.b', 'changed', '$.new', CAST(1.50 AS DECIMAL(5,2)));
    UPDATE {t} SET d = JSON_REMOVE(d, '$.a', '$.list[1]') WHERE id = 1;
    UPDATE {t} SET d = JSON_ARRAY_APPEND(d, '$.list', JSON_OBJECT('k', X'00ff')) WHERE id = 1;
    UPDATE {t} SET d = JSON_ARRAY_INSERT(d, '$.list[0]', 'first') WHERE id = 1;
    UPDATE {t} SET d = JSON_REPLACE(d, '$."odd \\\\"key".x', 18446744073709551615), e =
      JSON_SET(e, '$[0].z', NULL) WHERE id = 1;
    UPDATE {t} SET e = JSON_INSERT(e, '$[0]."größe"', 'ü'), n = 5 WHERE id = 1;
    UPDATE {t} SET d = JSON_REMOVE(d, '$.b', '$.list', '$.new') WHERE id = 1;
    UPDATE {t} SET d = JSON_SET(d, '$.list', JSON_ARRAY()) WHERE id = 1;
    UPDATE {t} SET d = JSON_ARRAY_APPEND(d, '$.list', TRUE, '$.list', 2e100) WHERE id = 1;
    UPDATE {t} SET d = NULL WHERE id = 2;
    UPDATE {t} SET d = '{{}}' WHERE id = 2;
    UPDATE {t} SET d = JSON_SET(d, '$.only', 1) WHERE id = 2;
    UPDATE {t} SET d = JSON_REMOVE(d, '$.only') WHERE id = 2"""

FIRST = ('{"a": 1, "b": "long enough to leave room for what follows it", "list": [1, 2, 3], '
         '"odd \\\\"key": {"x": 1.5, "y": "..........................................."}}')


def json_table(source, table):
    """Two rows with documents."""
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, d JSON, n INT, e JSON);"
               f"INSERT INTO {table} VALUES (1, '{FIRST}', 1, '[{{\"z\": \"{'z' * 80}\"}}]'),"
               f"  (2, '{FIRST}', 2, NULL)")


@pytest.mark.sanitize
@pytest.mark.sources("mysql-8.0", "mysql-9.7")
def test_partial_json(source, database, core):
    """Each message has the whole document, as SELECT showed it after that statement."""
    table = f"{database}.t"
    json_table(source, table)
    start = here(source)
    shown = []
    statements = PARTIAL.format(t=table).split(";\n")
    # One session, or the option is gone: each statement's outcome goes into another table.
    source.sql(f"CREATE TABLE {database}.seen (n INT AUTO_INCREMENT PRIMARY KEY, id INT, d LONGTEXT,"
               "  e LONGTEXT)")
    keep = f"INSERT INTO {database}.seen (id, d, e) SELECT id, d, e FROM {table} ORDER BY id"
    source.sql(";\n".join([statements[0]] + [f"{each};{keep}" for each in statements[1:]]))
    for _n, number, d, e in source.sql(f"SELECT * FROM {database}.seen ORDER BY n"):
        shown.append((int(number), compact(d), compact(e)))
    result = core.run(task_document(source, include=table, start=start)).ok()
    now, states = {1: (compact(FIRST.replace('\\\\"', '\\"')), compact('[{"z": "%s"}]' % ("z" * 80)))}, []
    now[2] = (now[1][0], None)
    updates = iter(result.messages)
    for statement in statements[1:]:
        for _ in range(1 if "WHERE" in statement else 2):
            after = next(updates)["after"]
            now[after["id"]] = (after["d"], after["e"])
        states += [(number, *now[number]) for number in sorted(now)]
    assert states == shown
    assert not list(updates)


@pytest.mark.sources("mysql-8.0", "mysql-9.7")
def test_partial_json_without_the_document(source, database, core):
    """Where the row image lacks the document: Debezium's placeholder, and the diff in a header.
    (With NOBLOB the before image has the documents that change.)"""
    table = f"{database}.t"
    json_table(source, table)
    start = here(source)
    source.sql("SET SESSION binlog_row_image = MINIMAL, binlog_row_value_options = 'PARTIAL_JSON';"
               f"UPDATE {table} SET d = JSON_SET(d, '$.b', 'x'), e = JSON_SET(e, '$[0].z', 7)"
               " WHERE id = 1; SET SESSION binlog_row_image = NOBLOB;"
               f"UPDATE {table} SET e = JSON_SET(e, '$[0].z', 8) WHERE id = 1")
    result = core.run(task_document(source, include=table, start=start), with_keys=True).ok()
    minimal, noblob = [line.split("\t") for line in result.lines]
    assert json.loads(minimal[2])["after"] == {"d": "__debezium_unavailable_value",
                                               "e": "__debezium_unavailable_value"}
    assert json.loads(minimal[1])["__mr.values"] == {"after": {
        "d": {"diff": [{"op": "replace", "path": "$.b", "value": "x"}]},
        "e": {"diff": [{"op": "replace", "path": "$[0].z", "value": 7}]}}}
    assert json.loads(noblob[2])["after"]["e"] == '[{"z":8}]'
