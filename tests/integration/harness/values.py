"""Values three times over: as a column holds them, as SELECT shows them, as a message has them.

    column = Column("price", "DECIMAL(10,2)")
    truth(column)            an SQL expression whose text loses nothing of the value
    expect(column, t, mode)  what a message must say, t being that expression's text
    decode(column, f, mode)  what a message says, f being the form in its JSON

expect() and decode() return the same kind of thing, so that they compare with ==. This is
docs/types.md in Python.

Messages are parsed by parse_message(): a number with a point or an exponent stays text
(class Real), since only its bits say whether it is right, and a name that is twice in an
object is an error.
"""

import base64
import dataclasses
import datetime
import decimal
import functools
import json
import re
import struct

DAY = 86400 * 10**6
EPOCH = datetime.date(1970, 1, 1).toordinal()
PLACEHOLDER = "__debezium_unavailable_value"


@dataclasses.dataclass(frozen=True)
class Mode:
    """pipe.options that change how values look."""

    decimal: str = "precise"
    bigint: str = "long"
    time: str = "adaptive_time_microseconds"
    binary: str = "bytes"
    compat: str = "lossless"

    @property
    def options(self) -> dict:
        """As pipe.options; what is the default is left out."""
        names = {"decimal": "decimal.handling.mode", "bigint": "bigint.unsigned.handling.mode",
                 "time": "time.precision.mode", "binary": "binary.handling.mode",
                 "compat": "compat"}
        return {names[field.name]: getattr(self, field.name)
                for field in dataclasses.fields(self)
                if getattr(self, field.name) != field.default}

    @property
    def exact(self) -> bool:
        """Whether Debezium's losses are wanted."""
        return self.compat == "exact"

    def __str__(self):
        return ",".join(self.options.values()) or "default"


class Real(str):
    """A JSON number with a point or an exponent, as it was written."""


class Stops(Exception):
    """The task has to stop at this value: it has no form in this mode."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column as CREATE TABLE has it. What its type implies is read from the SQL."""

    name: str
    sql: str
    as_text: bool = False  # JSON that the server keeps as it was written: MariaDB's
    old_json: bool = False  # JSON that the server prints as 5.7 does

    @functools.cached_property
    def base(self) -> str:
        """The type's first word, in lower case."""
        return re.match(r"\w+", self.sql).group().lower()

    @functools.cached_property
    def numbers(self) -> list[int]:
        """What stands in the brackets behind it."""
        match = re.match(r"\w+\((\d+(?:,\d+)?)\)", self.sql)
        return [int(number) for number in match.group(1).split(",")] if match else []

    @functools.cached_property
    def unsigned(self) -> bool:
        """Whether it has no sign."""
        return bool(re.search(r"\b(unsigned|zerofill)\b", self.sql, re.IGNORECASE))

    @functools.cached_property
    def generated(self) -> bool:
        """Whether the server computes it."""
        return bool(re.search(r"\bAS \(", self.sql))

    @functools.cached_property
    def nullable(self) -> bool:
        """Whether it may be NULL."""
        return "NOT NULL" not in self.sql.upper()

    @functools.cached_property
    def default(self) -> str | None:
        """The literal of its DEFAULT."""
        match = re.search(r"DEFAULT '([^']*)'", self.sql)
        return match and match.group(1)

    @functools.cached_property
    def scale(self) -> int:
        """Digits behind the point: of a DECIMAL, or of a temporal type's seconds."""
        numbers = self.numbers
        if self.base == "decimal":
            return numbers[1] if len(numbers) == 2 else 0
        return numbers[0] if numbers else 0

    @functools.cached_property
    def kind(self) -> str:
        """Its family of values."""
        if self.as_text:
            return "text"
        return "bytes" if "CHARACTER SET binary" in self.sql else KINDS[self.base]


KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "bool"), "int"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"),
                    "bytes"),
    **dict.fromkeys(("enum", "set"), "label"),
    **dict.fromkeys(("uuid", "inet4", "inet6"), "text"),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "multipoint",
                     "multilinestring", "multipolygon", "geometrycollection"), "geometry"),
    **{name: name for name in ("decimal", "float", "double", "bit", "year", "date", "time",
                               "datetime", "timestamp", "json", "vector")},
}


def quoted(name: str) -> str:
    """An SQL name."""
    return "`" + name.replace("`", "``") + "`"


def truth(column: Column) -> str:
    """The SQL expression that shows the value whole, in a session whose time zone is UTC."""
    name = quoted(column.name)
    match column.kind:
        case "text" | "label" | "json":
            return f"HEX(CONVERT({name} USING utf8mb4))"
        case "bytes" | "vector" | "geometry":
            return f"HEX({name})"
        case "bit":
            return f"CAST({name} AS UNSIGNED)"
        case "float" | "double":  # a FLOAT by itself is shown with six digits
            return f"{name} * 1e0"
        case "year":
            return f"{name} + 0"
        case _:
            return f"CAST({name} AS CHAR)"


def parse_message(line: str):
    """A message's JSON: see this file's head."""
    return json.loads(line, parse_float=Real, object_pairs_hook=_object)


def _object(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a name is twice in an object: {names}"
    return dict(pairs)


# What a message must say.

def expect(column: Column, text: str | None, mode: Mode):
    """The value out of truth(column)'s text. Raises Stops where there is no form for it."""
    if text is None:
        return column.default if mode.exact else None
    match column.kind:
        case "int":
            return int(text)
        case "year":
            return 1900 if mode.exact and text == "0" else int(text)
        case "decimal":
            return float_bits(text) if mode.decimal == "double" else text
        case "float":
            single = struct.pack(">f", float(text))
            assert struct.unpack(">f", single)[0] == float(text), f"{text} is no FLOAT"
            return single
        case "double":
            return float_bits(text)
        case "text":
            return bytes.fromhex(text).decode("utf-8")
        case "label":
            label = bytes.fromhex(text).decode("utf-8")
            return label.replace(",", "\\,") if mode.exact and column.base == "enum" else label
        case "json":
            return _even_json(column, bytes.fromhex(text).decode("utf-8"))
        case "bytes" | "vector" | "geometry":
            return bytes.fromhex(text)
        case "bit":
            return int(text)
        case "date":
            return _expect_date(column, text, mode)
        case "datetime":
            return _expect_datetime(column, text, mode)
        case "time":
            return _expect_time(column, text, mode)
        case "timestamp":
            return _expect_timestamp(column, text, mode)
    raise AssertionError(f"no rule for {column}")


def float_bits(text: str) -> bytes:
    """A double's bits."""
    return struct.pack(">d", float(text))


# A string, or what stands between strings and may differ.
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[,:] |-?\d[\d.]*[eE][-+]?\d+')


@functools.lru_cache(1024)
def even_json(text: str) -> str:
    """JSON text less what may differ between a server's and ours: blanks behind ',' and ':',
    and whether a double has an exponent. All else counts: order, digits, escapes."""
    return _JSON_PART.sub(lambda m: _even_part(m.group()), text)


def _even_json(column, text: str) -> str:
    """5.7 prints a double that is whole without ".0", and base64's line ends as they are, which
    is no JSON."""
    text = even_json(text)
    if not column.old_json:
        return text
    return re.sub(r'"(?:[^"\\]|\\.)*"|\.0(?!\d)', lambda m: m.group() if m.group()[0] == '"' else "",
                  text.replace("\n", "\\n"))


@functools.lru_cache(1024)
def compact(text: str) -> str:
    """JSON text without blanks between its parts."""
    return _JSON_PART.sub(lambda m: m.group().rstrip(" ") if m.group()[0] in ",:" else m.group(),
                          text)


def _even_part(part: str) -> str:
    if part[0] == '"':
        return part
    if part[0] in ",:":
        return part[0]
    digits = f"{decimal.Decimal(part):f}"
    return digits if "." in digits else digits + ".0"


def _calendar(text: str):
    """A day's number since 1970, or None for what no calendar has."""
    year, month, day = map(int, text[:10].split("-"))
    try:
        return datetime.date(year, month, day).toordinal() - EPOCH
    except ValueError:
        return None


def _exact_day(column, text, epoch):
    """The text that Debezium reads instead of a date, None for null; or Stops."""
    year, month, day = map(int, text[:10].split("-"))
    if 0 in (year, month, day):
        return None if column.nullable else epoch
    if _calendar(text) is None:
        raise Stops(text)
    if year < 100:
        text = f"{year + (2000 if year < 70 else 1900):04}" + text[4:]
    return text


def _expect_date(column, text, mode):
    return _exact_day(column, text, "1970-01-01") if mode.exact else text


def _expect_datetime(column, text, mode):
    if mode.exact:
        text = _exact_day(column, text, _padded("1970-01-01 00:00:00", column.scale))
        if text is None:
            return None
        if mode.time == "nanoseconds" and not -2**63 <= _datetime_usec(text) * 1000 < 2**63:
            return _beyond(column, text)
    elif _calendar(text) is None:
        return text
    digits = 3 if mode.time == "connect" else 6
    return _cut(text, min(digits, column.scale), column.scale)


def _beyond(column, text):
    """What exceeds a form of exact is null, where it may be."""
    if not column.nullable:
        raise Stops(text)
    return None


def _cut(text: str, digits: int, scale: int) -> str:
    """A time with zeros in place of what stands behind so many digits."""
    point = text.find(".")
    if point < 0:
        return text
    return text[:point + 1] + text[point + 1:point + 1 + digits].ljust(scale, "0")


def _expect_time(column, text, mode):
    if mode.exact and mode.time in ("connect", "isostring") and \
            not 0 <= _time_usec(text) <= DAY:
        return _beyond(column, text)
    if mode.exact and mode.time == "isostring" and _time_usec(text) == DAY:
        return _time_text(0, column.scale)
    digits = 3 if mode.time == "connect" else 6
    cut = _cut(text, min(digits, column.scale), column.scale)
    return _time_text(_time_usec(cut), column.scale)


def _expect_timestamp(column, text, mode):
    if mode.exact and text.startswith("0000"):
        return column.default or (None if column.nullable else "1970-01-01 00:00:00")
    return text


# What a message says.

def decode(column: Column, form, mode: Mode):
    """The value out of its form in JSON, as expect() returns it."""
    if form is None:
        return None
    match column.kind:
        case "int":
            return _decode_int(column, form, mode)
        case "year":
            return _typed(form, int)
        case "decimal":
            return _decode_decimal(column, form, mode)
        case "float":
            return struct.pack(">f", float(_typed(form, Real)))
        case "double":
            return float_bits(_typed(form, Real))
        case "text" | "label":
            return _typed(form, str)
        case "json":
            assert compact(_typed(form, str)) == form, f"{form[:100]!r} has blanks between its parts"
            return _even_json(column, form)
        case "bytes":
            return _decode_bytes(form, mode)
        case "geometry":
            return _decode_geometry(column, form)
        case "vector":
            return b"".join(struct.pack("<f", float(_typed(each, Real))) for each in form)
        case "bit":
            return _decode_bit(column, form)
        case "date":
            return _decode_date(form, mode)
        case "datetime":
            return _decode_datetime(column, form, mode)
        case "time":
            return _decode_time(column, form, mode)
        case "timestamp":
            return _decode_timestamp(column, form)
    raise AssertionError(f"no rule for {column}")


def _typed(form, kind):
    """The form, if it is of this type and no other."""
    assert type(form) is kind, f"{form!r} is not of type {kind.__name__}"
    return form


def _unscaled(form: str) -> int:
    """Connect's Decimal: base64 of the shortest big-endian two's complement."""
    data = base64.b64decode(_typed(form, str), validate=True)
    number = int.from_bytes(data, "big", signed=True)
    shortest = (number if number >= 0 else ~number).bit_length() // 8 + 1
    assert len(data) == shortest, f"{form} has {len(data)} bytes, {number} needs {shortest}"
    return number


def _decode_int(column, form, mode):
    if column.base != "bigint" or not column.unsigned:
        return _typed(form, int)
    if mode.bigint == "precise":
        return _unscaled(form)
    _typed(form, int)
    return form % 2**64 if mode.exact and form >= -2**63 else form


def _decode_decimal(column, form, mode):
    if mode.decimal == "string":
        return _typed(form, str)
    if mode.decimal == "double":
        return float_bits(_typed(form, Real))
    number = _unscaled(form)
    digits = str(abs(number)).rjust(column.scale + 1, "0")
    point = len(digits) - column.scale
    return ("-" if number < 0 else "") + digits[:point] + ("." + digits[point:] if column.scale
                                                           else "")


def _decode_bytes(form, mode):
    _typed(form, str)
    if mode.binary == "hex":
        assert re.fullmatch("([0-9a-f]{2})*", form), f"{form!r} is not hexadecimal"
        return bytes.fromhex(form)
    if mode.binary == "base64-url-safe":
        assert not set("+/") & set(form), f"{form!r} is not safe in a URL"
        form = form.replace("-", "+").replace("_", "/")
    return base64.b64decode(form, validate=True)


def _decode_bit(column, form):
    bits = column.numbers[0] if column.numbers else 1
    if bits == 1:
        return int(_typed(form, bool))
    data = base64.b64decode(_typed(form, str), validate=True)
    assert len(data) == (bits + 7) // 8, f"{len(data)} bytes for {bits} bits"
    return int.from_bytes(data, "little")


def _decode_geometry(column, form):
    """The bytes as the server keeps them: SRID, then WKB."""
    wkb = base64.b64decode(form["wkb"], validate=True)
    if column.base == "point":
        assert list(form) == ["x", "y", "wkb", "srid"]
        assert struct.pack("<dd", float(form["x"]), float(form["y"])) == wkb[5:]
    else:
        assert list(form) == ["wkb", "srid"]
    assert form["srid"] != 0, "0 is none"
    return struct.pack("<I", form["srid"] or 0) + wkb


def _day_text(days: int) -> str:
    return datetime.date.fromordinal(days + EPOCH).strftime("%Y-%m-%d").rjust(10, "0")


def _decode_date(form, mode):
    if mode.time != "isostring":
        return _day_text(form) if isinstance(form, int) else _printed(form)
    return form[:-1] if _typed(form, str).endswith("Z") else _printed(form)


def _printed(form: str) -> str:
    """A date that no calendar has, in the server's own words."""
    assert _calendar(_typed(form, str)) is None, f"{form!r} could have been a number"
    return form


def _decode_datetime(column, form, mode):
    if mode.time == "isostring":
        if not _typed(form, str).endswith("Z"):
            return _printed(form)
        assert not re.search(r"\.\d*0Z$", form), f"{form!r} ends in a zero"
        return _padded(form[:-1].replace("T", " "), column.scale)
    if isinstance(form, str):
        return _printed(form)
    unit = {"connect": 1000, "microseconds": 1, "nanoseconds": None}.get(
        mode.time, 1000 if column.scale <= 3 else 1)
    usec = _from_nsec(form) if unit is None else _typed(form, int) * unit
    days, rest = divmod(usec, DAY)
    return f"{_day_text(days)} {_time_text(rest, column.scale)}"


def _from_nsec(form):
    assert _typed(form, int) % 1000 == 0
    return form // 1000


def _padded(text: str, scale: int) -> str:
    if scale == 0:
        return text
    return text.ljust(text.find(".") + 1 + scale, "0") if "." in text else \
        text + "." + "0" * scale


def _decode_time(column, form, mode):
    if mode.time == "isostring":
        assert _typed(form, str).endswith("Z") and not re.search(r"\.\d*0Z$", form), form
        return _padded(form[:-1], column.scale)
    if mode.time == "nanoseconds":
        return _time_text(_from_nsec(form), column.scale)
    msec = mode.time == "connect" or (mode.time == "adaptive" and column.scale <= 3)
    return _time_text(_typed(form, int) * (1000 if msec else 1), column.scale)


def _decode_timestamp(column, form):
    _typed(form, str)
    if not form.endswith("Z"):
        return form
    text = form[:-1].replace("T", " ")
    return text


# Times as microseconds, and back.

def _time_usec(text: str) -> int:
    """'-12:34:56.5' -> microseconds."""
    sign, hours, minutes, seconds, fraction = re.fullmatch(
        r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?", text).groups()
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    usec = whole * 10**6 + int((fraction or "").ljust(6, "0"))
    return -usec if sign else usec


def _time_text(usec: int, scale: int) -> str:
    """Microseconds -> '-12:34:56.5' with so many digits."""
    seconds, fraction = divmod(abs(usec), 10**6)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if scale:
        assert fraction % 10**(6 - scale) == 0, f"{usec} us have over {scale} digits"
        text += "." + f"{fraction:06}"[:scale]
    else:
        assert fraction == 0, f"{usec} us in a column without a fraction"
    return ("-" if usec < 0 else "") + text


def _datetime_usec(text: str) -> int:
    return _calendar(text) * DAY + _time_usec(text[11:])
