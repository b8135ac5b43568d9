"""mr-core beside the real Debezium: the same statements, message by message and field by field.

tests/reference/debezium has the statements and what Debezium 3.6.1 (MySQL) and 3.5.0 (MariaDB)
wrote for them, with schemas and in each set of options. With compat exact everything is equal,
schemas included, but for the cases of EXACT; lossless differs in those of LOSSLESS besides. Each
case must occur, and the table in docs/envelope.md is made of them:

    MR_WRITE_DOCS=1 … pytest test_debezium_reference.py -k documented
"""

import collections
import json
import os
import pathlib
import struct

import pytest

from harness import debezium
from harness.tasks import here, task_document

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "envelope.md"

Case = collections.namedtuple("Case", "what theirs ours fields only", defaults=("",))

# Fields are "table.column", in keys and images; a schema's are "schema:table.column". `only`: on
# servers that begin so.
EXACT = {
    "json": Case("JSON: doubles from 1e21 on, times and binary values inside",
                 "all digits of a double; `02:0-3:0-3` for a negative time; base64 without a type",
                 "the document as the server prints it", ("docs.j", "docs.jn"), "mysql"),
    "float": Case("FLOAT", "Java's digits, `123456792.0`",
                  "the shortest that read back as the same float, `123456790.0`", ("reals.f",)),
    "header": Case("doubles in the headers of a changed key", "as Java prints them, `1.0E20`",
                   "as in messages, `1e20`", ("keyed.header",)),
    "timestamp default": Case(
        "DEFAULT of a TIMESTAMP", "in UTC",
        "as information_schema has it: MySQL in the zone of the session that made the table",
        ("schema:times.tsn", "schema:zeros.tsn", "schema:keyed.ts", "zeros.tsn")),
    "zero timestamp": Case("TIMESTAMP 0 on MariaDB (connector 3.5.0)", "the epoch",
                           "null or the default, as for MySQL", ("zeros.ts", "zeros.tsn")),
    "uuid": Case("UUID on MariaDB (connector 3.5.0)", "another UUID, with bytes lost",
                 "the UUID", ("marias.u",), "mariadb"),
    "altered default": Case(
        "DEFAULT of a column that is gone, or was changed since", "as it was",
        "as the server has it when the table is met", ("schema:ddl.w",)),
}
LOSSLESS = {
    "null": Case("NULL in a column that has a DEFAULT", "the default", "null", (
        "ints.s", "ints.mu", "ints.iu", "ints.l", "reals.dm", "reals.nu", "texts.c", "texts.v",
        "texts.e", "texts.se", "bytes.vd", "bytes.b9", "times.t6", "times.dtd", "times.dtc",
        "mysqls.dx", "marias.n")),
    "unsigned": Case("BIGINT UNSIGNED over 2^63-1", "a negative number; as a default 2^63-1",
                     "the number", ("ints.lu", "ints.lud", "schema:ints.lud")),
    "year": Case("YEAR 0000", "1900", "0", ("years.y", "years.yd")),
    "wide": Case("FLOAT(M,D)", "as a double, `1.100000023841858`", "`1.1`", ("reals.fm",)),
    "zero dates": Case(
        "dates of no calendar, years 1 to 99", "null, the default or the epoch; 2001 to 1999",
        "the text the server prints; the year as it is",
        ("zeros.d", "zeros.dn", "zeros.dd", "zeros.dz", "zeros.dt", "zeros.dtn", "zeros.ts",
         "zeros.tsn", "schema:zeros.dz", "schema:times.tsz")),
    "range": Case("TIME out of a day in `connect` and `isostring`; DATETIME out of 64 bits in "
                  "`nanoseconds`", "null", "the value",
                  ("ranges.t", "ranges.t6", "times.d", "times.dn", "times.dt", "times.dt3",
                   "times.dt4", "times.dt6", "times.dtn", "times.dtd")),
    "now": Case("DEFAULT CURRENT_TIMESTAMP in a schema", "the epoch", "no default",
                ("schema:times.tsc",)),
    "comma": Case("a comma in a label of an ENUM", "a backslash before it", "the label",
                  ("texts.e",)),
    "quote": Case("a quote in the DEFAULT of a text", "two quotes", "the quote",
                  ("schema:texts.v", "texts.v")),
    "thread": Case("`source.thread` of MariaDB (logged by 11.8, and by older ones in transactions with "
                   "a savepoint)", "null", "the session's id", ("thread",), "mariadb"),
}

# Types of others' making are compared where they have a form; MariaDB marks DDL as a transaction.
APART = ("charsets", "vectors")


@pytest.fixture(scope="module")
def reference(request):
    """A server with the statements run: (server, start)."""
    made = {}

    def get(source):
        if source.name not in made:
            start = here(source)
            debezium.make_tables(source)
            debezium.make_changes(source)
            made[source.name] = start
        return made[source.name]
    return get


def run(source, start, core, name, compat, state="first"):
    """mr-core's messages with a set of options; `state` names the folder of its position."""
    chosen = debezium.option_sets()[name]
    pipe = {"type": "stdout", **chosen["ours"]}
    pipe["options"] = {"compat": compat, "key.converter.schemas.enable": True,
                       "value.converter.schemas.enable": True, **pipe.get("options", {})}
    document = task_document(source, include="ref.*", start=start, pipe=pipe, name="p")
    document["tables"]["exclude"] = [f"ref.{table}" for table in APART] + chosen.get("exclude", [])
    result = core.run(document, with_keys=True, state=core.folder / f"{name}-{compat}-{state}").ok()
    return by_table(debezium.ours(result.lines, True))


def by_table(messages):
    """table -> its messages; a tombstone is of the table before it, "" is the transaction topic."""
    tables, table = {}, None
    for each in messages:
        if each["value"] is not None:
            table = json.loads(each["value"]).get("source", {"table": ""})["table"]
        tables.setdefault(table, []).append(each)
    return tables


def differences(table, ours, theirs, schemas):
    """The fields in which two messages differ."""
    found = set()
    for part in ("key", "value"):
        mine, other = (each[part] and json.loads(each[part]) for each in (ours, theirs))
        images = [(mine, other)]
        if part == "value" and mine and other:
            assert list(mine) == list(other), "order of members"
            images = [(mine.pop(name), other.pop(name)) for name in ("before", "after")]
            for each in (mine, other):
                if each["transaction"]:
                    each["transaction"].pop("id")
            if mine["source"]["thread"] != other["source"]["thread"]:
                found.add("thread")
                mine["source"]["thread"] = other["source"]["thread"]
            # include.query is not supported yet.
            other["source"]["query"] = None
            assert mine == other
        for a, b in images:
            assert (a is None) == (b is None), (table, a, b)
            if a is not None:
                assert list(a) == list(b), "order of columns"
                found |= {f"{table}.{name}" for name in b
                          if a[name] != b[name] or type(a[name]) is not type(b[name])}
        number = theirs[f"{part}_schema"]
        if ours[f"{part}_schema"] != (None if number is None else schemas[number]):
            found |= schema_differences(table, json.loads(ours[f"{part}_schema"]),
                                        json.loads(schemas[number]))
    if ours["headers"] != theirs["headers"]:
        found.add(f"{table}.header")
    return found


def schema_differences(table, ours, theirs):
    """The columns whose fields differ; nothing else of a schema may."""
    found = set()
    for mine, other in zip(ours["fields"], theirs["fields"]):
        for a, b in zip(mine.get("fields", [mine]), other.get("fields", [other])):
            if json.dumps(a) != json.dumps(b):
                found.add(f"schema:{table}.{a['field']}")
                a.clear()
                b.clear()
    assert json.dumps(ours) == json.dumps(theirs)
    return found


def same_float(a, b):
    """Both are the same FLOAT."""
    return struct.pack("f", a) == struct.pack("f", b)


def compare(source, start, core, names, compat, cases):
    """All sets of options: the fields that differ, each of which must be a case's."""
    server, names = debezium.server_name(source), list(names)
    schemas, found = debezium.schemas(), set()
    for name in names:
        ours = run(source, start, core, name, compat)
        theirs = by_table(debezium.golden(server, name))
        for table, messages in theirs.items():
            if table == "" or table in APART:
                continue
            got = ours.pop(table, [])
            assert len(got) == len(messages), f"{name}: messages of {table}"
            for mine, other in zip(got, messages):
                found |= differences(table, mine, other, schemas)
        ours.pop("", None)
        assert not ours, name
    allowed = {field for case in cases.values() for field in case.fields}
    assert found <= allowed, sorted(found - allowed)
    unseen = {case for case, each in cases.items() if not found & set(each.fields)}
    if names == list(debezium.option_sets()):
        assert unseen == {case for case, each in cases.items()
                          if not server.startswith(each.only)}
    return found


SERVERS = pytest.mark.sources("mysql-9.7", "mysql-8.0", "mariadb-10.11", "mariadb-11.8")


@SERVERS
def test_exact_is_debezium(source, core, reference):
    """Every set of options, with schemas: equal but for EXACT."""
    compare(source, reference(source), core, debezium.option_sets(), "exact", EXACT)


@SERVERS
def test_lossless_keeps_the_rest_equal(source, core, reference):
    """Every set of options: different in the listed fields only."""
    compare(source, reference(source), core, debezium.option_sets(), "lossless",
            {**EXACT, **LOSSLESS})


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_schemas_and_transactions(source, core, reference):
    """The longest messages, and BEGIN and END as Debezium has them."""
    start = reference(source)
    compare(source, start, core, ["transactions"], "exact", EXACT)
    ours = run(source, start, core, "transactions", "exact", "again")[""]
    theirs = by_table(debezium.golden("mysql-9.7", "transactions"))[""]

    def told(messages):
        values = [json.loads(each["value"]) for each in messages]
        return [(each["status"], each["event_count"], each["data_collections"])
                for each in values]

    def without_apart(values):
        """BEGIN and END of what is apart, left out."""
        kept, begin = [], None
        for each in values:
            if each[0] == "BEGIN":
                begin = each
            elif each[2][0]["data_collection"].split(".", 1)[1] not in APART:
                kept += [begin, each]
        return kept
    assert told(ours) == without_apart(told(theirs))
    assert {each["key_schema"] for each in ours} == \
        {debezium.schemas()[each["key_schema"]] for each in theirs}
    assert {each["value_schema"] for each in ours} == \
        {debezium.schemas()[each["value_schema"]] for each in theirs}


def table_of_cases() -> str:
    """The part of docs/envelope.md that is made from here."""
    lines = ["| value | Debezium | lossless | exact |", "|---|---|---|---|"]
    for case in LOSSLESS.values():
        lines.append(f"| {case.what} | {case.theirs} | {case.ours} | as Debezium |")
    for case in EXACT.values():
        lines.append(f"| {case.what} | {case.theirs} | {case.ours} | as lossless |")
    return "\n".join(lines) + "\n"


def test_documented():
    """docs/envelope.md has the table of the cases above."""
    head, tail = "<!-- cases: made by test_debezium_reference.py -->\n", "<!-- end of cases -->"
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(head)
    shown, _, after = rest.partition(tail)
    if os.environ.get("MR_WRITE_DOCS"):
        PAGE.write_text(before + head + table_of_cases() + tail + after, encoding="utf-8")
        return
    assert shown == table_of_cases(), "write it again with MR_WRITE_DOCS=1"
