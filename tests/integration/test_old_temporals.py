"""TIME, DATETIME and TIMESTAMP as MariaDB 5.3 kept them (binlog.md 8): types 7, 11 and 12 without
metadata, whose fractions only COLUMN_TYPE tells of."""

import pytest

from harness.tasks import here, task_document
from harness.values_corpus import run_sql, session, set_metadata, values_server

TIMES = ["'-838:59:59.999999'", "'838:59:59.999999'", "'00:00:00'", "'-00:00:01.5'",
         "'12:34:56.789012'", "NULL"]
DATETIMES = ["'0000-00-00 00:00:00'", "'0001-01-01 00:00:00.000001'", "'2024-02-29 23:59:59.5'",
             "'9999-12-31 23:59:59.999999'", "'2024-00-15 10:00:00'", "NULL"]
TIMESTAMPS = ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2024-02-29 23:59:59.5'",
              "'2038-01-19 03:14:07.999999'", "'2026-11-23 07:00:00.123456'", "NULL"]


@pytest.mark.sanitize
@pytest.mark.parametrize("name", ["mariadb-10.11", "mariadb-11.8"])
@pytest.mark.parametrize("metadata", ["FULL", "default"])
def test_the_formats_of_mariadb_5_3(pool, core, new_database, name, metadata):
    """Every type with every number of digits, at its ends; what follows in the row as well."""
    server = values_server(pool, name)
    set_metadata(server, metadata)
    database = new_database(server)
    connection = session(server, database,
                         "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
    server.sql("SET GLOBAL mysql56_temporal_format = OFF")
    try:
        columns = [f"{kind}{digits} {sql}({digits}) NULL" for digits in range(7)
                   for kind, sql in (("t", "TIME"), ("d", "DATETIME"), ("s", "TIMESTAMP"))]
        run_sql(connection, f"CREATE TABLE t (id INT PRIMARY KEY, {', '.join(columns)}, z INT)")
    finally:
        server.sql("SET GLOBAL mysql56_temporal_format = ON")
    (row,) = run_sql(connection, "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE "
                                 f"TABLE_SCHEMA = '{database}' AND COLUMN_NAME = 't3'")
    assert "mariadb-5.3" in str(row[0])
    start = here(server)
    run_sql(connection, "SET sql_mode = 'ALLOW_INVALID_DATES,TIME_ROUND_FRACTIONAL'")
    run_sql(connection, "SET sql_mode = 'ALLOW_INVALID_DATES'")
    for number, values in enumerate(zip(TIMES, DATETIMES, TIMESTAMPS), 1):
        run_sql(connection, f"INSERT INTO t VALUES ({number}, {', '.join(values * 7)}, {number})")
    names = [column.split()[0] for column in columns]
    shown = run_sql(connection, "SELECT id, " + ", ".join(f"CAST({n} AS CHAR)" for n in names) +
                                " FROM t ORDER BY id")
    connection.close()
    document = task_document(server, include=f"{database}.t", start=start,
                             pipe={"type": "stdout", "format": "maxwell"})
    messages = core.run(document).ok().messages
    assert len(messages) == len(shown)
    for message, row in zip(messages, shown):
        got, row = message["data"], [v.decode() if isinstance(v, bytes) else v for v in row]
        assert got["z"] == got["id"] == int(row[0])
        assert [got[n] for n in names] == row[1:]
