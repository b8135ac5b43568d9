"""The forms of values in messages, literally; and what stops a task because it has none.

The examples of docs/types.md are these. That every value arrives is test_values.py's.
"""

import json

import pytest

from harness.tasks import here, task_document
from harness.values import Mode, parse_message
from harness.values_corpus import run_sql, session, set_metadata, values_server
from harness.values_tables import ASTRAL

# Column, value, and its JSON: in every mode, or by the mode's words. "exact w" goes before
# "exact", that before w, that before "" (all other modes).
EXAMPLES = [
    ("TINYINT(1)", "-128", "-128"), ("BOOL", "TRUE", "1"), ("INT UNSIGNED", "4294967295", "4294967295"),
    ("INT(5) ZEROFILL", "42", "42"),
    ("BIGINT", "-9223372036854775808", "-9223372036854775808"),
    ("BIGINT UNSIGNED", "18446744073709551615",
     {"": "18446744073709551615", "exact": "-1", "exact bigint=precise": '"AP//////////"',
      "bigint=precise": '"AP//////////"'}),
    ("BIGINT UNSIGNED", "7", {"": "7", "bigint=precise": '"Bw=="', "exact bigint=precise": '"Bw=="'}),
    ("DECIMAL(5,2)", "-1.50", {"precise": '"/2o="', "string": '"-1.50"', "double": "-1.5"}),
    ("DECIMAL(3,3)", "0", {"precise": '"AA=="', "string": '"0.000"', "double": "0.0"}),
    ("DECIMAL(65,30)", "-" + "9" * 35 + "." + "9" * 30,
     {"precise": '"/wzp2OOAPG91dBC5sca6EIXayfYAAAAAAAAAAQ=="', "string": f'"-{"9" * 35}.{"9" * 30}"',
      "double": "-1e35"}),
    ("FLOAT", "0.1", "0.1"), ("FLOAT", "16777216", "16777216.0"), ("DOUBLE", "1e100", "1e100"),
    # With default metadata, where information_schema tells how the column was declared.
    ("FLOAT(7,3)", "0.1", {"": "0.1", "exact": "0.10000000149011612"}),
    ("DOUBLE", "5e-324", "5e-324"), ("DOUBLE", "ROUND(-0.4e0)", {"": "-0.0", "mariadb": "0.0"}),
    ("BIT(1)", "1", "true"), ("BIT(9)", "256", '"AAE="'), ("BIT(64)", "1", '"AQAAAAAAAAA="'),
    ("YEAR", "2155", "2155"), ("YEAR", "0", {"": "0", "exact": "1900"}),
    ("CHAR(5)", "'a  '", '"a"'), ("VARCHAR(5)", "'a  '", '"a  "'),
    ("VARCHAR(9)", f"'\u00e9{ASTRAL}\"\\n'", json.dumps(f"\u00e9{ASTRAL}\"\n")),
    ("VARCHAR(5) CHARACTER SET latin1", "_latin1 X'80e98122'", '"\u20ac\u00e9\u0081\\""'),
    ("BINARY(4)", "X'fbff'", {"": '"+/8AAA=="', "base64-url-safe": '"-_8AAA=="', "hex": '"fbff0000"'}),
    ("VARBINARY(4)", "''", '""'),
    ("TEXT", "''", '""'), ("BLOB", "X'00'", {"": '"AA=="', "hex": '"00"'}),
    ("ENUM('a','b''c')", "2", '"b\'c"'), ("ENUM('a')", "0", '""'),
    ("SET('a','b','c')", "5", '"a,c"'), ("SET('a')", "''", '""'),
    ("DATE", "'2026-11-22'", {"": "20779", "isostring": '"2026-11-22Z"'}),
    ("DATE", "'1969-12-31'", {"": "-1", "isostring": '"1969-12-31Z"'}),
    ("DATE", "'0000-00-00'", {"": '"0000-00-00"', "exact": "null"}),
    ("DATE NOT NULL", "'0000-00-00'", {"": '"0000-00-00"', "exact": "0",
                                       "exact isostring": '"1970-01-01Z"'}),
    ("DATE", "'2024-00-15'", {"": '"2024-00-15"', "exact": "null"}),
    ("DATE", "'0001-01-01'", {"": "-719162", "isostring": '"0001-01-01Z"', "exact": "11323",
                              "exact isostring": '"2001-01-01Z"'}),
    ("TIME", "'-01:00:00'", {"": "-3600000000", "connect": "-3600000", "adaptive": "-3600000",
                             "nanoseconds": "-3600000000000", "isostring": '"-01:00:00Z"',
                             "exact connect": "null", "exact isostring": "null"}),
    ("TIME(6)", "'12:00:00.5'", {"": "43200500000", "connect": "43200500",
                                 "nanoseconds": "43200500000000", "isostring": '"12:00:00.5Z"'}),
    ("TIME(3)", "'838:59:59'", {"": "3020399000000", "connect": "3020399000",
                                "adaptive": "3020399000", "nanoseconds": "3020399000000000",
                                "isostring": '"838:59:59Z"', "exact connect": "null",
                                "exact isostring": "null"}),
    ("TIME", "'24:00:00'", {"": "86400000000", "connect": "86400000", "adaptive": "86400000",
                            "nanoseconds": "86400000000000", "isostring": '"24:00:00Z"',
                            "exact isostring": '"00:00:00Z"'}),
    ("DATETIME", "'2026-11-22 10:30:15'",
     {"": "1795343415000", "microseconds": "1795343415000000",
      "nanoseconds": "1795343415000000000", "isostring": '"2026-11-22T10:30:15Z"'}),
    ("DATETIME(6)", "'2026-11-22 10:30:15.1234'",
     {"": "1795343415123400", "connect": "1795343415123", "nanoseconds": "1795343415123400000",
      "isostring": '"2026-11-22T10:30:15.1234Z"'}),
    ("DATETIME(3)", "'2015-00-07 10:00:00'",
     {"": '"2015-00-07 10:00:00.000"', "exact": "null"}),
    ("DATETIME(3) NOT NULL", "'0000-00-00 00:00:00'",
     {"": '"0000-00-00 00:00:00.000"', "exact": "0", "exact isostring": '"1970-01-01T00:00:00Z"'}),
    ("DATETIME(6)", "'9999-12-31 23:59:59'",
     {"": "253402300799000000", "connect": "253402300799000",
      "nanoseconds": "253402300799000000000", "isostring": '"9999-12-31T23:59:59Z"',
      "exact nanoseconds": "null"}),
    ("TIMESTAMP(3) NULL", "'2018-06-20 13:37:03.12'", '"2018-06-20T13:37:03.120Z"'),
    ("TIMESTAMP NULL", "'0000-00-00 00:00:00'", {"": '"0000-00-00 00:00:00"', "exact": "null"}),
    ("TIMESTAMP(2) NOT NULL DEFAULT '2000-01-01'", "'0000-00-00 00:00:00'",
     {"": '"0000-00-00 00:00:00.00"', "exact": '"2000-01-01T00:00:00Z"'}),
    ("JSON", "'{\"b\": [1, 2.50], \"a\": null}'", {"": '"{\\"a\\":null,\\"b\\":[1,2.5]}"',
                                                 "mariadb": '"{\\"b\\": [1, 2.50], \\"a\\": null}"'}),
    ("INT", "NULL", "null"),
]
MODES = [Mode(), Mode("string", "precise", "isostring", "hex"),
         Mode("double", time="connect", binary="base64-url-safe"),
         Mode(time="nanoseconds", binary="base64"), Mode(time="microseconds"), Mode(time="adaptive"),
         Mode(compat="exact"), Mode("string", "precise", "isostring", "hex", "exact"),
         Mode("double", time="connect", compat="exact"), Mode(time="nanoseconds", compat="exact")]


def form_of(forms, mode: Mode, flavor: str) -> str:
    """The JSON that an example has in a mode."""
    if isinstance(forms, str):
        return forms
    words = [flavor, mode.time, mode.decimal, mode.binary, f"bigint={mode.bigint}"]
    candidates = [f"exact {word}" for word in words] + ["exact"] if mode.exact else []
    return next(forms[word] for word in candidates + words + [""] if word in forms)


def test_examples(pool, source_name, core, new_database):
    """Every example in every mode."""
    server = values_server(pool, source_name)
    set_metadata(server, "default")
    database = new_database(server)
    start = here(server)
    connection = session(server, database, "SET sql_mode = '', time_zone = '+00:00'")
    columns = ", ".join(f"c{n} {sql}" for n, (sql, _, _) in enumerate(EXAMPLES))
    run_sql(connection, f"CREATE TABLE t (id INT PRIMARY KEY, {columns})")
    run_sql(connection, f"INSERT INTO t VALUES (1, {', '.join(v for _, v, _ in EXAMPLES)})",
            harmless=["1265"])
    connection.close()
    faults = []
    for number, mode in enumerate(MODES):
        document = task_document(server, include=f"{database}.t", start=start,
                                 pipe={"type": "stdout", "options": mode.options})
        result = core.run(document, state=core.folder / f"state-{number}").ok()
        after = parse_message(result.stdout)["after"]
        for index, (sql, literal, forms) in enumerate(EXAMPLES):
            wanted = form_of(forms, mode, server.flavor)
            got = after[f"c{index}"]
            if parse_message(wanted) != got or \
                    type(got) is not type(parse_message(wanted)):
                faults.append(f"{sql} {literal} in mode {mode}: {got!r}, not {wanted}")
    assert not faults, "\n".join(faults[:30])


@pytest.mark.sources("mysql-9.7", "mysql-8.0")
def test_json_text(table, core):
    """Values inside JSON as the server prints them, but for blanks and a large double's form."""
    server, database, start = table(
        "j JSON", "JSON_ARRAY(TIMESTAMP'2026-11-22 01:02:03.5', CAST('-01:00:00' AS TIME), "
                  "CAST(1.50 AS DECIMAL(5,2)), X'00ff10', 1e15, 18446744073709551615)")
    document = task_document(server, include=f"{database}.t", start=start)
    (message,) = core.run(document).ok().messages
    assert message["after"]["j"] == ('["2026-11-22 01:02:03.500000","-01:00:00.000000",1.50,'
                                     '"base64:type15:AP8Q",1000000000000000.0,18446744073709551615]')
    (shown,), = server.sql(f"SELECT j FROM {database}.t")
    assert shown == ('["2026-11-22 01:02:03.500000", "-01:00:00.000000", 1.50, '
                     '"base64:type15:AP8Q", 1e15, 18446744073709551615]')


@pytest.mark.sources("mysql-9.7")
def test_float_with_digits_in_full_metadata(table, core):
    """The event does not say FLOAT(7,3): exact asks information_schema all the same."""
    server, database, start = table("f FLOAT(7,3)", "0.1", "FULL")
    document = task_document(server, include=f"{database}.t", start=start,
                             pipe={"type": "stdout", "options": {"compat": "exact"}})
    assert parse_message(core.run(document).ok().stdout)["after"]["f"] == \
        "0.10000000149011612"


# What has no form.

def refused(server, core, database, start, **pipe_options):
    """The log of a run that must stop at table t of the database."""
    document = task_document(server, include=f"{database}.t", start=start,
                             pipe={"type": "stdout", "options": pipe_options})
    result = core.run(document, state=core.folder / f"state-{len(list(core.folder.iterdir()))}")
    assert result.status == 1, f"status {result.status}, printed {result.stdout[:300]}"
    assert result.stdout == "", "nothing of such a row is published"
    return result.stderr


@pytest.fixture
def table(pool, source_name, new_database):
    """A function that makes table t on this server with a first row; where it begins."""
    server = values_server(pool, source_name)

    def make(columns, value, metadata="default", settings="SET sql_mode = 'ALLOW_INVALID_DATES'"):
        set_metadata(server, metadata)
        database = new_database(server)
        start = here(server)
        connection = session(server, database, settings)
        run_sql(connection, f"CREATE TABLE t (id INT PRIMARY KEY, {columns})")
        run_sql(connection, f"INSERT INTO t VALUES (1, {value})")
        connection.close()
        return server, database, start
    return make


@pytest.mark.parametrize("metadata", ["FULL", "default"])
def test_labels_of_other_character_sets(table, core, metadata):
    """The labels of an ENUM are known as UTF-8, whatever their character set."""
    server, database, start = table("e ENUM('\u0142', 'x') CHARACTER SET latin2, "
                                    "s SET('\u0142', '\u4e2d') CHARACTER SET utf16", "1, 3", metadata)
    (message,) = core.run(task_document(server, include=f"{database}.t", start=start)).ok().messages
    assert message["after"] == {"id": 1, "e": "\u0142", "s": "\u0142,\u4e2d"}


@pytest.mark.parametrize("kind", ["ENUM", "SET"])
def test_labels_beyond_the_first_plane(table, core, kind):
    """information_schema has '?' for an emoji: with default metadata such labels are refused."""
    columns, value = f"e {kind}('a', 'x{ASTRAL}y', 'really?')", "2"
    server, database, start = table(columns, value, "FULL")
    (message,) = core.run(task_document(server, include=f"{database}.t", start=start)).ok().messages
    assert message["after"] == {"id": 1, "e": f"x{ASTRAL}y"}
    server, database, start = table(columns, value)
    log = refused(server, core, database, start)
    assert "(schema_missing)" in log and f"column {database}.t.e" in log and "'x?y'" in log
    assert "binlog_row_metadata=FULL" in log
    # A '?' of a set without such characters is one.
    server, database, start = table("e ENUM('a', 'really?') CHARACTER SET latin1", "2")
    (message,) = core.run(task_document(server, include=f"{database}.t", start=start),
                          state=core.folder / "latin1").ok().messages
    assert message["after"]["e"] == "really?"


@pytest.mark.parametrize("sql, literal, options", [
    ("DATE", "'2024-02-31'", {}), ("DATETIME(3)", "'2023-02-29 10:00:00'", {}),
    ("TIME NOT NULL", "'-01:00:00'", {"time.precision.mode": "connect"}),
    ("TIME NOT NULL", "'25:00:00'", {"time.precision.mode": "isostring"}),
    ("DATETIME NOT NULL", "'9999-12-31 00:00:00'", {"time.precision.mode": "nanoseconds"})])
def test_what_exact_has_no_form_for(table, core, sql, literal, options):
    """Where Debezium stops, compat exact stops; lossless has a form."""
    server, database, start = table(f"c {sql}", literal)
    log = refused(server, core, database, start, compat="exact", **options)
    assert "(value_invalid)" in log and f"column {database}.t.c" in log
    result = core.run(task_document(server, include=f"{database}.t", start=start,
                                    pipe={"type": "stdout", "options": options})).ok()
    assert len(result.lines) == 1
