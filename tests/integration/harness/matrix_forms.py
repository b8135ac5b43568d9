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
import re

from .values import PLACEHOLDER, Mode, decode, expect, parse_message


@dataclasses.dataclass
class Change:
    """What happened to a row. A change of the key may come in two: `moved` tells the first."""

    table: str
    before: dict | None
    after: dict | None
    key: dict | None
    text: str                  # the message, for reports
    moved: bool = False        # half of an update of the key: after a delete, the insert
    truncates: bool = False


class Debezium:
    """pipe.format: debezium, schemas off."""

    name = "debezium"
    has_key = True

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
                         moved="__debezium.oldkey" in parse_message(headers))
            if message["op"] == "d":
                awaited = key, headers
        assert awaited is None, "the last delete has no tombstone"

    def _present(self, image: dict | None) -> dict | None:
        if image is None:
            return None
        return {name: form for name, form in image.items()
                if not isinstance(form, str) or form not in self._placeholders}


DIALECTS = {"debezium": Debezium}


def merged(dialect, first: list[str], second: list[str]) -> list[str]:
    """What two runs wrote, the second after a kill -9 of the first, with what both wrote once."""
    if not second:
        return first
    tail, head = list(map(dialect.normal, first)), list(map(dialect.normal, second))
    for index, line in enumerate(tail):
        if line == head[0] and tail[index:] == head[:len(tail) - index]:
            return first[:index] + second
    return first + second
