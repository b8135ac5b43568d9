"""Random changes of tables' definitions, for the differential test. Pure: text from Shapes.

Each is a statement and what becomes of the tables by it, for who follows the messages:

    ("shape", name, Shape)    there is such a table now, new or altered
    ("renames", {old: new})   tables have other names, all at once
    ("clear", name)           it has no rows any more
    ("drop", name)            there is no such table any more
"""

import dataclasses

from .matrix_shapes import Shape, Slot, Types
from .values import Column, quoted
from .values_tables import ASTRAL

CHARSETS = ("utf8mb4", "latin1", "utf8")


@dataclasses.dataclass
class Definition:
    """A statement that defines."""

    sql: str
    effects: list
    early: bool = False   # the effects hold before the statement's own rows


def applied(tables: dict, effects: list) -> dict:
    """{name: Shape} after the effects."""
    tables = dict(tables)
    for kind, *about in effects:
        match kind, about:
            case "shape", (name, shape):
                tables[name] = shape
            case "drop", (name,):
                del tables[name]
            case "renames", (names,):
                moved = {new: tables.pop(old) for old, new in names.items()}
                tables.update(moved)
    return tables


class Definitions:
    """Random DDL."""

    def __init__(self, rng, types: Types, server: str):
        self.rng = rng
        self._types = types
        self._renames_columns = server != "mysql-5.7"
        self._count = 0

    def _new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def statements(self, tables: dict, free: list[str]) -> list[Definition]:
        """Statements on one of the free tables, or two; each only if the one before it worked."""
        name = self.rng.choice(free)
        shape = tables[name]
        kinds = [(self._add, 10), (self._drop_column, 6), (self._modify, 8), (self._move, 4),
                 (self._rename_column, 6), (self._swap_columns, 3), (self._several, 4),
                 (self._rename_table, 4), (self._convert, 2), (self._nothing, 5),
                 (self._truncate, 3), (self._recreate, 2), (self._copy, 3)]
        if len(free) > 1:
            other = self.rng.choice([each for each in free if each != name])
            if self.rng.random() < 0.12:
                return [self._swap_tables(name, other)]
        kind = self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        found = kind(name, shape)
        return found if isinstance(found, list) else [found]

    def _place(self, shape, without: str = "") -> tuple[str, int]:
        """FIRST, AFTER a column, or nothing; and the index that this means."""
        names = [name for name in shape.names if name != without]
        index = self.rng.randint(0, len(names))
        if index == len(names):
            return "", index
        return (" FIRST", 0) if index == 0 else (f" AFTER {quoted(names[index - 1])}", index)

    def _alter(self, name, words, shape) -> Definition:
        # What is computed from columns may be computed from others now.
        shape = shape.with_slots(Slot(slot.column) if slot.column.generated else slot
                                 for slot in shape.slots)
        return Definition(f"ALTER TABLE {quoted(name)} {words}", [("shape", name, shape)])

    def _column(self, name: str) -> Column:
        return self._types.column(name)

    def _movable(self, shape):
        """Columns in no key that the server does not compute."""
        names = {column.name for column in shape.free}
        return [slot for slot in shape.slots if slot.name in names]

    def _add(self, name, shape):
        place, index = self._place(shape)
        column = self._column(self._new("a"))
        slots = list(shape.slots)
        slots.insert(index, Slot(column))
        return self._alter(name, f"ADD COLUMN {quoted(column.name)} {column.sql}{place}",
                           shape.with_slots(slots))

    def _drop_column(self, name, shape):
        slots = self._movable(shape)
        if len(slots) < 2:
            return self._add(name, shape)
        gone = self.rng.choice(slots)
        return self._alter(name, f"DROP COLUMN {quoted(gone.name)}",
                           shape.with_slots(slot for slot in shape.slots if slot != gone))

    def _modify(self, name, shape):
        """Another type. Values are the server's to convert, or it refuses."""
        slots = self._movable(shape)
        if not slots:
            return self._add(name, shape)
        old = self.rng.choice(slots)
        column = self._column(old.name)
        if self.rng.random() < 0.4:
            column = self._types.column(self._new("m"))
            words = f"CHANGE COLUMN {quoted(old.name)} {quoted(column.name)} {column.sql}"
        else:
            words = f"MODIFY COLUMN {quoted(old.name)} {column.sql}"
        return self._alter(name, words, shape.with_slots(
            Slot(column) if slot == old else slot for slot in shape.slots))

    def _move(self, name, shape):
        """Another place."""
        slots = self._movable(shape)
        if not slots:
            return self._nothing(name, shape)
        moved = self.rng.choice(slots)
        place, index = self._place(shape, moved.name)
        rest = [slot for slot in shape.slots if slot != moved]
        if not place:
            place = f" AFTER {quoted(rest[-1].name)}"
        rest.insert(index, moved)
        return self._alter(name, f"MODIFY COLUMN {quoted(moved.name)} {moved.column.sql}{place}",
                           shape.with_slots(rest))

    def _rename_column(self, name, shape):
        slots = self._movable(shape)
        if not slots:
            return self._nothing(name, shape)
        old = self.rng.choice(slots)
        new = old.renamed(self._new("r"))
        words = f"CHANGE {quoted(old.name)} {quoted(new.name)} {old.column.sql}"
        if self._renames_columns and self.rng.random() < 0.6:
            words = f"RENAME COLUMN {quoted(old.name)} TO {quoted(new.name)}"
        return self._alter(name, words, shape.with_slots(
            new if slot == old else slot for slot in shape.slots))

    def _swap_columns(self, name, shape):
        # MySQL 8.0 would compute from the one what it computed from the other: of a TIMESTAMP
        # that is another number in each session's zone.
        sources = " ".join(slot.column.sql for slot in shape.slots if slot.column.generated)
        slots = [slot for slot in self._movable(shape) if f"({slot.name} " not in sources]
        if len(slots) < 2:
            return self._rename_column(name, shape)
        one, two = self.rng.sample(slots, 2)
        pair = {one: one.renamed(two.name), two: two.renamed(one.name)}
        words = ", ".join(f"CHANGE {quoted(old.name)} {quoted(new.name)} {old.column.sql}"
                          for old, new in pair.items())
        return self._alter(name, words, shape.with_slots(pair.get(slot, slot)
                                                         for slot in shape.slots))

    def _several(self, name, shape):
        """Several changes in one statement."""
        slots = self._movable(shape)
        words, gone = [], []
        if len(slots) > 2:
            gone = [self.rng.choice(slots)]
            words.append(f"DROP {quoted(gone[0].name)}")
        slots = [slot for slot in shape.slots if slot not in gone]
        for _ in range(2):
            column = self._column(self._new("s"))
            words.append(f"ADD {quoted(column.name)} {column.sql}")
            slots.append(Slot(column))
        column = self._column(self._new("s"))
        words.append(f"ADD COLUMN {quoted(column.name)} {column.sql} FIRST")
        return self._alter(name, ", ".join(words), shape.with_slots([Slot(column)] + slots))

    def _convert(self, name, shape):
        """Every text in another character set."""
        charset = self.rng.choice(CHARSETS)

        def converted(slot):
            if slot.column.as_text:  # MariaDB's JSON, a LONGTEXT: its texts are converted as well
                return Slot(slot.column)
            if slot.column.kind not in ("text", "label"):
                return slot
            sql = slot.column.sql.replace(" CHARACTER SET latin1", "")
            head, _, rest = sql.partition(" NOT NULL")
            if charset != "utf8mb4":
                head += f" CHARACTER SET {charset}"
            null = " NOT NULL" if " NOT NULL" in sql else ""
            return Slot(Column(slot.name, head + null + rest))
        # Not keys, whose values would fall together, nor labels that it does not have; what
        # MariaDB makes of labels beyond ASCII is its own, and asked of it (test_ddl_tracker.py).
        if any(slot.number in shape.key and slot.column.kind in ("text", "label") or
               ASTRAL in slot.column.sql or
               slot.column.kind == "label" and not slot.column.sql.isascii()
               for slot in shape.slots):
            return self._nothing(name, shape)
        return self._alter(name, f"CONVERT TO CHARACTER SET {charset}",
                           shape.with_slots(map(converted, shape.slots)))

    def _nothing(self, name, shape):
        """What leaves rows as they are."""
        index = self._new("i")
        return self._alter(name, self.rng.choice([
            f"ADD INDEX {index} (id)", "COMMENT 'it''s \\\\ , DROP COLUMN id; -- '",
            "ENGINE=InnoDB", "/* ADD COLUMN x INT */ COMMENT = 'x'", "AUTO_INCREMENT = 7",
            "ALTER COLUMN id DROP DEFAULT", "FORCE", "ROW_FORMAT=DYNAMIC"]), shape)

    def _truncate(self, name, _):
        return Definition(self.rng.choice(["TRUNCATE TABLE ", "TRUNCATE "]) + quoted(name),
                          [("clear", name)])

    def _recreate(self, name, _):
        """Gone, and there again with other columns."""
        shape = self._types.shape(self.rng.random() < 0.8)
        return [Definition(f"DROP TABLE {quoted(name)}", [("drop", name)]),
                Definition(shape.create(name), [("shape", name, shape)])]

    def _rename_table(self, name, _):
        new = self._new("t_renamed")
        words = self.rng.choice([f"RENAME TABLE {quoted(name)} TO {quoted(new)}",
                                 f"ALTER TABLE {quoted(name)} RENAME TO {quoted(new)}",
                                 f"ALTER TABLE {quoted(name)} RENAME {quoted(new)}"])
        return Definition(words, [("renames", {name: new})])

    def _copy(self, name, shape):
        """CREATE … LIKE, or SELECT, whose rows are in the binlog."""
        new = self._new("t_copy")
        if self.rng.random() < 0.5:
            return Definition(f"CREATE TABLE {quoted(new)} LIKE {quoted(name)}",
                              [("shape", new, shape)], early=True)
        made = Shape(tuple(Slot(slot.column) for slot in shape.slots if not slot.column.generated),
                     (), False)
        names = ", ".join(map(quoted, made.names))
        return Definition(f"CREATE TABLE {quoted(new)} {made.options} SELECT {names} "
                          f"FROM {quoted(name)}", [("shape", new, made)], early=True)

    def _swap_tables(self, name, other):
        """As gh-ost and pt-online-schema-change end: two tables change their names."""
        aside = self._new("t_aside")
        return Definition(f"RENAME TABLE {quoted(name)} TO {quoted(aside)}, "
                          f"{quoted(other)} TO {quoted(name)}, {quoted(aside)} TO {quoted(other)}",
                          [("renames", {name: other, other: name})])
