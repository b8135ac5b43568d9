"""Definitions as information_schema has them, and as the DDL tracker says: to compare.

Catalogue reads what core/mysql/catalog.c reads, into the JSON form of
tests/unit/schema/ddl_tool.c, which Tool runs.
"""

import json
import re
import subprocess

import pymysql

from .core import binary

MODES = {"REAL_AS_FLOAT": 1, "ANSI_QUOTES": 4, "ORACLE": 512, "NO_BACKSLASH_ESCAPES": 1 << 20}
ESCAPES = {"n": "\n", "r": "\r", "0": "\0"}


def labels_of(column_type: str) -> list[str]:
    """The labels of an ENUM's or SET's COLUMN_TYPE."""
    found, at = [], column_type.index("(") + 1
    while column_type[at] == "'":
        label, at = "", at + 1
        while True:
            if column_type[at] == "\\":
                label += ESCAPES.get(column_type[at + 1], column_type[at + 1])
                at += 2
            elif column_type[at:at + 2] == "''":
                label += "'"
                at += 2
            elif column_type[at] == "'":
                break
            else:
                label += column_type[at]
                at += 1
        found.append(label)
        at += 2 if column_type[at + 1] == "," else 1
        if column_type[at] == ")":
            break
    return found


class Catalogue:
    """What a server says of the tables of some databases, now."""

    def __init__(self, connection, databases):
        self._cursor = connection.cursor()
        self._databases = databases

    def _rows(self, sql):
        self._cursor.execute(sql)
        return self._cursor.fetchall()

    def tables(self, only=None) -> dict:
        """Each base table's definition, by "db.table"; or those of some names."""
        among = ",".join(f"'{name}'" for name in self._databases)
        if only is not None:
            names = ",".join("'" + name.partition(".")[2].replace("'", "''") + "'"
                             for name in only)
            among += f") AND TABLE_NAME IN ({names or 'NULL'}"
        found = {}
        for db, name, kind, collation in self._rows(
                "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COLLATION FROM "
                f"information_schema.TABLES WHERE TABLE_SCHEMA IN ({among})"):
            if "BASE" in kind or "VERSIONED" in kind:
                found[f"{db}.{name}"] = {
                    "db": db, "name": name, "collation": collation or "",
                    "charset": (collation or "").split("_")[0],
                    "versioned": "VERSIONED" in kind, "columns": []}
        for db, table, *rest in self._rows(
                "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, "
                "CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, EXTRA, CHARACTER_OCTET_LENGTH,"
                " NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, ORDINAL_POSITION FROM "
                f"information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({among}) "
                "ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"):
            if f"{db}.{table}" in found:
                found[f"{db}.{table}"]["columns"].append(column(*rest))
        for each in found.values():
            self._keys(each)
        return found

    def databases(self) -> dict:
        """Each database's default character set and collation."""
        return {row[0]: row[1:] for row in self._rows(
            "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME "
            "FROM information_schema.SCHEMATA")}

    def names(self) -> set:
        """What tables there are."""
        among = ",".join(f"'{name}'" for name in self._databases)
        return {f"{db}.{name}" for db, name in self._rows(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE "
            f"TABLE_SCHEMA IN ({among}) AND TABLE_TYPE NOT IN ('VIEW', 'TEMPORARY')")}

    def _keys(self, table: dict) -> None:
        names = [c["name"] for c in table["columns"]]
        table.update(keys=[], key=[], hidden=0)
        for row in self._rows(f"SHOW INDEX FROM `{quoted(table['name'])}` "
                              f"FROM `{quoted(table['db'])}`"):
            name, first = row[2], row[3] == 1
            if first:
                table["keys"].append({"name": name, "unique": not row[1],
                                      "hash": row[10] == "HASH", "parts": []})
                table["hidden"] += not row[1] and name != "PRIMARY" and row[10] == "HASH"
            table["hidden"] += row[4] is None
            at = names.index(row[4]) if row[4] in names else -1
            table["keys"][-1]["parts"].append([at, row[7] or 0])
        for key in table["keys"]:
            usable = all(at >= 0 and (key["name"] == "PRIMARY" or not (
                prefix or table["columns"][at]["nullable"])) for at, prefix in key["parts"])
            if key["unique"] and usable:
                table["key"] = [at for at, _ in key["parts"]]
                break
        for seq, at in enumerate(table["key"], 1):
            table["columns"][at]["key_seq"] = seq


def quoted(name: str) -> str:
    """For between backticks."""
    return name.replace("`", "``")


def column(name, data_type, column_type, charset, collation, nullable, extra, octets, precision,
           scale, fraction, ordinal) -> dict:
    """One line of COLUMNS."""
    listed = data_type in ("enum", "set")
    made = {
        "name": name, "place": ordinal - 1, "data_type": data_type, "column_type": column_type,
        "charset": charset or "", "collation": collation or "", "nullable": nullable == "YES",
        "unsigned": not listed and "unsigned" in column_type,
        "generated": "GENERATED" in extra and "DEFAULT_GENERATED" not in extra,
        "invisible": "INVISIBLE" in extra, "key_seq": 0, "max_bytes": octets or 0,
        "precision": precision or 0, "scale": (scale if fraction is None else fraction) or 0}
    if listed:
        made["labels"] = labels_of(column_type)
    return made


class Tool:
    """ddl_tool, running."""

    def __init__(self):
        path = binary().parent.parent / "tests/unit/schema/ddl_tool"
        self._process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True)  # pylint: disable=consider-using-with

    def ask(self, **request) -> dict:
        """One request."""
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"ddl_tool ended ({self._process.wait()}) at {request}"
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        assert self._process.wait(10) == 0


def difference(got: dict, want: dict) -> list[str]:
    """What the tracker's definition and the server's differ in."""
    found = [f"{k}: {got[k]!r} instead of {want[k]!r}"
             for k in ("charset", "collation", "versioned", "hidden") if got[k] != want[k]]
    if [c["name"] for c in got["columns"]] != [c["name"] for c in want["columns"]]:
        return found + [f"columns: {[c['name'] for c in got['columns']]} instead of "
                        f"{[c['name'] for c in want['columns']]}"]
    for ours, theirs in zip(got["columns"], want["columns"]):
        found += [f"{ours['name']}.{k}: {ours.get(k)!r} instead of {theirs.get(k)!r}"
                  for k in {**ours, **theirs} if shown(ours.get(k)) != theirs.get(k)]
    if got["key"] != want["key"]:
        found.append(f"key: {got['key']} instead of {want['key']}")
    if sorted_keys(got) != sorted_keys(want):
        found.append(f"keys: {sorted_keys(got)} instead of {sorted_keys(want)}")
    return found


def shown(value):
    """information_schema is in utf8mb3: what lies behind it is a '?' there."""
    if isinstance(value, list):
        return [shown(each) for each in value]
    return re.sub("[\U00010000-\U0010ffff]", "?", value) if isinstance(value, str) else value


def sorted_keys(table: dict) -> list:
    """The keys that may matter to rows, in order."""
    return [(k["name"], k["parts"]) for k in table["keys"] if k["unique"]]


class Follower:
    """A tracker beside a server: runs statements on both, and compares after each."""

    def __init__(self, server, databases):
        self.connection = server.connect(autocommit=True)
        self.cursor = self.connection.cursor()
        self.cursor.execute("SET SESSION sql_log_bin=0")
        self.mariadb = "MariaDB" in server.version()
        digits = re.match(r"(\d+)\.(\d+)\.(\d+)", server.version())
        self.version = int(digits[1]) * 10000 + int(digits[2]) * 100 + int(digits[3])
        self.tool = Tool()
        self.truth = Catalogue(self.connection, databases)
        self.databases = databases
        self.known = self.unknown = self.failed = 0
        self.unknown_statements = []
        for name in databases:
            self.cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            self.cursor.execute(f"CREATE DATABASE {name}")
        self.use(databases[0])

    def use(self, name: str) -> None:
        """The session's database."""
        self.cursor.execute(f"USE {name}")
        self.database = name
        self.session()

    def session(self) -> None:
        """Tells the tracker what the session is like, and the databases' defaults."""
        self.cursor.execute("SELECT @@sql_mode, @@explicit_defaults_for_timestamp, "
                            "@@character_set_server, @@collation_server, "
                            "@@lower_case_table_names")
        modes, explicit, charset, collation, lower = self.cursor.fetchone()
        mode = sum(bit for name, bit in MODES.items() if name in modes.split(","))
        self.tool.ask(session={
            "mariadb": self.mariadb, "version": self.version, "sql_mode": mode,
            "db": self.database, "explicit": 2 if explicit else 1, "lower": lower,
            "charset": charset, "collation": collation})
        for name, (charset, collation) in self.truth.databases().items():
            self.tool.ask(database=name, charset=charset, collation=collation)

    def run(self, statement: str) -> list[str] | None:
        """Differences after a statement; None when the server refused it."""
        try:
            self.cursor.execute(statement)
        except pymysql.MySQLError as e:
            assert e.args[0] not in (0, 2006, 2013), f"the server is gone: {statement}"
            self.failed += 1
            return None
        if statement.startswith("SET ") and not statement.startswith("SET STATEMENT"):
            self.session()
            return []
        answer = self.tool.ask(apply=statement)
        assert answer["rc"] == 0
        problems = self.compare(statement, answer)
        if any(c["kind"].startswith("DATABASE") for c in answer["changes"]):
            problems += self.databases_differ(answer["changes"])
            self.session()
        return problems

    def databases_differ(self, changes: list) -> list[str]:
        """A database's default that is not the server's."""
        there = self.truth.databases()
        return [f"database {c['db']}: {c['charset']} {c['collation']} instead of "
                f"{there[c['db']]}" for c in changes
                if c.get("charset") and there.get(c["db"]) != (c["charset"], c["collation"])]

    def compare(self, statement: str, answer: dict) -> list[str]:
        """The tables that a statement was about, and whether others are as many."""
        got, known, names = answer["tables"], answer["names"], self.truth.names()
        touched = {f"{c['db']}.{c['name']}" for c in answer["changes"]}
        want = self.truth.tables(touched & names)
        problems = [f"{name}: should be gone" for name in known if name not in names]
        problems += [f"{name}: is missing" for name in names if name not in known]
        for name, theirs in want.items():
            ours = got.get(name)
            if name not in touched:
                continue
            if ours is None:
                self.unknown += 1
                self.unknown_statements.append(statement)
                continue
            self.known += 1
            problems += [f"{name}: {each}" for each in difference(ours, theirs)]
        if problems or answer["unknown"]:
            self.resume()
        return problems

    def resume(self) -> None:
        """The tracker's definitions become the server's."""
        self.tool.ask(forget=True)
        for each in self.truth.tables().values():
            self.tool.ask(table=each)

    def close(self) -> None:
        """Drop everything."""
        for name in self.databases if self.connection.open else ():
            self.cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        self.connection.close()
        self.tool.close()
