"""The tables of docs/types.md: what mr-core writes for a column and a value, in every dialect.

BLOCKS are the page's tables; Forms asks a real server and mr-core for what stands in them;
filled() puts them into the page's text, between these lines:

    <!-- generated: NAME -->
    <!-- end -->

Each example is a table of its own with one row, so that a task which must stop at one is run
again without it.
"""

import dataclasses
import json
import re

from .tasks import here, task_document
from .values_corpus import run_sql, session, set_metadata, values_server

MYSQL, MARIADB = "mysql-9.7", "mariadb-11.8"
DIALECTS = ("debezium", "maxwell")
TIMES = "time.precision.mode"
STOPS = "the task stops"
SESSION = "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'"


@dataclasses.dataclass(frozen=True)
class Example:
    """A column and a value, both in SQL."""

    column: str
    value: str
    server: str = MYSQL
    shown: str = ""      # the value as the page shows it, if not as here
    settings: str = ""   # what the session needs to make and fill the table

    @property
    def cells(self) -> list[str]:
        """The first cells of its line."""
        return [_code(self.column), self.shown or _code(self.value)]


@dataclasses.dataclass(frozen=True)
class Block:
    """A table of the page: examples down, forms across."""

    examples: list[Example]
    option: str = ""             # Debezium's option, whose values are the columns
    choices: tuple = ()


def _maria(column, value, **keywords) -> Example:
    return Example(column, value, MARIADB, **keywords)


def _each(*pairs) -> list[Example]:
    return [Example(column, value) for column, value in pairs]


BLOCKS = {
    "integers": Block(_each(
        ("TINYINT", "-128"), ("BOOL", "TRUE"), ("INT(5) ZEROFILL", "42"),
        ("INT UNSIGNED", "4294967295"), ("BIGINT", "-9223372036854775808"),
        ("BIGINT UNSIGNED", "9223372036854775807"), ("BIGINT UNSIGNED", "18446744073709551615"),
        ("BIT(1)", "1"), ("BIT(9)", "256"), ("BIT(32)", "4294967295"),
        ("BIT(64)", "18446744073709551615"), ("YEAR", "2155"), ("YEAR", "0"), ("INT", "NULL"))),
    "bigint": Block(_each(("BIGINT UNSIGNED", "7"), ("BIGINT UNSIGNED", "18446744073709551615")),
                    "bigint.unsigned.handling.mode", ("long", "precise")),
    "decimals": Block(_each(
        ("DECIMAL(5,2)", "-1.50"), ("DECIMAL(3,3)", "0"), ("DECIMAL(30,0)", "10"),
        ("DECIMAL(65,30)", "0.1"))),
    "decimal": Block(_each(("DECIMAL(5,2)", "-1.50"), ("DECIMAL(3,3)", "0")),
                     "decimal.handling.mode", ("precise", "string", "double")),
    "floats": Block([*_each(
        ("FLOAT", "0.1"), ("FLOAT", "16777216"), ("FLOAT(7,3)", "0.1"), ("DOUBLE", "0.1"),
        ("DOUBLE", "1e100"), ("DOUBLE", "5e-324"), ("DOUBLE", "1e15"), ("DOUBLE", "ROUND(-0.4e0)")),
        _maria("DOUBLE", "ROUND(-0.4e0)")]),
    "texts": Block([*_each(
        ("CHAR(5)", "'a  '"), ("VARCHAR(5)", "'a  '"), ("TEXT", "''"), ("TEXT", "'\"\\n\\0'"),
        ("VARCHAR(9)", "'\u00e9\u4e2d\U0001f600'"),
        ("VARCHAR(9) CHARACTER SET latin1", "X'80E981'"))]),
    "bytes": Block(_each(("BINARY(4)", "X'FBFF'"), ("VARBINARY(4)", "X'FBFF'"), ("BLOB", "X'00'"),
                         ("BLOB", "''"), ("CHAR(4) CHARACTER SET binary", "X'FBFF'"))),
    "binary": Block(_each(("BINARY(4)", "X'FBFF'"), ("BLOB", "''")), "binary.handling.mode",
                    ("bytes", "base64", "base64-url-safe", "hex")),
    "labels": Block(_each(("ENUM('a','b''c')", "'b''c'"), ("ENUM('a')", "0"),
                          ("SET('a','b','c')", "'a,c'"), ("SET('a')", "''"))),
    "temporals": Block(_each(
        ("DATE", "'2026-11-22'"), ("TIME", "'-01:00:00'"), ("TIME(6)", "'12:00:00.5'"),
        ("DATETIME", "'2026-11-22 10:30:15'"), ("DATETIME(3)", "'2026-11-22 10:30:15.12'"),
        ("DATETIME(6)", "'2026-11-22 10:30:15.1234'"), ("TIMESTAMP", "'2018-06-20 13:37:03'"),
        ("TIMESTAMP(3)", "'2018-06-20 13:37:03.12'"),
        ("TIMESTAMP(6)", "'2018-06-20 13:37:03.12'"))),
    "times": Block(_each(
        ("DATE", "'2026-11-22'"), ("TIME", "'-01:00:00'"), ("TIME(6)", "'12:00:00.5'"),
        ("DATETIME", "'2026-11-22 10:30:15'"), ("DATETIME(6)", "'2026-11-22 10:30:15.1234'"),
        ("TIMESTAMP(3)", "'2018-06-20 13:37:03.12'")),
        TIMES, ("adaptive_time_microseconds", "adaptive", "microseconds", "nanoseconds", "connect",
                "isostring")),
    "odd": Block(_each(
        ("DATE", "'0000-00-00'"), ("DATE NOT NULL", "'0000-00-00'"), ("DATE", "'2024-00-15'"),
        ("DATE", "'2024-02-31'"), ("DATE", "'0001-01-01'"), ("TIME", "'838:59:59'"),
        ("DATETIME", "'0000-00-00 00:00:00'"), ("DATETIME NOT NULL", "'0000-00-00 00:00:00'"),
        ("DATETIME(3)", "'2015-00-07 10:00:00'"), ("DATETIME(3)", "'0000-00-00 10:30:15.12'"),
        ("TIME", "'-01:00:00'"), ("TIME(3)", "'-01:00:00.5'"), ("TIMESTAMP NULL", "'0000-00-00 00:00:00'"),
        ("TIMESTAMP NOT NULL DEFAULT '2000-01-01'", "'0000-00-00 00:00:00'"))),
    "odd-times": Block(_each(
        ("DATE", "'0000-00-00'"), ("DATE NOT NULL", "'0000-00-00'"), ("TIME", "'24:00:00'"),
        ("TIME", "'838:59:59'"), ("TIME NOT NULL", "'838:59:59'"), ("TIME", "'-01:00:00'"),
        ("DATETIME", "'9999-12-31 23:59:59'"), ("DATETIME NOT NULL", "'9999-12-31 23:59:59'")),
        TIMES, ("adaptive_time_microseconds", "nanoseconds", "connect", "isostring")),
    "json": Block([
        Example("JSON", "'{\"b\": [1, 2.50], \"a\": null}'"),
        Example("JSON", "JSON_ARRAY(1e15, 0.1e0, 18446744073709551615)"),
        Example("JSON", "JSON_ARRAY(CAST(1.50 AS DECIMAL(5,2)), X'00FF10')"),
        Example("JSON", "JSON_ARRAY(TIMESTAMP'2026-11-22 01:02:03.5', TIME'-01:00:00')"),
        _maria("JSON", "'{\"b\": [1, 2.50], \"a\": null}'")]),
}


def _code(text: str) -> str:
    """Markdown's code, in a table's cell."""
    text = text.replace("|", "\\|")
    text = re.sub(r"[\x7f-\x9f]", lambda match: f"\\u{ord(match.group()):04x}", text)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


# Debezium's options do not touch each other's types: one run has a choice of each.
CHOICES = {block.option: block.choices for block in BLOCKS.values() if block.option}
CHOICES[TIMES] = max((block.choices for block in BLOCKS.values() if block.option == TIMES), key=len)
MODES = [{option: choices[number % len(choices)] for option, choices in CHOICES.items()}
         for number in range(max(map(len, CHOICES.values())))]


class Forms:
    """What mr-core writes of all examples, asked for once each way."""

    def __init__(self, pool, core, new_database):
        self._core = core
        self._pool = pool
        self._tables = {}      # example: its table
        self._databases = {}   # server: (database, start)
        self._found = {}
        self._runs = 0
        examples = list(dict.fromkeys(each for block in BLOCKS.values() for each in block.examples))
        for name in (MYSQL, MARIADB):
            server = values_server(pool, name)
            set_metadata(server, "default")
            database = new_database(server)
            self._databases[name] = database, here(server)
            connection = session(server, database, SESSION)
            self._make([each for each in examples if each.server == name], connection)
            connection.close()

    def _make(self, examples, connection) -> None:
        for example in examples:
            name = f"e{len(self._tables)}"
            for statement in filter(None, (
                    example.settings,
                    f"CREATE TABLE {name} (id INT PRIMARY KEY, c {example.column})",
                    f"INSERT INTO {name} VALUES (1, {example.value})",
                    example.settings and SESSION)):
                run_sql(connection, statement, harmless=["1265"])
            self._tables[example] = name

    def form(self, example, dialect: str, compat: str, option: str = "", choice: str = "") -> str:
        """The JSON text of a value, or STOPS."""
        number = next(n for n, mode in enumerate(MODES) if not option or mode[option] == choice)
        key = (example.server, dialect, compat, number)
        if key not in self._found:
            self._found[key] = self._ask(example.server, dialect, number,
                                         {**MODES[number], "compat": compat}
                                         if dialect == "debezium" else {"compat": compat})
        return self._found[key][self._tables[example]]

    def _ask(self, name, dialect, number, options) -> dict:
        """{table: form} of the examples on a server: of all, or of those with Debezium's options."""
        server = values_server(self._pool, name)
        database, start = self._databases[name]
        left = {self._tables[each] for block in BLOCKS.values() for each in block.examples
                if each.server == name and (block.option or number == 0)}
        found = {}
        while left:
            self._runs += 1
            result = self._core.run(
                task_document(server, include=[f"{database}.{table}" for table in sorted(left)],
                              start=start,
                              pipe={"type": "stdout", "format": dialect, "options": options}),
                with_keys=True, state=self._core.folder / f"forms-{self._runs}")
            for line in result.lines:
                _, headers, value = line.split("\t", 2)
                found[re.search(r'"table":"(e\d+)"', value).group(1)] = _form(headers, value)
            left -= set(found)
            if result.status == 0:
                assert not left, f"nothing was written of {left} in {options}"
                break
            stopping = re.search(rf"ERROR .*{database}\.(e\d+)", result.stderr).group(1)
            found[stopping] = STOPS
            left.remove(stopping)
        return found


def _form(headers: str, value: str) -> str:
    """The text of column c's value in a message of a row; and what a header says of it."""
    begin = re.search(r'"(?:after|data)":\[?\{"id":"?1"?,"c":', value).end()
    _, end = json.JSONDecoder().raw_decode(value, begin)
    notes = json.loads(headers).get("__mr.values")
    return value[begin:end] + (f" and the header {notes}" if notes else "")


def table(block: Block, forms: Forms) -> str:
    """A block as Markdown."""
    heads = block.choices if block.option else DIALECTS
    lines = ["| column | value | " + " | ".join(heads) + " |", "|---" * (2 + len(heads)) + "|"]
    for example in block.examples:
        cells = list(example.cells)
        if example.server == MARIADB:
            cells[0] = "MariaDB: " + cells[0]
        for head in heads:
            about = ("debezium", block.option, head) if block.option else (head, "", "")
            lossless, exact = (forms.form(example, about[0], compat, *about[1:])
                               for compat in ("lossless", "exact"))
            cells.append(_shown(lossless) +
                         (f"; exact: {_shown(exact)}" if exact != lossless else ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(form: str) -> str:
    if form == STOPS:
        return form
    form, _, notes = form.partition(" and the header ")
    return _code(form) + (f", header {_code(notes)}" if notes else "")


def filled(page: str, forms: Forms) -> str:
    """The page with its generated tables as they must be now."""
    wanted = set(BLOCKS)
    found = set(re.findall(r"<!-- generated: (\S+) -->", page))
    assert found == wanted, f"the page has blocks {sorted(found)}, there are {sorted(wanted)}"

    def fill(match):
        return f"{match.group(1)}\n{table(BLOCKS[match.group(2)], forms)}\n<!-- end -->"
    return re.sub(r"(<!-- generated: (\S+) -->)\n.*?<!-- end -->", fill, page, flags=re.DOTALL)
