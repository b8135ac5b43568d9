"""mr-core as a daemon: tasks come and go with their documents, and do what control says."""

import json
import signal

import pytest

from harness.cluster import ROOT
from harness.tasks import here, task_document, unique
from harness.tree import TreeError
from harness.waiting import wait_until


class Table:
    """A table whose rows are numbered; what has arrived of it."""

    def __init__(self, source, database, bus):
        self.source, self.database, self.bus = source, database, bus
        self.name = f"{database}.t"
        self.last = 0
        source.sql(f"CREATE TABLE {self.name} (id INT PRIMARY KEY, v VARCHAR(20))")

    def add(self, n: int = 1) -> None:
        """So many rows, a transaction each."""
        for _ in range(n):
            self.last += 1
            self.source.sql(f"INSERT INTO {self.name} VALUES ({self.last}, 'x')")

    def arrived(self, task: str) -> list[int]:
        """Ids in the task's topic, once the last one is there."""
        def ids():
            found = [message.key_json["id"] for message in
                     self.bus.collect(f"{task}.{self.name}", count=1)]
            return found if self.last in found else None
        return wait_until(ids, 30, f"row {self.last} arrives")


@pytest.fixture
def table(source, database, bus):
    """See Table."""
    return Table(source, database, bus)


@pytest.fixture
def task(cluster, source, table, kafka):
    """A task that copies the table, on one core; RUNNING."""
    cluster.server()
    cluster.core("c1")
    return cluster.create(task_document(source, include=table.name, pipe=kafka), start=True)


def control(cluster, task) -> dict:
    """The control document."""
    return cluster.tree.json(cluster.path(task, "control"))


@pytest.mark.sanitize
def test_control_is_followed(cluster, task, table):
    """stop, start, pause, resume, restart: the states are told, and every row comes once."""
    first = cluster.wait_state(task, "RUNNING")
    assert first["run"].startswith("run-job-") and first["error"] is None
    table.add(2)
    assert table.arrived(task) == [1, 2]
    for verb, state in (("stop", "STOPPED"), ("start", "RUNNING"), ("pause", "PAUSED"),
                        ("resume", "RUNNING")):
        cluster.api.post(f"/tasks/{task}/{verb}").ok()
        cluster.wait_state(task, state)
        table.add()
    before = cluster.wait_state(task, "RUNNING")
    cluster.api.post(f"/tasks/{task}/restart").ok()
    wait_until(lambda: cluster.wait_state(task, "RUNNING")["run"] != before["run"], 20, "a new run")
    table.add()
    assert table.arrived(task) == list(range(1, 8))
    status = cluster.tree.json(cluster.path(task, "status"))
    assert status["state"] == "RUNNING" and status["failures"] == []
    # The node is one and the same: control changes nothing about who is first.
    assert cluster.wait_state(task, "RUNNING")["node"] == first["node"]


@pytest.mark.sanitize
def test_last_commit_follows(cluster, task, table):
    """lastCommit carries uid, epoch and position; the instance document says the same."""
    table.add(3)
    table.arrived(task)
    document = cluster.api.get(f"/tasks/{task}").ok().json["document"]

    def caught_up():
        commit = cluster.tree.json(cluster.path(task, "lastCommit"))
        head = table.source.gtid()
        return commit if commit["gtid"] == head or commit["gtid"].endswith(head) else None
    commit = wait_until(caught_up, 20, "lastCommit is at the head") \
        if table.source.gtid() else cluster.tree.json(cluster.path(task, "lastCommit"))
    assert commit["uid"] == document["uid"] and commit["delivery"] == "at_least_once"
    instance = cluster.instances(task)[0]
    assert commit["instance"] == instance["node"]
    node = cluster.tree.stat(cluster.path(task, "instances") + "/" + instance["node"])
    assert commit["epoch"] == node.czxid
    wait_until(lambda: (cluster.instances(task)[0]["position"] or {}).get("gtid") == commit["gtid"],
               20, "the instance document says the same position")
    assert cluster.instances(task)[0]["lag_ms"] is not None


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_a_document_that_changes(cluster, task, table):
    """A change restarts the task under it; one of `alerts` alone does not."""
    before = cluster.wait_state(task, "RUNNING")
    answer = cluster.api.get(f"/tasks/{task}").ok().json
    document = answer["document"]
    document["alerts"] = {"lag": {"threshold": "5m"}}
    cluster.api.put(f"/tasks/{task}", document, revision=answer["revision"]).ok()
    table.add()
    table.arrived(task)
    assert cluster.instances(task)[0]["run"] == before["run"]
    document["pipe"]["tombstones"] = False
    cluster.api.put(f"/tasks/{task}", document, revision=answer["revision"] + 1).ok()
    wait_until(lambda: (found := cluster.instances(task)) and found[0]["state"] == "RUNNING"
               and found[0]["run"] != before["run"], 20, "a new run")
    wait_until(lambda: cluster.tree.json(cluster.path(task, "status"))["revision"]
               == answer["revision"] + 2, 20, "status tells the revision it runs under")
    table.source.sql(f"DELETE FROM {table.name} WHERE id = 1")
    table.add()
    ids = table.arrived(task)
    assert ids == [1, 1, 2], "create, delete without a tombstone, create"


def test_a_position_that_is_set(cluster, task, table):
    """`position` makes the task publish again from there, once."""
    start = here(table.source)
    table.add(3)
    assert table.arrived(task) == [1, 2, 3]
    commit = cluster.tree.json(cluster.path(task, "lastCommit"))
    assert commit["reset"] == 0
    cluster.api.put(f"/tasks/{task}/position", {"start": start}).ok()
    wait_until(lambda: cluster.tree.json(cluster.path(task, "lastCommit"))["reset"] == 1, 20,
               "the reset is claimed")
    table.add()
    ids = table.arrived(task)
    assert ids == [1, 2, 3, 1, 2, 3, 4]


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_deleted_and_made_again(cluster, task, table, source, kafka):
    """Deleting takes everything along; the same name is then another task."""
    table.add()
    table.arrived(task)
    uid = cluster.api.get(f"/tasks/{task}").json["document"]["uid"]
    cluster.api.delete(f"/tasks/{task}").ok()
    wait_until(lambda: cluster.api.get(f"/tasks/{task}").status == 404, 20, "it is gone")
    assert cluster.tree.get(f"{ROOT}/names/{task}") is None
    cluster.create(task_document(source, include=table.name, pipe=kafka, name=task), start=True)
    table.add()
    assert table.arrived(task) == [1, 2]
    assert cluster.tree.json(cluster.path(task, "lastCommit"))["uid"] != uid


@pytest.mark.sanitize
def test_failures_are_counted_and_forgiven(cluster, source, table, kafka):
    """Wrong password: tried twice, then FAILED with the reason, until somebody restarts it."""
    cluster.server()
    core = cluster.core("c1")
    user = unique("u")[-24:]
    source.sql(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'first'")
    source.sql(f"GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO '{user}'@'%'")
    task = cluster.create(task_document(source, include=table.name, pipe=kafka, user=user,
                                        password="first"), start=True)
    cluster.api.post(f"/tasks/{task}/stop").ok()
    cluster.wait_state(task, "STOPPED")
    source.sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'second-canary'")
    cluster.api.post(f"/tasks/{task}/start").ok()
    failed = cluster.wait_state(task, "FAILED")
    assert failed["error"]["code"] == "source_auth"
    status = cluster.tree.json(cluster.path(task, "status"))
    assert status["state"] == "FAILED" and status["error"]["code"] == "source_auth"
    assert [each["count"] for each in status["failures"]] == [2]
    assert "canary" not in core.log
    # A core that starts finds it FAILED and leaves it so.
    core.end()
    core.start()
    cluster.wait_state(task, "FAILED")
    assert cluster.tree.json(cluster.path(task, "status"))["failures"][0]["count"] == 2
    # Mended on the source: a restart is enough.
    source.sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'first'")
    cluster.api.post(f"/tasks/{task}/restart").ok()
    cluster.wait_state(task, "RUNNING")
    status = cluster.tree.json(cluster.path(task, "status"))
    assert status["failures"] == [] and status["error"]["code"] == "source_auth"
    source.sql(f"DROP USER '{user}'@'%'")


def test_a_source_that_is_away_is_no_failure(cluster, new_server, bus, kafka):
    """RETRYING with the reason, without counting; and on again."""
    source = new_server("mariadb-10.11")
    source.sql("CREATE DATABASE d")
    table = Table(source, "d", bus)
    cluster.server()
    cluster.core("c1")
    task = cluster.create(task_document(source, include="d.t", pipe=kafka), start=True)
    table.add()
    table.arrived(task)
    source.stop()
    waiting = cluster.wait_state(task, "RETRYING")
    wait_until(lambda: (cluster.instances(task)[0]["error"] or {}).get("code")
               in ("source_unreachable", "source_lost"), 20, "it says what it waits for")
    assert waiting["run"]
    source.start()
    cluster.wait_state(task, "RUNNING")
    table.add()
    assert table.arrived(task) == [1, 2]
    assert cluster.tree.json(cluster.path(task, "status"))["failures"] == []


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_documents_edited_by_hand(cluster, task, table):
    """Broken, of another task, too large: FAILED with the reason, and back with the right one."""
    stored = cluster.tree.get(cluster.path(task)).decode()
    order = control(cluster, task)

    def put(data):
        cluster.tree.set(cluster.path(task), data)
        order["revision"] += 1
        cluster.tree.set(cluster.path(task, "control"), order)
    for data, code in (("{", "task_invalid"),
                       (stored.replace(f'"{task}"', '"somebody-else"'), "task_invalid"),
                       (stored.replace('"port"', '"prot"'), "task_invalid"),
                       ('{"x":"' + "a" * 600_000 + '"}', "zk_oversize")):
        try:
            put(data)
        except TreeError:
            continue  # the server refuses such a size
        failed = cluster.wait_state(task, "FAILED")
        assert failed["error"]["code"] == code, failed["error"]
        put(stored)
        cluster.wait_state(task, "RUNNING")
    # Control that nobody understands is not followed, and nothing stops for it.
    cluster.tree.set(cluster.path(task, "control"), '{"desired":"sideways"}')
    cluster.daemon("c1").wait_for_log("desired")
    table.add()
    table.arrived(task)
    assert cluster.instances(task)[0]["state"] == "RUNNING"


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_named_tasks_are_registered(cluster, source, table, kafka):
    """core.tasks names one that is not there: registered, empty; the server fills it in."""
    name = f"task-{table.database}"
    cluster.server()
    core = cluster.core("c1", core={"tasks": name})
    stopped = cluster.wait_state(name, "STOPPED")
    assert stopped["error"] is None
    assert cluster.tree.get(f"{ROOT}/names/{name}").decode() == f"{ROOT}/tasks/{name}"
    assert cluster.tree.get(f"{ROOT}/tasks/{name}") == b""
    other = cluster.create(task_document(source, include=table.name, pipe=kafka))
    cluster.create(task_document(source, include=table.name, pipe=kafka, name=name), start=True)
    table.add()
    assert table.arrived(name) == [1]
    assert cluster.instances(other) == [], "this core was not told to have it"
    # A reload gives it another task.
    core.config.write_text(core.config.read_text().replace(f"tasks = {name}",
                                                           f"tasks = {name}, {other}"))
    core.signal(signal.SIGHUP)
    cluster.wait_state(other, "STOPPED")
    # Deleted it stays deleted: it is not registered anew at once.
    cluster.api.delete(f"/tasks/{name}").ok()
    wait_until(lambda: cluster.api.get(f"/tasks/{name}").status == 404, 20, "it is gone")
    table.add()
    assert cluster.tree.get(f"{ROOT}/names/{name}") is None
    assert cluster.instances(other)[0]["state"] == "STOPPED"


@pytest.mark.sources("mysql-9.7")
def test_what_a_core_says_of_itself(cluster, task, table):
    """/machines, and the metrics of its tasks."""
    table.add(3)
    table.arrived(task)
    core = cluster.daemon("c1")
    nodes = cluster.tree.children(f"{ROOT}/machines")
    machine = wait_until(lambda: (found := cluster.tree.json(f"{ROOT}/machines/{nodes[0]}"))
                         ["running"] == 1 and found, 10, "the machine says that it runs one")
    assert machine["tasks"] == [task] and machine["held"] == 1 and not machine["draining"]
    wait_until(lambda: core.metric("mr_task_rows_total", task=task) == 3, 10, "rows are counted")
    assert core.metric("mr_task_state", task=task, state="RUNNING") == 1
    assert core.metric("mr_task_state", task=task, state="FAILED") == 0
    assert core.metric("mr_core_tasks_running") == 1
    instance = wait_until(lambda: (found := cluster.instances(task)[0])["source_head"] and found,
                          30, "the source was probed")
    assert instance["rss_bytes"] > 0 and json.dumps(instance["source_head"])
