"""Random tables and random changes of them, for the differential test.

Everything comes from one random.Random, so a seed makes the same statements again (what
the servers make of them, automatic positions aside, is the same too).
"""

import datetime
import struct

from .values import Column, parse_message, quoted
from .values_tables import ASTRAL, NULL, WIDTHS, Table, raw, text

TIMESTAMP_DAYS = (datetime.date(1970, 1, 3), datetime.date(2038, 1, 17))


class Source:
    """Random literals of every type."""

    def __init__(self, rng, flavor: str, astral_labels: bool):
        self.rng = rng
        self.flavor = flavor
        # Only full metadata has labels with characters that information_schema cannot show.
        self._fourth = ASTRAL if astral_labels else "\u20ac"

    def column(self, name: str, nullable: bool = True) -> Column:
        """A column of a random type."""
        rng = self.rng
        fraction = rng.randint(0, 6)
        size = rng.choice((1, 3, 20, 63, 64, 100))
        precision = rng.randint(1, 65)
        types = [
            rng.choice(list(WIDTHS)) + rng.choice(["", " unsigned"]),
            rng.choice(list(WIDTHS)) + rng.choice(["", " unsigned"]),
            f"decimal({precision},{rng.randint(0, min(30, precision))})", "float", "double",
            f"bit({rng.randint(1, 64)})", f"char({size})", f"varchar({size})",
            f"varchar({size}) CHARACTER SET latin1", f"char({size}) CHARACTER SET latin1",
            "tinytext", "text", "longtext CHARACTER SET latin1", f"binary({size})",
            f"varbinary({size})", "blob", "longblob", "date", f"time({fraction})",
            f"datetime({fraction})", f"timestamp({fraction}) NULL", "year",
            "enum('a','b''c','\u00e9','" + self._fourth + "')", "set('a','b','\u00e9','d','e','f','g','h','i')",
            "json"]
        sql = rng.choice(types)
        if not nullable:
            sql = sql.replace(" NULL", "") + " NOT NULL"
            if sql.startswith("timestamp"):
                sql += " DEFAULT '2000-01-01'"
        return Column(name, sql, sql.startswith("json") and self.flavor == "mariadb")

    def literal(self, column: Column) -> str:
        """A value for it."""
        if column.nullable and self.rng.random() < 0.15:
            return NULL
        return getattr(self, "_" + ("json" if column.as_text else column.kind))(column)

    def _int(self, column):
        bits = WIDTHS[column.base]
        low, high = (0, 2**bits - 1) if column.unsigned else (-2**(bits - 1), 2**(bits - 1) - 1)
        return str(self.rng.choice([low, high, 0, 1, self.rng.randint(low, high),
                                    self.rng.randint(0, 100)]))

    def _decimal(self, column):
        precision, scale = column.numbers
        digits = str(self.rng.randrange(10**self.rng.randint(0, precision))).rjust(scale + 1, "0")
        point = len(digits) - scale
        return self.rng.choice(["", "-"]) + digits[:point] + "." + (digits[point:] or "0")

    def _float(self, _):
        value = struct.unpack(">f", self.rng.randbytes(4))[0]
        return repr(value) if abs(value) < 3e38 else "-0.1"  # nor is NaN under it

    def _double(self, _):
        value = struct.unpack(">d", self.rng.randbytes(8))[0]
        return repr(value) if abs(value) < 1e308 else "0.1"

    def _bit(self, column):
        return str(self.rng.randrange(2**column.numbers[0]))

    def _size(self, column) -> int:
        limit = column.numbers[0] if column.numbers else 60
        most = 3000 if column.base in ("text", "longtext", "blob", "longblob") and \
            self.rng.random() < 0.1 else limit
        return self.rng.randint(0, most)

    def _text(self, column):
        size = self._size(column)
        if "latin1" in column.sql:
            return f"_latin1 {raw(self.rng.randbytes(size))}"
        ranges = [(0, 127), (32, 126), (0, 0x7ff), (0x4e00, 0x9fff), (0x1f300, 0x1f6ff),
                  (0xe000, 0xffff), (0x10000, 0x10ffff)]
        low, high = self.rng.choice(ranges)
        return text("".join(chr(self.rng.randint(low, high)) for _ in range(size)))

    def _bytes(self, column):
        data = self.rng.randbytes(self._size(column)) + bytes(self.rng.randint(0, 2))
        return raw(data[:column.numbers[0]] if column.numbers else data)

    def _day(self, first=datetime.date.min, last=datetime.date.max) -> datetime.date:
        return datetime.date.fromordinal(self.rng.randint(first.toordinal(), last.toordinal()))

    def _date(self, _):
        if self.rng.random() < 0.1:
            return self.rng.choice(["'0000-00-00'", "'2024-02-31'", "'2024-00-15'"])
        return f"'{self._day().isoformat()}'"

    def _clock(self, column) -> str:
        seconds = self.rng.randrange(86400)
        fraction = str(self.rng.randrange(10**column.scale)).rjust(column.scale, "0")
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + \
            (f".{fraction}" if column.scale else "")

    def _time(self, column):
        clock = self._clock(column)
        if self.rng.random() < 0.3:
            clock = f"{self.rng.randint(0, 837)}{clock[2:]}"
        return f"'{self.rng.choice(['', '-'])}{clock}'"

    def _datetime(self, column):
        return self._date(column)[:-1] + f" {self._clock(column)}'"

    def _timestamp(self, column):
        if self.rng.random() < 0.1:
            return "'0000-00-00 00:00:00'"
        return f"'{self._day(*TIMESTAMP_DAYS).isoformat()} {self._clock(column)}'"

    def _year(self, _):
        return str(self.rng.choice([0, 1901, 2155, self.rng.randint(1901, 2155)]))

    def _label(self, column):
        return str(self.rng.randint(1, 4) if column.base == "enum" else self.rng.randrange(512))

    def _json(self, _, depth=0):
        document = self._document(depth)
        return f"CONVERT(X'{document.encode().hex()}' USING utf8mb4)"

    def _document(self, depth) -> str:
        rng = self.rng
        kind = rng.randint(0, 5 if depth < 4 else 3)
        if kind == 0:
            return rng.choice(["null", "true", "false", '""', '"\\u0001\\n"', "[]", "{}"])
        if kind == 1:
            return str(rng.choice([rng.randint(-2**63, 2**64 - 1), rng.randint(-40000, 70000)]))
        if kind == 2:
            return repr(rng.uniform(-1, 1) * 10.0**rng.randint(-20, 20))
        if kind == 3:
            return '"' + rng.choice(["x", "\u00e9", ASTRAL]) * rng.randint(1, 200) + '"'
        inner = [self._document(depth + 1) for _ in range(rng.randint(0, 5))]
        if kind == 4:
            return "[" + ", ".join(inner) + "]"
        return "{" + ", ".join(f'"k{rng.randint(0, 99)}{n}": {value}'
                               for n, value in enumerate(inner)) + "}"


# What no key is made of: the servers want lengths of these, or forbid them.
NOT_IN_KEYS = ("tinytext", "text", "longtext", "blob", "longblob", "json", "bit", "float", "double")


class Changes:
    """Random tables in one database, and statements that change them."""

    def __init__(self, rng, flavor: str, astral_labels: bool, ntables: int = 4):
        self.rng = rng
        self._source = Source(rng, flavor, astral_labels)
        self.tables = {}
        self._ids = {}
        self._next_id = 1
        for number in range(ntables):
            table = self._table(f"t{number}", keyed=number != 0)
            self.tables[table.name] = table
            self._ids[table.name] = set()

    def _table(self, name: str, keyed: bool) -> Table:
        columns = [self._source.column(f"c{n}") for n in range(self.rng.randint(3, 12))]
        key, fixed = "PRIMARY KEY (id)" if keyed else "", ()
        if keyed and self.rng.random() < 0.7:
            part = self._source.column("part", nullable=False)
            while part.base in NOT_IN_KEYS:
                part = self._source.column("part", nullable=False)
            columns.insert(self.rng.randint(0, len(columns)), part)
            key, fixed = "PRIMARY KEY (part, id)", ("part",)
        return Table(name, columns, [], key, id_first=self.rng.random() < 0.5, fixed=fixed)

    def transaction(self) -> list[str]:
        """Statements of a transaction on one or two tables."""
        statements = ["BEGIN"]
        before = {name: set(ids) for name, ids in self._ids.items()}
        for _ in range(self.rng.randint(1, 4)):
            table = self.tables[self.rng.choice(list(self.tables))]
            statements.append(self._statement(table))
        if self.rng.random() < 0.15:
            self._ids = before
            return statements + ["ROLLBACK"]
        return statements + ["COMMIT"]

    def _statement(self, table: Table) -> str:
        ids = self._ids[table.name]
        chance = self.rng.random()
        if not ids or chance < 0.45:
            return self._insert(table)
        some = self.rng.sample(sorted(ids), min(len(ids), self.rng.randint(1, 3)))
        where = f"WHERE id IN ({', '.join(map(str, some))})"
        if chance < 0.6:
            ids.difference_update(some)
            return f"DELETE FROM {table.name} {where}"
        sets = [f"{quoted(c.name)} = {self._source.literal(c)}"
                for c in self.rng.sample(table.columns, self.rng.randint(1, len(table.columns)))]
        if self.rng.random() < 0.2:
            ids.difference_update(some)
            ids.update(number + 100000 for number in some)
            sets.append("id = id + 100000")
        return f"UPDATE {table.name} SET {', '.join(sets)} {where}"

    def _insert(self, table: Table) -> str:
        names = ", ".join(["id"] + [quoted(column.name) for column in table.columns])
        rows = []
        for _ in range(self.rng.randint(1, 6)):
            values = [self._source.literal(column) for column in table.columns]
            rows.append(f"({self._next_id}, {', '.join(values)})")
            self._ids[table.name].add(self._next_id)
            self._next_id += 1
        return f"INSERT INTO {table.name} ({names}) VALUES {', '.join(rows)}"


class Replay:
    """What a consumer holds who applies the messages to empty tables."""

    def __init__(self):
        self.rows = {}    # table: {key as text, or a number where there is none: image}
        self.faults = []
        self._count = 0

    def apply(self, key: str, message: dict) -> None:
        """One message that is no tombstone; `before` must be what is held."""
        table = message["source"]["table"]
        rows = self.rows.setdefault(table, {})
        before, after, op = message["before"], message["after"], message["op"]
        parts = parse_message(key) or {}
        if any((after or before)[name] != form for name, form in parts.items()):
            self.faults.append(f"{table} {op}: key {key} is not the row's: {after or before}")
        if before is not None:
            at = key if key != "null" else next(
                (at for at, image in rows.items() if image == before), None)
            held = rows.pop(at, None)
            if held != before:
                self.faults.append(f"{table} {op} {key}: before is {before}, held {held}")
        if after is not None:
            at = key if key != "null" else self._count
            self._count += 1
            if at in rows:
                self.faults.append(f"{table} {op} {key}: there is such a row already")
            rows[at] = after
