"""Every value that comes out of the pipe is the value that SELECT shows.

The tables and their edge values are harness/values_tables.py's, the forms of values
harness/values.py's (docs/types.md in Python). test_values_forms.py has examples of the
forms and what stops a task, test_values_random.py random changes.
"""

import base64
import datetime
import hashlib
import json
import re
import struct

import pytest

from harness.tasks import here, task_document
from harness.values import PLACEHOLDER, Mode, parse_message
from harness.values_corpus import check, corpus, run_sql, session, set_session, values_server

ALL = ("mariadb-10.11", "mariadb-11.8", "mysql-5.7", "mysql-8.0", "mysql-9.7")


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
def test_every_value(pool, source_name, core):
    """Insert, update and delete of every type; names, signs and labels from the catalogue."""
    values = corpus(pool, source_name, "default")
    check(values, values.run(core), Mode())


@pytest.mark.sanitize
@pytest.mark.sources(*(name for name in ALL if name != "mysql-5.7"))
def test_every_value_of_full_metadata(pool, source_name, core):
    """The same, with all of that from the events; MySQL 5.7 has none in them."""
    values = corpus(pool, source_name, "FULL")
    check(values, values.run(core), Mode())


@pytest.mark.sources("mariadb-10.11")
def test_every_value_of_minimal_metadata(pool, source_name, core):
    """MariaDB's MINIMAL is not its default: signs and character sets from the event, the rest not."""
    values = corpus(pool, source_name, "MINIMAL")
    check(values, values.run(core), Mode())


MODES = [Mode(decimal="string", bigint="precise", time="isostring", binary="hex"),
         Mode(decimal="double", time="connect", binary="base64-url-safe"),
         Mode(time="nanoseconds", binary="base64"), Mode(time="microseconds"),
         Mode(time="adaptive"), Mode(compat="exact"),
         Mode(compat="exact", time="isostring", decimal="string", bigint="precise"),
         Mode(compat="exact", time="connect", decimal="double", binary="hex"),
         Mode(compat="exact", time="nanoseconds"), Mode(compat="exact", time="adaptive")]
# Tables of what the options change; with compat exact all are read.
CHANGED = {"decimal": ["decimals", "many_keys", "wide"], "bigint": ["integers", "many_keys"],
           "time": ["times", "zero_times", "zero_times_not_null", "wrong_days"],
           "binary": ["binaries"]}


def tables_of(values, mode: Mode) -> list[str]:
    """The tables to read in a mode."""
    if mode == Mode(compat="exact"):
        names = list(values.tables)
    else:
        names = [name for option, tables in CHANGED.items()
                 if getattr(mode, option) != getattr(Mode(), option) for name in tables]
    # Whose NOT NULL columns hold what exact has no form for, too: test_values_forms.py.
    beyond = [name for name, table in values.tables.items() if mode.exact and table.stops_exact]
    return sorted(set(names) - set(beyond))


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_modes(pool, source_name, mode, core):
    """The same in the other modes, where a mode cuts a value: the value so cut."""
    metadata = ("FULL", "default")[MODES.index(mode) % 2]
    values = corpus(pool, source_name, metadata)
    names = tables_of(values, mode)
    check(values, values.run(core, mode, names), mode, names)


@pytest.mark.parametrize("metadata", ["FULL", "default"])
def test_keys(pool, source_name, metadata, core):
    """Keys have the key's columns in the key's order, in the forms of the row; or are null."""
    values = corpus(pool, source_name, metadata)
    names = ["many_keys", "unique_key", "no_key", "id_last", "Odd-n\u00e4mes \u65e5"]
    wanted = {"many_keys": [f"k{n}" for n in reversed(range(16))], "unique_key": ["id"],
              "no_key": None, "id_last": ["id"], "Odd-n\u00e4mes \u65e5": ["id"]}
    document = task_document(values.server, include=[f"{values.database}.{name}" for name in names],
                             start=values.start)
    result = core.run(document, until=values.until, with_keys=True).ok()
    seen, last = set(), None
    for line in result.lines:
        key, _, value = line.split("\t", 2)
        message = parse_message(value)
        if message is None:
            assert key == last, "a tombstone has the key of the delete before it"
            continue
        table = message["source"]["table"]
        image = message["after"] or message["before"]
        assert parse_message(key) == (wanted[table] and {name: image[name]
                                                         for name in wanted[table]})
        assert list(parse_message(key) or []) == (wanted[table] or [])
        seen.add((table, message["op"]))
        last = key
    assert seen == {(name, op) for name in names for op in "cud"}


BERLIN = """
    INSERT INTO mysql.time_zone VALUES (9001, 'N');
    INSERT INTO mysql.time_zone_name VALUES ('Berlin', 9001);
    INSERT INTO mysql.time_zone_transition_type VALUES (9001, 0, 3600, 0, 'CET'),
      (9001, 1, 7200, 1, 'CEST');
    INSERT INTO mysql.time_zone_transition VALUES (9001, UNIX_TIMESTAMP('2026-03-29 01:00:00'), 1),
      (9001, UNIX_TIMESTAMP('2026-10-25 01:00:00'), 0)"""
# A night without half past two, and one with two of them.
EDGES = ["2026-03-29 01:59:59.999999", "2026-03-29 03:00:00.000000", "2026-10-25 02:30:00.123456",
         "2026-10-25 03:00:00.000000"]
BOTH_HALVES = [1792888200, 1792891800]


def knows_berlin(server) -> None:
    """Servers come without named zones: this one gets the year 2026 of one."""
    if server.sql("SELECT CONVERT_TZ('2026-01-01', 'Berlin', '+00:00')") == [[None]]:
        server.sql("SET time_zone = '+00:00', sql_log_bin = 0;" + BERLIN)


@pytest.mark.sources(*ALL)
def test_timestamps_are_moments(pool, source_name, core, new_database):
    """A TIMESTAMP is the moment that UNIX_TIMESTAMP() says, whatever the zones of the session that
    wrote it, of the server and of mr-core; a DATETIME is what was written."""
    server = values_server(pool, source_name)
    knows_berlin(server)
    database = new_database(server)
    start = here(server)
    connection = session(server, database, "SET time_zone = 'SYSTEM'")
    run_sql(connection, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, ts TIMESTAMP(6) NULL, "
                        "now TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3), dt DATETIME(6))")
    written = EDGES + ["1970-01-02 20:00:00.000000", "2038-01-18 03:14:07.999999"]
    zones = ["-11:00", "+05:45", "SYSTEM", "Berlin"]
    for zone in zones:
        set_session(connection, f"SET time_zone = '{zone}'")
        run_sql(connection, "INSERT INTO t (ts, dt) VALUES " +
                ", ".join(f"('{text}', '{text}')" for text in written))
    set_session(connection, "SET time_zone = '+00:00'")
    for moment in BOTH_HALVES:
        run_sql(connection, f"INSERT INTO t (ts) VALUES (FROM_UNIXTIME({moment}))")
    shown = run_sql(connection, "SELECT UNIX_TIMESTAMP(ts), UNIX_TIMESTAMP(now), dt FROM t "
                                "ORDER BY id")
    set_session(connection, "SET time_zone = 'Berlin'")
    halves = run_sql(connection, "SELECT CAST(ts AS CHAR) FROM t ORDER BY id DESC LIMIT 2")
    connection.close()
    assert halves == (("2026-10-25 02:30:00.000000",),) * 2, "an hour that is there twice"
    document = task_document(server, include=f"{database}.t", start=start,
                             pipe={"type": "stdout", "options": {"time.precision.mode": "isostring"}})
    (before,), = server.sql("SELECT @@global.time_zone")
    server.sql("SET GLOBAL time_zone = '-07:30'")
    try:
        result = core.run(document, env={"TZ": "Asia/Kathmandu"}).ok()
    finally:
        server.sql(f"SET GLOBAL time_zone = '{before}'")
    found = [message["after"] for message in result.messages]

    def moment_of(form):
        return datetime.datetime.fromisoformat(form).timestamp()
    assert [(moment_of(row["ts"]), moment_of(row["now"])) for row in found] == \
        [(float(ts), float(now)) for ts, now, _ in shown]
    assert [row["dt"] for row in found] == [
        text.replace(" ", "T").replace(".000000", "") + "Z" for text in written * len(zones)] + \
        [None] * 2


@pytest.mark.sources(*ALL)
@pytest.mark.parametrize("dialect", ["maxwell", "canal"])
def test_other_dialects(pool, source_name, dialect, core):
    """What is not text or number in any dialect: the server reads Maxwell's geometries back as the
    bytes that it had; Canal's are these bytes."""
    values = corpus(pool, source_name, "default")
    names = [name for name in ("geometries", "vectors", "maria") if name in values.tables]
    document = task_document(
        values.server, include=[f"{values.database}.{name}" for name in names],
        start=values.start, pipe={"type": "stdout", "format": dialect})
    asked = []
    for message in core.run(document, until=values.until).ok().messages:
        if message["type"].lower() != "insert":
            continue
        table = values.tables[message["table"]]
        row = message["data"] if dialect == "maxwell" else message["data"][0]
        texts = values.inserted[table.name][int(row["id"])]
        for column, text in zip(table.columns, texts):
            form = row[column.name]
            if text is None:
                assert form is None
            elif column.kind == "geometry" and dialect == "maxwell":
                asked.append((form, text))
            elif column.kind == "geometry":
                assert form.encode("latin-1").hex().upper() == text
            elif column.kind == "vector":
                assert [struct.pack("<f", float(each)) for each in parse_json(form)] == \
                    [bytes.fromhex(text[n:n + 8]) for n in range(0, len(text), 8)]
            elif column.kind == "text":
                assert form == bytes.fromhex(text).decode()
    if asked:
        shown = values.server.sql("SELECT " + ", ".join(
            f"HEX({geometry_of(values.server, form)})" for form, _ in asked))
        wrong = [(form, got, want) for (form, want), got in zip(asked, shown[0]) if got != want]
        assert not wrong, wrong[:5]


def parse_json(form):
    """A list that may stand in a text."""
    return json.loads(form) if isinstance(form, str) else form


def geometry_of(server, form: str) -> str:
    """The SQL that reads a geometry of Maxwell's; x comes first, whatever the SRID."""
    head, _, text = form.rpartition(";")
    srid = head.removeprefix("SRID=") or "0"
    if server.flavor == "mariadb":
        text = re.sub(r"\(([^()]*)\)(?=[,)])", r"\1", text) if "MULTIPOINT" in text else text
    if server.series == "5.7":
        text = text.replace(" EMPTY", "()")
    axes = ", 'axis-order=long-lat'" if server.series in ("8.0", "9.7") else ""
    return f"ST_GeomFromText('{text}', {srid}{axes})"


@pytest.mark.sources("mariadb-10.11")
def test_the_first_second_of_1970(pool, source_name, core, new_database):
    """MariaDB stores its fractions as TIMESTAMPs: only their whole zero is the zero date."""
    server = values_server(pool, source_name)
    database = new_database(server)
    start = here(server)
    connection = session(server, database, "SET sql_mode = '', time_zone = '+00:00'")
    run_sql(connection, "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP(6) NULL)")
    run_sql(connection, "INSERT INTO t VALUES (1, '1970-01-01 00:00:00.000001'), (2, 0)")
    shown = run_sql(connection, "SELECT CAST(ts AS CHAR) FROM t ORDER BY id")
    connection.close()
    assert [text for text, in shown] == ["1970-01-01 00:00:00.000001", "0000-00-00 00:00:00.000000"]
    found = core.run(task_document(server, include=f"{database}.t", start=start)).ok().messages
    assert [message["after"]["ts"] for message in found] == [
        "1970-01-01T00:00:00.000001Z", "0000-00-00 00:00:00.000000"]


@pytest.mark.sanitize
def test_a_value_over_16_mib(pool, source_name, core, new_database):
    """Lengths of four bytes; a message larger than the queue."""
    server = values_server(pool, source_name)
    database = new_database(server)
    start = here(server)
    connection = session(server, database)
    run_sql(connection, "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT, last INT)")
    run_sql(connection, "INSERT INTO t VALUES (1, REPEAT(X'00ff1f', 5800000), "
                        "REPEAT('\"\u20ac', 300000), 7)")
    shown = run_sql(connection, "SELECT LENGTH(b), SHA2(b, 256), SHA2(t, 256) FROM t")
    connection.close()
    document = task_document(server, include=f"{database}.t", start=start)
    (message,) = core.run(document).ok().messages
    after = message["after"]
    data = base64.b64decode(after["b"], validate=True)
    assert (str(len(data)), digest(data), digest(after["t"].encode())) == shown[0]
    assert after["last"] == 7 and len(data) > 2**24


def digest(data: bytes) -> str:
    """As the servers' SHA2(data, 256); MySQL 9.7 has no MD5()."""
    return hashlib.sha256(data).hexdigest()


# Row images that are not full.

PLACEHOLDER_BYTES = base64.b64encode(PLACEHOLDER.encode()).decode()
ABSENT = {"t": PLACEHOLDER, "b": PLACEHOLDER_BYTES}
MINIMAL = [
    ('{"id":1}', "c", None, {"id": 1, "n": 2, "v": "v", "t": "text", "b": "AA=="}),
    ('{"id":7}', "c", None, {"id": 7} | ABSENT),
    ('{"id":1}', "u", {"id": 1} | ABSENT, {"n": 3} | ABSENT),
    ('{"id":1}', "u", {"id": 1} | ABSENT, {"t": "other", "b": PLACEHOLDER_BYTES}),
    ('{"id":1}', "d", {"id": 1} | ABSENT, None), ('{"id":2}', "c", None, {"id": 2} | ABSENT),
    ('{"id":2}', "d", {"id": 2} | ABSENT, None)]
OLD, NEW = {"id": 1, "n": 2, "v": "v"} | ABSENT, {"id": 1, "n": 3, "v": "v"} | ABSENT
NOBLOB = [
    MINIMAL[0], ('{"id":7}', "c", None, {"id": 7, "n": 5, "v": None} | ABSENT),
    ('{"id":1}', "u", OLD, NEW), ('{"id":1}', "u", NEW, NEW | {"t": "other"}),
    ('{"id":1}', "d", NEW, None), ('{"id":2}', "c", None, NEW | {"id": 2}),
    ('{"id":2}', "d", NEW | {"id": 2}, None)]


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
def test_row_images(pool, source_name, image, core, new_database):
    """What an image lacks is left out, or a placeholder for TEXT and BLOB; exact knows NOBLOB only."""
    server = values_server(pool, source_name)
    database = new_database(server)
    start = here(server)
    connection = session(server, database)
    run_sql(connection, "CREATE TABLE t (id INT PRIMARY KEY, n INT DEFAULT 5, v VARCHAR(10), "
                        "t TEXT, b BLOB)")
    set_session(connection, f"SET binlog_row_image = {image}")
    for statement in ("INSERT INTO t (id, n, v, t, b) VALUES (1, 2, 'v', 'text', X'00')",
                      "INSERT INTO t (id) VALUES (7)", "UPDATE t SET n = 3 WHERE id = 1",
                      "UPDATE t SET t = 'other' WHERE id = 1", "UPDATE t SET id = 2 WHERE id = 1",
                      "DELETE FROM t WHERE id = 2"):
        run_sql(connection, statement)
    connection.close()

    def run(compat):
        return core.run(task_document(server, include=f"{database}.t", start=start,
                                      pipe={"type": "stdout", "options": {"compat": compat},
                                            "tombstones": False}),
                        with_keys=True, state=core.folder / f"state-{compat}")

    def changes(result):
        rows = [line.split("\t") for line in result.ok().lines]
        return [(key, message["op"], message["before"], message["after"])
                for key, _, value in rows for message in [parse_message(value)]]
    assert changes(run("lossless")) == (MINIMAL if image == "MINIMAL" else NOBLOB)
    exact = run("exact")
    if image == "NOBLOB":
        assert changes(exact) == NOBLOB
    else:
        assert exact.status == 1 and "(value_invalid)" in exact.stderr
        assert f"column {database}.t.n" in exact.stderr and "binlog_row_image" in exact.stderr
