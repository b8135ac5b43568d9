"""Unknown and malformed events: whatever a source sends, a row that was not understood is never
a message, and never skipped either.

A proxy changes one event of a stream that a real server sends, and makes its length and checksum
right again, so that the decoder itself has to notice. The task must stop, name the place, publish
nothing of the damaged transaction, and leave the position in front of it. Where a change happens
to leave an event that still says the same (a byte that nobody reads), exactly the right rows must
arrive instead: there is nothing in between.
"""

import contextlib
import dataclasses
import re
import typing

import pytest

from harness import proxy as binlog
from harness.core import SANITIZER_REPORT
from harness.metadata import row_metadata
from harness.proxy import Proxy
from harness.tasks import here, task_document

HEADER, CRC = 19, 4
FORMAT_DESCRIPTION, QUERY, ROTATE, INCIDENT, XID, TABLE_MAP = 15, 2, 4, 26, 16, 19
MYSQL_GTID, MARIA_GTID = 33, 162

# What a stop because of an event may be called (docs/reference-errors.md).
STOPS = ("event_corrupt", "event_unsupported", "event_incident", "event_statement",
         "value_invalid", "type_unsupported", "schema_mismatch", "source_position")


@dataclasses.dataclass
class Damage:
    """What to do to the `nth` event of some types of a dump: bytes without CRC -> the same."""

    name: str
    types: tuple[int, ...]
    change: typing.Callable[[bytes], bytes]
    nth: int = 2
    must_stop: bool = True
    # Bytes of values that are values again are rows like any others, until one is none: only
    # the checksum, which is made right here, tells them from the source's.
    garbled: bool = False

    def at(self, event: bytes) -> bytes:
        """The whole event, damaged."""
        return binlog.sealed(self.change(event[:-CRC]))


def retyped(number):
    """The event under another type."""
    return lambda event: event[:4] + bytes([number]) + event[5:]


def cut(left):
    """So much of the body stays: a number of bytes, negative from the end, or a part of 1."""
    def change(event):
        body = event[HEADER:]
        return event[:HEADER] + (body[:int(len(body) * left)] if isinstance(left, float)
                                 else body[:left])
    return change


def patched(offset, new):
    """Other bytes at an offset of the body."""
    def change(event):
        at = HEADER + offset
        return event[:at] + new + event[at + len(new):]
    return change


def body(new):
    """Another body."""
    return lambda event: event[:HEADER] + new


def longer(more):
    """Bytes behind the end."""
    return lambda event: event + more


def damages(source, table: str) -> list[Damage]:
    """Every kind of damage, for a flavour. The second event of a type is of the transaction with
    rows 2 and 3, or its first one."""
    mysql = source.flavor == "mysql"
    gtid = MYSQL_GTID if mysql else MARIA_GTID
    rows, maps = binlog.ROWS, (TABLE_MAP,)
    known = [Damage(f"type {number}", rows, retyped(number)) for number in (
        0, 1, 5, 6, 8, 9, 10, 12, 13, 14, 17, 18, 20, 21, 22, 26, 38, 40, 43, 99, 159, 165, 172,
        255)]
    truncated = [Damage(f"{name} cut to {left}", types, cut(left), nth=nth, must_stop=must)
                 for name, types, nth in (("GTID", (gtid,), 2), ("TABLE_MAP", maps, 2),
                                          ("rows", rows, 2), ("XID", (XID,), 2),
                                          ("FORMAT_DESCRIPTION", (FORMAT_DESCRIPTION,), 1))
                 for left, must in ((0, True), (1, True), (0.3, True), (0.6, False), (-1, False))]
    if mysql:
        truncated += [Damage(f"QUERY cut to {left}", (QUERY,), cut(left), nth=1)
                      for left in (0, 1, 12, 0.5, -1)]
    # Id and flags, names with lengths and zeros; then number of columns, types, metadata.
    columns = 8 + len(table) + 3
    maps_lie = [
        Damage("TABLE_MAP: another table's id", maps, patched(0, b"\xf0\xf1\xf2\x00\x00\x00")),
        Damage("TABLE_MAP: a long database", maps, patched(8, b"\xff")),
        Damage("TABLE_MAP: an empty database", maps, patched(8, b"\x00")),
        *(Damage(f"TABLE_MAP: byte {at - columns} of the columns is {byte:#x}", maps,
                 patched(at, bytes([byte])), must_stop=at <= columns + 5, garbled=True)
          for at in (columns, columns + 1, columns + 2, columns + 3, columns + 4, columns + 5,
                     columns + 6, columns + 8) for byte in (0x00, 0xf0, 0xff))]
    # MySQL's rows have 2 bytes with the length of what is extra, too.
    head = 8 + 2 * mysql
    rows_lie = [
        Damage("rows: an unknown table", rows, patched(0, b"\xf0\xf1\xf2\x00\x00\x00")),
        Damage("rows: bytes behind the last", rows, longer(b"\x00"), garbled=True),
        Damage("rows: half a row behind the last", rows, longer(b"\xfe\x05\x00"), garbled=True),
        *(Damage(f"rows: byte {at} is {byte:#x}", rows, patched(at, bytes([byte])),
                 must_stop=at == head, garbled=True)
          for at in range(8, head + 3) for byte in (0x01, 0x09, 0xfc, 0xff))]
    others = [
        Damage("INCIDENT", rows, lambda event: body(b"\x01\x00\x04lost")(retyped(INCIDENT)(event))),
        Damage("ROTATE to a name that is none", (ROTATE,), body(bytes(8) + b"/../\x00x"), nth=1),
        Damage("GTID in the place of the end", (XID,), retyped(gtid)),
        Damage("QUERY that is none in the place of the end", (XID,), retyped(QUERY)),
    ]
    return known + truncated + maps_lie + rows_lie + others


class Trial:
    """One server, table and start; a fresh run for each damage."""

    def __init__(self, source, database, core):
        self.core, self.source, self.count = core, source, 0
        self.table = f"{database}.t"
        source.sql(f"CREATE TABLE {self.table} (id INT PRIMARY KEY, v VARCHAR(100), "
                   "n DECIMAL(10,2), e ENUM('a','b'))")
        self.start = here(source)
        # One dump, which is the one that is damaged: none looks ahead for DDL.
        with contextlib.nullcontext() if "5.7" in source.name else row_metadata(source):
            source.sql(f"INSERT INTO {self.table} VALUES (1, 'first', 1.5, 'a')")
            self.end = source.position()
            source.sql(f"BEGIN; INSERT INTO {self.table} VALUES (2, 'second', -2.25, 'b');"
                       f"INSERT INTO {self.table} VALUES (3, NULL, NULL, NULL); COMMIT")
            source.sql(f"INSERT INTO {self.table} VALUES (4, 'fourth', 4, 'a')")
        self.whole = self.run(None).messages
        assert [m["after"]["id"] for m in self.whole] == [1, 2, 3, 4]

    def run(self, on_event):
        """mr-core through a proxy that does that."""
        between = Proxy(self.source)
        between.on_event = on_event
        self.count += 1
        try:
            document = task_document(between, include=self.table, start=self.start,
                                     source_extra={"tls": {"mode": "disabled"}})
            return self.core.run(document, state=self.core.folder / f"state-{self.count}",
                                 timeout=30)
        finally:
            between.close()

    def faults(self, name, on_event, must_stop, garbled=False) -> list[str]:
        """What is wrong with what the damage led to."""
        result = self.run(on_event)
        rows = [m["after"] for m in result.messages]
        right = [m["after"] for m in self.whole]
        if SANITIZER_REPORT.search(result.stderr):
            return [f"{name}: {result.stderr[-3000:]}"]
        if result.status == 0:
            if must_stop or rows != right:
                return [f"{name}: went on, with {rows}"]
            return []
        found = []
        errors = re.findall(r"ERROR .*? the task failed: (.*)", result.stderr)
        if result.status != 1 or len(errors) != 1:
            return [f"{name}: status {result.status}, {result.stderr[-1500:]}"]
        kind = re.search(r"\((\w+)\)(?: at [\w.-]+:\d+(?: \(gtid \S+\))?)?: ", errors[0])
        if not kind or kind[1] not in STOPS:
            found.append(f"{name}: another reason: {errors[0]}")
        elif not re.search(r"[\w.-]+\.\d{6}:\d+", errors[0]):
            found.append(f"{name}: no place: {errors[0]}")
        if (rows and rows[0] != right[0]) or (not garbled and rows != right[:len(rows)]):
            found.append(f"{name}: stopped, with {rows}")
        position = (result.summary["position"]["file"], result.summary["position"]["pos"])
        if len(rows) <= 1 and position[1] > self.end[1]:
            found.append(f"{name}: the position is {position}, behind {self.end}")
        return found


def try_all(trial, chosen) -> None:
    """Each damage in a run of its own."""
    found = []
    for damage in chosen:
        met = [0]

        def on_event(event, dump, damage=damage, met=met):
            if dump == 0 and binlog.event_type(event) in damage.types and len(event) > HEADER + CRC:
                met[0] += 1
                if met[0] == damage.nth:
                    return damage.at(event)
            return event
        found += trial.faults(damage.name, on_event, damage.must_stop, damage.garbled)
        if met[0] < damage.nth:
            found.append(f"{damage.name}: met {met[0]} such events only")
    assert not found, f"{len(found)} of {trial.count - 1}:\n" + "\n".join(found)


# Which of them each server gets in every run; together they are all of them.
SHARES = {"mysql-9.7": (0, 2), "mariadb-10.11": (1, 2), "mysql-5.7": (1, 4), "mariadb-11.8": (2, 4)}


@pytest.mark.sources("mysql-9.7", "mariadb-10.11")
def test_damage_stops_the_task(source, database, core):
    """Each kind of damage, in a run of its own."""
    trial = Trial(source, database, core)
    first, step = SHARES[f"{source.flavor}-{source.series}"]
    try_all(trial, damages(source, trial.table)[first::step])


@pytest.mark.sanitize
@pytest.mark.sources("mysql-5.7", "mariadb-11.8")
def test_damage_on_other_servers(source, database, core):
    """The same, with the sanitizers too."""
    trial = Trial(source, database, core)
    first, step = SHARES[f"{source.flavor}-{source.series}"]
    try_all(trial, damages(source, trial.table)[first::step])


@pytest.mark.full
@pytest.mark.sources(*SHARES)
def test_all_damage(source, database, core):
    """All of them on all of these servers."""
    trial = Trial(source, database, core)
    try_all(trial, damages(source, trial.table))


@pytest.mark.sources("mysql-8.0")
@pytest.mark.parametrize("size", [0, 18, -1, +1, 0xffffffff])
def test_lengths_that_are_not_the_packets(source, database, core, size):
    """The length in the header."""
    trial = Trial(source, database, core)
    met = [0]

    def on_event(event, _dump):
        if binlog.event_type(event) not in binlog.ROWS:
            return event
        met[0] += 1
        told = len(event) + size if abs(size) == 1 else size
        return event if met[0] != 2 else event[:9] + told.to_bytes(4, "little") + event[13:]
    assert not trial.faults(f"length {size}", on_event, True)
