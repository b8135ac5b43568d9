"""Statements of every kind that changes rows, on every server: what arrives is what was committed.

binlog.md's facts about which rows happened are in test_groups.py (rollbacks), test_xa.py, and here.
"""

import json
import os

import pytest

from harness.tasks import here, here_gtid, task_document

EVERY = ("mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-10.11", "mariadb-11.8")


def told(result):
    """(table, op, id, v) of each message."""
    rows = []
    for message in filter(None, result.messages):
        row = message["after"] or message["before"]
        rows.append((message["source"]["table"], message["op"], row["id"], row["v"]))
    return rows


@pytest.mark.sanitize
@pytest.mark.sources(*EVERY)
def test_statements(source, database, core, tmp_path):
    """LOAD DATA, CREATE … SELECT, REPLACE, ON DUPLICATE KEY, several tables in one statement,
    temporary tables, TRUNCATE, triggers, a procedure."""
    source.sql(f"""USE {database};
        CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20));
        CREATE TABLE b (id INT PRIMARY KEY, v VARCHAR(20));
        CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20));
        CREATE TRIGGER t AFTER INSERT ON b FOR EACH ROW INSERT INTO log (v) VALUES (NEW.v)""")
    data = tmp_path / "rows.csv"
    data.write_text("1,one\n2,two\n3,three\n", encoding="utf-8")
    os.chmod(tmp_path, 0o755)
    start = here(source)
    local = source.sql("SELECT @@GLOBAL.local_infile")[0][0]
    source.sql("SET GLOBAL local_infile = ON")
    connection = source.connect(database=database, ssl_disabled=True, local_infile=True)
    cursor = connection.cursor()
    shape = "SELECT id, v FROM a WHERE id < 3"
    create = [f"CREATE TABLE c (id INT PRIMARY KEY) AS {shape}"]
    if source.series in ("5.7", "8.0"):  # with GTIDs they refuse it
        create = ["CREATE TABLE c (id INT PRIMARY KEY, v VARCHAR(20))", f"INSERT INTO c {shape}"]
    for statement in (
            "CREATE PROCEDURE p() BEGIN INSERT INTO a VALUES (70, 'p'); DELETE FROM a WHERE id = 70;"
            " END",
            f"LOAD DATA LOCAL INFILE '{data}' INTO TABLE a FIELDS TERMINATED BY ','",
            *create,
            "CREATE TEMPORARY TABLE x AS SELECT * FROM a",
            "INSERT INTO b SELECT * FROM x WHERE id = 2",
            "DROP TEMPORARY TABLE x",
            "REPLACE INTO a VALUES (1, 'uno')",
            "INSERT INTO a VALUES (2, 'new'), (4, 'four') ON DUPLICATE KEY UPDATE v = 'dup'",
            "UPDATE a JOIN b ON a.id = b.id SET a.v = 'A', b.v = 'B'",
            "DELETE a, b FROM a JOIN b ON a.id = b.id",
            "CALL p()",
            "TRUNCATE TABLE a",
            "INSERT INTO a VALUES (1, 'again')"):
        cursor.execute(statement)
        connection.commit()
    connection.close()
    source.sql(f"SET GLOBAL local_infile = {local}")
    result = core.run(task_document(source, include=f"{database}.*", start=start)).ok()
    # In one statement that changes two tables, the servers' order is theirs.
    rows = told(result)
    for first in (10, 12):
        rows[first:first + 2] = sorted(rows[first:first + 2])
    assert rows == [
        ("a", "c", 1, "one"), ("a", "c", 2, "two"), ("a", "c", 3, "three"),
        ("c", "c", 1, "one"), ("c", "c", 2, "two"),
        ("b", "c", 2, "two"), ("log", "c", 1, "two"),
        ("a", "u", 1, "uno"),
        ("a", "u", 2, "dup"), ("a", "c", 4, "four"),
        ("a", "u", 2, "A"), ("b", "u", 2, "B"),
        ("a", "d", 2, "A"), ("b", "d", 2, "B"),
        ("a", "c", 70, "p"), ("a", "d", 70, "p"),
        ("a", "c", 1, "again")]


@pytest.mark.sources(*EVERY)
def test_tables_without_transactions(source, database, core):
    """MyISAM beside InnoDB: a row of it stays when the transaction is rolled back, also by
    ROLLBACK TO; one of InnoDB does not. (MySQL with GTIDs does not let them meet.)"""
    mixed = source.flavor == "mariadb"
    source.sql(f"""USE {database};
        CREATE TABLE i (id INT PRIMARY KEY, v INT);
        CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM""")
    start = here(source)
    inside, outside = ("INSERT INTO m VALUES (3, 1);", "UPDATE m SET v = 2 WHERE id = 1;")
    source.sql(f"""USE {database};
        INSERT INTO m VALUES (1, 1), (2, 1); {"" if mixed else inside + outside}
        BEGIN; INSERT INTO i VALUES (1, 1); {inside if mixed else ""} ROLLBACK;
        BEGIN; INSERT INTO i VALUES (2, 1); SAVEPOINT s; INSERT INTO i VALUES (3, 1);
        {outside if mixed else ""} ROLLBACK TO s; INSERT INTO i VALUES (4, 1); COMMIT;
        DELETE FROM m WHERE id = 2""")
    result = core.run(task_document(source, include=f"{database}.*", start=start)).ok()
    rows = {}
    for table, op, *row in told(result):
        if op == "d":
            del rows[table, row[0]]
        else:
            rows[table, row[0]] = row[1]
    shown = {(name, int(row[0])): int(row[1]) for name in ("i", "m")
             for row in source.sql(f"SELECT id, v FROM {database}.{name}")}
    assert rows == shown == {("i", 2): 1, ("i", 4): 1, ("m", 1): 2, ("m", 3): 1}


@pytest.mark.sources(*EVERY)
def test_foreign_keys(source, database, core):
    """MySQL 9.7 logs what ON DELETE and ON UPDATE do; the others do not, and validate says so."""
    source.sql(f"""USE {database};
        CREATE TABLE p (id INT PRIMARY KEY, v INT);
        CREATE TABLE c (id INT PRIMARY KEY, v INT,
          FOREIGN KEY (v) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)""")
    start = here(source)
    source.sql(f"""USE {database};
        INSERT INTO p VALUES (1, 0), (2, 0); INSERT INTO c VALUES (10, 1), (20, 2);
        UPDATE p SET id = 3 WHERE id = 1; DELETE FROM p WHERE id = 2""")
    result = core.run(task_document(source, include=f"{database}.*", start=start)).ok()
    rows = told(result)[4:]
    children = [row for row in rows if row[0] == "c"]
    parents = [row for row in rows if row[0] == "p"]
    assert parents == [("p", "d", 1, 0), ("p", "c", 3, 0), ("p", "d", 2, 0)]
    logged = [("c", "u", 10, 3), ("c", "d", 20, 2)]
    assert children == (logged if "9.7" in source.name else [])


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_tagged_gtids(source, database, core):
    """They are positions like others: what was read before them and behind them comes once."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v INT)")
    document = task_document(source, include=table, start=here_gtid(source))
    uuid = source.sql("SELECT @@server_uuid")[0][0]
    for number, gtid in enumerate(("AUTOMATIC:blue", f"{uuid}:red:7", f"{uuid}:red:5", "AUTOMATIC",
                                   "AUTOMATIC:blue")):
        source.sql(f"SET gtid_next = '{gtid}'; INSERT INTO {table} VALUES ({number}, 1);"
                   "SET gtid_next = 'AUTOMATIC'")
        if number % 2:
            continue
        result = core.run(document).ok()
        assert [row[2] for row in told(result)] == list(range(max(number - 1, 0), number + 1))
    position = json.loads((core.state / "position.json").read_text(encoding="utf-8"))
    executed = source.sql("SELECT @@gtid_executed")[0][0].replace("\n", "")
    assert ":red:5:7" in position["gtid"] and ":blue:1-2" in position["gtid"]
    assert source.sql(f"SELECT GTID_SUBSET('{position['gtid']}', '{executed}')")[0][0] in (1, "1")
