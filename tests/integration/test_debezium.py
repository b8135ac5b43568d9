"""With compat exact a message is what Debezium writes; lossless, what it loses is kept.

tests/vectors/debezium/forms.jsonl holds what Debezium's connectors wrote for forms.sql; the
same statements, read by mr-core, must give the same keys, headers and row images, in order.
"""

import json
import pathlib

import pytest

from harness.tasks import here, task_document

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "debezium"

MODES = {
    "default": {},
    "iso": {"decimal.handling.mode": "string", "time.precision.mode": "isostring",
            "binary.handling.mode": "hex", "bigint.unsigned.handling.mode": "precise"},
    "con": {"decimal.handling.mode": "double", "time.precision.mode": "connect",
            "binary.handling.mode": "base64-url-safe"},
    "mic": {"time.precision.mode": "microseconds", "binary.handling.mode": "base64"},
}

# Columns in which we differ on purpose (docs/envelope.md tells why), and how:
# BOOL: Debezium parsed the word in the statement; after a restart it, too, sees tinyint(1).
# ts: Debezium's MariaDB connector 3.5.0 wrote the epoch; its source of 3.7 has null, as for MySQL.
# tsn: the DEFAULT of a TIMESTAMP is a moment, which Debezium takes out of the statement as UTC;
# forms.sql was run in +02:00, and MariaDB remembers the moment.
MARIADB_DEFAULT = "2000-12-31T22:00:00Z"


def expected(server, mode):
    """forms.jsonl for a kind of server and a mode, with the differences put in: table -> messages."""
    tables = {}
    with open(VECTORS / "forms.jsonl", encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            if (message["server"], message["mode"]) != (server, mode):
                continue
            for image in filter(None, (message["before"], message["after"])):
                if message["table"] == "ints" and image["b"] is not None:
                    image["b"] = int(image["b"])
                if message["table"] == "zeros" and image["id"] == 1:
                    image["ts"] = None
                    if server == "mariadb":
                        image["tsn"] = MARIADB_DEFAULT
            headers = {name: json.loads(text) for name, text in message["headers"].items()}
            tables.setdefault(message["table"], []).append(
                (message["key"], headers, message["op"], message["before"], message["after"]))
    return tables


def run_forms(source, database, core, options):
    """forms.sql through mr-core: table -> [(key's text, headers, op, before, after)]."""
    start = here(source)
    source.sql(f"USE {database};\n" + (VECTORS / "forms.sql").read_text(encoding="utf-8"))
    pipe = {"type": "stdout", "options": options}
    result = core.run(task_document(source, include=f"{database}.*", start=start, pipe=pipe),
                      with_keys=True).ok()
    tables, table = {}, None
    for line in result.lines:
        key, headers, value = line.split("\t")
        event = json.loads(value)
        # A tombstone follows the delete of its row.
        table = event["source"]["table"] if event else table
        images = (event["op"], event["before"], event["after"]) if event else (None, None, None)
        tables.setdefault(table, []).append(
            (None if key == "null" else key, json.loads(headers), *images))
    return tables


def assert_same(got, want):
    """Table by table and message by message, so that a failure shows the one that differs."""
    for table, messages in want.items():
        for index, (ours, theirs) in enumerate(zip(got[table], messages)):
            assert ours == theirs, f"{table}, message {index}"
            for mine, other in zip(ours[3:], theirs[3:]):
                assert mine is None or list(mine) == list(other), f"{table}: order of columns"
                # 1 and 1.0 and True are equal in Python, and not in JSON.
                assert mine is None or [type(v) for v in mine.values()] == \
                    [type(v) for v in other.values()], f"{table}: types in message {index}"
        assert len(got[table]) == len(messages), table


@pytest.mark.sanitize
def test_exact_is_what_debezium_writes(source, database, core):
    """All messages of forms.sql with the defaults, tombstones and changed keys included."""
    server = "mariadb" if "mariadb" in source.name else "mysql"
    got = run_forms(source, database, core, {"compat": "exact"})
    want = expected(server, "default")
    if server == "mariadb":
        got.pop("bigtimes")
    assert_same(got, want)
    assert set(got) == set(want)


@pytest.mark.sources("mysql-8.0")
@pytest.mark.parametrize("mode", ["iso", "con", "mic"])
def test_exact_in_other_modes(source, database, core, mode):
    """The inserts of forms.sql in the other handling modes."""
    got = run_forms(source, database, core, {"compat": "exact", **MODES[mode]})
    want = expected("mysql", mode)
    inserted = {table: [message for message in got[table] if message[2] == "c"] for table in want}
    assert_same(inserted, want)


@pytest.mark.sanitize
def test_lossless_keeps_what_debezium_loses(source, database, core):
    """Zero dates, BIGINT UNSIGNED, the years 0000 and 0001; everything else is the same."""
    server = "mariadb" if "mariadb" in source.name else "mysql"
    got = run_forms(source, database, core, {"compat": "lossless"})
    zeros = [message[4] for message in got.pop("zeros")]
    assert zeros[0] == {
        "id": 1, "d": "0000-00-00", "dn": "0000-00-00", "dt": "0000-00-00 00:00:00.000",
        "dtn": "0000-00-00 00:00:00.000000", "ts": "0000-00-00 00:00:00",
        "tsn": "0000-00-00 00:00:00", "ddef": "0000-00-00"}
    assert zeros[1] == {
        "id": 2, "d": "2015-00-07", "dn": "2015-02-00", "dt": "2015-00-00 10:00:00.000",
        "dtn": "0000-05-05 01:02:03.000000", "ts": None, "tsn": "2018-06-20T13:37:00Z",
        "ddef": 17702}
    assert zeros[2]["d"] == -719162 and zeros[2]["dn"] == -693960
    want = expected(server, "default")
    del want["zeros"]
    for message in want["ints"]:
        for image in filter(None, message[3:]):
            if image["bu"] is not None:
                image["bu"] %= 2 ** 64
            if image["y"] == 1900:
                image["y"] = 0
    for message in want["reals"]:
        for image in filter(None, message[3:]):
            if image["fm"] == 1.100000023841858:
                image["fm"] = 1.1
    assert_same({table: got[table] for table in want}, want)


@pytest.mark.sources("mysql-8.0", "mariadb-10.11")
def test_partial_row_images(source, database, core):
    """What is not in a row image is left out, or the placeholder; exact refuses it."""
    start = here(source)
    table = f"{database}.part"
    source.sql(f"CREATE TABLE {table} (id INT, k INT, v INT DEFAULT 7, t TEXT, "
               "PRIMARY KEY (k, id));"
               "SET SESSION binlog_row_image = 'MINIMAL';"
               f"INSERT INTO {table} (id, k, t) VALUES (1, 2, 'text');"
               f"UPDATE {table} SET v = 8;"
               f"UPDATE {table} SET id = 5;"
               f"DELETE FROM {table}")
    document = task_document(source, include=table, start=start)
    result = core.run(document, with_keys=True).ok()
    rows = [line.split("\t") for line in result.lines]
    gone = "__debezium_unavailable_value"
    assert [(row[0], json.loads(row[2]) and
             [json.loads(row[2])[name] for name in ("op", "before", "after")]) for row in rows] == [
        ('{"k":2,"id":1}', ["c", None, {"id": 1, "k": 2, "t": "text"}]),
        ('{"k":2,"id":1}', ["u", {"id": 1, "k": 2, "t": gone}, {"v": 8, "t": gone}]),
        ('{"k":2,"id":1}', ["d", {"id": 1, "k": 2, "t": gone}, None]),
        ('{"k":2,"id":1}', None),
        ('{"k":2,"id":5}', ["c", None, {"id": 5, "t": gone}]),
        ('{"k":2,"id":5}', ["d", {"id": 5, "k": 2, "t": gone}, None]),
        ('{"k":2,"id":5}', None)]
    document["pipe"]["options"] = {"compat": "exact"}
    refused = core.run(document, state=core.folder / "exact")
    assert refused.status == 1
    assert f"column {table}.v" in refused.stderr and "binlog_row_image" in refused.stderr


def messages_of(result):
    """(table, op) of each message; a tombstone is None."""
    values = [json.loads(line.split("\t")[2]) for line in result.lines]
    return [value and (value.get("payload", value)["source"]["table"],
                       value.get("payload", value)["op"]) for value in values]


@pytest.mark.sanitize
@pytest.mark.sources("mysql-5.7", "mysql-9.7", "mariadb-11.8")
def test_truncate(source, database, core):
    """Op t: of tables met and not met, with filters and rules, and in order with the rows."""
    source.sql("CREATE TABLE met (id INT PRIMARY KEY, a INT);"
               "CREATE TABLE unmet (id INT PRIMARY KEY, a INT NOT NULL);"
               "CREATE TABLE other (id INT PRIMARY KEY);"
               "CREATE TABLE temporary_one (id INT PRIMARY KEY)", database)
    start = here(source)
    source.sql("INSERT INTO met VALUES (1, 1); TRUNCATE TABLE met; INSERT INTO met VALUES (1, 2);"
               "TRUNCATE unmet; TRUNCATE other; /* in a comment */ TRUNCATE `unmet`;"
               "INSERT INTO unmet VALUES (1, 1);"
               "CREATE TEMPORARY TABLE temporary_one (id INT); TRUNCATE temporary_one;"
               "DROP TEMPORARY TABLE temporary_one", database)
    want = [("met", "c"), ("met", "t"), ("met", "c"), ("unmet", "t"), ("unmet", "t"),
            ("unmet", "c")]
    document = task_document(
        source, include=f"{database}.*", start=start,
        pipe={"type": "stdout", "options": {"skipped.operations": "none"}})
    document["tables"] |= {
        "exclude": [f"{database}.other"],
        "rows": [{"match": "*.unmet", "where": "a > 0"}],
        "columns": [{"match": "*.unmet.a", "action": "null"}, {"match": "*.met.a",
                                                               "action": "drop"}]}
    result = core.run(document, with_keys=True).ok()
    assert messages_of(result) == want
    lines = [line.split("\t") for line in result.lines]
    assert lines[1][:2] == ["null", "{}"]
    told = json.loads(lines[1][2])
    assert (told["before"], told["after"]) == (None, None)
    assert told["source"]["db"] == database and told["source"]["pos"] > 4
    # Its key keeps it in the partition of the rows, where that can be.
    document["pipe"]["key"] = "table"
    result = core.run(document, with_keys=True, state=core.folder / "keyed").ok()
    assert messages_of(result) == want
    assert {line.split("\t")[0] for line in result.lines[:3]} == \
        {f'{{"db":"{database}","table":"met"}}'}
    # MariaDB's connector has it in a transaction of its own, MySQL's in none.
    document["pipe"] = {"type": "stdout", "delivery": "at_least_once", "options": {
        "skipped.operations": "none", "provide.transaction.metadata": True}}
    result = core.run(document, state=core.folder / "transactions").ok()
    values = [json.loads(line) for line in result.lines]
    around = [values[at - 1:at + 2] for at, each in enumerate(values) if each.get("op") == "t"]
    assert len(around) == 3
    for begin, told, end in around:
        if source.flavor == "mysql":
            assert told["transaction"] is None
            continue
        group = {"id": begin["id"], "total_order": 1, "data_collection_order": 1}
        assert told["transaction"] == group and begin["status"] == "BEGIN"
        assert (end["status"], end["id"], end["event_count"]) == ("END", begin["id"], 1)
    # As Debezium's default: not told.
    document["pipe"] = {"type": "stdout", "delivery": "at_least_once"}
    result = core.run(document, with_keys=True, state=core.folder / "skipped").ok()
    assert messages_of(result) == [each for each in want if each[1] == "c"]


@pytest.mark.sources("mysql-8.0", "mariadb-10.11")
def test_truncate_with_schemas(source, database, core):
    """Its schema is the table's of that time, of which no row was met; else the task stops."""
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT)", database)
    start = here(source)
    options = {"skipped.operations": "none", "value.converter.schemas.enable": True}
    document = task_document(source, include=f"{database}.t", start=start,
                             pipe={"type": "stdout", "options": options})
    source.sql("TRUNCATE t; INSERT INTO t VALUES (1, 1)", database)
    result = core.run(document, with_keys=True).ok()
    assert messages_of(result) == [("t", "t"), ("t", "c")]
    truncated, created = (json.loads(line.split("\t")[2])["schema"] for line in result.lines)
    assert truncated == created and truncated["fields"][0]["field"] == "before"
    source.sql("DROP TABLE t", database)
    result = core.run(document, with_keys=True, state=core.folder / "late")
    assert result.status == 1
    assert f'TRUNCATE of {database}.t, which pipe.options.skipped.operations "t" would leave out' \
        in result.stderr
    assert "the definition" in result.stderr and "is not known" in result.stderr


@pytest.mark.sources("mysql-9.7", "mariadb-11.8")
@pytest.mark.parametrize("form", ["maxwell", "canal"])
def test_truncate_is_a_schema_change(source, database, core, form):
    """Formats without a message for it: the topic of schema changes tells it."""
    start = here(source)
    source.sql("CREATE TABLE t (id INT PRIMARY KEY); TRUNCATE TABLE t", database)
    document = task_document(source, include=f"{database}.t", start=start, pipe={
        "type": "stdout", "format": form, "topics": {"schema_changes": "{task}.ddl"}})
    result = core.run(document).ok()
    told = [json.loads(line) for line in result.lines]
    assert [each["ddl"] for each in told][-1] == "TRUNCATE TABLE t"
    assert told[-1]["tableChanges"] == [] and told[-1]["source"]["table"] == "t"


@pytest.mark.sources("mariadb-11.8")
def test_generated_columns_that_are_not_logged(source, database, core):
    """MariaDB 11.8 leaves them out of UPDATEs: Debezium stops there, and so does exact."""
    start = here(source)
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, s INT AS (a + 1) STORED);"
               "INSERT INTO t (id, a) VALUES (1, 1); UPDATE t SET a = 2; DELETE FROM t", database)
    document = task_document(source, include=f"{database}.t", start=start)
    lines = [json.loads(line) for line in core.run(document).ok().lines]
    assert [(value and (value["op"], value["before"], value["after"])) for value in lines] == [
        ("c", None, {"id": 1, "a": 1, "s": 2}),
        ("u", {"id": 1, "a": 1}, {"id": 1, "a": 2}),
        ("d", {"id": 1, "a": 2}, None), None]
    document["pipe"]["options"] = {"compat": "exact"}
    refused = core.run(document, state=core.folder / "exact")
    assert refused.status == 1 and len(refused.lines) == 1
    assert f"column {database}.t.s" in refused.stderr
    assert "generated column, which MariaDB 11.8 leaves out" in refused.stderr
