"""Seeded random DDL over a few tables; servers refuse what does not fit, which is fine."""

import random

TYPES = ("INT", "INT(7) UNSIGNED", "BIGINT UNSIGNED", "TINYINT(1)", "SMALLINT ZEROFILL", "BOOL",
         "DECIMAL(12,3)", "FLOAT(7,2)", "DOUBLE", "BIT(9)", "YEAR", "DATE", "TIME(2)", "DATETIME",
         "TIMESTAMP(3)", "TIMESTAMP NULL", "CHAR(7)", "VARCHAR(30)", "VARCHAR(200)", "TINYTEXT",
         "TEXT", "MEDIUMTEXT", "LONGTEXT", "BINARY(5)", "VARBINARY(40)", "BLOB", "TINYBLOB",
         "TEXT(300)", "JSON", "POINT", "ENUM('a','b','c')", "SET('x','yy')", "NCHAR(5)",
         "CHAR VARYING(9)", "LONG VARCHAR", "MIDDLEINT", "INT8", "DOUBLE PRECISION", "FIXED(5,1)")
TEXTS = ("CHAR(7)", "VARCHAR(30)", "VARCHAR(300)", "TINYTEXT", "TEXT", "TEXT(100)", "ENUM('a','b')",
         "SET('x','yy')")
CHARSETS = ("latin1", "utf8mb4", "utf8", "ascii", "cp1251", "gbk", "binary")
COLLATIONS = ("utf8mb4_bin", "latin1_bin", "utf8mb4_unicode_ci", "utf8_general_ci")


class Generator:
    """Statements over tables whose columns it only roughly remembers."""

    def __init__(self, seed: int, databases):
        self._random = random.Random(seed)
        self._databases = databases
        self._tables = {}
        self._count = 0

    def _one(self, among):
        return self._random.choice(list(among))

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return self._one((f"{stem}{self._count}", f"`{stem} {self._count}`",
                          f"{stem.upper()}_{self._count}"))

    def _type(self) -> str:
        if self._chance(70):
            return self._one(TYPES)
        made = self._one(TEXTS)
        if self._chance(60):
            made += f" CHARACTER SET {self._one(CHARSETS)}"
        if self._chance(20):
            made += " BINARY"
        elif self._chance(20):
            made += f" COLLATE {self._one(COLLATIONS)}"
        return made

    def _definition(self) -> str:
        made = self._type()
        if "NULL" not in made and self._chance(35):
            made += " NOT NULL"
        if self._chance(10):
            made += " COMMENT 'a, b) c'"
        if self._chance(8):
            made += " UNIQUE"
        if self._chance(8):
            made += " INVISIBLE"
        return made

    def _parts(self, columns) -> str:
        many = self._random.sample(columns, min(len(columns), self._random.choice((1, 1, 2, 3))))
        return ", ".join(each + (f"({self._one((3, 7, 30))})" if self._chance(20) else "")
                         for each in many)

    def _table(self) -> str:
        return self._one(self._tables)

    def _create(self) -> str:
        name = f"{self._one(self._databases)}.{self._fresh('t')}"
        columns = [self._fresh("c") for _ in range(self._random.randrange(1, 8))]
        items = [f"{each} {self._definition()}" for each in columns]
        if self._chance(60):
            items.append(f"PRIMARY KEY ({self._parts(columns)})")
        for _ in range(self._random.randrange(3)):
            items.append(f"{self._one(('UNIQUE', 'KEY', 'UNIQUE KEY'))} ({self._parts(columns)})")
        options = ""
        if self._chance(40):
            options = f" CHARSET={self._one(CHARSETS)}"
        elif self._chance(20):
            options = f" COLLATE {self._one(COLLATIONS)}"
        self._tables[name] = columns
        return f"CREATE TABLE {name} ({', '.join(items)}){options}"

    def _place(self, columns) -> str:
        return self._one(("", "", " FIRST", f" AFTER {self._one(columns)}"))

    def _item(self, columns) -> str:
        kind = self._random.randrange(12)
        column = self._one(columns)
        if kind < 3 or (kind == 3 and len(columns) < 2):
            made = self._fresh("c")
            text = f"ADD {made} {self._definition()}{self._place(columns)}"
            columns.append(made)
            return text
        if kind == 3:
            columns.remove(column)
            return f"DROP COLUMN {column}"
        if kind < 6:
            return f"MODIFY {column} {self._definition()}{self._place(columns)}"
        if kind == 6:
            made = self._fresh("c")
            columns[columns.index(column)] = made
            return f"CHANGE {column} {made} {self._definition()}"
        if kind == 7:
            return f"ADD {self._one(('UNIQUE', 'INDEX', 'UNIQUE'))} ({self._parts(columns)})"
        if kind == 8:
            return self._one(("DROP PRIMARY KEY", f"ADD PRIMARY KEY ({self._parts(columns)})",
                              f"DROP PRIMARY KEY, ADD PRIMARY KEY ({self._parts(columns)})"))
        if kind == 9:
            return f"DEFAULT CHARSET {self._one(CHARSETS)}"
        if kind == 10:
            return f"DROP INDEX {column}"
        return self._one(("COMMENT 'x'", "FORCE", f"ALTER {column} DROP DEFAULT"))

    def _alter(self) -> tuple[str, str, list]:
        name = self._table()
        columns = list(self._tables[name])
        if self._chance(10):  # alone: MySQL 8.0.15 crashes when columns are added as well
            charset = self._one(CHARSETS)
            return f"ALTER TABLE {name} CONVERT TO CHARACTER SET {charset}", name, columns
        items = [self._item(columns) for _ in range(self._random.choice((1, 1, 1, 2, 3)))]
        return f"ALTER TABLE {name} {', '.join(items)}", name, columns

    def next(self):
        """A statement, and what to call when the server has taken it."""
        kind = self._random.randrange(20)
        if not self._tables or (kind < 4 and len(self._tables) < 6):
            before = dict(self._tables)
            text = self._create()
            after, self._tables = self._tables, before
            return text, lambda: self._become(after)
        if kind < 16:
            text, name, columns = self._alter()
            return text, lambda: self._become({**self._tables, name: columns})
        name = self._table()
        fresh = f"{self._one(self._databases)}.{self._fresh('t')}"
        rest = {k: v for k, v in self._tables.items() if k != name}
        if kind == 16:
            return f"DROP TABLE {name}", lambda: self._become(rest)
        if kind == 17:
            return (f"CREATE TABLE {fresh} LIKE {name}",
                    lambda: self._become({**self._tables, fresh: self._tables[name]}))
        if kind == 18 and len(self._tables) > 1:
            other = self._one(rest)
            a, b = self._tables[name], self._tables[other]
            return (f"RENAME TABLE {name} TO {fresh}, {other} TO {name}, {fresh} TO {other}",
                    lambda: self._become({**self._tables, name: b, other: a}))
        return (self._one((f"RENAME TABLE {name} TO {fresh}",
                           f"ALTER TABLE {name} RENAME {fresh}")),
                lambda: self._become({**rest, fresh: self._tables[name]}))

    def _become(self, tables: dict) -> None:
        self._tables = tables
