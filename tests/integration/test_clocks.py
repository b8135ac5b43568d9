"""Hosts whose clocks disagree: orders, elections and what is delivered stay right.

The fault suite has a core's clock jump while it runs; here are the orders, which carry times.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from clocks import Clock, shim  # noqa: E402

from harness.tasks import here, task_document  # noqa: E402

HOUR = 3600


@pytest.mark.sources("mysql-9.7")
def test_cores_two_hours_apart_take_orders_and_hand_over(cluster, source, database, kafka, bus, tmp_path):
    """One an hour ahead of mr-server, one an hour behind: the first takes the preflight order, the
    task moves between them by order and after a kill, and its rows come once."""
    if not shim():
        pytest.skip("a sanitized build has no library that shifts clocks")
    cores = {}
    for name, ahead in (("c1", HOUR), ("c2", -HOUR)):
        clock = Clock(tmp_path / name)
        clock.jump(ahead)
        cores[name] = cluster.core(name, start=name == "c1", env=clock.env())
    cluster.server()
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    task = cluster.create(task_document(
        source, include=f"{database}.t", start=here(source),
        pipe={"type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once"}), start=True)
    assert "checking for" in cores["c1"].log, "c1, ahead, took the preflight order"
    cores["c2"].start()
    cluster.wait_state(task, "STANDBY", on="c2")
    source.sql(f"INSERT INTO {database}.t VALUES (1)")
    cluster.mrctl("task", "handover", task, "--wait").ok()
    cluster.wait_state(task, "RUNNING", on="c2")
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    cluster.wait_state(task, "STANDBY", on="c1")
    cores["c2"].kill()
    cluster.wait_state(task, "RUNNING", on="c1")
    source.sql(f"INSERT INTO {database}.t VALUES (3)")
    rows = bus.collect(f"{task}.{database}.t", count=3)
    assert [each.json["after"]["id"] for each in rows] == [1, 2, 3]
