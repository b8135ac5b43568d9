"""Events that servers write only when told to: compressed ones of both flavours."""

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
