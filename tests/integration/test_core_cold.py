"""Cold standby: tasks of a group are taken by whoever finds them without an instance."""

import pytest

from harness.tasks import task_document, unique
from harness.waiting import wait_until


@pytest.fixture
def tasks(cluster, pool, new_database, bus, kafka):
    """Six tasks of group g1, created and to be running; no core yet."""
    source = pool.get("mariadb-10.11")
    database = new_database(source)
    cluster.server()
    made = []
    for number in range(6):
        source.sql(f"CREATE TABLE {database}.t{number} (id INT PRIMARY KEY)")
        document = task_document(source, include=f"{database}.t{number}", pipe=kafka, group="g1",
                                 name=unique("cold"))
        cluster.api.post("/tasks?preflight=skip&start=true", document).ok()
        made.append(document["name"])
    cluster.rows = lambda number, value: source.sql(
        f"INSERT INTO {database}.t{number} VALUES ({value})")
    cluster.ids = lambda number, count: [message.key_json["id"] for message in bus.collect(
        f"{made[number]}.{database}.t{number}", count=count)]
    return made


def holders(cluster, tasks) -> list[str]:
    """Who runs each, once all are RUNNING with one instance each."""
    def all_run():
        found = [cluster.instances(task) for task in tasks]
        return all(len(each) == 1 and each[0]["state"] == "RUNNING" for each in found) and \
            [each[0]["hostname"] for each in found]
    return wait_until(all_run, 60, "each task runs, with one instance")


GROUP = {"groups": "g1", "scan_interval": "1s", "tasks": ""}


@pytest.mark.sanitize
def test_all_are_taken_and_taken_over(cluster, tasks):
    """Two cores share them; the tasks of one that is killed come up on the other."""
    cluster.core("c1", core=GROUP)
    cluster.core("c2", core=GROUP)
    cluster.core("other", core={**GROUP, "groups": "g2"})
    before = holders(cluster, tasks)
    assert set(before) <= {"c1", "c2"}
    for number in range(6):
        cluster.rows(number, 1)
        assert cluster.ids(number, 1) == [1]
    cluster.daemon(before[0]).kill()
    survivor = "c2" if before[0] == "c1" else "c1"
    wait_until(lambda: set(holders(cluster, tasks)) == {survivor}, 30, "one has them all")
    for number in range(6):
        cluster.rows(number, 2)
        assert set(cluster.ids(number, 2)) == {1, 2}
    # Deleted, it goes from the core that had it.
    cluster.api.delete(f"/tasks/{tasks[0]}").ok()
    wait_until(lambda: cluster.api.get(f"/tasks/{tasks[0]}").status == 404, 20, "it is gone")


def test_no_more_than_max_tasks(cluster, tasks):
    """Three and no more; the rest when there is room elsewhere; a drain empties a core."""
    cluster.core("c1", core={**GROUP, "max_tasks": 3})
    wait_until(lambda: cluster.daemon("c1").metric("mr_core_tasks_running") == 3, 30, "it has three")
    cluster.core("c2", core=GROUP)
    assert sorted(holders(cluster, tasks)) == ["c1"] * 3 + ["c2"] * 3
    cluster.api.post("/machines/c1/drain").ok()
    wait_until(lambda: set(holders(cluster, tasks)) == {"c2"}, 30, "c2 has them all")
