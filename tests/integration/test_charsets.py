"""Text in every character set of every server comes out as SELECT CONVERT(… USING utf8mb4) has it.

One row holds every character of every set: core/charset's tables say which codes there are, the
server what they mean. That the tables lack none is tests/vectors/charsets.py --check's.
"""

import base64
import json
import pathlib
import struct

import pytest

from harness.tasks import here, task_document
from harness.values_corpus import run_sql, session, set_metadata, values_server

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "core" / "charset"
TABLES = (FOLDER / "tables.bin").read_bytes()
NONE, LEAD = 0xFFFD, 0xFFFF
UNICODE = {"ucs2": "utf-16-be", "utf16": "utf-16-be", "utf16le": "utf-16-le", "utf32": "utf-32-be"}
LETTERS = {"armscii8": "\u0561", "ascii": "x", "cp1251": "\u0436", "cp1256": "\u0627",
           "cp866": "\u0436", "geostd8": "\u10d0", "greek": "\u03bb", "hebrew": "\u05d0",
           "koi8r": "\u0436", "koi8u": "\u0436", "swe7": "\u00e5", "tis620": "\u0e01",
           **dict.fromkeys(("big5", "cp932", "eucjpms", "euckr", "gb18030", "gb2312", "gbk",
                            "sjis", "ujis", *UNICODE), "\u4e2d")}
FIVE = ("mariadb-10.11", "mariadb-11.8", "mysql-5.7", "mysql-8.0", "mysql-9.7")


def four(index):
    """gb18030's code of four bytes by its number."""
    index, last = divmod(index, 10)
    index, third = divmod(index, 126)
    first, second = divmod(index, 10)
    return bytes([first + 0x81, second + 0x30, third + 0x81, last + 0x30])


def codes(name: str) -> bytes:
    """Every character of a set, one behind the other."""
    if name in UNICODE:
        points = [c for c in range(0x10000) if not 0xD800 <= c <= 0xDFFF and c != NONE]
        if name != "ucs2":
            points += list(range(0x10000, 0x110000, 61)) + [0x10FFFF]
        return "".join(map(chr, points)).encode(UNICODE[name])
    (line,) = [line for line in (FOLDER / "tables.def").read_text().splitlines()
               if line.startswith(f"SET({name},")]
    at, _, first, last, low, high, three, fours = map(int, line[4:-1].split(", ")[1:])
    place = at * 2

    def take(all_codes):
        nonlocal place
        points = struct.unpack_from(f"<{len(all_codes)}H", TABLES, place)
        place += 2 * len(points)
        return [code for code, point in zip(all_codes, points) if point not in (NONE, LEAD)]
    found = take([bytes([i]) for i in range(256)])
    if first:
        found += take([bytes([i, j]) for i in range(first, last + 1) for j in range(low, high + 1)])
    if three:
        found += take([bytes([0x8F, i, j]) for i in range(0xA1, 0xFF) for j in range(0xA1, 0xFF)])
    if fours:
        found += take([four(i) for i in range(39420)])
        found += [four(189000 + i) for i in [*range(0, 0x100000, 61), 0xFFFFF]]
    return b"".join(found)


def names_of(connection) -> list[str]:
    """The server's sets, but those that are UTF-8 or bytes."""
    shown = [row[0] for row in run_sql(connection, "SHOW CHARACTER SET")]
    return [name for name in shown if not name.startswith("utf8") and name != "binary"]


def cases():
    """Servers and what their events tell; 5.7 has one way only."""
    for server in FIVE:
        for metadata in ("FULL", "default"):
            if not (server == "mysql-5.7" and metadata == "FULL"):
                yield pytest.param(server, metadata, id=f"{server}-{metadata}")


@pytest.fixture
def prepared(pool, new_database):
    """prepared(server, metadata): an open session in a new database, and where it begins."""
    open_sessions = []

    def prepare(name, metadata):
        server = values_server(pool, name)
        database = new_database(server)
        if name != "mysql-5.7":
            set_metadata(server, metadata)
        connection = session(server, database, "SET sql_mode = '', NAMES utf8mb4")
        open_sessions.append(connection)
        return server, database, here(server), connection
    yield prepare
    for connection in open_sessions:
        connection.close()


@pytest.mark.sanitize
@pytest.mark.parametrize("name, metadata", list(cases()))
def test_every_character(prepared, core, name, metadata):
    """Every code of every set; in a table and columns with names in other scripts."""
    server, database, start, connection = prepared(name, metadata)
    sets = names_of(connection)
    assert len(sets) > 30
    columns = ", ".join(f"`\u0441_{cs}` LONGTEXT CHARACTER SET {cs}" for cs in sets)
    run_sql(connection, f"CREATE TABLE `\u0442\u8868` (id INT PRIMARY KEY, {columns})")
    values = ", ".join(f"CONVERT(X'{codes(cs).hex()}' USING {cs})" for cs in sets)
    run_sql(connection, f"INSERT INTO `\u0442\u8868` VALUES (1, {values})")
    (shown,) = run_sql(connection, "SELECT " + ", ".join(
        f"HEX(CONVERT(`\u0441_{cs}` USING utf8mb4))" for cs in sets) + " FROM `\u0442\u8868`")
    document = task_document(server, include=f"{database}.\u0442\u8868", start=start)
    (message,) = core.run(document).ok().messages
    for cs, value in zip(sets, shown):
        got, want = message["after"][f"\u0441_{cs}"], bytes.fromhex(value).decode()
        assert len(want) > 100 and got == want, \
            [(cs, i, a, b) for i, (a, b) in enumerate(zip(got, want)) if a != b][:5]


@pytest.mark.parametrize("name, metadata", list(cases()))
def test_columns_of_every_set(prepared, core, name, metadata):
    """CHAR's spaces, keys, labels of ENUM and SET, generated columns: in each set."""
    server, database, _, connection = prepared(name, metadata)
    wanted = {}
    for cs in names_of(connection):
        letter = LETTERS.get(cs, "\u00e9")
        run_sql(connection, f"CREATE TABLE t_{cs} (c CHAR(4) CHARACTER SET {cs}, "
                            f"v VARCHAR(9) CHARACTER SET {cs} PRIMARY KEY, "
                            f"e ENUM('a', '{letter}b') CHARACTER SET {cs}, "
                            f"s SET('{letter}', 'c''d') CHARACTER SET {cs}) CHARACTER SET {cs}")
        wanted[f"t_{cs}"] = {"c": letter, "v": f"z{letter} ", "e": f"{letter}b",
                             "s": f"{letter},c'd"}
    start = here(server)
    for table, row in wanted.items():
        run_sql(connection, f"INSERT INTO {table} VALUES ('{row['c']}  ', '{row['v']}', 2, 3)")
    document = task_document(server, include=f"{database}.*", start=start)
    result = core.run(document).ok()
    assert {m["source"]["table"]: m["after"] for m in result.messages} == wanted


@pytest.mark.parametrize("name", ["mariadb-10.11", "mariadb-11.8"])
@pytest.mark.parametrize("compat", ["lossless", "exact"])
def test_ill_formed_text(prepared, core, bus, name, compat):
    """MariaDB keeps surrogates: U+FFFD in the message, the bytes in the header __mr.values."""
    server, database, start, connection = prepared(name, "FULL")
    run_sql(connection, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET utf8mb4, "
                        "b VARCHAR(9) CHARACTER SET ascii)")
    run_sql(connection, "INSERT INTO t VALUES (1, X'61EDA08062', 'x')")
    run_sql(connection, "UPDATE t SET a = 'good'")
    topic = f"{database}.t"
    core.run(task_document(server, include=f"{database}.t", start=start,
                           pipe={"type": "kafka", "brokers": bus.brokers,
                                 "options": {"compat": compat}, "topic": topic})).ok()
    first, second = bus.collect(topic, count=2)
    note = {"a": {"bytes": base64.b64encode(b"a\xed\xa0\x80b").decode()}}
    assert first.json["after"]["a"] == second.json["before"]["a"] == "a\ufffd\ufffd\ufffdb"
    assert json.loads(dict(first.headers)["__mr.values"]) == {"after": note}
    assert json.loads(dict(second.headers)["__mr.values"]) == {"before": note}
