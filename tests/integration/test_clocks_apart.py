"""Machines whose clocks are an hour apart: two mr-cores, one ahead and one behind, everything
else on the true time. A library that is preloaded shifts a process's wall clock."""

import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from clocks import Clock, shim  # noqa: E402

from harness.cluster import ROOT
from harness.tasks import here, task_document
from harness.waiting import wait_until
from harness.writer import Writer
from test_exactly_once import arrived

HOUR = 3600
# Between the clocks that are compared here lies an hour; what is slow takes seconds.
MINUTES = 900


def wrong(folder, seconds: int) -> dict:
    """A process's environment with a clock that is so far ahead."""
    if not shim():
        pytest.skip("a sanitized build has no library that shifts clocks")
    clock = Clock(folder / f"clock{seconds}")
    clock.jump(seconds)
    return clock.env()


ONE = {"rule.no_running": {"for": "60s"}, "rule.no_standby": {"for": "1s"},
       "rule.lag": {"threshold": "15m", "for": "0"}, "rule.stuck": {"threshold": "60s", "for": "0"},
       "rule.machine_gone": {"for": "500ms"}, "rule.failed": {"for": "0"}}


class Apart:
    """A task on two cores whose clocks are an hour off, each its way; it is written to."""

    def __init__(self, cluster, source, database, kafka, bus, webhook):
        self.cluster, self.source, self.bus = cluster, source, bus
        table = f"{database}.t"
        source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100))")
        self.server = cluster.server()
        self.ahead = cluster.core("ahead", env=wrong(cluster.folder, HOUR))
        self.behind = cluster.core("behind", env=wrong(cluster.folder, -HOUR))
        self.monitor = cluster.monitor(monitor={"interval": "200ms"}, **ONE,
                                       **{"channel.oncall": {"type": "webhook",
                                                             "url": webhook.url}})
        self.document = task_document(source, include=table, start=here(source), pipe={
            "type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once"})
        self.task = cluster.create(self.document, start=True)
        self.topic = f"{self.task}.{table}"
        self.writer = Writer(source, table, 0.01)

    def firing(self) -> dict:
        """The alerts that fire: rule -> subject's name."""
        return {each["rule"]: each["name"] for each in
                self.cluster.api.get("/alerts").ok().json["alerts"] if each["state"] == "firing"}

    def handover(self) -> dict:
        """The command, done, as the one who gave it reads it afterwards."""
        order = self.cluster.api.post(f"/tasks/{self.task}/handover").ok().json["command"]

        def done():
            found = self.cluster.api.get(f"/tasks/{self.task}/commands/{order}").ok().json
            return found if found["state"] != "pending" else None
        return order, wait_until(done, 30, "the order is answered")

    def lag(self, on: str) -> int:
        """A lag that is known, of whoever runs there."""
        return wait_until(lambda: [each["lag_ms"] for each in self.cluster.instances(self.task)
                                   if each["hostname"] == on and each["state"] == "RUNNING"
                                   and each["lag_ms"] is not None and each["rows"] > 0],
                          30, f"the lag on {on}")[0]


@pytest.fixture(name="apart")
def _apart(cluster, source, database, kafka, bus, webhook):
    """See Apart."""
    return Apart(cluster, source, database, kafka, bus, webhook)


def shows_no_hour(apart, on):
    """What is said of the task while it runs there."""
    assert abs(apart.lag(on)) < MINUTES * 1000, "lag is by the source's clock alone"
    why = apart.cluster.api.get(f"/tasks/{apart.task}/why").ok().json
    assert why["state"] == "RUNNING" and on in why["sentence"]
    machines = {each["hostname"]: each
                for each in apart.cluster.api.get("/machines").ok().json["machines"]}
    assert set(machines) == {"ahead", "behind"}
    now = time.time()
    for name, shift in (("ahead", HOUR), ("behind", -HOUR)):
        said = machines[name]["heartbeat_ms"] / 1000
        assert abs(said - (now + shift)) < MINUTES, "the machine's own clock, as documented"


@pytest.mark.sources("mysql-9.7")
def test_two_cores_an_hour_apart(apart, cluster):
    """Rows flow there and back, each once; no alert is false and none is missing."""
    runner = cluster.wait_state(apart.task, "RUNNING")["hostname"]
    orders = []
    for _ in range(2):
        other = "behind" if runner == "ahead" else "ahead"
        cluster.wait_state(apart.task, "STANDBY", on=other)
        shows_no_hour(apart, runner)
        order, answer = apart.handover()
        assert answer["state"] == "done"
        orders.append(order)
        cluster.wait_state(apart.task, "RUNNING", on=other, timeout=60)
        runner = other
    assert not [rule for rule in apart.firing() if rule != "no_standby"]
    for _ in range(2):
        other = "behind" if runner == "ahead" else "ahead"
        cluster.wait_state(apart.task, "STANDBY", on=other)
        cluster.daemon(runner).kill()
        cluster.wait_state(apart.task, "RUNNING", on=other, timeout=60)
        wait_until(lambda gone=runner: apart.firing().get("machine_gone") == gone, 30,
                   "a machine that is gone is missed")
        shows_survivor = apart.lag(other)
        assert abs(shows_survivor) < MINUTES * 1000
        cluster.daemon(runner).start()
        cluster.wait_state(apart.task, "STANDBY", on=runner)
        wait_until(lambda: not apart.firing(), 60, "nothing fires")
        runner = other
    for order in orders:
        cluster.api.get(f"/tasks/{apart.task}/commands/{order}").ok()
    wanted = apart.writer.stop()
    assert arrived(apart.bus, apart.topic, count=len(wanted), timeout=90) == wanted
    print(f"{len(wanted)} rows, lag_ms {apart.lag(runner)}")


@pytest.mark.sources("mysql-9.7", "mariadb-10.11")
@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_lag_is_by_the_source_s_clock(cluster, source, database, kafka, shift):
    """A reader whose clock is an hour off shows the age that a row has at its source."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    cluster.server()
    cluster.core(env=wrong(cluster.folder, shift))
    name = cluster.create(task_document(source, include=f"{database}.t", pipe=kafka), start=True)
    source.sql(f"INSERT INTO {database}.t VALUES (1)")

    def lag():
        found = cluster.instances(name)[0]
        return found if found["rows"] and found["lag_ms"] is not None else None
    assert 0 <= wait_until(lag, 30, "a lag")["lag_ms"] < MINUTES * 1000


@pytest.mark.sources("mariadb-10.11")
def test_a_check_by_a_core_that_is_ahead(cluster, source, database, kafka):
    """Its clock says that every order is older than orders are kept: it is taken all the same."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    cluster.server()
    cluster.core(env=wrong(cluster.folder, 25 * HOUR))
    doc = task_document(source, include=f"{database}.t", pipe=kafka)
    assert cluster.api.post("/validate", doc).ok().json["valid"] is True
    assert cluster.tree.children(f"{ROOT}/preflight") == []
