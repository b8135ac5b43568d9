"""What a consumer holds who follows the messages of the differential test.

Values are kept as the forms they came in, under their column's slot (matrix_shapes.py). A
value that no message told since the column was made, or its type changed, is not known
and not compared.
"""

import json
import re

from .matrix_ddl import applied
from .matrix_forms import Lost
from .values import Stops

MOST_FAULTS = 6


class Row:
    """A row's values by slot, and where it was changed last."""

    def __init__(self, values: dict, mark: int, text: str):
        self.values = values
        self.mark = mark
        self.text = text


class Replay:
    """The tables as the messages leave them."""

    def __init__(self, dialect, world):
        self._dialect = dialect
        self._combination = world.combination
        self._marks = world.marks
        self._history = world.history
        self.tables = {}
        self.rows = {}         # table: [Row], or {key: Row}
        self.mark = 0
        self.faults = []
        self.compared = self.unknown = self.changes = 0
        self._moving = None    # the values of a row whose key changes

    def run(self, lines: list[str]) -> None:
        """Follow all messages; stops at too many faults."""
        for change in self._dialect.changes(lines):
            if len(self.faults) > MOST_FAULTS:
                return
            if change.table == "marks":
                self._reach(int(change.after["id"]))
                continue
            self.changes += 1
            if change.table not in self.tables:
                self._fault(change.table, f"there is no such table now: {change.text[:300]}")
            elif change.truncates:
                self.rows[change.table].clear()
            else:
                self._apply(change)
        if self.mark != len(self._marks):
            self._fault("marks", f"the messages end at mark {self.mark} of {len(self._marks)}")

    def _reach(self, number: int) -> None:
        if number != self.mark + 1:
            self._fault("marks", f"mark {number} comes after {self.mark}")
        self.mark = number
        kind, what = self._marks[number]
        if kind == "truth":
            for name, truth in what.items():
                self._compare(name, truth)
            return
        self._follow(what)

    def _follow(self, effects) -> None:
        """Definitions change."""
        self.tables = applied(self.tables, effects)
        for kind, *about in effects:
            match kind, about:
                case "shape", (name, shape):
                    self.rows.setdefault(name, {} if shape.key else [])
                case "drop", (name,):
                    del self.rows[name]
                case "clear", (name,):
                    self.rows[name].clear()
                case "renames", (names,):
                    moved = {new: self.rows.pop(old) for old, new in names.items()}
                    self.rows.update(moved)

    # Messages.

    def _apply(self, change) -> None:
        shape = self.tables[change.table]
        if change.delta:
            change.before = self._whole(shape, change)
        if not self._fits(shape, change):
            return
        before, after = (image and {shape.slot(name).number: form for name, form in image.items()}
                         for image in (change.before, change.after))
        held = {}
        if before is not None:
            row = self._take(change, shape, before)
            if row is None:
                return
            held = row.values | before
            if after is None:
                self._check_key(shape, change, held)
                self._moving = held
                return
        elif change.moved and self._moving is not None:
            held = self._moving
        held = held | after
        for name in change.unknown:
            held.pop(shape.slot(name).number, None)
        self._check_key(shape, change, held)
        if (before is not None or change.moved) and self._combination.server == "mariadb-11.8":
            # Its updates lack what the server computes: that may be another value now.
            held = {number: form for number, form in held.items()
                    if number in after or not self._computed(shape, number)}
        self._put(change, shape, held)

    @staticmethod
    def _computed(shape, number) -> bool:
        return any(slot.number == number and slot.column.generated for slot in shape.slots)

    def _whole(self, shape, change) -> dict:
        """The before image that an update with only what changed stands for."""
        if self._combination.image == "FULL" or not shape.key:
            return {**change.after, **change.before}
        return {name: change.after[name] for name in shape.key_names
                if name in change.after} | change.before

    def _fits(self, shape, change) -> bool:
        """Whether its images can be of this table; what full ones lack is a fault as well."""
        names = shape.names
        for image in (change.before, change.after):
            if image is None:
                continue
            there = list(image) if self._dialect.ordered else sorted(image, key=_place(names))
            if there != [name for name in names if name in image]:
                self._fault(change.table, f"an image has columns {list(image)}, the table {names}: "
                                          f"{change.text[:300]}")
                return False
            if self._combination.image == "FULL" and len(image) != len(names) and \
                    not self._lacks_computed(shape, image):
                self._fault(change.table, f"a full image lacks {set(names) - set(image)}: "
                                          f"{change.text[:300]}")
        return True

    def _lacks_computed(self, shape, image) -> bool:
        """MariaDB 11's full images lack generated columns."""
        return self._combination.server == "mariadb-11.8" and all(
            shape.slot(name).column.generated for name in set(shape.names) - set(image))

    def _check_key(self, shape, change, values) -> None:
        fault = self._dialect.key_faults(change, shape.key_names,
                                         [values.get(number) for number in shape.key])
        if fault:
            self._fault(change.table, f"{fault}: {change.text[:300]}")

    @staticmethod
    def _key(shape, values) -> str:
        return json.dumps([values.get(number) for number in shape.key])

    def _take(self, change, shape, before):
        """The row that a message changes, out of what is held."""
        rows = self.rows[change.table]
        if not shape.key:
            for index, row in enumerate(rows):
                if not self._differs(row, before):
                    return rows.pop(index)
            self._fault(change.table, f"no row is {change.before}: {change.text[:300]}")
            return None
        row = rows.pop(self._key(shape, before), None)
        if row is None:
            self._fault(change.table, f"no row has the key of {change.before}: "
                                      f"{change.text[:300]}")
            return None
        differing = self._differs(row, before)
        if differing:
            names = {slot.number: slot.name for slot in shape.slots}
            told = "; ".join(f"{names[number]} is {_short(before[number])}, held "
                             f"{_short(row.values[number])}" for number in differing)
            self._fault(change.table, f"before is not what was held: {told}: "
                                      f"{change.text[:300]}\nheld since {row.text[:300]}", row.mark)
        return row

    @staticmethod
    def _differs(row, before) -> list:
        return [number for number, form in before.items()
                if number in row.values and row.values[number] != form]

    def _put(self, change, shape, values) -> None:
        row = Row(values, self.mark, change.text)
        rows = self.rows[change.table]
        if not shape.key:
            rows.append(row)
            return
        key = self._key(shape, values)
        if key in rows:
            self._fault(change.table, f"there is a row {key} already: {change.text[:300]}\n"
                                      f"held since {rows[key].text[:300]}", rows[key].mark)
        rows[key] = row

    # The truth.

    def _compare(self, name: str, truth: list) -> None:
        """What is held against what SELECT showed."""
        shape = self.tables[name]
        rows = self.rows[name]
        rows = list(rows.values() if shape.key else rows)
        if len(rows) != len(truth):
            self._fault(name, f"{len(rows)} rows are held, the server has {len(truth)}")
        places = [index for index, slot in enumerate(shape.slots)
                  if slot.number in shape.key or slot.name == "id"]
        # What the peer loses of a key tells no row from another.
        places = [index for index in places if not any(
            isinstance(self._dialect.expect(shape.slots[index].column, texts[index]), Lost)
            for texts in truth)]
        there = {}
        for texts in truth:
            there.setdefault(self._identity(shape, places, texts), []).append(texts)
        for row in rows:
            key = tuple(self._decoded(shape.slots[index], row) for index in places)
            candidates = there.get(key)
            if not candidates:
                self._fault(name, f"the server has no row {key}: {row.text[:300]}", row.mark)
                continue
            found = [self._differences(shape, row, texts) for texts in candidates]
            best = min(found, key=len)
            candidates.pop(found.index(best))
            for fault in best:
                self._fault(name, f"{fault}; last: {row.text[:300]}", row.mark)
        for key, rest in there.items():
            if rest:
                self._fault(name, f"{len(rest)} rows {key} are not held")

    def _identity(self, shape, places, texts):
        return tuple(self._dialect.expect(shape.slots[index].column, texts[index])
                     for index in places)

    def _decoded(self, slot, row):
        try:
            return self._dialect.decode(slot.column, row.values.get(slot.number))
        except (AssertionError, ValueError, TypeError) as error:
            return f"{error}"

    def _differences(self, shape, row, texts) -> list[str]:
        faults = []
        for slot, text in zip(shape.slots, texts):
            if slot.number not in row.values:
                self.unknown += 1
                continue
            self.compared += 1
            form = row.values[slot.number]
            try:
                wanted = self._dialect.expect(slot.column, text)
                got = self._dialect.decode(slot.column, form)
            except (AssertionError, ValueError, TypeError, Stops) as error:
                wanted, got = None, error
            if got != wanted and not self._same_document(slot.column, got, wanted):
                faults.append(f"{slot.name} ({slot.column.sql[:60]}): SELECT shows {_short(text)}, "
                              f"the message has {_short(form)}: {_short(got)} is not "
                              f"{_short(wanted)}")
        return faults

    def _same_document(self, column, got, wanted) -> bool:
        """MySQL 5.7 shows doubles in JSON without their ".0"."""
        return column.kind == "json" and self._combination.server == "mysql-5.7" and \
            _less_zeros(got) == _less_zeros(wanted)

    def _fault(self, table: str, what: str, mark: int | None = None) -> None:
        """Note a fault, and the statements on its table since the mark before."""
        mark = self.mark if mark is None else mark
        between = self._statements(table, mark)
        self.faults.append(f"{table} after mark {mark}: {what}" +
                           "".join(f"\n      [{about}] {sql[:160]}" for about, sql in between[-6:]))

    def _statements(self, table: str, mark: int) -> list:
        begin = next((n for n, (_, sql, _) in enumerate(self._history)
                      if sql == f"INSERT INTO marks VALUES ({mark})"), 0)
        end = next((n for n, (_, sql, _) in enumerate(self._history)
                    if sql == f"INSERT INTO marks VALUES ({mark + 1})"), len(self._history))
        return [(about, sql) for about, sql, failed in self._history[begin:end]
                if f"`{table}`" in sql and not failed]


def _place(names):
    return lambda name: names.index(name) if name in names else -1


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:120]}… ({len(text)})"


def _less_zeros(value):
    """A JSON document, as text or as Maxwell's decode() has it, with 1 for 1.0."""
    match value:
        case str():
            return re.sub(r'("(?:[^"\\]|\\.)*")|(?<=\d)\.0(?!\d)', lambda m: m.group(1) or "",
                          value)
        case list():
            return [_less_zeros(each) for each in value]
        case (str() as name, each):
            return name, _less_zeros(each)
        case (_, int() as number) if not isinstance(number, bool):
            return str(number)
    return value
