"""How long the source keeps what a task that does not run has not read."""

import re

import pytest

from harness.tasks import task_document
from harness.waiting import wait_until


@pytest.mark.parametrize("state", (pytest.param("PAUSED", marks=pytest.mark.full), "FAILED"))
def test_hours_left_of_a_task_that_does_not_run(cluster, new_server, state):
    """It goes on being asked, also by a core that has only just come to the task."""
    server = new_server("mysql-9.7")
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    server.sql("XA START 'x'; INSERT INTO d.t VALUES (1); XA END 'x'; XA PREPARE 'x'")
    cluster.server()
    core = cluster.core("c1")
    document = task_document(server, include="d.t", pipe="none")
    name = cluster.create(document, start=True)
    cluster.wait_state(name, "RUNNING")
    server.sql("INSERT INTO d.t VALUES (2)")
    wait_until(lambda: cluster.wait_state(name, "RUNNING")["rows"] == 1, 20, "the row is read")
    if state == "PAUSED":
        cluster.mrctl("task", "pause", name, "--wait").ok()
    else:
        server.sql("XA COMMIT 'x'")  # of rows that were never read
    cluster.wait_state(name, state)
    # The binlog that the task stands in is not the newest: it will be purged.
    server.sql("FLUSH BINARY LOGS; INSERT INTO d.t VALUES (3);"
               "SET GLOBAL binlog_expire_logs_seconds = 36000")
    assert core.end() == 0
    cluster.core("c2")

    def asked():
        left = cluster.wait_state(name, state, on="c2")["binlog_hours_left"]
        return left is not None and 9.9 < left <= 10
    wait_until(asked, 30, "10 hours are left")
    why = cluster.mrctl("task", "why", name).ok().stdout
    assert re.search(r"what is unread for (9\.9|10\.0) h", why), why
