"""Random tables of the differential test: their columns, and values for them.

A Shape is a table's definition at one time. A Slot is a column through all its names and
places: what a row holds is kept under its slot's number, so that a rename moves nothing.
A column that is given another type is another slot.
"""

import dataclasses
import itertools

from .values import Column, quoted, truth
from .values_random import NOT_IN_KEYS, Source

_NUMBERS = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Slot:
    """A column that keeps its number."""

    column: Column
    number: int = dataclasses.field(default_factory=lambda: next(_NUMBERS))

    @property
    def name(self) -> str:
        """The column's name by now."""
        return self.column.name

    def renamed(self, name: str) -> "Slot":
        """The same column under another name."""
        return dataclasses.replace(self, column=dataclasses.replace(self.column, name=name))


@dataclasses.dataclass(frozen=True)
class Shape:
    """A table as it is defined now."""

    slots: tuple
    key: tuple = ()        # the slots' numbers in the order of the key; () where there is none
    unique: bool = False   # the key is a UNIQUE one of NOT NULL columns
    options: str = "DEFAULT CHARACTER SET utf8mb4"

    def __post_init__(self):
        assert len({slot.name for slot in self.slots}) == len(self.slots)

    @property
    def names(self) -> list[str]:
        """The columns' names in their order."""
        return [slot.name for slot in self.slots]

    @property
    def given(self) -> list[Column]:
        """Columns that statements give values to, but `id`."""
        return [slot.column for slot in self.slots
                if not slot.column.generated and slot.name != "id"]

    @property
    def free(self) -> list[Column]:
        """Those of them that are in no key."""
        keyed = {slot.name for slot in self.slots if slot.number in self.key}
        return [column for column in self.given if column.name not in keyed]

    @property
    def key_names(self) -> list[str]:
        """The key's columns, in its order."""
        by_number = {slot.number: slot.name for slot in self.slots}
        return [by_number[number] for number in self.key]

    def slot(self, name: str) -> Slot:
        """The slot of this name."""
        return next(slot for slot in self.slots if slot.name == name)

    def with_slots(self, slots) -> "Shape":
        """The same table with other columns."""
        return dataclasses.replace(self, slots=tuple(slots))

    def create(self, name: str) -> str:
        """CREATE TABLE."""
        parts = [f"{quoted(slot.name)} {slot.column.sql}" for slot in self.slots]
        if self.key:
            kind = "UNIQUE KEY first_key" if self.unique else "PRIMARY KEY"
            parts.append(f"{kind} ({', '.join(map(quoted, self.key_names))})")
        return f"CREATE TABLE {quoted(name)} ({', '.join(parts)}) {self.options}"

    def select(self, name: str) -> str:
        """SELECT of every value's truth, in the columns' order."""
        return f"SELECT {', '.join(truth(slot.column) for slot in self.slots)} FROM {quoted(name)}"


class Types(Source):
    """Random columns and literals of what a server has."""

    def __init__(self, rng, combination):
        super().__init__(rng, "mariadb" if combination.mariadb else "mysql",
                         combination.metadata == "FULL")
        self.exact = combination.exact
        # In exact a key's values must differ in every form: Canal loses text that is not UTF-8.
        self._key_kinds = ("int", "bytes", "label") + \
            (("text",) if combination.dialect != "canal" else ())
        # Whose updates do not tell generated columns: exact stops at them.
        self._computes = not (combination.exact and combination.server == "mariadb-11.8")

    def shape(self, keyed: bool) -> Shape:
        """A table."""
        rng = self.rng
        slots = [Slot(self.column(f"c{n}")) for n in range(rng.randint(3, 10))]
        own = Slot(Column("id", rng.choice(["int NOT NULL", "bigint NOT NULL",
                                            "int unsigned NOT NULL"])))
        key = (own.number,)
        if keyed and rng.random() < 0.5:
            part = Slot(self._key_part())
            slots.insert(rng.randint(0, len(slots)), part)
            key = (part.number, own.number) if rng.random() < 0.5 else (own.number, part.number)
        slots.insert(0 if rng.random() < 0.5 else rng.randint(0, len(slots)), own)
        slots += [Slot(column) for column in self._generated(slots)]
        options = "DEFAULT CHARACTER SET utf8mb4"
        if rng.random() < 0.15:
            options = "ENGINE=MyISAM " + options
        return Shape(tuple(slots), key if keyed else (), keyed and rng.random() < 0.2, options)

    def column(self, name, nullable=True):
        """As the parent's, with labels that no collation takes for equal."""
        column = super().column(name, nullable)
        return dataclasses.replace(column, sql=column.sql.replace("\u00e9", "\u00fc"))

    def _generated(self, slots):
        """Sometimes columns that the server computes."""
        numbers = [slot.name for slot in slots if slot.column.base in ("int", "smallint")
                   and slot.name != "id"]
        if numbers and self._computes and self.rng.random() < 0.5:
            for name, kind in (("stored", "STORED"), ("virtual_", "VIRTUAL")):
                yield Column(name, f"bigint AS ({self.rng.choice(numbers)} + 1) {kind}")

    def _key_part(self) -> Column:
        """A NOT NULL column for a key."""
        while True:
            column = self.column("part", nullable=False)
            if column.base not in NOT_IN_KEYS and \
                    (not self.exact or column.kind in self._key_kinds):
                return column

    def _date(self, column):
        # Debezium stops at a day that is in no month.
        while (found := super()._date(column)) == "'2024-02-31'" and self.exact:
            pass
        return found
