"""The tables of values_tables.py on a server, what SELECT showed of them, and how to compare.

A corpus is made once for each server and setting of binlog_row_metadata and stays: each
table's rows were inserted, then each updated to the values of the next, then all deleted.
So any number of tests can read its piece of the binlog in as many modes as they like.

The servers are the values tests' own (their global settings are changed); they live as
long as the sandbox.
"""

import dataclasses

from .tasks import here, task_document, unique
from .values import Mode, Stops, decode, expect, parse_message
from .values_tables import ZONE, Table, tables

# Sessions here see and store every date there is, in a zone that is not UTC.
SESSION = f"SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '{ZONE}'"
OTHER_METADATA = {"mariadb": "NO_LOG", "mysql": "MINIMAL"}  # the servers' defaults

_servers = {}
_corpora = {}


def values_server(pool, name: str):
    """The values tests' server of this name."""
    key = (id(pool), name)
    if key not in _servers:
        _servers[key] = pool.make(name, options={"max_allowed_packet": "64M"})
    elif not _servers[key].alive:
        _servers[key].start()
    return _servers[key]


def set_metadata(server, metadata: str) -> None:
    """FULL, another value of binlog_row_metadata, or "default"."""
    value = OTHER_METADATA[server.flavor] if metadata == "default" else metadata
    if server.series == "5.7":
        assert metadata == "default", "5.7 has no such setting"
        return
    server.sql(f"SET GLOBAL binlog_row_metadata = {value}")


def session(server, database: str = "", settings: str = SESSION):
    """A connection that returns the server's own text."""
    connection = server.connect(conv={}, database=database or None, ssl_disabled=True)
    set_session(connection, settings)
    return connection


def set_session(connection, settings: str) -> None:
    """Run a SET."""
    with connection.cursor() as cursor:
        cursor.execute(settings)


def run_sql(connection, sql: str, harmless=()) -> tuple:
    """Run a statement; its rows. A warning is an error: rows must hold what was meant."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
        cursor.execute("SHOW WARNINGS")
        warnings = [row for row in cursor.fetchall() if row[0] != "Note"]
    assert not [row for row in warnings if row[1] not in (*HARMLESS, *harmless)], \
        f"{sql[:300]}: {warnings[:5]}"
    return rows


# Of MySQL: display widths, zerofill and utf8mb3 are deprecated.
HARMLESS = ("1681", "3719", "1287", "3778")
DATA_TRUNCATED = "1265"  # so is an ENUM's 0 called


def shown(connection, table: Table) -> dict:
    """{id: texts of the columns' truths} of a table as it is now."""
    set_session(connection, "SET time_zone = '+00:00'")
    rows = run_sql(connection, table.select())
    set_session(connection, SESSION)
    return {int(row[0]): row[1:] for row in rows}


@dataclasses.dataclass
class Corpus:
    """All tables in one database, and the piece of the binlog that tells of them."""

    server: object
    database: str
    tables: dict      # name: Table
    inserted: dict    # name: shown() after the INSERT
    updated: dict     # name: shown() after the UPDATE
    start: dict
    until: str

    def run(self, core, mode: Mode = Mode(), names=None, **keywords):
        """Read it with mr-core; the parsed messages of each table, tombstones left out."""
        include = [f"{self.database}.{name}" for name in names] if names else \
            f"{self.database}.*"
        document = task_document(self.server, include=include, start=self.start,
                                 pipe={"type": "stdout", "options": mode.options,
                                       "tombstones": False})
        result = core.run(document, until=self.until, **keywords).ok()
        found = {}
        for line in result.lines:
            message = parse_message(line)
            found.setdefault(message["source"]["table"], []).append(message)
        return found


def corpus(pool, name: str, metadata: str) -> Corpus:
    """The corpus on a server under a setting of binlog_row_metadata."""
    key = (id(pool), name, metadata)
    if key not in _corpora:
        _corpora[key] = _make(values_server(pool, name), metadata)
    return _corpora[key]


def _make(server, metadata: str) -> Corpus:
    database = unique(f"values_{metadata.lower()}")
    set_metadata(server, metadata)
    start = here(server)
    server.sql(f"CREATE DATABASE {database}")
    connection = session(server, database)
    made, inserted, updated = {}, {}, {}
    for table in tables(server.flavor, server.series):
        made[table.name] = table
        # A TIMESTAMP's default is a moment on some servers, and a text on others.
        set_session(connection, "SET time_zone = '+00:00'")
        run_sql(connection, table.create())
        set_session(connection, SESSION)
        run_sql(connection, table.insert(), table.name == "labels" and [DATA_TRUNCATED] or ())
        inserted[table.name] = shown(connection, table)
        run_sql(connection, table.rotate())
        updated[table.name] = shown(connection, table)
        # Not TRUNCATE, which is no row event.
        run_sql(connection, f"DELETE FROM `{table.name}`")
    connection.close()
    file, position = server.position()
    return Corpus(server, database, made, inserted, updated, start, f"{file}:{position}")


# Comparing.

def image_faults(table: Table, image: dict, texts, mode: Mode, lacks=False) -> list[str]:
    """How a row image differs from what SELECT showed of the row; lacks: generated columns."""
    names = [column.name for column in table.all_columns if not (lacks and column.generated)]
    if list(image) != names:
        return [f"{table.name}: has columns {list(image)}, the table {names}"]
    faults = []
    for column, text in zip(table.columns, texts):
        if column.name not in image:
            continue
        where = f"{table.name}.{column.name} ({column.sql[:40]}) id {image['id']}"
        try:
            wanted = expect(column, text, mode)
            got = decode(column, image[column.name], mode)
        except (AssertionError, ValueError, Stops) as error:
            faults.append(f"{where}: SELECT shows {_short(text)}, the message has "
                          f"{_short(image[column.name])}: {type(error).__name__} {error}")
            continue
        if got != wanted:
            faults.append(f"{where}: SELECT shows {_short(text)}, the message has "
                          f"{_short(image[column.name])}: {_short(got)} is not {_short(wanted)}")
    return faults


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:120]}… ({len(text)})"


def table_faults(table: Table, messages: list, inserted: dict, updated: dict,
                 mode: Mode) -> list[str]:
    """How the messages of a corpus table differ from what was done to it."""
    faults = []
    seen = {"c": [], "u": [], "d": []}
    for message in messages:
        op, before, after = message["op"], message["before"], message["after"]
        number = (after or before)["id"]
        seen[op].append(number)
        lacks = table.partial and op != "c"
        if (before is None) != (op == "c") or (after is None) != (op == "d"):
            faults.append(f"{table.name}: {op} of id {number} has the wrong images")
            continue
        if before is not None:
            faults += image_faults(table, before, (inserted if op == "u" else updated)[number],
                                   mode, lacks)
        if after is not None:
            faults += image_faults(table, after, (inserted if op == "c" else updated)[number],
                                   mode, lacks)
    changed = {number for number in inserted if inserted[number] != updated[number]}
    everything = sorted(inserted)
    if sorted(seen["c"]) != everything or sorted(seen["d"]) != everything:
        faults.append(f"{table.name}: inserts of {sorted(seen['c'])}, deletes of "
                      f"{sorted(seen['d'])}, it had {everything}")
    if len(set(seen["u"])) != len(seen["u"]) or not changed <= set(seen["u"]):
        faults.append(f"{table.name}: updates of {sorted(seen['u'])}, changed {sorted(changed)}")
    return faults


def check(corpus_: Corpus, found: dict, mode: Mode, names=None) -> None:
    """Assert that the messages say what SELECT showed, for all tables or those named."""
    names = list(names or corpus_.tables)
    faults = []
    if sorted(found) != sorted(names):
        faults.append(f"messages of tables {sorted(found)}, wanted {sorted(names)}")
    for name in names:
        faults += table_faults(corpus_.tables[name], found.get(name, []),
                               corpus_.inserted[name], corpus_.updated[name], mode)
    assert not faults, f"{len(faults)} differences (mode {mode}):\n" + "\n".join(faults[:25])
