"""The three daemons as a whole: what the quickstart shows, with everything that is counted.

On the sanitizer build too: each daemon lives through starts, a crash, alerts, a handover, a
change of the document, a delete and a clean end.
"""

import json

import pytest

from harness.tasks import task_document
from harness.waiting import wait_until

RULES = {"rule.no_standby": {"for": "500ms"}, "rule.machine_gone": {"for": "500ms"},
         "rule.no_running": {"for": "500ms"}, "monitor": {"interval": "300ms"}}


@pytest.fixture
def installation(cluster, webhook):
    """Two of each daemon, and a webhook."""
    for _ in range(2):
        cluster.core()
        cluster.server()
        cluster.monitor(**{"channel.oncall": {"type": "webhook", "url": webhook.url}}, **RULES)
    return cluster


def ids(bus, topic: str) -> list[int]:
    """The ids of the rows in a topic, in their order."""
    return [message.json["after"]["id"] for message in bus.collect(topic)]


@pytest.mark.sanitize
@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_a_crash_loses_nothing_and_is_told(installation, source, database, bus, webhook):
    """kill -9 of the core that runs a task, with rows before, meanwhile and afterwards; on-call
    hears of it once, and once of its end."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    task = installation.create(
        task_document(source, include=f"{database}.t", pipe=bus), start=True)
    topic = f"{task}.{database}.t"
    first = installation.wait_state(task, "RUNNING")
    installation.wait_state(task, "STANDBY")
    source.sql(";".join(f"INSERT INTO {database}.t VALUES ({n})" for n in range(50)))
    bus.collect(topic, count=50)
    installation.daemon(first["hostname"]).kill()
    source.sql(";".join(f"INSERT INTO {database}.t VALUES ({n})" for n in range(50, 100)))
    second = installation.wait_state(task, "RUNNING", not_on=first["hostname"])
    source.sql(";".join(f"INSERT INTO {database}.t VALUES ({n})" for n in range(100, 150)))
    wait_until(lambda: 149 in ids(bus, topic), 30, "the last row", 0.3)
    got = ids(bus, topic)
    assert set(got) == set(range(150)), "rows are lost"
    # What came again did so in order, and only from before the crash.
    again = [n for position, n in enumerate(got) if n in got[:position]]
    assert again == sorted(again) and all(n < 50 for n in again)
    webhook.wait(event="firing", rule="no_standby", name=task)
    webhook.wait(event="firing", rule="machine_gone", name=first["hostname"])
    installation.daemon(first["hostname"]).start()
    webhook.wait(event="resolved", rule="no_standby", name=task)
    webhook.wait(event="resolved", rule="machine_gone", name=first["hostname"])
    assert second["hostname"] != first["hostname"]
    told = [(each["event"], each["key"]) for each in webhook.taken()]
    assert len(told) == len(set(told)), f"told twice: {told}"


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_a_life_of_a_task_by_mrctl_alone(installation, source, database, bus, tmp_path):
    """Validate, create, start, hand over, change, stop, delete: each is there when mrctl ends."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(source, include=f"{database}.t", pipe=bus)
    name = document["name"]
    path = installation.write_private(tmp_path / "task.json", json.dumps(document))
    mrctl = installation.mrctl
    mrctl("task", "validate", path).ok()
    mrctl("task", "create", path).ok()
    assert mrctl("task", "create", path).failed().stderr
    mrctl("task", "start", name, "--wait").ok()
    assert any(each["state"] == "RUNNING" for each in installation.instances(name))
    source.sql(f"INSERT INTO {database}.t VALUES (1)")
    bus.collect(f"{name}.{database}.t", count=1)
    before = installation.wait_state(name, "RUNNING")["hostname"]
    mrctl("task", "handover", name, "--wait").ok()
    assert installation.wait_state(name, "RUNNING")["hostname"] != before
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    # A clean handover repeats nothing.
    assert len(bus.collect(f"{name}.{database}.t", count=2)) == 2
    document["commit_interval_ms"] = 800
    installation.write_private(path, json.dumps(document))
    assert "commit_interval_ms" in mrctl("task", "diff", name, path).ok().stdout
    mrctl("task", "update", path, "--wait").ok()
    shown = mrctl("task", "show", name, "-o", "json").ok().json
    assert (shown["revision"], shown["document"]["commit_interval_ms"]) == (2, 800)
    assert len(mrctl("task", "revisions", name, "-o", "json").ok().json["revisions"]) == 2
    assert mrctl("task", "why", name).ok().stdout.strip()
    mrctl("task", "stop", name, "--wait").ok()
    assert not any(each["state"] == "RUNNING" for each in installation.instances(name))
    mrctl("task", "delete", name, "--yes", "--wait").ok()
    assert installation.api.get(f"/tasks/{name}").status == 404
    mrctl("task", "show", name).failed()
    # Its name may be used again, and it begins anew.
    mrctl("task", "create", path, "--start", "--wait").ok()
    source.sql(f"INSERT INTO {database}.t VALUES (3)")
    assert len(bus.collect(f"{name}.{database}.t", count=3)) == 3


@pytest.mark.sources("mariadb-10.11")
def test_all_goes_on_after_zookeeper_was_away(new_server, new_cluster, source, database, bus,
                                              webhook):
    """ZooKeeper away for a while, longer than sessions live: tasks stop in time, everybody
    lives on, says so, and goes on by itself; nothing is lost."""
    zookeeper = new_server("zookeeper")
    installation = new_cluster(zookeeper, session_timeout="2s")
    for _ in range(2):
        installation.core()
    server = installation.server()
    monitor = installation.monitor(
        **{"channel.oncall": {"type": "webhook", "url": webhook.url},
           "rule.zookeeper": {"for": "1s"}}, monitor={"interval": "300ms"})
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    task = installation.create(
        task_document(source, include=f"{database}.t", pipe=bus), start=True)
    topic = f"{task}.{database}.t"
    source.sql(f"INSERT INTO {database}.t VALUES (1)")
    bus.collect(topic, count=1)
    zookeeper.kill()
    for daemon in (server, monitor):
        wait_until(lambda daemon=daemon: daemon.get("/readyz").status == 503, 20, "not ready")
        assert daemon.get("/healthz").status == 200
    answer = installation.api.get("/tasks")
    assert answer.status in (200, 503)  # a list is from the view; a change needs ZooKeeper
    installation.api.post(f"/tasks/{task}/stop").error(503, "zk_unreachable")
    webhook.wait(event="firing", rule="zookeeper", timeout=30)
    source.sql(f"INSERT INTO {database}.t VALUES (2)")
    zookeeper.start()
    for daemon in installation.daemons:
        daemon.wait_ready(30)
    installation.wait_state(task, "RUNNING", timeout=40)
    source.sql(f"INSERT INTO {database}.t VALUES (3)")
    wait_until(lambda: 3 in ids(bus, topic), 40, "the rows", 0.3)
    assert set(ids(bus, topic)) == {1, 2, 3}
    webhook.wait(event="resolved", rule="zookeeper", timeout=30)
