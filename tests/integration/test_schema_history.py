"""Binlogs that do not carry column names: each row is read by the definition of its time.

The servers run with the default binlog_row_metadata (MySQL 5.7 has no other). What a row's
message has to say is what SELECT said right after the row was written; mr-core reads it
later, when the catalogue has something else.
"""

import json

import pytest

from harness.failure import failure
from harness.tasks import here, task_document, unique
from harness.waiting import wait_until

ALL = ("mariadb-10.11", "mariadb-11.8", "mysql-5.7", "mysql-8.0", "mysql-9.7")

SELECTED = "CREATE TABLE {c}copy AS SELECT id, b AS a, a AS b, s FROM {c}t"

# Of one table. "{c}" is the database's name and a dot.
CHANGES = [
    "ALTER TABLE {c}t ADD COLUMN n INT",
    "ALTER TABLE {c}t ADD COLUMN first_one INT FIRST, ADD COLUMN m INT UNSIGNED AFTER id",
    "ALTER TABLE {c}t MODIFY COLUMN n INT FIRST",
    "ALTER TABLE {c}t MODIFY COLUMN n INT AFTER m",
    "ALTER TABLE {c}t CHANGE COLUMN n renamed BIGINT",
    "ALTER TABLE {c}t DROP COLUMN first_one",
    "ALTER TABLE {c}t CHANGE COLUMN a b INT, CHANGE COLUMN b a INT",
    "ALTER TABLE {c}t ADD COLUMN e ENUM('x', 'y') NOT NULL DEFAULT 'x', ADD KEY (m)",
    "ALTER TABLE {c}t MODIFY COLUMN e ENUM('y', 'x') NOT NULL DEFAULT 'x'",
    "ALTER TABLE {c}t CONVERT TO CHARACTER SET utf8",
    "ALTER TABLE {c}t ADD COLUMN late VARCHAR(20) CHARACTER SET latin1 DEFAULT 'l'",
    "/*!50000 ALTER TABLE {c}t DROP COLUMN late */",
    # The end of gh-ost and pt-online-schema-change: a copy of another order takes the name.
    "CREATE TABLE {c}ghost LIKE {c}t; ALTER TABLE {c}ghost MODIFY COLUMN b INT AFTER renamed;"
    "INSERT INTO {c}ghost (id, a, b, s) SELECT id, a, b, s FROM {c}t;"
    "RENAME TABLE {c}t TO {c}old, {c}ghost TO {c}t",
    "RENAME TABLE {c}t TO {c}tmp, {c}old TO {c}t, {c}tmp TO {c}old",
    "DROP TABLE {c}old",
    "DROP TABLE {c}t; CREATE TABLE {c}t (s VARCHAR(30), b INT, a INT, id INT PRIMARY KEY)",
    SELECTED + "; DROP TABLE {c}t; RENAME TABLE {c}copy TO {c}t",
]


class Told:
    """A table that is changed, and what SELECT said of each row that was written."""

    def __init__(self, server, database):
        self.server = server
        self.database = database
        self.rows = []
        self.number = 0

    def refuses_select(self) -> bool:
        """MySQL before 8.0.21 with GTIDs has no CREATE TABLE … SELECT."""
        version = self.server.sql("SELECT VERSION()")[0][0]
        return version.startswith(("5.7", "8.0.15"))

    def columns(self) -> list[str]:
        """Names, in order."""
        return [row[0] for row in self.server.sql(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_NAME = 't' AND "
            f"TABLE_SCHEMA = '{self.database}' ORDER BY ORDINAL_POSITION")]

    def write(self) -> None:
        """A row of which each column has another value."""
        self.number += 1
        n = self.number
        self.server.sql(f"INSERT INTO {self.database}.t (id, a, b, s) VALUES "
                        f"({n}, {n}1, {n}2, 'Zoë {n}')")
        columns = self.columns()
        row = self.server.sql(f"SELECT {', '.join(columns)} FROM {self.database}.t "
                              f"WHERE id = {n}")[0]
        self.rows.append(dict(zip(columns, [None if v in ("NULL", None) else str(v) for v in row])))

    def change(self, statement: str) -> None:
        """A statement, and a row behind it."""
        for one in statement.split(";"):
            if one == SELECTED and self.refuses_select():
                one = "CREATE TABLE {c}copy (id INT, a INT, b INT, s VARCHAR(30))"
            self.server.sql(one.format(c=self.database + "."))
        self.write()

    def check(self, messages) -> None:
        """Each row as SELECT said."""
        got = [m["after"] for m in messages
               if m and m["source"]["table"] == "t" and m["op"] == "c"]
        # Copies of rows that came with a table of another name are not the point here.
        shown = [{k: None if v is None else str(v) for k, v in row.items()} for row in got]
        assert shown == self.rows


@pytest.fixture
def told(source, database):
    """The table as it is at first: made in the stream."""
    table = Told(source, database)
    table.start = here(source)
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, a INT, b INT, s VARCHAR(30)) "
               "DEFAULT CHARSET=utf8mb4")
    table.write()
    return table


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
def test_from_before_all_of_it(told, source, database, core):
    """start in front of CREATE TABLE: each row has the columns of its time."""
    for statement in CHANGES:
        told.change(statement)
    result = core.run(task_document(source, include=f"{database}.*", start=told.start)).ok()
    told.check(result.messages)


@pytest.mark.sources(*ALL)
def test_over_stops(told, source, database, core):
    """Stopped and started again in between, each time with changes still to come."""
    document = task_document(source, include=f"{database}.t", start=told.start)
    messages = []
    for i in range(0, len(CHANGES), 4):
        messages += core.run(document).ok().messages
        for statement in CHANGES[i:i + 4]:
            told.change(statement)
    messages += core.run(document).ok().messages
    told.check(messages)


@pytest.mark.sanitize
def test_a_table_that_was_there_before(source, database, core):
    """Its CREATE is not read; the definition was recorded when it was first met."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, a INT, b INT, s VARCHAR(30))")
    told = Told(source, database)
    document = task_document(source, include=f"{database}.t", start=here(source))
    told.write()
    messages = core.run(document).ok().messages
    told.write()
    told.change("ALTER TABLE {c}t CHANGE COLUMN a b INT, CHANGE COLUMN b a INT")
    told.change("ALTER TABLE {c}t DROP COLUMN s, ADD COLUMN s VARCHAR(30) FIRST")
    messages += core.run(document).ok().messages
    told.check(messages)


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
def test_never_guessed(source, database, core):
    """Types and number fit, the names do not: nothing was recorded, so the task stops."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, a INT, b INT);"
               f"CREATE TABLE {database}.calm (id INT PRIMARY KEY, a INT)")
    start = here(source)
    source.sql(f"INSERT INTO {database}.calm VALUES (1, 1);"
               f"INSERT INTO {database}.t VALUES (1, 11, 12)")
    file, position = source.position()
    source.sql(f"ALTER TABLE {database}.t CHANGE COLUMN a b INT, CHANGE COLUMN b a INT")
    behind = here(source)
    source.sql(f"INSERT INTO {database}.t VALUES (2, 21, 22)")
    result = core.run(task_document(source, include=f"{database}.*", start=start))
    line = failure(result, "schema_missing", f"{database}.t", "is not known",
                   "binlog_row_metadata=FULL", "exclude the table")
    assert f"{behind['file']}:{behind['pos']}" in line
    assert file in line and position
    assert [m["after"] for m in result.messages] == [{"id": 1, "a": 1}], \
        "a table that nothing touches is known"
    # The way out.
    result = core.run(task_document(source, include=f"{database}.*", start=behind),
                      state=core.folder / "other").ok()
    assert [m["after"] for m in result.messages] == [{"id": 2, "b": 21, "a": 22}]


def test_killed_in_front_of_a_change(source, database, core):
    """kill -9 while the saved position is in front of a change that was delivered."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, a INT, b INT, s VARCHAR(30))")
    told = Told(source, database)
    document = task_document(source, include=f"{database}.t", start=here(source),
                             commit_interval_ms=100)
    running = core.start(document)
    told.write()
    running.wait_for_lines(1)
    history, position = core.state / "schema.jsonl", core.state / "position.json"
    wait_until(lambda: history.exists() and database in history.read_text(), 10,
               "the definition is kept")
    wait_until(lambda: json.loads(position.read_text())["file"], 10, "the position is saved")
    saved = position.read_text()
    told.change("ALTER TABLE {c}t CHANGE COLUMN a b INT, CHANGE COLUMN b a INT")
    running.wait_for_lines(2)
    assert running.kill()
    position.write_text(saved)  # as if nothing had been saved since
    told.change("ALTER TABLE {c}t ADD COLUMN x INT FIRST")
    again = core.run(document).ok().messages
    told.rows = told.rows[-len(again):]
    assert len(again) >= 2
    told.check(again)


def changes_of(source, database, bus, statements):
    """What the topic has of them."""
    name = unique("changes")
    document = task_document(source, name=name, include=f"{database}.*", pipe=bus,
                             start=here(source))
    for statement in statements:
        source.sql(statement)
    return document, f"{name}.schema-changes"


@pytest.mark.sanitize
@pytest.mark.sources("mariadb-10.11", "mysql-5.7", "mysql-9.7")
def test_the_topic(source, database, core, bus, kafka):
    """One message a statement, in Debezium's form, without passwords and other databases."""
    document, topic = changes_of(source, database, kafka, [
        f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(10)) CHARSET=latin1",
        f"INSERT INTO {database}.t VALUES (1, 'x')",
        f"ALTER TABLE {database}.t ADD COLUMN e ENUM('a', 'b') AFTER id, ADD COLUMN d "
        "DECIMAL(10, 3) NOT NULL DEFAULT 1",
        "CREATE USER someone@localhost IDENTIFIED BY 'secret-of-someone'",
        "DROP USER someone@localhost",
        f"CREATE TABLE mysql.{database} (id INT)", f"DROP TABLE mysql.{database}",
        f"RENAME TABLE {database}.t TO {database}.u",
        f"CREATE TABLE {database}.words (password VARCHAR(30))",
        f"DROP TABLE {database}.u",
        f"ALTER DATABASE {database} CHARACTER SET utf8",
    ])
    core.run(document).ok()
    messages = bus.collect(topic, count=6)
    told = [(m.json["ddl"].split()[0], [(c["type"], c["id"]) for c in m.json["tableChanges"]])
            for m in messages]
    quoted = f'"{database}".'
    assert told == [
        ("CREATE", [("CREATE", quoted + '"t"')]),
        ("ALTER", [("ALTER", quoted + '"t"')]),
        ("RENAME", [("ALTER", quoted + '"u"')]),
        ("CREATE", [("CREATE", quoted + '"words"')]),
        ("DROP", [("DROP", quoted + '"u"')]),
        ("ALTER", []),
    ]
    assert all(m.key_json == {"databaseName": database} for m in messages)
    altered = messages[1].json
    assert altered["databaseName"] == database and altered["schemaName"] is None
    assert altered["source"]["table"] == "t" and altered["source"]["pos"] > 0
    table = altered["tableChanges"][0]["table"]
    assert table["defaultCharsetName"] == "latin1" and table["primaryKeyColumnNames"] == ["id"]
    assert [(c["name"], c["typeName"], c["length"], c["scale"], c["optional"], c["charsetName"])
            for c in table["columns"] if c["name"] != "id"] == [
        ("e", "ENUM", 1, None, True, "latin1"), ("v", "VARCHAR", 10, None, True, "latin1"),
        ("d", "DECIMAL", 10, 3, False, None)]
    assert table["columns"][1]["enumValues"] == ["a", "b"]
    assert b"secret-of-someone" not in b"".join(m.value for m in messages)


@pytest.mark.sources("mariadb-10.11", "mysql-5.7", "mysql-9.7")
@pytest.mark.parametrize("charset,label", [
    ("latin1", "\u00e9\u20ac"), ("gbk", "\u4e2d\u8a9e"), ("sjis", "\u8868\u80fd")])
def test_statements_in_other_character_sets(source, database, core, charset, label):
    """Definitions made by sessions whose statements are not in UTF-8 are followed; those that the
    server puts together itself (CREATE ... SELECT) are in UTF-8 in such sessions, too."""
    start = here(source)
    with source.connect(database=database, ssl_disabled=True, charset=charset).cursor() as cursor:
        for statement in (
                f"CREATE TABLE t (id INT PRIMARY KEY, e ENUM('{label}', 'x') CHARACTER SET utf8mb4"
                f" COMMENT '{label}')",
                "INSERT INTO t VALUES (1, 1)",
                f"ALTER TABLE t ADD COLUMN v INT COMMENT '{label}' FIRST",
                "INSERT INTO t VALUES (7, 2, 2)", "COMMIT"):
            cursor.execute(statement)
        if "5.7" not in source.name and "8.0" not in source.name:
            cursor.execute("CREATE TABLE made AS SELECT * FROM t")
            cursor.execute("COMMIT")
        else:
            cursor.execute("CREATE TABLE made LIKE t")
            cursor.execute("INSERT INTO made SELECT * FROM t")
            cursor.execute("COMMIT")
    # Behind this the catalogue of now tells nothing of the rows before.
    source.sql(f"USE {database}; ALTER TABLE t DROP COLUMN v, RENAME TO u;"
               "ALTER TABLE made DROP COLUMN e")
    result = core.run(task_document(source, include=f"{database}.*", start=start)).ok()
    rows = [(m["source"]["table"], m["after"]) for m in result.messages]
    assert rows == [
        ("t", {"id": 1, "e": label}), ("t", {"v": 7, "id": 2, "e": "x"}),
        ("made", {"v": None, "id": 1, "e": label}), ("made", {"v": 7, "id": 2, "e": "x"})]


def test_no_topic(source, database, core, bus, kafka):
    """Empty: none; and none with a pipe that is not Kafka unless it is given."""
    name = unique("silent")
    document = task_document(source, name=name, include=f"{database}.*", start=here(source),
                             pipe={"type": "kafka", "brokers": kafka.brokers,
                                   "topics": {"schema_changes": ""}})
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY); "
               f"INSERT INTO {database}.t VALUES (1)")
    core.run(document).ok()
    assert f"{name}.schema-changes" not in bus.topics()
    document["pipe"] = {"type": "stdout"}
    assert len(core.run(document, state=core.folder / "a").ok().messages) == 1
    document["pipe"] = {"type": "stdout", "topics": {"schema_changes": "ddl-{task}"}}
    messages = core.run(document, state=core.folder / "b").ok().messages
    assert [m.get("ddl", "").split(" ")[0] for m in messages] == ["CREATE", ""]


@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_another_core_takes_over(cluster, source, database, bus, kafka):
    """The history is in ZooKeeper, a successor reads by it; it goes with the task."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, a INT, b INT, s VARCHAR(30))")
    told = Told(source, database)
    name = unique("history")
    cluster.server()
    first = cluster.core("a")
    document = task_document(source, name=name, include=f"{database}.t", start=here(source),
                             pipe=kafka)
    cluster.create(document, start=True)
    cluster.wait_state(name, "RUNNING")
    told.write()
    topic = f"{name}.{database}.t"
    bus.collect(topic, count=1)
    path = cluster.path(name, "schema")
    wait_until(lambda: cluster.tree.stat(path) and any(
        database.encode() in cluster.tree.get(f"{path}/{child}")
        for child in cluster.tree.children(path)), 15, "the definition is in ZooKeeper")
    first.kill()
    told.change("ALTER TABLE {c}t CHANGE COLUMN a b INT, CHANGE COLUMN b a INT")
    told.change("ALTER TABLE {c}t DROP COLUMN s, ADD COLUMN s VARCHAR(30) FIRST")
    cluster.core("b")
    told.check([m.json for m in bus.collect(topic, count=3)])
    cluster.mrctl("task", "delete", name, "--yes", "--wait").ok()
    assert not cluster.tree.stat(path), "the history is gone with the task"
