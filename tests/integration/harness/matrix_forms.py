"""The dialects' messages as changes of rows, for the differential test.

    for change in changes(dialect, lines):   lines of pipe stdout, with keys
        change.table, .before, .after        {column: form}, without the columns it lacks
    dialect.expect(column, text)             what harness/values.py's expect() is to Debezium
    dialect.decode(column, form)             … and decode()

Forms are as parse_message() returns them. Adapters also check what is particular to a
dialect's messages: keys, tombstones, headers, the order of columns.
"""

import base64
import dataclasses
import decimal
import re

from .values import PLACEHOLDER, Mode, Real, decode, even_json, expect, parse_message


@dataclasses.dataclass
class Change:
    """What happened to a row."""

    table: str
    before: dict | None
    after: dict | None
    key: object
    text: str                  # the message, for reports
    moved: bool = False        # half of an update of the key: after a delete, the insert
    truncates: bool = False
    delta: bool = False        # an update whose `before` has only what changed
    unknown: tuple = ()        # columns that `after` lacks, of which a header tells the changes


def _diffs(headers: str) -> tuple:
    """The JSON columns whose changes are in the header, as there is no document to change."""
    notes = parse_message(headers).get("__mr.values", {}).get("after", {})
    return tuple(name for name, note in notes.items() if "diff" in note)


class Lost:
    """What the peer makes of a value that it loses: any form is right."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Debezium:
    """pipe.format: debezium, schemas off."""

    name = "debezium"
    ordered = True             # images have the columns in the table's order

    def __init__(self, rng, exact: bool):
        self.mode = Mode(
            decimal=rng.choice(["precise", "string", "double"]),
            bigint=rng.choice(["long", "precise"]),
            time=rng.choice(["adaptive_time_microseconds", "adaptive", "connect", "isostring",
                             "microseconds", "nanoseconds"]),
            binary=rng.choice(["bytes", "base64", "base64-url-safe", "hex"]),
            compat="exact" if exact else "lossless")
        placeholder = PLACEHOLDER.encode()
        self._placeholders = {PLACEHOLDER, placeholder.hex(),
                              base64.b64encode(placeholder).decode(),
                              base64.urlsafe_b64encode(placeholder).decode()}
        self.options = self.mode.options

    def expect(self, column, text):
        """What a message must say of a value."""
        return expect(column, text, self.mode)

    def decode(self, column, form):
        """What it says."""
        return decode(column, form, self.mode)

    @staticmethod
    def normal(line: str) -> str:
        """A line less what differs when it is written a second time."""
        return re.sub(r',"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+\}$', "}", line)

    def changes(self, lines: list[str]):
        """The changes, in their order."""
        awaited = None
        for line in lines:
            key, headers, value = line.split("\t", 2)
            if awaited is not None:
                assert (key, headers, value) == (*awaited, "null"), \
                    f"{line[:300]} in place of the tombstone of {awaited}"
                awaited = None
                continue
            message = parse_message(value)
            table = message["source"]["table"]
            if message["op"] == "t":
                yield Change(table, None, None, None, value, truncates=True)
                continue
            before, after = self._present(message["before"]), self._present(message["after"])
            assert (before is None, after is None) == \
                {"c": (True, False), "u": (False, False), "d": (False, True)}[message["op"]], value
            yield Change(table, before, after, parse_message(key), value,
                         moved='"__debezium.oldkey"' in headers, unknown=_diffs(headers))
            if message["op"] == "d":
                awaited = key, headers
        assert awaited is None, "the last delete has no tombstone"

    @staticmethod
    def key_faults(change, names, values) -> str:
        """What is wrong with the key of a row, which has these values of its key's columns."""
        wanted = dict(zip(names, values)) or None
        return "" if change.key == wanted else f"the key is {change.key}, of the row {wanted}"

    def _present(self, image: dict | None) -> dict | None:
        if image is None:
            return None
        return {name: form for name, form in image.items()
                if not isinstance(form, str) or form not in self._placeholders}


class Maxwell:
    """pipe.format: maxwell."""

    name = "maxwell"
    ordered = False            # what only a before image has stands behind the others

    def __init__(self, _, exact: bool):
        self._exact = exact
        self.options = {"compat": "exact"} if exact else {}

    normal = staticmethod(str)

    def changes(self, lines: list[str]):
        """The changes; transactions end in a message that says so."""
        offset = 0
        for line in lines:
            key, headers, value = line.split("\t", 2)
            message = parse_message(value)
            kind, data = message["type"], message["data"]
            assert ("commit" in message) != ("xoffset" in message), value
            assert message.get("xoffset", offset) == offset, f"not xoffset {offset}: {value[:300]}"
            offset = offset + 1 if "xoffset" in message else 0
            before = {"insert": None, "delete": data}.get(kind, message.get("old", {}))
            yield Change(message["table"], before, data if kind != "delete" else None,
                         parse_message(key), value, delta=kind == "update",
                         unknown=_diffs(headers))
        assert offset == 0, "the last transaction has no end"

    @staticmethod
    def key_faults(change, names, values) -> str:
        """What is wrong with the key of a row, which has these values of its key's columns."""
        wanted = {"database": change.key.get("database"), "table": change.table}
        wanted |= {f"pk.{name.lower()}": value for name, value in zip(names, values)} if names \
            else {"_uuid": change.key.get("_uuid")}
        return "" if change.key == wanted else f"the key is {change.key}, of the row {wanted}"

    def expect(self, column, text):
        """What a message must say of a value."""
        if text is None:
            return None
        if column.kind == "json" and text == "6E756C6C":
            return None        # JSON's null is like SQL's
        match column.kind:
            case "label":
                label = bytes.fromhex(text).decode()
                if column.base == "set":
                    return tuple(label.split(",")) if label else ()
                return Lost() if self._exact and not label else label
            case "json":
                return _evened(parse_message(bytes.fromhex(text).decode()))
            case "bit" if self._exact and int(text) > 2**31 - 1:
                return Lost()
            case "time" if self._exact and (text[0] == "-" or int(text.partition(":")[0]) > 23):
                return Lost()
            case "date" | "datetime" | "year" if self._exact and _is_odd(text):
                return Lost()
            case "bytes" if self._exact and column.base in ("binary", "char"):
                return bytes.fromhex(text).rstrip(b"\0")
            case "decimal" | "date" | "datetime" | "time" | "timestamp":
                return text
        return expect(column, text, _PLAIN)

    def decode(self, column, form):
        """What it says."""
        if form is None:
            return None
        match column.kind:
            case "json":
                return _evened(form)
            case "decimal":
                assert isinstance(form, (int, Real)), f"{form!r} is no number"
                return str(form)
            case "bit":
                assert isinstance(form, int) and not isinstance(form, bool), f"{form!r}"
                return form
            case "label" if column.base == "set":
                return tuple(form)
            case "date" | "datetime" | "time" | "timestamp":
                assert isinstance(form, str), f"{form!r} is no text"
                return form
        return decode(column, form, _PLAIN)


class Canal:
    """pipe.format: canal, flat messages."""

    name = "canal"
    ordered = False

    def __init__(self, _, exact: bool):
        self._exact = exact
        self.options = {"compat": "exact"} if exact else {}

    @staticmethod
    def normal(line: str) -> str:
        """A line less what differs when it is written a second time."""
        # Types are spelled as the catalogue has them when a process meets the table, which the
        # next one may find altered.
        line = re.sub(r'"mysqlType":\{.*?\},"old":', '"old":', line)
        return re.sub(r'","ts":\d+,"type":', '","type":', line)

    @staticmethod
    def changes(lines: list[str]):
        """The changes, in their order."""
        for line in lines:
            key, headers, value = line.split("\t", 2)
            message = parse_message(value)
            (data,), old = message["data"], message["old"]
            kind = message["type"]
            assert (old is not None) == (kind == "UPDATE"), value
            before = {"INSERT": None, "DELETE": data}.get(kind, old and old[0])
            yield Change(message["table"], before, data if kind != "DELETE" else None,
                         parse_message(key), value, delta=kind == "UPDATE",
                         unknown=_diffs(headers))

    key_faults = staticmethod(Debezium.key_faults)

    def expect(self, column, text):
        """What a message must say of a value."""
        if text is None:
            return None
        match column.kind:
            case "label":
                return _number_of(column, bytes.fromhex(text).decode())
            case "text" if self._exact and max(bytes.fromhex(text), default=0) >= 0x80:
                return Lost()  # of every character set but UTF-8
            case "decimal" if self._exact:
                return decimal.Decimal(text)
            case "decimal" | "date" | "datetime" | "time" | "timestamp":
                return text
            case "bytes" if self._exact and column.base in ("binary", "char"):
                return bytes.fromhex(text).rstrip(b"\0")
        return expect(column, text, _PLAIN)

    def decode(self, column, form):
        """What it says: a string, always."""
        if form is None:
            return None
        assert isinstance(form, str) and not isinstance(form, Real), f"{form!r} is no string"
        match column.kind:
            case "int" | "bit" | "year" | "label":
                return int(form)
            case "decimal" if self._exact:
                return decimal.Decimal(form)
            case "float" | "double":
                return decode(column, Real(form), _PLAIN)
            case "bytes":
                return form.encode("latin-1")
            case "json":
                return even_json(form)
        return form


def _number_of(column, text: str) -> int:
    """An ENUM's number or a SET's bits, out of the labels that the column's SQL has."""
    inner = re.match(r"\w+\(('(?:[^']|'')*'(?:,'(?:[^']|'')*')*)\)", column.sql).group(1)
    labels = [label.replace("''", "'") for label in re.findall(r"'((?:[^']|'')*)'", inner)]
    if text and any(label not in labels for label in text.split(",")):
        # MariaDB's CONVERT TO CHARACTER SET latin1 takes a label's bytes for latin1.
        text = text.encode("cp1252").decode()
    if column.base == "enum":
        return labels.index(text) + 1 if text else 0
    return sum(1 << labels.index(label) for label in text.split(",")) if text else 0


_PLAIN = Mode(decimal="string", bigint="long", binary="base64")


def _is_odd(text: str) -> bool:
    """A date, or its like, that Java has not."""
    return text == "0" or text[:4] < "0100" or "-00" in text


def _evened(value):
    """JSON as parse_message() reads it, each double alike; objects with the order of members."""
    if isinstance(value, dict):
        return [(name, _evened(each)) for name, each in value.items()]
    if isinstance(value, list):
        return [_evened(each) for each in value]
    return even_json(value) if isinstance(value, Real) else (type(value), value)


DIALECTS = {"debezium": Debezium, "maxwell": Maxwell, "canal": Canal}


def merged(dialect, first: list[str], second: list[str]) -> list[str]:
    """What two runs wrote, the second after a kill -9 of the first, with what both wrote once."""
    if not second:
        return first
    tail, head = list(map(dialect.normal, first)), list(map(dialect.normal, second))
    for index, line in enumerate(tail):
        if line == head[0] and tail[index:] == head[:len(tail) - index]:
            return first[:index] + second
    return first + second
