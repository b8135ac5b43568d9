"""Single facts that the random changes of test_matrix.py met, or that they do not meet.

Most are of servers' binlogs: what TABLE_MAP counts, columns that information_schema does not
show, images that lack what they should have.
"""

import pytest

from harness.tasks import here, task_document
from harness.values import parse_message
from harness.values_corpus import run_sql, session, set_metadata, values_server

ALL = ("mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-10.11", "mariadb-11.8")
MARIADB = ("mariadb-10.11", "mariadb-11.8")


@pytest.fixture
def table(pool, source_name, core, new_database):
    """A function: runs statements, and returns (key, message) of each change they made."""
    server = values_server(pool, source_name)

    def run(statements, dialect="debezium", metadata="default",
            settings="SET sql_mode = 'ALLOW_INVALID_DATES'", **options):
        if source_name != "mysql-5.7":
            set_metadata(server, metadata)
        database = new_database(server)
        start = here(server)
        connection = session(server, database, settings)
        for statement in statements:
            run_sql(connection, statement)
        connection.close()
        document = task_document(server, include=f"{database}.*", start=start,
                                 pipe={"type": "stdout", "format": dialect, "tombstones": False,
                                       "options": options})
        result = core.run(document, with_keys=True).ok()
        rows = [line.split("\t", 2) for line in result.lines]
        return [(parse_message(key), parse_message(value)) for key, _, value in rows]
    return run


def images(found) -> list:
    """(op, before, after) of Debezium's messages."""
    return [(message["op"], message["before"], message["after"]) for _, message in found]


both = pytest.mark.parametrize("metadata", ["FULL", "default"])


@pytest.mark.sources(*ALL)
@both
def test_signs_behind_a_year(table, metadata):
    """Servers disagree whether YEAR has a bit among the signs: all behind it could flip."""
    ((_, message),) = table([
        "CREATE TABLE t (y YEAR, s INT, u INT UNSIGNED, y2 YEAR, b BIGINT UNSIGNED, t TINYINT, "
        "f FLOAT, d DECIMAL(3,1) UNSIGNED, y3 YEAR, z TINYINT UNSIGNED, id INT PRIMARY KEY)",
        "INSERT INTO t VALUES (2024, -1, 4294967295, 1901, 18446744073709551615, -1, -1.5, 1.5, "
        "2155, 255, -7)"], metadata=metadata, **{"decimal.handling.mode": "string"})
    assert message["after"] == {"y": 2024, "s": -1, "u": 4294967295, "y2": 1901,
                                "b": 18446744073709551615, "t": -1, "f": "-1.5", "d": "1.5",
                                "y3": 2155, "z": 255, "id": -7}


@pytest.mark.sources(*ALL)
@both
def test_character_sets_beside_others(table, metadata):
    """JSON has no character set among a map's, a geometry has one on MariaDB alone."""
    ((_, message),) = table([
        "CREATE TABLE t (id INT PRIMARY KEY, a CHAR(9) CHARACTER SET latin1, j JSON, "
        "g GEOMETRY, b TEXT CHARACTER SET utf8mb4, e ENUM('\u00e9') CHARACTER SET latin1, "
        "c VARCHAR(9) CHARACTER SET latin1, x BLOB, d CHAR(255) CHARACTER SET utf8mb4)",
        "INSERT INTO t VALUES (1, _latin1 X'E9', '[1]', ST_GeomFromText('POINT(1 2)'), "
        "_utf8mb4 X'F09F9880', 1, _latin1 X'80', X'FF', REPEAT(_utf8mb4 X'F09F9880', 255))"],
        metadata=metadata)
    after = message["after"]
    assert (after["a"], after["j"], after["b"], after["e"], after["c"], after["x"], after["d"]) == \
        ("\u00e9", "[1]", "\U0001f600", "\u00e9", "\u20ac", "/w==", "\U0001f600" * 255)


@pytest.mark.sources(*ALL)
@both
def test_a_unique_key_in_place_of_a_primary_one(table, metadata):
    """Without a primary key the first UNIQUE one of NOT NULL columns is the key."""
    ((key, _),) = table(["CREATE TABLE t (a INT, b INT NOT NULL, c INT NOT NULL, "
                         "UNIQUE KEY u (a), UNIQUE KEY v (c, b))",
                         "INSERT INTO t VALUES (1, 2, 3)"], metadata=metadata)
    assert key == {"c": 3, "b": 2}


@pytest.mark.sources("mariadb-11.8")
@both
def test_types_that_look_like_bytes(table, metadata):
    """A UUID is BINARY(16) in the binlog and a VECTOR VARBINARY, also in full metadata: what is
    really BINARY stays so, and after ALTER TABLE too."""
    statements = ["CREATE TABLE t (id INT PRIMARY KEY, u UUID, b BINARY(16), i INET4, c BINARY(4), "
                  "v VECTOR(1), w VARBINARY(4))",
                  "INSERT INTO t VALUES (1, '123e4567-e89b-12d3-a456-426655440000', X'01', '10.0.0.0', "
                  "X'0A', VEC_FromText('[0.5]'), X'0000003F')",
                  "ALTER TABLE t ADD COLUMN n UUID FIRST",
                  "INSERT INTO t VALUES ('00000000-0000-0000-0000-000000000001', 2, NULL, X'02', NULL, "
                  "NULL, NULL, X'00')"]
    first = {"id": 1, "u": "123e4567-e89b-12d3-a456-426655440000", "b": "AQAAAAAAAAAAAAAAAAAAAA==",
             "i": "10.0.0.0", "c": "CgAAAA==", "v": ["0.5"], "w": "AAAAPw=="}
    second = {"n": "00000000-0000-0000-0000-000000000001", "id": 2, "u": None,
              "b": "AgAAAAAAAAAAAAAAAAAAAA==", "i": None, "c": None, "v": None, "w": "AA=="}
    assert [after for _, _, after in images(table(statements, metadata=metadata))] == [first, second]


@pytest.mark.sources("mariadb-11.8")
@both
def test_a_uuid_of_a_table_that_is_gone(table, metadata):
    """Statements that were followed tell the type; full metadata, which is read without them,
    leaves the bytes."""
    ((_, message),) = table([
        "CREATE TABLE t (id INT PRIMARY KEY, u UUID)",
        "INSERT INTO t VALUES (1, '123e4567-e89b-12d3-a456-426655440000')", "DROP TABLE t"],
        metadata=metadata)
    assert message["after"]["u"] == ("Ej5FZ+ibEtOkVkJmVUQAAA==" if metadata == "FULL" else
                                     "123e4567-e89b-12d3-a456-426655440000")


@pytest.mark.sources("mysql-9.7")
@both
def test_a_generated_invisible_primary_key(table, metadata):
    """9.7 can give a table one: a column like others, and the key."""
    ((key, message),) = table([
        "SET sql_generate_invisible_primary_key = ON", "CREATE TABLE t (a INT, v INT INVISIBLE)",
        "INSERT INTO t (a, v) VALUES (5, 6)"], metadata=metadata)
    assert key == {"my_row_id": 1} and message["after"] == {"my_row_id": 1, "a": 5, "v": 6}


@pytest.mark.sources("mysql-9.7")
@both
def test_a_primary_key_that_the_server_conceals(pool, source_name, table, metadata):
    """information_schema may be told to hide a generated key: it is in the rows all the same."""
    server = values_server(pool, source_name)
    concealed = "show_gipk_in_create_table_and_information_schema"
    server.sql(f"SET GLOBAL {concealed} = OFF")
    try:
        ((key, message),) = table([
            "SET sql_generate_invisible_primary_key = ON", "CREATE TABLE t (a INT, v JSON)",
            "INSERT INTO t (a, v) VALUES (5, '[6]')"], metadata=metadata)
    finally:
        server.sql(f"SET GLOBAL {concealed} = ON")
    assert key == {"my_row_id": 1} and message["after"] == {"my_row_id": 1, "a": 5, "v": "[6]"}


@pytest.mark.sources(*ALL)
@both
def test_a_change_of_a_key_of_many_columns(table, metadata):
    """One of sixteen columns changes: the old key is deleted, the new one created."""
    names = [f"k{n}" for n in range(16)]
    found = table([
        f"CREATE TABLE t (v INT, {', '.join(f'{name} INT NOT NULL' for name in names)}, "
        f"PRIMARY KEY ({', '.join(reversed(names))}))",
        f"INSERT INTO t VALUES (1, {', '.join(map(str, range(16)))})", "UPDATE t SET v = 2",
        "UPDATE t SET k7 = -7"], metadata=metadata)
    old = {name: int(name[1:]) for name in reversed(names)}
    new = old | {"k7": -7}
    assert [(message["op"], key) for key, message in found] == [
        ("c", old), ("u", old), ("d", old), ("c", new)]
    assert [list(key) for key, _ in found] == [list(old)] * 4
    assert found[2][1]["before"] == {"v": 2} | old and found[3][1]["after"] == {"v": 2} | new


@pytest.mark.sources("mysql-8.0", "mysql-9.7")
@both
def test_a_functional_index(table, metadata):
    """Its column is in no image, and in no definition that the server shows."""
    found = table(["CREATE TABLE t (id INT PRIMARY KEY, a INT, INDEX ((a + 1)), b INT)",
                   "INSERT INTO t VALUES (1, 2, 3)", "UPDATE t SET a = 4", "DELETE FROM t"],
                  metadata=metadata)
    first, second = {"id": 1, "a": 2, "b": 3}, {"id": 1, "a": 4, "b": 3}
    assert images(found) == [("c", None, first), ("u", first, second), ("d", second, None)]


@pytest.mark.sources(*MARIADB)
@both
def test_a_unique_key_of_long_texts(table, metadata):
    """MariaDB makes a hidden column of it, DB_ROW_HASH_1."""
    found = table(["CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b INT, UNIQUE (a))",
                   "INSERT INTO t VALUES (1, 'x', 3)", "UPDATE t SET a = 'y'", "DELETE FROM t"],
                  metadata=metadata)
    first, second = {"id": 1, "a": "x", "b": 3}, {"id": 1, "a": "y", "b": 3}
    assert images(found) == [("c", None, first), ("u", first, second), ("d", second, None)]


@pytest.mark.sources(*ALL)
def test_statements_that_name_character_sets(table):
    """MariaDB 11 tells which collations it takes for them, in front of what the session's are."""
    found = table([
        "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('\u00e9', 'x') CHARACTER SET utf8mb4) "
        "DEFAULT CHARACTER SET utf8mb4", "INSERT INTO t VALUES (1, 1)",
        "ALTER TABLE t ADD COLUMN `\u00fc` VARCHAR(5) CHARACTER SET latin1 FIRST",
        "INSERT INTO t VALUES ('a', 2, 2)", "ALTER TABLE t DROP COLUMN e"])
    assert images(found) == [("c", None, {"id": 1, "e": "\u00e9"}),
                             ("c", None, {"\u00fc": "a", "id": 2, "e": "x"})]


@pytest.mark.sources("mariadb-11.8")
@pytest.mark.parametrize("image", ["FULL", "FULL_NODUP"])
@both
def test_images_of_updates_lack_generated_columns(table, metadata, image):
    """MariaDB 11.8 leaves them out, stored ones too; FULL_NODUP all that did not change."""
    found = table([f"SET binlog_row_image = {image}",
                   "CREATE TABLE t (id INT PRIMARY KEY, a INT, s INT AS (a + 1) STORED, "
                   "v INT AS (a + 2) VIRTUAL, b INT)",
                   "INSERT INTO t (id, a, b) VALUES (1, 2, 3)", "UPDATE t SET a = 4"],
                  metadata=metadata)
    before = {"id": 1, "a": 2, "b": 3}
    assert images(found) == [
        ("c", None, {"id": 1, "a": 2, "s": 3, "v": 4, "b": 3}),
        ("u", before, {"id": 1, "a": 4, "b": 3} if image == "FULL" else {"a": 4})]


@pytest.mark.sources("mysql-9.7")
def test_maxwell_keeps_the_time_of_a_zero_date(table):
    """A DATETIME may have no date and yet a time: lossless has it."""
    ((_, message),) = table(["CREATE TABLE t (id INT PRIMARY KEY, d DATETIME(3), z DATETIME(3))",
                             "INSERT INTO t VALUES (1, '0000-00-00 21:19:55.575', 0)"], "maxwell")
    assert message["data"] == {"id": 1, "d": "0000-00-00 21:19:55.575",
                               "z": "0000-00-00 00:00:00.000"}
