"""What capture.py has the servers do: each scenario is a function of the Source, which returns
the events (or events and tables whose contents are kept), or None where it has no meaning."""

import pymysql

from tables import (binary_tables, bit_tables, decimal_tables, float_tables, geometry_tables,
                    int_tables, json_tables, key_tables, label_tables, special_tables,
                    string_tables, temporal_tables)

ANNOTATE = 2  # dump flag; asks MySQL 9 for heartbeats of version 2


def statements(source, *list_, connection=None):
    """Runs them; one that begins with '?' may fail."""
    for statement in list_:
        if statement.startswith("?"):
            try:
                source.sql(statement[1:], connection)
            except pymysql.MySQLError as e:
                print(f"  {source.name}: {e.args}: {statement[1:80]}")
        else:
            source.sql(statement, connection)


def recorded(source, *list_, **how):
    source.sql("FLUSH BINARY LOGS")
    file, _ = source.head()
    statements(source, *list_)
    return source.dump(file, **how)


def metadata(source, level):
    if source.name != "mysql-5.7":
        source.sql(f"SET GLOBAL binlog_row_metadata={level}")
        source.fresh()


def all_tables(source):
    parts = [int_tables(), decimal_tables(), float_tables(), string_tables(), binary_tables(),
             temporal_tables(), label_tables(), bit_tables(), geometry_tables(), key_tables(),
             special_tables(source)]
    list_, tables = [], []
    for s, t in parts:
        list_ += s
        tables += t
    return list_, tables


def types_full(source):
    if source.name == "mysql-5.7":
        return None
    metadata(source, "FULL")
    list_, tables = all_tables(source)
    return recorded(source, *list_), tables


def types_json(source):
    # MySQL 5.7's documents are the same, but it prints 0.0 as 0.
    if source.maria or source.name == "mysql-5.7":
        return None
    metadata(source, "FULL")
    list_, tables = json_tables(source)
    return recorded(source, *list_), tables


def types_minimal(source):
    metadata(source, "MINIMAL")
    parts = [int_tables(), string_tables(), label_tables(), geometry_tables(), key_tables()]
    list_ = [s for p in parts for s in p[0]]
    return recorded(source, *list_), [t for p in parts for t in p[1]]


def types_no_log(source):
    if not source.maria:
        return None
    metadata(source, "NO_LOG")
    list_, tables = int_tables()
    events = recorded(source, *list_)
    source.sql("SET GLOBAL binlog_row_metadata=MINIMAL")
    return events, tables


def year_between(source):
    """Where a YEAR stands decides how the signs behind it are read."""
    metadata(source, "MINIMAL")
    signed = ", ".join(f"s{i} int" for i in range(6))
    return recorded(
        source,
        "CREATE TABLE y1 (id int unsigned PRIMARY KEY, y year, a int unsigned, b int)",
        "CREATE TABLE y2 (id int PRIMARY KEY, y year, a int, b int)",
        f"CREATE TABLE y3 (id int PRIMARY KEY, y year, {signed}, z int unsigned)",
        "CREATE TABLE y4 (id int, v varchar(4), y year)",
        "INSERT INTO y1 VALUES (1, 2000, 4294967295, -1)", "INSERT INTO y2 VALUES (1, 2000, 2, -1)",
        "INSERT INTO y3 (id, y, z) VALUES (1, 2000, 7)", "INSERT INTO y4 VALUES (1, 'x', 1999)")


def images(source, image):
    """UPDATE and DELETE under a binlog_row_image."""
    metadata(source, "FULL")
    statements(
        source,
        "CREATE TABLE img (id int PRIMARY KEY, a int, b varchar(20), c text, d int DEFAULT 5)",
        "CREATE TABLE nokey (id int, a int)",
        f"SET binlog_row_image={image}")
    return recorded(
        source,
        "INSERT INTO img (id, a, b, c) VALUES (1, 10, 'one', 'text one'), (2, 20, 'two', NULL)",
        "UPDATE img SET a = a + 1", "UPDATE img SET b = NULL, c = 'new' WHERE id = 2",
        "UPDATE img SET id = 3 WHERE id = 2", "DELETE FROM img", "INSERT INTO nokey VALUES ()",
        "INSERT INTO nokey VALUES (1, 2)", "UPDATE nokey SET a = 3 WHERE id = 1",
        "DELETE FROM nokey")


def image_full(source):
    return images(source, "FULL")


def image_minimal(source):
    return images(source, "MINIMAL")


def image_noblob(source):
    return images(source, "NOBLOB")


def image_nodup(source):
    return images(source, "FULL_NODUP") if source.name == "mariadb-11.8" else None


def functional(source):
    """Columns that are in the table map and in no row image."""
    if source.name == "mysql-8.0":
        return recorded(source, "CREATE TABLE f (id int PRIMARY KEY, a int, KEY ((a + 1)))",
                        "INSERT INTO f VALUES (1, 2)", "UPDATE f SET a = 3", "DELETE FROM f")
    if source.name == "mysql-9.7":
        metadata(source, "FULL")
        return recorded(
            source,
            "CREATE TABLE f (id int PRIMARY KEY, j json, t varchar(9), KEY ((id + 1)), "
            "KEY m1 ((CAST(j->'$.u' AS UNSIGNED ARRAY))), KEY m2 ((CAST(j->'$.c' AS CHAR(50) "
            "ARRAY))), KEY m3 ((CAST(j->'$.d' AS DECIMAL(10,2) ARRAY))), "
            "KEY m4 ((CAST(j->'$.t' AS DATETIME(3) ARRAY))), "
            "KEY m5 ((CAST(j->'$.e' AS DATE ARRAY))), KEY m6 ((CAST(j->'$.b' AS BINARY(5) ARRAY))))",
            """INSERT INTO f VALUES (1, '{"u": [1, 2], "c": ["a"]}', 'x')""",
            "UPDATE f SET t = 'y'", "DELETE FROM f")
    return None


def versioned(source):
    """MariaDB's own columns: system versioning, the hash of a long UNIQUE."""
    if not source.maria:
        return None
    metadata(source, "FULL")
    return recorded(
        source, "CREATE TABLE sv (id int PRIMARY KEY, a int) WITH SYSTEM VERSIONING",
        "INSERT INTO sv VALUES (1, 2)", "UPDATE sv SET a = 3", "DELETE FROM sv",
        "CREATE TABLE lu (id int PRIMARY KEY, t text, UNIQUE (t))", "INSERT INTO lu VALUES (1, 'x')")


def compressed_columns(source):
    if not source.maria:
        return None
    metadata(source, "FULL")
    return recorded(source, "CREATE TABLE cc (id int PRIMARY KEY, t text COMPRESSED, "
                    "v varchar(100) COMPRESSED, after_ varchar(5))",
                    "INSERT INTO cc VALUES (1, REPEAT('x', 200), REPEAT('y', 100), 'z')")


def old_temporals(source):
    if source.name != "mariadb-10.11":
        return None
    metadata(source, "FULL")
    source.sql("SET GLOBAL mysql56_temporal_format=OFF")
    events = recorded(source, "CREATE TABLE ot (id int PRIMARY KEY, t time, d datetime, "
                      "s timestamp NULL, f time(3))",
                      "INSERT INTO ot VALUES (1, '1:2:3', '2026-11-22', '2026-11-22', '0:0:1.5')")
    source.sql("SET GLOBAL mysql56_temporal_format=ON")
    return events


def transactions(source):
    """Groups of the usual kinds, savepoints among them."""
    statements(source, "CREATE TABLE a (id int PRIMARY KEY, v varchar(20))",
               "CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM")
    return recorded(
        source, "INSERT INTO a VALUES (1, 'x'), (2, 'y')",
        "BEGIN", "UPDATE a SET v = 'z'", "SAVEPOINT s1", "DELETE FROM a WHERE id = 1",
        "SAVEPOINT `odd ``name`", "INSERT INTO a VALUES (3, 'w')", "COMMIT",
        "INSERT INTO m VALUES (1)", "BEGIN", "INSERT INTO a VALUES (4, 'r')", "ROLLBACK",
        "BEGIN", "DELETE FROM a WHERE id = -1", "COMMIT")


def undone(source):
    """Rows in the binlog that did not happen."""
    statements(source, "CREATE TABLE a (id int PRIMARY KEY, v varchar(20))",
               "CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM")
    return recorded(
        source, "BEGIN", "INSERT INTO a VALUES (10, 'x')", "?CREATE TEMPORARY TABLE tt (id int)",
        "ROLLBACK", "BEGIN", "INSERT INTO a VALUES (11, 'x')", "SAVEPOINT s1",
        "INSERT INTO a VALUES (12, 'x')", "?INSERT INTO m VALUES (12)",
        "INSERT INTO a VALUES (13, 'x')", "ROLLBACK TO S1", "INSERT INTO a VALUES (14, 'x')",
        "COMMIT")


def xa(source):
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    return recorded(source, "XA START 'one'", "INSERT INTO a VALUES (1)", "XA END 'one'",
                    "XA COMMIT 'one' ONE PHASE")


def xa_two_phase(source):
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    return recorded(source, "XA START 'two'", "INSERT INTO a VALUES (2)", "XA END 'two'",
                    "XA PREPARE 'two'", "XA COMMIT 'two'")


def xa_rollback(source):
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    return recorded(source, "XA START 'no'", "INSERT INTO a VALUES (3)", "XA END 'no'",
                    "XA PREPARE 'no'", "XA ROLLBACK 'no'")


def ddl(source):
    return recorded(
        source, "CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)",
        "/*!40000 ALTER */ /* x */ TABLE a ADD COLUMN v int", "-- note\nALTER TABLE a DROP v",
        "RENAME TABLE a TO b", "CREATE VIEW w AS SELECT 1", "TRUNCATE b", "ANALYZE TABLE b",
        "CREATE USER u1@localhost IDENTIFIED BY 'x'", "GRANT SELECT ON v.* TO u1@localhost",
        "SET PASSWORD FOR u1@localhost = " + ("PASSWORD('y')" if source.maria else "'y'"),
        "DROP USER u1@localhost", "CREATE PROCEDURE p() SELECT 1", "DROP PROCEDURE p",
        "FLUSH TABLES", "CREATE DATABASE other", "DROP DATABASE other", "DROP VIEW w",
        "DROP TABLE b")


def ctas(source):
    """CREATE TABLE … SELECT in row format."""
    if source.name in ("mysql-5.7", "mysql-8.0"):
        return None  # forbidden with GTIDs: see anonymous()
    statements(source, "CREATE TABLE a (id int PRIMARY KEY, v varchar(20))",
               "INSERT INTO a VALUES (1, 'x'), (2, 'y')")
    return recorded(source, "CREATE TABLE b SELECT * FROM a")


def statement_rows(source, *list_):
    statements(source, "CREATE TABLE a (id int AUTO_INCREMENT PRIMARY KEY, v double)",
               "CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM",
               "SET binlog_format=STATEMENT")
    events = recorded(source, *list_)
    source.sql("SET binlog_format=ROW")
    return events


def statement_insert(source):
    return statement_rows(source, "INSERT INTO a VALUES (1, 2)")


def statement_intvar(source):
    return statement_rows(source, "SET @u := 3", "INSERT INTO a (v) VALUES (RAND() * @u)")


def statement_myisam(source):
    return statement_rows(source, "/* hint */ delete from m")


def statement_ctas(source):
    if source.name not in ("mysql-5.7", "mysql-8.0"):
        return statement_rows(source, "CREATE TABLE b AS SELECT * FROM a")
    source.sql("SET binlog_format=STATEMENT")
    events = without_gtids(source, "CREATE TABLE b AS SELECT * FROM a")
    source.sql("SET binlog_format=ROW")
    return events


def statement_function(source):
    source.sql("CREATE FUNCTION ff() RETURNS int DETERMINISTIC MODIFIES SQL DATA "
               "BEGIN INSERT INTO a VALUES (9, 9); RETURN 1; END")
    return statement_rows(source, "DO ff()")


def statement_load(source):
    path = source.server.datadir / "v" / "load.txt"
    path.write_text("5\t6\n")
    path.chmod(0o644)
    events = statement_rows(source, f"?LOAD DATA INFILE '{path}' INTO TABLE a")
    path.unlink()
    return events


def rows_query(source):
    source.sql("CREATE TABLE a (id int PRIMARY KEY, v text)")
    if not source.maria:
        source.sql("SET binlog_rows_query_log_events=ON")
    return recorded(source, "INSERT INTO a VALUES (1, '" + "x" * 300 + "')",
                    "UPDATE a SET v = NULL /* why not */")


def rows_query_not_asked(source):
    if not source.maria:
        return None
    source.sql("CREATE TABLE a (id int PRIMARY KEY, v text)")
    return recorded(source, "BEGIN", "INSERT INTO a VALUES (1, 'x')", "UPDATE a SET v = NULL",
                    "COMMIT", "INSERT INTO a VALUES (2, 'x')", flags=0)


def two_phase_alter(source):
    if not source.maria:
        return None
    statements(source, "CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1), (2)",
               "SET binlog_alter_two_phase=ON")
    return recorded(source, "ALTER TABLE a ADD COLUMN v int", "INSERT INTO a VALUES (3, 3)",
                    "UPDATE a SET v = 1", "?ALTER TABLE a ADD UNIQUE (v)",
                    "INSERT INTO a VALUES (4, 4)")


def compressed(source):
    """Events that hold rows and that we refuse."""
    source.sql("CREATE TABLE a (id int PRIMARY KEY, v text)")
    if source.maria:
        statements(source, "SET GLOBAL log_bin_compress=ON", "SET GLOBAL log_bin_compress_min_len=10")
    elif source.name == "mysql-9.7":
        source.sql("SET binlog_transaction_compression=ON")
    else:
        return None
    events = recorded(source, "INSERT INTO a VALUES (1, REPEAT('x', 500))")
    if source.maria:
        source.sql("SET GLOBAL log_bin_compress=OFF")
    return events


def compressed_query(source):
    if not source.maria:
        return None
    statements(source, "SET GLOBAL log_bin_compress=ON", "SET GLOBAL log_bin_compress_min_len=10")
    events = recorded(source, "CREATE TABLE a (id int PRIMARY KEY COMMENT '" + "x" * 100 + "')")
    source.sql("SET GLOBAL log_bin_compress=OFF")
    return events


def partial_json(source):
    if source.maria or source.name == "mysql-5.7":
        return None
    statements(source, "CREATE TABLE a (id int PRIMARY KEY, j json)",
               """INSERT INTO a VALUES (1, '{"a": "aaaaaaaaaaaaaaaaaaaaa"}')""",
               "SET binlog_row_value_options=PARTIAL_JSON")
    return recorded(source, "UPDATE a SET j = JSON_SET(j, '$.a', 'b')")


def tagged(source):
    if source.name != "mysql-9.7":
        return None
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    return recorded(source, "SET gtid_next='AUTOMATIC:my_tag'", "INSERT INTO a VALUES (1)",
                    "INSERT INTO a VALUES (2)", "SET gtid_next='AUTOMATIC'",
                    "INSERT INTO a VALUES (3)")


def without_gtids(source, *list_):
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    statements(source, "SET GLOBAL gtid_mode=ON_PERMISSIVE", "SET GLOBAL gtid_mode=OFF_PERMISSIVE",
               "SET GLOBAL gtid_mode=OFF", "SET GLOBAL enforce_gtid_consistency=OFF")
    events = recorded(source, *list_)
    statements(source, "SET GLOBAL enforce_gtid_consistency=ON",
               *(f"SET GLOBAL gtid_mode={m}" for m in ("OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")))
    return events


def anonymous(source):
    if source.maria:
        return None
    return without_gtids(source, "INSERT INTO a VALUES (1)", "CREATE TABLE b SELECT * FROM a",
                         "CREATE TEMPORARY TABLE tt (id int)", "DROP TEMPORARY TABLE tt")


def no_checksum(source):
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    source.sql("SET GLOBAL binlog_checksum=NONE")
    events = recorded(source, "INSERT INTO a VALUES (1)")
    source.sql("SET GLOBAL binlog_checksum=CRC32")
    return events


def not_asked(source):
    """No announcement that we understand checksums, on a server without them."""
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    source.sql("SET GLOBAL binlog_checksum=NONE")
    events = recorded(source, "INSERT INTO a VALUES (1)", ask=False)
    source.sql("SET GLOBAL binlog_checksum=CRC32")
    return events


def rotations(source):
    """Two files in one dump, the checksum turned off between them."""
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    events = recorded(source, "INSERT INTO a VALUES (1)", "FLUSH BINARY LOGS",
                      "INSERT INTO a VALUES (2)", "SET GLOBAL binlog_checksum=NONE",
                      "INSERT INTO a VALUES (3)", "FLUSH BINARY LOGS", "INSERT INTO a VALUES (4)")
    source.sql("SET GLOBAL binlog_checksum=CRC32")
    return events


def restarted(source):
    """A server stops and starts: STOP, and a file whose FORMAT_DESCRIPTION has a creation time;
    a MEMORY table that is found empty."""
    statements(source, "CREATE TABLE a (id int PRIMARY KEY)",
               "CREATE TABLE mem (id int PRIMARY KEY) ENGINE=MEMORY")
    source.sql("FLUSH BINARY LOGS")
    file, _ = source.head()
    statements(source, "INSERT INTO a VALUES (1)", "INSERT INTO mem VALUES (1)")
    source.restart()
    statements(source, "USE v", "SELECT * FROM mem", "INSERT INTO a VALUES (2)")
    return source.dump(file)


def middle(source):
    """A dump that begins behind the first of three groups."""
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    source.sql("FLUSH BINARY LOGS")
    source.sql("INSERT INTO a VALUES (1)")
    file, pos = source.head()
    statements(source, "INSERT INTO a VALUES (2)", "INSERT INTO a VALUES (3)")
    return source.dump(file, pos)


def inside(source):
    """A dump that begins between a TABLE_MAP and its rows, as no dump may."""
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    source.sql("FLUSH BINARY LOGS")
    file, _ = source.head()
    source.sql("INSERT INTO a VALUES (1)")
    *_, rows, xid = source.dump(file)
    end = int.from_bytes(xid[13:17], "little")
    return source.dump(file, end - len(xid) - len(rows))


def by_gtid(source):
    """A dump by GTID that leaves out the first groups of the file."""
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    source.sql("FLUSH BINARY LOGS")
    statements(source, "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)")
    done = source.executed()
    statements(source, "INSERT INTO a VALUES (3)", "FLUSH BINARY LOGS", "INSERT INTO a VALUES (4)")
    return source.dump_gtid(done)


def cascade(source):
    """A foreign key's cascade: in the binlog of MySQL 9 only."""
    statements(source, "CREATE TABLE p (id int PRIMARY KEY)",
               "CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id) "
               "ON DELETE CASCADE)", "INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (7, 1)")
    return recorded(source, "DELETE FROM p")


def generated(source):
    """MariaDB 11's full images leave out generated columns in updates."""
    metadata(source, "FULL")
    source.sql("CREATE TABLE g (id int PRIMARY KEY, a int, v int AS (a + 1) VIRTUAL, "
               "s int AS (a + 2) STORED)")
    return recorded(source, "INSERT INTO g (id, a) VALUES (1, 10)", "UPDATE g SET a = 20",
                    "DELETE FROM g")


def large_commit(source):
    """MariaDB 11.7 and newer: a large transaction becomes a binlog file as it is."""
    if source.name != "mariadb-11.8":
        return None
    statements(source, "CREATE TABLE a (id int PRIMARY KEY, v longblob)",
               "SET GLOBAL binlog_large_commit_threshold=10485760", "FLUSH BINARY LOGS")
    file, _ = source.head()
    statements(source, "INSERT INTO a VALUES (1, 'x')", "BEGIN",
               *(f"INSERT INTO a VALUES ({i}, REPEAT('x', 1000000))" for i in range(2, 14)),
               "COMMIT", "INSERT INTO a VALUES (14, 'y')")
    events = source.dump(file)
    # The blobs would make the vector large: their rows and maps are left out.
    return [e for e in events if len(e) < 100000]


def heartbeats(source):
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    file, pos = source.head()
    return source.dump(file, pos, flags=ANNOTATE, heartbeat=100_000_000, count=4)


def heartbeats_v1(source):
    if source.name != "mysql-9.7":
        return None
    source.sql("CREATE TABLE a (id int PRIMARY KEY)")
    file, pos = source.head()
    return source.dump(file, pos, flags=0, heartbeat=100_000_000, count=4)


def charsets(source):
    """Each default and exception of the character set fields."""
    metadata(source, "FULL")
    two = ", ".join(f"c{i} varchar(5) CHARACTER SET {'latin1' if i % 2 else 'utf8mb4'}"
                    for i in range(6))
    tables = ["cs1", "cs2", "cs3", "cs4"]
    return recorded(
        source, f"CREATE TABLE cs1 (id int PRIMARY KEY, {two})",
        "CREATE TABLE cs2 (id int PRIMARY KEY, b varbinary(5), l varchar(5) CHARACTER SET latin1, "
        "p point, x varchar(5), y varchar(5) CHARACTER SET ascii, e enum('a') CHARACTER SET latin1)",
        "CREATE TABLE cs3 (id int PRIMARY KEY, e enum('a'), s set('b') CHARACTER SET latin1, "
        "f enum('\u0142') CHARACTER SET latin2)",
        "CREATE TABLE cs4 (id int PRIMARY KEY, p point, g geometry)",
        "INSERT INTO cs1 VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f')",
        "INSERT INTO cs2 VALUES (1, 'a', 'b', NULL, 'd', 'e', 'a')",
        "INSERT INTO cs3 VALUES (1, 'a', 'b', '\u0142')",
        "INSERT INTO cs4 VALUES (1, NULL, NULL)"), tables


SCENARIOS = [by_gtid, types_full, types_json, types_minimal, types_no_log, year_between,
             image_full, image_minimal, image_noblob, image_nodup, functional, versioned,
             compressed_columns, old_temporals, transactions, undone, xa, xa_two_phase,
             xa_rollback, ddl, ctas, statement_insert, statement_intvar, statement_myisam,
             statement_ctas, statement_function, statement_load, rows_query, rows_query_not_asked,
             two_phase_alter, compressed, compressed_query, partial_json, tagged, anonymous,
             no_checksum, not_asked, rotations, restarted, middle, inside, heartbeats,
             heartbeats_v1, charsets, cascade, generated, large_commit]
