"""Random statements that change rows, for the differential test. Pure: text from a Shape.

Statements may fail (a duplicate key, a value out of range): what counts is what the server
then has. Rows are found by ids that are guessed, as a client's would be.
"""

import pathlib

from .matrix_shapes import Shape, Types
from .values import quoted


class Rows:
    """Statements on the rows of tables. One of these makes all ids."""

    def __init__(self, rng, types: Types, folder: pathlib.Path, combination):
        self.rng = rng
        self._many = 3 if combination.groups == "streamed" else 0
        # MariaDB logs a REPLACE of a row that is there as an update of the columns named,
        # and leaves out those that it puts back to their defaults.
        self._replaces_whole = combination.mariadb and combination.image != "FULL"
        self._types = types
        self._folder = folder
        self._last = 0
        self._files = 0

    def statement(self, name: str, shape: Shape, other: tuple[str, Shape]) -> str:
        """A statement on a table; some read or write another as well."""
        kinds = [(self._insert, 30), (self._update, 20), (self._update_all, 6),
                 (self._update_key, 8), (self._delete, 12), (self._delete_all, 1),
                 (self._replace, 8), (self._upsert, 8), (self._insert_ignore, 4),
                 (self._insert_select, 5), (self._load, 4), (self._documents, 10),
                 (self._insert_many, self._many)]
        kind = self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        if self.rng.random() < 0.06:
            return self._of_two(name, shape, *other)
        return kind(name, shape)

    def touch(self, name: str, shape: Shape) -> str:
        """Give every row a new value in every column that is in no key."""
        return f"UPDATE {quoted(name)} SET {self._sets(shape.free)}" if shape.free else \
            f"DELETE FROM {quoted(name)}"

    def _fresh(self) -> int:
        self._last += 1
        return self._last

    def _ids(self) -> str:
        some = [self.rng.randint(max(1, self._last - 60), max(1, self._last)) for _ in range(12)]
        return f"({', '.join(map(str, sorted(set(some))))})"

    def _where(self) -> str:
        return self.rng.choice([f"id IN {self._ids()}", f"id % 5 = {self.rng.randrange(5)}",
                                f"id > {max(0, self._last - 6)}"])

    def _literal(self, column) -> str:
        return self._types.literal(column)

    def _sets(self, columns) -> str:
        return ", ".join(f"{quoted(column.name)} = {self._literal(column)}" for column in columns)

    def _some(self, shape) -> list:
        columns = shape.free or shape.given
        return self.rng.sample(columns, self.rng.randint(1, len(columns))) if columns else []

    def _values(self, name, shape, ids, verb="INSERT") -> str:
        """INSERT or the like, with all columns or some."""
        columns = shape.given
        if self.rng.random() < 0.2 and not (verb == "REPLACE" and self._replaces_whole):
            columns = [column for column in columns
                       if not column.nullable or self.rng.random() < 0.7]
        rows = ", ".join("(" + ", ".join([str(number)] + [self._literal(c) for c in columns]) + ")"
                         for number in ids)
        names = ", ".join(["id"] + [quoted(column.name) for column in columns])
        return f"{verb} INTO {quoted(name)} ({names}) VALUES {rows}"

    def _insert(self, name, shape):
        return self._values(name, shape, [self._fresh() for _ in range(self.rng.randint(1, 6))])

    def _insert_many(self, name, shape):
        """More than a group may have in memory, mostly; and most of it goes again soon."""
        return self._values(name, shape, [self._fresh() for _ in range(200)])

    def _known_ids(self):
        return [self.rng.randint(1, self._last + 1) for _ in range(self.rng.randint(1, 4))]

    def _replace(self, name, shape):
        return self._values(name, shape, self._known_ids(), "REPLACE")

    def _insert_ignore(self, name, shape):
        return self._values(name, shape, self._known_ids(), "INSERT IGNORE")

    def _upsert(self, name, shape):
        some = self._some(shape)
        ids = self._known_ids()
        if not some:
            return self._insert(name, shape)
        return f"{self._values(name, shape, ids)} ON DUPLICATE KEY UPDATE {self._sets(some)}"

    def _insert_select(self, name, shape):
        """Copies of some rows under new ids, made by the server."""
        self._last += 1000
        names = ", ".join(["id"] + [quoted(column.name) for column in shape.given])
        source = ", ".join([f"id + {self._last}"] + [quoted(c.name) for c in shape.given])
        return (f"INSERT INTO {quoted(name)} ({names}) SELECT {source} FROM {quoted(name)} "
                f"WHERE id < 1000 AND {self._where()} ORDER BY id LIMIT 5")

    def _load(self, name, shape):
        """LOAD DATA of ids, the other columns from expressions."""
        self._files += 1
        path = self._folder / f"load-{self._files}.txt"
        path.write_text("".join(f"{self._fresh()}\n" for _ in range(self.rng.randint(1, 8))),
                        encoding="ascii")
        return (f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {quoted(name)} (id)" +
                (f" SET {self._sets(shape.given)}" if shape.given else ""))

    def _update(self, name, shape):
        some = self._some(shape)
        return f"UPDATE {quoted(name)} SET {self._sets(some)} WHERE {self._where()}" if some else \
            self._update_key(name, shape)

    def _update_all(self, name, shape):
        """One column of every row; some are left as they were, and so is that row's log."""
        some = self._some(shape)[:1]
        return f"UPDATE {quoted(name)} SET {self._sets(some)}" if some else \
            self._update_key(name, shape)

    def _update_key(self, name, shape):
        keyed = [slot.column for slot in shape.slots
                 if slot.number in shape.key and slot.name != "id"]
        self._last += 7
        sets = [f"id = id + {self._last}"]
        if keyed and self.rng.random() < 0.5:
            sets = [f"{quoted(c.name)} = {self._literal(c)}" for c in keyed]
        sets += [self._sets(self._some(shape))] * bool(shape.free and self.rng.random() < 0.5)
        return f"UPDATE {quoted(name)} SET {', '.join(sets)} WHERE id IN {self._ids()}"

    def _delete(self, name, _):
        return f"DELETE FROM {quoted(name)} WHERE {self._where()}"

    def _delete_all(self, name, _):
        return f"DELETE FROM {quoted(name)}"

    def _of_two(self, name, shape, other, other_shape):
        """A statement that changes two tables at once."""
        if self.rng.random() < 0.5 or not shape.free or not other_shape.free:
            return (f"DELETE a, b FROM {quoted(name)} a JOIN {quoted(other)} b "
                    f"ON a.id % 7 = b.id % 7 WHERE a.id % 7 = {self.rng.randrange(7)}")
        one, two = self.rng.choice(shape.free), self.rng.choice(other_shape.free)
        return (f"UPDATE {quoted(name)} a JOIN {quoted(other)} b ON a.id % 5 = b.id % 5 "
                f"SET a.{quoted(one.name)} = {self._literal(one)}, "
                f"b.{quoted(two.name)} = {self._literal(two)} "
                f"WHERE a.id % 5 = {self.rng.randrange(5)}")

    def _documents(self, name, shape):
        """Changes inside JSON documents, which may be logged as such."""
        columns = [column for column in shape.free if column.base == "json"]
        if not columns:
            return self._update(name, shape)
        sets = []
        for column in columns:
            quoted_name = quoted(column.name)
            number, text = self.rng.randrange(10**6), "x" * self.rng.randrange(200)
            sets.append(f"{quoted_name} = " + self.rng.choice([
                f"JSON_SET({quoted_name}, '$.k', {number}, '$.l', '{text}')",
                f"JSON_REPLACE({quoted_name}, '$.k', '{text}')",
                f"JSON_SET({quoted_name}, '$[0]', {number})",
                f"JSON_REMOVE({quoted_name}, '$.k')", f"JSON_REMOVE({quoted_name}, '$[0]')",
                "'{\"k\": \"a value of some length, kept in place\", \"l\": 1, \"m\": [1, 2]}'"]))
        return f"UPDATE {quoted(name)} SET {', '.join(sets)} WHERE {self._where()}"
