"""Single facts that the random changes of test_matrix.py met, or that it does not meet."""

import pytest

from harness.tasks import here, task_document
from harness.values_corpus import run_sql, session, values_server


@pytest.fixture
def table(pool, source_name, core, new_database):
    """A function: makes tables by statements, and returns the messages in a dialect."""
    server = values_server(pool, source_name)

    def run(statements, dialect="debezium", settings="SET sql_mode = 'ALLOW_INVALID_DATES'",
            **options):
        database = new_database(server)
        start = here(server)
        connection = session(server, database, settings)
        for statement in statements:
            run_sql(connection, statement)
        connection.close()
        document = task_document(server, include=f"{database}.*", start=start,
                                 pipe={"type": "stdout", "format": dialect, "options": options})
        return core.run(document).ok().messages
    return run


@pytest.mark.sources("mysql-9.7")
def test_maxwell_keeps_the_time_of_a_zero_date(table):
    """A DATETIME may have no date and yet a time: lossless has it."""
    (message,) = table(["CREATE TABLE t (id INT PRIMARY KEY, d DATETIME(3), z DATETIME(3))",
                        "INSERT INTO t VALUES (1, '0000-00-00 21:19:55.575', 0)"], "maxwell")
    assert message["data"] == {"id": 1, "d": "0000-00-00 21:19:55.575",
                               "z": "0000-00-00 00:00:00.000"}
