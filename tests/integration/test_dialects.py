"""Formats maxwell and canal: the same statements that the real tools were given, field by field.

tests/reference/maxwell and tests/reference/canal hold what those wrote, and the scripts that
captured it; docs/maxwell.md and docs/canal.md list what `lossless` writes otherwise.
"""

import gzip
import importlib.util
import json
import pathlib
from decimal import Decimal

import pytest

from harness.metadata import row_metadata
from harness.tasks import here, task_document

REFERENCE = pathlib.Path(__file__).resolve().parents[1] / "reference"


def reference(name: str):
    """The module of a capture script."""
    spec = importlib.util.spec_from_file_location(f"{name}_capture",
                                                  REFERENCE / name / "capture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def golden(name: str, server: str) -> list[str]:
    """The lines of a golden file."""
    packed = (REFERENCE / name / "golden" / f"{server}.jsonl.gz").read_bytes()
    return gzip.decompress(packed).decode().splitlines()


def parsed(line: str):
    """A message: objects as pairs, so that their order counts; numbers with all digits."""
    def number(text: str):
        return Decimal(text)
    return json.loads(line, parse_float=number, parse_int=number, object_pairs_hook=list)


def play(source, database: str):
    """The statements on the server; returns where they begin."""
    for name in ("tables", "changes"):
        text = (REFERENCE / "maxwell" / f"{name}.sql").read_text(encoding="utf-8")
        if name == "changes":
            start = here(source)
        source.sql(text, database)
    return start


def messages(core, source, database, start, form, **pipe) -> list[str]:
    """{"key":…,"value":…} of each message that mr-core writes, as the capture scripts have it."""
    path = core.folder / "messages"
    path.unlink(missing_ok=True)
    core.run(task_document(
        source, include=f"{database}.*", start=start,
        pipe={"type": "file", "path": str(path), "format": form, **pipe}),
        with_keys=True, state=core.folder / f"state-{len(list(core.folder.iterdir()))}").ok()
    lines = []
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        key, _headers, value = line.split("\t")
        lines.append(f'{{"key":{key},"value":{value}}}'.replace(database, "ref"))
    return lines


def same(ours, theirs, where: str) -> None:
    """Compares what was parsed: members in their order, numbers by value."""
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal):
        # A double's text: the peers' (Java) are not always the shortest.
        long = len(str(theirs)) > 100 or "E" in str(theirs) or "E" in str(ours)
        assert ours == theirs or (long and float(ours) == float(theirs)), where
        return
    assert type(ours) is type(theirs), f"{where}: {ours!r} is not {theirs!r}"
    if isinstance(ours, list):
        assert len(ours) == len(theirs), f"{where}: {ours!r} is not {theirs!r}"
        for one, other in zip(ours, theirs):
            same(one, other, f"{where}: {one!r} is not {other!r}")
    elif isinstance(ours, tuple):
        same(list(ours), list(theirs), where)
    else:
        assert ours == theirs, f"{where}: {ours!r} is not {theirs!r}"


def compare(ours: list[str], theirs: list[str]) -> None:
    """All messages, in their order."""
    for number, (one, other) in enumerate(zip(ours, theirs)):
        same(parsed(one), parsed(other), f"message {number}\n{one}\n{other}\n")
    assert len(ours) == len(theirs)


MAXWELL_OPTIONS = {"output_binlog_position": True, "output_server_id": True,
                   "output_thread_id": True, "output_primary_keys": True,
                   "output_primary_key_columns": True}

# What lossless writes where Maxwell loses data: (table, id, column) -> value.
MAXWELL_LOSSLESS = {
    ("ints", 3, "y"): 0,
    ("texts", 5, "e"): "",
    ("bytes", 2, "bi"): "AAAAAA==", ("bytes", 5, "bi"): "YWIAAA==",
    ("bytes", 1, "bi"): "AQAAAA==",
    ("bytes", 1, "b32"): 4294967295, ("bytes", 1, "b33"): 8589934591,
    ("bytes", 1, "b64"): 72623859790382856,
    ("bytes", 4, "b33"): 4294967296,
    ("bytes", 5, "b32"): 2147483648, ("bytes", 5, "b64"): 9223372036854775807,
    ("times", 3, "t"): "838:59:59", ("times", 3, "t3"): "-00:00:00.500",
    ("times", 3, "t6"): "-838:59:59.000000",
    ("times", 4, "d"): "2015-00-07", ("times", 4, "t"): "-00:00:01",
    ("times", 4, "t3"): "24:00:00.000", ("times", 4, "t6"): "100:00:00.000001",
    ("times", 4, "dt"): "2015-02-00 10:00:00", ("times", 4, "dt3"): "2015-00-00 10:00:00.500",
    ("times", 4, "dt6"): "0000-05-05 01:02:03.000000",
    ("times", 5, "d"): "2015-02-31", ("times", 5, "t"): "-13:37:03",
    ("times", 5, "t3"): "-13:37:03.120", ("times", 5, "t6"): "-00:00:00.000001",
    ("times", 5, "dt"): "2015-02-31 10:00:00",
    ("times", 7, "d"): "1582-10-10",
    ("shapes", 9, "g"): "SRID=4326;",  # in front of what Maxwell has
}


def maxwell_lossless(line: str) -> str:
    """What is expected of lossless, from what Maxwell wrote."""
    message = json.loads(line, parse_float=Decimal, parse_int=Decimal)
    value = message["value"]
    number = value["data"].get("id")
    text = line
    for part in ("data", "old"):
        for column, was in value.get(part, {}).items():
            becomes = MAXWELL_LOSSLESS.get((value["table"], number, column))
            if becomes is None:
                continue
            old = f'"{column}":' + (json.dumps(was) if was is None or isinstance(was, str)
                                    else str(was))
            if column == "g":
                becomes += was
            assert old in text, (old, text)
            text = text.replace(old, f'"{column}":{json.dumps(becomes)}')
    return text


# Times inside JSON documents: the server's text, in both modes; the Java library's is shorter.
IN_DOCUMENTS = [('"t":"01:02:03"', '"t":"01:02:03.000000"'),
                ('"dt":"2026-11-22 01:02:03.5"', '"dt":"2026-11-22 01:02:03.500000"')]


def unique_key(line: str) -> str:
    """Where Maxwell finds no primary key a UNIQUE one without NULLs is taken, in both modes."""
    value = json.loads(line)["value"]["data"]["b"]
    for theirs, ours in (('"_uuid":"U"', f'"pk.b":{value}'),
                         (',"array":["ref","uniq",[]]', f',"array":["ref","uniq",[{{"b":{value}}}]]'),
                         ('"primary_key":[]', f'"primary_key":[{value}]'),
                         ('"primary_key_columns":[]', '"primary_key_columns":["b"]')):
        assert theirs in line, line
        line = line.replace(theirs, ours)
    return line


def maxwell_golden(server: str) -> list[str]:
    """Without the key's other format."""
    lines = []
    for line in golden("maxwell", server):
        if '"table":"docs"' in line:
            for theirs, ours in IN_DOCUMENTS:
                line = line.replace(theirs, ours)
        if '"table":"uniq"' in line:
            line = unique_key(line)
        head, _, rest = line.partition(',"array":')
        _, end = json.JSONDecoder().raw_decode(rest)
        lines.append(head + rest[end:])
    return lines


@pytest.mark.sources("mysql-5.7", "mysql-8.0")
@pytest.mark.sanitize
def test_maxwell(source, source_name, database, core):
    """Exact: what Maxwell 1.22.6 wrote. Lossless: but for the values above."""
    normal = reference("maxwell").normal
    start = play(source, database)
    theirs = maxwell_golden(source_name)
    ours = messages(core, source, database, start, "maxwell",
                    options={"compat": "exact", **MAXWELL_OPTIONS})
    compare(normal(ours), theirs)
    ours = messages(core, source, database, start, "maxwell", options=MAXWELL_OPTIONS)
    compare(normal(ours), [maxwell_lossless(line) for line in theirs])
    # The other format of keys; a transaction that is read twice has the same messages.
    ours = messages(core, source, database, start, "maxwell",
                    options={"kafka_key_format": "array", "output_commit_info": False})
    arrays = [json.loads(unique_key(line) if '"table":"uniq"' in line else line)["array"]
              for line in golden("maxwell", source_name)]
    assert [json.loads(json.loads(line)["key"]) for line in ours] == arrays
    assert not any("xid" in line or "commit" in line for line in ours)


def split(line: str) -> list[dict]:
    """A flat message of several rows as messages of one, which mr-core writes."""
    message = json.loads(line)
    rows = []
    for number, row in enumerate(message["data"]):
        old = message["old"] and [message["old"][number]]
        rows.append({**message, "data": [row], "old": old})
        # Canal's types are those of the last row.
        if number < len(message["data"]) - 1:
            del rows[-1]["sqlType"]
    return rows


# What differs in both modes: see docs/canal.md.
CANAL_DIFFERS = {
    ("docs", "4", "j"): ("1.0E300", "1e300"),
    ("docs", "7", "j"): ("2026-11-22 00:00:00.000000", "2026-11-22"),
}
# What lossless writes where Canal loses data: (table, id, column) -> value.
CANAL_LOSSLESS = {
    ("reals", "3", "n"): "0.00", ("reals", "3", "nn"): "0." + 30 * "0",
    ("reals", "4", "nn"): "100." + 30 * "0",
    ("bytes", "1", "bi"): "\1\0\0\0", ("bytes", "2", "bi"): "\0\0\0\0",
    ("bytes", "5", "bi"): "ab\0\0",
    ("charsets", "1", "l1"): "é€",
}


def canal_golden(server: str, lossless: bool) -> list[dict]:
    """A message a row, with what we write otherwise."""
    messages_of_rows = []
    for message in (part for line in golden("canal", server) for part in split(line)):
        row, place = message["data"][0], (message["table"], message["data"][0].get("id"))
        for column in row:
            if (*place, column) in CANAL_DIFFERS:
                row[column] = row[column].replace(*CANAL_DIFFERS[(*place, column)])
            if lossless and (*place, column) in CANAL_LOSSLESS:
                assert row[column] != CANAL_LOSSLESS[(*place, column)]
                row[column] = CANAL_LOSSLESS[(*place, column)]
        if message["table"] == "uniq":
            message["pkNames"] = ["b"]
        if lossless and message["table"] == "few" and row == {"w": "a"}:
            # The key, which binlog_row_image=MINIMAL has in the image before the update only.
            message |= {"data": [{"id": "1", "w": "a"}], "pkNames": ["id"],
                        "mysqlType": {"id": message_types["id"], **message["mysqlType"]},
                        "sqlType": {"id": 4, **message["sqlType"]}}
        message_types = message["mysqlType"]
        messages_of_rows.append(message)
    return messages_of_rows


@pytest.mark.sources("mysql-5.7", "mysql-8.0")
@pytest.mark.sanitize
def test_canal(source, source_name, database, core):
    """Exact: what Canal 1.1.7 wrote, row by row. Lossless: but for the values above."""
    normal = reference("canal").normal
    start = play(source, database)
    for compat in ("exact", "lossless"):
        ours = messages(core, source, database, start, "canal", options={"compat": compat})
        theirs = canal_golden(source_name, compat == "lossless")
        for line, other in zip(ours, theirs):
            message = json.loads(line)
            value = json.loads(normal([json.dumps(message["value"], separators=(",", ":"))])[0])
            assert list(value) == sorted(value, key=str.lower)
            if "sqlType" not in other:
                del value["sqlType"]
            assert {name: value[name] for name in other} == other, line
            assert len(value) == len(other)
            for part in ("data", "old"):
                assert [list(row) for row in value[part] or []] == \
                       [list(row) for row in other[part] or []]
        assert len(ours) == len(theirs)
        assert json.loads(ours[0])["key"] == {"id": "1"}


@pytest.mark.parametrize("tool, listed", [("maxwell", MAXWELL_LOSSLESS), ("canal", CANAL_LOSSLESS)])
@pytest.mark.parametrize("server", ["mysql-5.7", "mysql-8.0"])
def test_every_listed_difference_occurs(tool, listed, server):
    """The tool wrote something else for each value that lossless is said to write otherwise."""
    missing = dict(listed)
    for line in golden(tool, server):
        message = json.loads(line)
        message = message.get("value", message)
        rows = message["data"] if isinstance(message["data"], list) else [message["data"]]
        for row in rows:
            for column, value in row.items():
                place = (message["table"], row.get("id"), column)
                if place in missing and value != missing[place]:
                    del missing[place]
    assert not missing


@pytest.mark.sources("mysql-8.0", "mysql-9.7", "mariadb-10.11", "mariadb-11.8")
@pytest.mark.parametrize("metadata", ["FULL", "MINIMAL"])
def test_canal_spells_types_as_the_catalogue(source, database, core, metadata):
    """Also where the events tell all that rows need; what has become another type, as they do."""
    with row_metadata(source, metadata):
        start = here(source)
        source.sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT UNSIGNED, v VARCHAR(20), "
                   "c CHAR(3), y YEAR, e ENUM('a','b'), p POINT, b VARBINARY(9), d DECIMAL(9,2),"
                   "z INT(4) ZEROFILL, f FLOAT(7,3));"
                   "INSERT INTO t (id) VALUES (1)", database)
        spelled = dict(source.sql("SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS "
                                  f"WHERE TABLE_SCHEMA = '{database}'"))
        lines = messages(core, source, database, start, "canal")
        assert [json.loads(line)["value"]["mysqlType"] for line in lines] == [spelled]
        if metadata == "FULL":
            source.sql("ALTER TABLE t MODIFY n VARCHAR(30)", database)
            (line,) = messages(core, source, database, start, "canal")
            assert json.loads(line)["value"]["mysqlType"] == spelled | {"n": "bigint unsigned"}


@pytest.mark.sources("mariadb-10.11", "mysql-9.7")
def test_maxwell_large_transaction(source, database, core):
    """One that is read twice, rows of another table and a savepoint at its end; both flavors."""
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200));"
               "CREATE TABLE other (id INT PRIMARY KEY)", database)
    start = here(source)
    rows = ",".join(f"({number},REPEAT('x',100))" for number in range(1000))
    source.sql(f"BEGIN; INSERT INTO t VALUES {rows}; INSERT INTO other VALUES (1); SAVEPOINT s;"
               "INSERT INTO t VALUES (-1,''); ROLLBACK TO s; COMMIT;"
               "INSERT INTO t VALUES (2000,'')", database)
    path = core.folder / "messages"
    core.run(task_document(source, include=f"{database}.t", start=start,
                           pipe={"type": "file", "path": str(path), "format": "maxwell"},
                           memory={"group_bytes": 65536})).ok()
    values = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [value["data"]["id"] for value in values] == [*range(1000), 2000]
    assert [value.get("xoffset") for value in values] == [*range(999), None, None]
    assert [number for number, value in enumerate(values) if value.get("commit")] == [999, 1000]
    assert len({value["xid"] for value in values}) == 2


@pytest.mark.sources("mysql-9.7")
@pytest.mark.parametrize("pipe, field", [
    ({"format": "maxwell", "options": {"decimal.handling.mode": "string"}},
     "pipe.options.decimal.handling.mode"),
    ({"format": "canal", "options": {"output_nulls": False}}, "pipe.options.output_nulls"),
    ({"format": "debezium", "options": {"output_nulls": False}}, "pipe.options.output_nulls"),
    ({"format": "maxwell", "options": {"output_null": False}}, "pipe.options.output_null"),
])
def test_options_of_another_format(source, core, pipe, field):
    """An option is of a format; an unknown one is told with what was meant."""
    result = core.run(task_document(source, include="a.b", pipe={"type": "none", **pipe}))
    assert result.status == 1
    assert field in result.stderr
    assert f'pipe.format "{pipe["format"]}"' in result.stderr or "did you mean" in result.stderr
