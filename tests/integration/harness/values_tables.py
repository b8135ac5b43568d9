"""Tables whose rows hold every type's values at their edges, for test_values.py.

tables() is the list; values_corpus.py puts them on a server. The literals are SQL: what
counts is what the server makes of them and shows in a SELECT.
"""

import dataclasses
import datetime
import random

from .values import Column, quoted, truth
from .values_json import json_rows, maria_json_rows

NULL = "NULL"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table and the rows it is given. Every table has `id` INT, counted from 1."""

    name: str
    columns: list[Column]
    rows: list[list[str]]   # SQL literals; of the columns that are neither id nor generated
    key: str = "PRIMARY KEY (id)"
    id_first: bool = True
    fixed: tuple = ()          # columns that the UPDATE leaves as they are: of keys
    partial: bool = False      # only inserts have generated columns: MariaDB 11.8
    stops_exact: bool = False  # it holds what the task must stop at with compat exact

    @property
    def all_columns(self) -> list[Column]:
        """With id, in the table's order."""
        own = [Column("id", "INT NOT NULL")]
        return own + self.columns if self.id_first else self.columns + own

    @property
    def given(self) -> list[Column]:
        """The columns that rows hold values for."""
        return [column for column in self.columns if not column.generated]

    def create(self) -> str:
        """CREATE TABLE."""
        parts = [f"{quoted(column.name)} {column.sql}" for column in self.all_columns]
        return f"CREATE TABLE {quoted(self.name)} ({', '.join(parts + [self.key] * (self.key > ''))})" \
               " DEFAULT CHARACTER SET utf8mb4"

    def insert(self) -> str:
        """INSERT of all rows."""
        names = ", ".join(["id"] + [quoted(column.name) for column in self.given])
        rows = ", ".join(f"({number}, {', '.join(row)})"
                         for number, row in enumerate(self.rows, 1))
        return f"INSERT INTO {quoted(self.name)} ({names}) VALUES {rows}"

    def rotate(self) -> str:
        """UPDATE that gives each row the values of the next."""
        name = quoted(self.name)
        sets = ", ".join(f"t.{quoted(c.name)} = s.{quoted(c.name)}"
                         for c in self.given if c.name not in self.fixed)
        columns = ", ".join(["id"] + [quoted(c.name) for c in self.given])
        return (f"UPDATE {name} t JOIN (SELECT {columns} FROM {name}) s "
                f"ON s.id = t.id % {len(self.rows)} + 1 SET {sets}")

    def select(self) -> str:
        """SELECT of every value's truth; id comes first."""
        return (f"SELECT id, {', '.join(truth(column) for column in self.columns)} "
                f"FROM {quoted(self.name)}")


def text(value: str) -> str:
    """A text literal, whatever is in it."""
    return f"_utf8mb4 X'{value.encode('utf-8').hex()}'" if value else "''"


def raw(value: bytes) -> str:
    """Bytes."""
    return f"X'{value.hex()}'" if value else "''"


def _columns(*pairs) -> list[Column]:
    return [Column(name, sql) for name, sql in pairs]


def _nulls(columns) -> list[str]:
    return [NULL] * sum(not column.generated for column in columns)


def _each(columns, values, among=None) -> list[list[str]]:
    """A row for each value, that value in every column; then a row of NULLs."""
    rows = [[value(column) if callable(value) else value for column in columns]
            for value in values]
    return rows + [_nulls(columns)] if among is None else rows


# Numbers.

WIDTHS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}


def _integers() -> Table:
    columns, low, high, odd = [], [], [], []
    for name, bits in WIDTHS.items():
        half = 2**(bits - 1)
        # YEAR among them: servers disagree whether it has a bit in the metadata of signs.
        columns += _columns((f"s_{name}", name), (f"u_{name}", f"{name} unsigned"),
                            (f"y_{name}", "year"), (f"z_{name}", f"{name}(3) zerofill"))
        low += [-half, 0, 0, 0]
        high += [half - 1, 2 * half - 1, 2155, 2 * half - 1]
        odd += [-1, half, 1901, half + 1]
    columns += _columns(("b", "bool"), ("t1", "tinyint(1)"), ("t1u", "tinyint(1) unsigned"),
                        ("last", "bigint unsigned"))
    rows = [low + [0, -128, 0, 2**63 - 1], high + [1, 127, 255, 2**64 - 1],
            odd + [-1, 2, 1, 2**63], [1] * len(columns), [100] * len(columns)]
    for row in rows[3:]:
        for index, column in enumerate(columns):
            if column.kind == "year":
                row[index] = 1970
    rows = [[str(value) for value in row] for row in rows]
    return Table("integers", columns, rows + [_nulls(columns)])


def _decimals() -> Table:
    sizes = [(1, 0), (1, 1), (2, 1), (4, 0), (5, 2), (8, 7), (9, 0), (9, 9), (10, 0), (10, 5),
             (17, 0), (18, 0), (18, 9), (18, 18), (19, 0), (19, 1), (19, 19), (20, 10), (27, 9),
             (28, 27), (30, 30), (36, 18), (37, 1), (38, 0), (45, 22), (54, 27), (64, 30),
             (65, 0), (65, 1), (65, 30)]
    columns = _columns(*((f"d{p}_{s}", f"decimal({p},{s})") for p, s in sizes),
                       ("u", "decimal(20,2) unsigned"))
    sizes.append((20, 2))
    rng = random.Random(65)

    def number(size, digits, sign=""):
        p, s = size
        digits = "".join(digits() for _ in range(p))
        return sign + (digits[:p - s] or "0") + ("." + digits[p - s:] if s else "")

    def unit(size):
        return "0." + "0" * (size[1] - 1) + "1" if size[1] else "1"
    rows = [[number(size, lambda: "9") for size in sizes],
            [number(size, lambda: "9", "-") for size in sizes], ["0"] * len(sizes),
            [unit(size) for size in sizes], ["-" + unit(size) for size in sizes],
            [number(size, lambda: "1" if rng.random() < .2 else "0") for size in sizes]]
    rows += [[number(size, lambda: rng.choice("0123456789"), rng.choice(["", "-"]))
              for size in sizes] for _ in range(8)]
    # What base64 of a two's complement could get wrong: the powers of two and their sides.
    powers = [sign * 2**bits + side for bits in range(7, 65, 8) for sign in (1, -1)
              for side in (-1, 0, 1)]
    wide = [index for index, size in enumerate(sizes) if size[0] - size[1] >= 20]
    for value in powers:
        row = ["0"] * len(sizes)
        for index in wide:
            row[index] = str(value)
        rows.append(row)
    for row in rows:
        row[-1] = row[-1].lstrip("-")
    return Table("decimals", columns, rows + [_nulls(columns)])


DOUBLES = ["0e0", "ROUND(-0.4e0)", "1.5e0", "-2.5e-1", "0.1e0", "0.2e0", "123456789.125e0",
           "1e-5", "9.999999e-5", "1e-4", "1e-3", "9.999e6", "1e7", "1e15", "123456789012345678e0",
           "1e16", "1e17", "1e21", "1e22", "1e23", "9007199254740991e0", "9007199254740993e0",
           "5e-324", "4.9406564584124654e-324", "2.2250738585072009e-308",
           "2.2250738585072014e-308", "1.7976931348623157e308", "-1.7976931348623157e308",
           "3.4028234663852886e38", "1.1754943508222875e-38", "1.401298464324817e-45",
           "2.2204460492503131e-16", "0.30000000000000004e0", "1.23456789012345678e-100"]
FLOATS = ["0e0", "ROUND(-0.4e0)", "1.5e0", "-2.5e-1", "0.1e0", "0.3e0", "16777215e0",
          "16777216e0", "16777217e0", "1e-45", "1.1754942e-38", "1.17549435e-38",
          "3.4028234663852886e38", "-3.4028234663852886e38", "1e10", "3.3554432e7", "1e-3",
          "1e-4", "9.999e6", "1e7", "123456.7e0", "8388608.5e0", "1.1920929e-7",
          "2.7182817e0", "5.877472e-39"]


def _doubles() -> Table:
    columns = _columns(("d", "double"), ("u", "double unsigned"), ("r", "double(20,5)"))
    rng = random.Random(64)
    values = DOUBLES + [f"{rng.uniform(-1, 1) * 10.0**rng.randint(-300, 300)!r}"
                        for _ in range(60)]
    rows = [[value, f"ABS({value})", f"{rng.uniform(-1e9, 1e9):.7f}"] for value in values]
    return Table("doubles", columns, rows + [_nulls(columns)])


def _floats() -> Table:
    columns = _columns(("f", "float"), ("u", "float unsigned"), ("r", "float(7,3)"))
    rng = random.Random(32)
    values = FLOATS + [f"{rng.uniform(-1, 1) * 10.0**rng.randint(-40, 38)!r}" for _ in range(60)]
    rows = [[value, f"ABS({value})", f"{rng.uniform(-9999, 9999):.5f}"] for value in values]
    return Table("floats", columns, rows + [_nulls(columns)])


def _bits() -> Table:
    columns = [Column(f"b{n}", f"bit({n})") for n in range(1, 65)]
    patterns = [lambda n: 2**n - 1, lambda n: 0, lambda n: 2**(n - 1), lambda n: 1,
                lambda n: 0xAAAAAAAAAAAAAAAA % 2**n, lambda n: 0x0123456789ABCDEF % 2**n]
    rows = [[str(pattern(n)) for n in range(1, 65)] for pattern in patterns]
    return Table("bits", columns, rows + [_nulls(columns)])


# Text and bytes.

ASTRAL = "\U0001f600"
TEXTS = ["", "a", " ", "  lead", "trail  ", "\0", "a\0b\0", "".join(map(chr, range(32))), "\x7f",
         "\"'`\\/", "\\u0041", "\ufeffbom", "\u0085\u2028\u2029", "e\u0301 \u00e9", "\ud7ff\ue000",
         "\uffff\ufffd", ASTRAL, "\U0010ffff", "\U00010000", "\U0001f469\u200d\U0001f52c",
         "\u05d0\u202e\u0627", "\u4e2d\u6587", "\x80\u07ff\u0800", "null", "{\"a\": 1}", "\r\n\t",
         "__debezium_unavailable_value", "x" * 63, "\u00e9" * 32, ASTRAL * 63]


def _texts() -> Table:
    # Lengths of one and two bytes, in the metadata and before the values.
    columns = _columns(("c", "char(63)"), ("c255", "char(255)"), ("v63", "varchar(63)"),
                       ("v64", "varchar(64)"), ("v255", "varchar(255)"), ("v", "varchar(2000)"),
                       ("bin", "varchar(300) COLLATE utf8mb4_bin"), ("tt", "tinytext"),
                       ("t", "text"), ("mt", "mediumtext"), ("lt", "longtext"))
    rows = [[text(value)] * len(columns) for value in TEXTS]
    for unit, width in (("y", 1), ("\u00e9", 2), ("\u20ac", 3), (ASTRAL, 4)):
        rows.append([f"REPEAT({text(unit)}, {size})" for size in (
            63, 255, 63, 64, 255, 2000, 300, 255 // width, 65535 // width, 65536 // width,
            65537)])
    rows.append(["'x'", "REPEAT('z', 255)", "'x'", "'x'", "REPEAT('z', 254)", "REPEAT('z', 256)",
                 "REPEAT('z', 255)", "''", "REPEAT('z', 256)", "REPEAT('z', 65535)",
                 "REPEAT('\"', 300000)"])
    return Table("texts", columns, rows + [_nulls(columns)])


def _utf8mb3() -> Table:
    columns = _columns(("c", "char(85) CHARACTER SET utf8"), ("v", "varchar(86) CHARACTER SET utf8"),
                       ("t", "text CHARACTER SET utf8"), ("a", "char(20) CHARACTER SET ascii"),
                       ("m", "varchar(86)"))
    rows = [[text(value)] * 3 + ["'plain'", text(value)] for value in TEXTS
            if max(value, default="") <= "\uffff"]
    rows.append([f"REPEAT({text(chr(0x20ac))}, {n})" for n in (85, 86, 9000)] +
                ["REPEAT('a', 20)", f"REPEAT({text(ASTRAL)}, 86)"])
    return Table("utf8mb3", columns, rows + [_nulls(columns)])


def _latin1() -> Table:
    columns = _columns(("c", "char(200)"), ("c255", "char(255)"), ("v255", "varchar(255)"),
                       ("v256", "varchar(256)"), ("t", "text"), ("lt", "longtext"))
    columns = [Column(c.name, f"{c.sql} CHARACTER SET latin1") for c in columns]
    every = bytes(range(256))
    parts = [every, every[:128], every[128:], every[::-1], b"\x81\x8d\x8f\x90\x9d", b"", b" x "]
    rows = [[f"LEFT(_latin1 {raw(part)}, {size})" for size in (200, 255, 255, 256, 256, 256)]
            for part in parts]
    rows.append(["'a'", "REPEAT(_latin1 X'e9', 255)", "REPEAT(_latin1 X'80', 255)",
                 "REPEAT(_latin1 X'ff', 256)", "REPEAT(_latin1 X'e9', 65535)",
                 "REPEAT(_latin1 X'80', 70000)"])
    # In the same table as utf8mb4, so that the metadata of character sets has exceptions.
    columns += _columns(("u", "varchar(20)"), ("e", "enum('\u00e9','\u20ac') CHARACTER SET latin1"),
                        ("s", "set('\u00fc','x','\u20ac') CHARACTER SET latin1"),
                        ("eu", "enum('\u00e9','\u4e2d')"))
    for number, row in enumerate(rows):
        row += [text(ASTRAL), str(number % 2 + 1), str(number), str(number % 2 + 1)]
    return Table("latin1", columns, rows + [_nulls(columns)])


def _binaries() -> Table:
    columns = _columns(("b1", "binary(1)"), ("b16", "binary(16)"), ("b255", "binary(255)"),
                       ("vb16", "varbinary(16)"), ("vb255", "varbinary(255)"),
                       ("vb256", "varbinary(256)"), ("tb", "tinyblob"), ("b", "blob"),
                       ("mb", "mediumblob"), ("lb", "longblob"),
                       ("cb", "char(16) CHARACTER SET binary"))
    every = bytes(range(256))
    values = [b"", b"\0", b"\0\0", b"a\0", b"a ", b"\0a\0\0", b"\xff", b"\xfb\xff\xbf", every,
              every[::-1], b"\xed\xa0\x80", b"\xf0\x9f\x98", b"ab", b"abc", b"abcd"]
    rows = []
    for value in values:
        sizes = (1, 16, 255, 16, 255, 256, 255, 256, 256, 256, 16)
        rows.append([raw(value[:size]) for size in sizes])
    rows.append(["X'ff'", "REPEAT(X'00', 16)", "REPEAT(X'01', 255)", "REPEAT(X'00', 16)",
                 "REPEAT(X'02', 255)", "REPEAT(X'00', 256)", "REPEAT(X'03', 255)",
                 "REPEAT(X'04', 65535)", "REPEAT(X'05', 65536)", "REPEAT(X'06', 300001)", "X'00'"])
    return Table("binaries", columns, rows + [_nulls(columns)])


# Times.

def _temporals(name: str, *, null: str, dates, datetimes, times, timestamps,
               stops_exact=False) -> Table:
    # MariaDB and MySQL 5.7 give the first TIMESTAMP a default that 0 would not be.
    columns = _columns(("d", f"date {null}"), *((f"t{n}", f"time({n}) {null}") for n in range(7)),
                       *((f"dt{n}", f"datetime({n}) {null}") for n in range(7)),
                       *((f"ts{n}", f"timestamp({n}) {null} DEFAULT '2000-01-01 10:00:00'")
                         for n in range(7)))
    count = max(map(len, (dates, datetimes, times, timestamps)))

    def pick(values, number):
        return f"'{values[number % len(values)]}'"
    rows = [[pick(dates, number)] + [pick(times, number)] * 7 + [pick(datetimes, number)] * 7 +
            [pick(timestamps, number)] * 7 for number in range(count)]
    return Table(name, columns, rows + [_nulls(columns)] * (null == "NULL"),
                 stops_exact=stops_exact)


DATES = ["2026-11-22", "1970-01-01", "1969-12-31", "2000-02-29", "1900-02-28", "1900-03-01",
         "1600-02-29", "1582-10-04", "1582-10-15", "1000-01-01", "0100-01-01", "9999-12-31",
         "2024-12-31", "1999-01-01"]
TIMES = ["00:00:00", "12:34:56.123456", "23:59:59.999999", "24:00:00", "24:00:00.000001",
         "838:59:59", "-838:59:59", "838:59:58.999999", "-838:59:58.999999", "-00:00:00.000001",
         "-00:00:01", "-00:00:00.5", "-12:00:00.99", "-00:59:59.990000", "100:00:00",
         "-99:59:59.000009", "99:59:59.1"]
DATETIMES = ["2026-11-22 01:02:03.987654", "1970-01-01 00:00:00", "1970-01-01 00:00:00.000001",
             "1969-12-31 23:59:59.999999", "1000-01-01 00:00:00", "0100-03-01 00:00:00.1",
             "9999-12-31 23:59:59", "9999-12-31 23:59:59.499999", "2024-02-29 12:00:00.5",
             "1677-09-21 00:12:44", "2262-04-11 23:47:16.854775", "1582-10-10 00:00:00",
             "2038-01-19 03:14:08", "1900-01-01 00:00:00.01"]
TIMESTAMPS = ["2026-11-22 22:59:59.000001", "1970-01-01 00:00:01", "2038-01-19 03:14:06.999999",
              "2038-01-19 03:14:07", "2001-09-09 01:46:40.5", "1999-12-31 23:59:59.499999",
              "2000-02-29 00:00:00.123456", "1970-01-02 03:04:05.99", "2024-12-31 23:59:58.9"]
ZONE = "+05:45"  # of the sessions that load the tables
ZONE_OFFSET = datetime.timedelta(hours=5, minutes=45)


def _local(timestamp: str) -> str:
    """A moment in UTC as a session in ZONE writes it."""
    return (datetime.datetime.fromisoformat(timestamp) + ZONE_OFFSET).isoformat(" ")


def _times() -> Table:
    return _temporals("times", null="NULL", dates=DATES, datetimes=DATETIMES, times=TIMES,
                      timestamps=[_local(timestamp) for timestamp in TIMESTAMPS])


def _zero_times() -> list[Table]:
    zero = {"dates": ["0000-00-00", "2024-00-00", "2024-01-00", "0000-05-01", "0001-01-01",
                      "0069-12-31", "0070-01-01", "0099-12-31", "0000-01-01"],
            "datetimes": ["0000-00-00 00:00:00", "2024-00-00 00:00:00", "2024-01-00 10:11:12",
                          "0000-05-01 00:00:00.000001", "0001-01-01 00:00:00",
                          "0069-12-31 23:59:59.25", "0070-01-01 00:00:00", "0099-12-31 23:59:59"],
            "times": ["00:00:00"], "timestamps": ["0000-00-00 00:00:00"]}
    wrong = {"dates": ["2024-02-30", "2023-02-29", "2024-04-31", "1900-02-29"],
             "datetimes": ["2024-02-30 10:00:00.123456", "2023-02-29 00:00:00"],
             "times": ["00:00:00"], "timestamps": ["2024-01-01 00:00:00"]}
    return [_temporals("zero_times", null="NULL", **zero),
            _temporals("zero_times_not_null", null="NOT NULL", **zero),
            _temporals("wrong_days", null="NULL", stops_exact=True, **wrong)]


# Labels.

def _labels() -> Table:
    bits = [f"b{n}" for n in range(64)]
    odd = ["plain", "with 'quotes'", "gr\u00fcn \u4e2d", "back\\slash", "new\nline", "\"", " lead"]
    many = [f"label {n}" for n in range(300)]

    def listed(kind, labels):
        inner = ",".join("'" + label.replace("\\", "\\\\").replace("'", "''") + "'"
                         for label in labels)
        return f"{kind}({inner})"
    columns = _columns(("e", listed("enum", odd + ["a,b", "enum('x','y')"])),
                       ("s", listed("set", odd)), ("e300", listed("enum", many)),
                       ("s64", listed("set", bits)), ("s8", listed("set", bits[:8])),
                       ("s9", listed("set", bits[:9])), ("s33", listed("set", bits[:33])),
                       ("one", "enum('only')"), ("empty", "enum('','x')"),
                       ("e255", listed("enum", many[:255])), ("e256", listed("enum", many[:256])))
    rows = [[str(n % 10), str(2**(n % 7) - 1 + n % 2), str((1, 255, 256, 300)[n % 4]),
             str((0, 1, 2**63, 2**64 - 1, 2**32, 3 * 2**40)[n % 6]), str((255, 0, 128)[n % 3]),
             str((511, 0, 256)[n % 3]), str((2**33 - 1, 2**32, 0)[n % 3]), str(n % 2),
             str(n % 3), str((0, 1, 255)[n % 3]), str((0, 256, 255)[n % 3])] for n in range(12)]
    return Table("labels", columns, rows + [_nulls(columns)])


# What not all servers have, or not alike.

SHAPES = {
    "point": ["POINT(1.5 -2)", "POINT(1e300 -5e-324)", "POINT(0 0)"],
    "linestring": ["LINESTRING(0 0, 1 1)", "LINESTRING(0 0, 0.1 0.2, -3 4, 5 6)"],
    "polygon": ["POLYGON((0 0, 4 0, 4 4, 0 0))",
                "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1))"],
    "multipoint": ["MULTIPOINT(0 0, 1 1)", "MULTIPOINT(-1 -1)"],
    "multilinestring": ["MULTILINESTRING((0 0, 1 1), (2 2, 3 3, 4 4))"],
    "multipolygon": ["MULTIPOLYGON(((0 0, 4 0, 4 4, 0 0)), ((5 5, 6 5, 6 6, 5 5)))"],
    "geometrycollection": [
        "GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1), POLYGON((0 0, 4 0, 4 4, 0 0)))",
        "GEOMETRYCOLLECTION EMPTY", "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2)))"],
}


def _geometries(series: str) -> Table:
    """Each kind in its own column and in one of any kind, with and without SRID."""
    columns = _columns(("g", "geometry"), *((kind, kind) for kind in SHAPES), ("last", "int"))
    rows = []
    for number in range(3):
        own = [values[number % len(values)] for values in SHAPES.values()]
        for srid in (0, 4326, 3857, 0):
            # Within what degrees can be.
            texts = ["POINT(1 2)" if srid and "e" in text.lower() and "1e300" in text else text
                     for text in own]
            if series == "5.7":  # which has no word for it
                texts = [text.replace(" EMPTY", "()") for text in texts]
            any_kind = texts[(number + srid) % len(texts)]
            rows.append([f"ST_GeomFromText('{text}', {srid})" for text in [any_kind] + texts] +
                        [str(number)])
    return Table("geometries", columns, rows + [_nulls(columns)])


def _vectors(flavor: str) -> Table:
    columns = _columns(("v", "vector(3)"), ("v1", "vector(1)"), ("long_one", "vector(300)"))
    make = "VEC_FromText" if flavor == "mariadb" else "STRING_TO_VECTOR"
    # What else floats have, not all servers take.
    odd = "[1e10,-1e-30,1.4e-45]" if flavor == "mariadb" else "[3.4028235e38,-1e-30,0]"
    several = ["[1,2,3]", "[0.1,-0.25,1e10]", odd]
    rows = [[f"{make}('{text}')", f"{make}('{text.split(',')[0]}]')",
             f"{make}('[{', '.join(str(n / 7) for n in range(300))}]')"] for text in several]
    return Table("vectors", columns, rows + [_nulls(columns)])


def _mariadb_types() -> list[Table]:
    columns = _columns(("u", "uuid"), ("i4", "inet4"), ("i6", "inet6"), ("n", "int unsigned"))
    rows = [["'123e4567-e89b-12d3-a456-426655440000'", "'192.168.0.1'", "'2001:db8::ff00:42:8329'"],
            ["'00000000-0000-0000-0000-000000000000'", "'0.0.0.0'", "'::'"],
            ["'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'255.255.255.255'",
             "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'"],
            ["'00000000-0000-1000-8000-000000000000'", "'10.0.0.0'", "'::ffff:192.0.2.128'"],
            ["'12345678-9abc-7def-8000-ab0000000000'", "'1.0.0.0'", "'2001::'"]]
    packed = _columns(
        ("v", "varchar(2000) COMPRESSED"), ("t", "text COMPRESSED"),
        ("b", "longblob COMPRESSED"), ("vb", "varbinary(300) COMPRESSED"),
        ("tt", "tinytext COMPRESSED"), ("l", "varchar(500) COMPRESSED CHARACTER SET latin1"))
    packed_rows = [["''"] * 6, ["'short'"] * 5 + ["_latin1 X'e9'"],
                   ["REPEAT('ab', 900)", f"REPEAT({text(ASTRAL)}, 9000)", "REPEAT(X'0001', 100000)",
                    "REPEAT(X'00', 300)", "REPEAT('x', 255)", "REPEAT(_latin1 X'e980', 200)"]]
    return [Table("maria", columns, [row + ["4294967295"] for row in rows] + [_nulls(columns)]),
            Table("compressed", packed, packed_rows + [_nulls(packed)])]


def _invisible() -> Table:
    columns = _columns(("a", "int"), ("h", "varchar(20) DEFAULT 'd' INVISIBLE"),
                       ("b", "bigint unsigned INVISIBLE"), ("z", "int"))
    return Table("invisible", columns, [["1", "'x'", "18446744073709551615", "2"],
                                        ["-1", text(ASTRAL), "0", "3"]])


# Shapes of tables.

def _generated(series: str) -> Table:
    columns = _columns(("a", "int"), ("sum", "bigint AS (a + 1) STORED"),
                       ("twice", "int AS (a * 2) VIRTUAL"), ("v", "varchar(40)"),
                       ("upper", "varchar(80) AS (CONCAT(v, '!')) VIRTUAL"),
                       ("kept", "varchar(80) AS (CONCAT(v, '?')) STORED"), ("z", "int unsigned"))
    rows = [["1", text("x"), "1"], ["-7", text(ASTRAL), "4294967295"], ["0", text(""), "0"],
            ["2147483", text("\u00e9"), "2147483648"]]
    return Table("generated", columns, rows + [_nulls(columns)], partial=series == "11.8")


def _widest() -> Table:
    """As many columns as InnoDB takes, with `id`."""
    kinds = [("int", "-{}"), ("varchar(4)", "'v{}'"), ("bigint unsigned", "{}"), ("date", "'2024-01-{:02}'"),
             ("year", "1955"), ("enum('a','b')", "'b'"), ("tinyint unsigned", "255"),
             ("bit(9)", "{}"), ("decimal(5,2)", "-{}.5"), ("float", "{}.25")]
    columns = [Column(f"c{n}", kinds[n % len(kinds)][0]) for n in range(1016)]
    rows = [[NULL if (n + salt) % 3 == 0 else kinds[n % len(kinds)][1].format(1 + (n + salt) % 28)
             for n in range(1016)] for salt in (0, 1, 5)]
    return Table("widest", columns, rows + [_nulls(columns)])


def _wide() -> Table:
    kinds = [("int", "-{}"), ("varchar(10)", "'v{}'"), ("bigint unsigned", "{}"),
             ("decimal(9,2)", "-{}.5"), ("datetime", "'2024-01-01 00:00:{:02}'"), ("double", "{}.25"),
             ("year", "1955"), ("enum('a','b')", "'b'"), ("tinyint unsigned", "255"),
             ("text CHARACTER SET latin1", "'{}'"), ("bit(9)", "{}")]
    columns = [Column(f"column_{n}", kinds[n % len(kinds)][0]) for n in range(299)]

    def value(number, salt):
        return kinds[number % len(kinds)][1].format((number + salt) % 60)
    rows = [[value(n, salt) for n in range(299)] for salt in (0, 7, 30)]
    # Every other NULL: the bits of the null bitmap beside each other.
    rows.append([NULL if n % 2 else value(n, 1) for n in range(299)])
    rows.append([value(n, 2) if n % 3 else NULL for n in range(299)])
    return Table("wide", columns, rows + [_nulls(columns)])


def _shapes(series: str) -> list[Table]:
    plain = _columns(("a", "int"), ("b", "varchar(20)"))
    rows = [["1", "'x'"], ["2", text(ASTRAL)], [NULL, NULL]]
    many = [Column(f"k{n}", ("int NOT NULL", "varchar(10) NOT NULL", "bigint unsigned NOT NULL",
                             "decimal(5,2) NOT NULL")[n % 4]) for n in range(16)]
    many_rows = [[("-{0}", "'k{0}'", "1844674407370955161{0}", "-{0}.25")[n % 4].format(row)
                  for n in range(16)] + [f"'row {row}'"] for row in (1, 2, 3)]
    keys = tuple(column.name for column in many)
    many.append(Column("v", "varchar(10)"))
    odd = _columns(("quote\"d", "int"), ("back`tick", "int unsigned"), ("with space", "int"),
                   ("\u65e5\u672c\u8a9e", "varchar(10)"), ("UPPER", "year"), ("slash\\", "int"),
                   ("n" * 64, "bigint unsigned"), ("select", "enum('\u00e9')"))
    odd_rows = [["1", "2", "3", text(ASTRAL), "2024", "4", "18446744073709551615", "1"]]
    return [Table("no_key", plain, rows, key=""),
            Table("unique_key", plain, rows, key="UNIQUE KEY (a), UNIQUE KEY u (id)",
                  fixed=("a",)),
            Table("id_last", plain, rows, id_first=False),
            Table("many_keys", many, many_rows,
                  key=f"PRIMARY KEY ({', '.join(reversed(keys))})", fixed=keys),
            Table("Odd-n\u00e4mes \u65e5", odd, odd_rows + [_nulls(odd)]),
            _generated(series), _wide(), _widest()]


def tables(flavor: str, series: str) -> list[Table]:
    """All tables that this server can have."""
    maria = flavor == "mariadb"
    more = _mariadb_types() if maria else []
    if series in ("9.7", "11.8"):
        more.append(_vectors(flavor))
    if maria or series == "9.7":
        more.append(_invisible())
    json = Table("documents", [Column("j", "json", maria, series == "5.7"), Column("after_it", "int unsigned")],
                 maria_json_rows() if maria else json_rows())
    return [_integers(), _decimals(), _doubles(), _floats(), _bits(), _texts(), _utf8mb3(),
            _latin1(), _binaries(), _times(), *_zero_times(), _labels(), json, *_shapes(series),
            _geometries(series), *more]
