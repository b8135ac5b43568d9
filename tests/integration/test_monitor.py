"""mr-monitor with a real ZooKeeper, tasks played by the test, and a webhook that fails."""

import itertools
import time

import pytest

from harness.cluster import ROOT
from harness.played import Stage, fill, now_ms, position
from harness.tasks import task_document
from harness.waiting import wait_until
from harness.zk import LossyProxy

FAST = {"interval": "200ms"}
# Soon enough for a test; `resolve_after` is as `for`.
RULES = {f"rule.{name}": keys for name, keys in {
    "no_running": {"for": "500ms"}, "failed": {"resolve_after": "500ms"},
    "lag": {"threshold": "2s", "for": "500ms"}, "stuck": {"enabled": "no"},
    "no_standby": {"for": "500ms"}, "binlog_hours_left": {"for": "500ms"},
    "dead_letters": {"resolve_after": "500ms"},
    "machine_gone": {"for": "500ms"}, "zookeeper": {"for": "1s"}}.items()}


# For tests whose instances rewrite their documents as living ones do.
STUCK = {"rule.stuck": {"enabled": "yes", "threshold": "1500ms", "for": "0"}}


@pytest.fixture
def monitor(webhook):
    """Starts monitors whose rules are quick, with one channel to `webhook`."""
    def start(cluster, name=None, *, channel=None, begin=True, **sections):
        merged = {"monitor": FAST, **RULES,
                  "channel.oncall": {"type": "webhook", "url": webhook.url, "timeout": "1s",
                                     **(channel or {})}}
        for section, keys in sections.items():
            merged[section] = {**merged.get(section, {}), **keys}
        return cluster.monitor(name, start=begin, **merged)
    return start


@pytest.fixture
def stage(cluster):
    """The tree to play in."""
    cluster.tree.create("")
    return Stage(cluster)


def keeps_saying(task, *, times=8, pause=0.25, **members):
    """An instance that lives: rewrites its document."""
    for number in range(times):
        task.say(rows=100 + number, **members)
        time.sleep(pause)


def looked(monitor, rounds=3):
    """Until the rules were asked again, some times."""
    name = "mr_monitor_last_evaluation_timestamp_seconds"
    for _ in range(rounds):
        before = monitor.metric(name)
        wait_until(lambda before=before: monitor.metric(name) > before, 10, "another round")


@pytest.mark.sanitize
def test_lag_is_told_once_and_resolved_once(cluster, stage, monitor, webhook):
    """Pending, firing, resolved; everything that a person needs is in it."""
    task = stage.task("copy_item")
    daemon = monitor(cluster)
    looked(daemon)
    task.say(lag_ms=41_000)
    body = webhook.wait(event="firing", rule="lag")
    assert body["key"] == "lag:copy_item" and body["severity"] == "page"
    assert body["subject"] == "task" and body["name"] == "copy_item" and body["version"] == 1
    assert "copy_item is 41 s behind its source (more than 2.0 s) on c1" in body["message"]
    assert "mrctl task why copy_item" in body["next_step"]
    assert body["value"] == "41 s" and body["monitor"] == daemon.name
    assert body["cluster"] == cluster.tree.json(ROOT)["cluster"]
    assert abs(body["firing_ms"] - now_ms()) < 60_000 and body["since_ms"] <= body["firing_ms"]
    assert webhook.deliveries[0].headers["X-MR-Key"] == "lag:copy_item"
    assert webhook.deliveries[0].headers["Content-Type"] == "application/json"
    assert daemon.metric("mr_alerts", rule="lag", severity="page", state="firing") == 1
    assert daemon.metric("mr_task_lag_seconds", task="copy_item") == 41
    keeps_saying(task, lag_ms=41_000)
    wait_until(lambda: stage.alert("lag:copy_item")["notified"], 5, "it is marked")
    kept = stage.alert("lag:copy_item")
    assert kept["state"] == "firing" and kept["notified"][0]["channel"] == "oncall"
    # Just below the threshold is not over yet.
    keeps_saying(task, lag_ms=1_800)
    assert len(webhook.taken()) == 1
    task.say(lag_ms=0)
    body = webhook.wait(event="resolved")
    assert body["key"] == "lag:copy_item" and body["resolved_ms"] > body["firing_ms"]
    looked(daemon)
    assert [each["event"] for each in webhook.taken()] == ["firing", "resolved"]
    assert stage.alert("lag:copy_item")["state"] == "resolved"
    assert daemon.metric("mr_notifications_total", channel="oncall", result="taken") == 2
    assert daemon.end() == 0


def _nobody(stage):
    task = stage.task("t")
    task.leave()
    task.leave()
    return "no_running", "Task t should run and no mr-core has it"


def _retrying(stage):
    stage.task("t").say("RETRYING", error={"code": "source_unreachable", "message": "db1 is away",
                                           "position": None})
    return "no_running", "has been RETRYING for"


def _standby(stage):
    stage.task("t", "running", "STANDBY", "STANDBY")
    return "no_running", "has been STANDBY for"


def _control(stage):
    stage.task("t").control('{"desired":"running","revision":1,')
    return "no_running", "its control document cannot be read"


def _broken(stage):
    task = stage.task("t")
    stage.tree.set(f"{task.path}/instances/{task.nodes[0]}", '{"state":7}')
    return "no_running", "cannot be read"


def _failed(stage):
    stage.task("t").say("FAILED", error={"code": "schema_mismatch", "message": "shop.item: 3 or 4",
                                         "position": None})
    return "failed", "Task t gave up on c1: shop.item: 3 or 4"


def _silent(stage):
    stage.task("t")
    return "stuck", "has reported nothing of task t"


def _alone(stage):
    stage.task("t", "running", "RUNNING")
    return "no_standby", "Task t has no standby"


def _purge(stage):
    stage.task("t").say(binlog_hours_left=3.5)
    return "binlog_hours_left", "In 3 h 30 min the source purges"


def _purge_paused(stage):
    stage.task("t", "paused", "PAUSED", "STANDBY").say("PAUSED", binlog_hours_left=3.5)
    return "binlog_hours_left", "it is PAUSED"


def _dead_letters(stage):
    stage.task("t").say(dead_letters=3)
    return "dead_letters", "3 messages that were too large"


@pytest.mark.parametrize("play", [_nobody, _retrying, _standby, _control, _broken, _failed, _silent,
                                  _alone, _purge, _purge_paused, _dead_letters],
                         ids=lambda play: play.__name__)
def test_each_rule(cluster, stage, monitor, webhook, play):
    """What it says, and that a task that is well again resolves it."""
    rule, text = play(stage)
    daemon = monitor(cluster, **(STUCK if rule == "stuck" else {}))
    body = webhook.wait(event="firing", rule=rule)
    assert text in body["message"] and body["next_step"]
    assert {each["rule"] for each in webhook.taken()} == {rule}
    stage.tree.delete(f"{ROOT}/tasks/t")
    stage.tree.delete(f"{ROOT}/names/t")
    assert webhook.wait(event="resolved")["key"] == f"{rule}:t"
    task = stage.task("t")
    keeps_saying(task, binlog_hours_left=100.0)
    looked(daemon)
    assert len(webhook.taken()) == 2, webhook.taken()[2:]


@pytest.mark.sanitize
def test_stuck_by_position(cluster, stage, monitor, webhook):
    """The source goes on and the position does not; rows that move are progress."""
    task = stage.task("t")
    daemon = monitor(cluster, **STUCK)
    for number in range(12):
        task.say(source_head=position(2000 + number), rows=number, lag_ms=500)
        time.sleep(0.25)
    assert not webhook.taken()
    for number in itertools.count(1):
        task.say(source_head=position(3000 + number), lag_ms=500)
        if webhook.taken(rule="stuck"):
            break
        time.sleep(0.25)
        assert number < 60
    body = webhook.wait(rule="stuck")
    assert "has stood at binlog.000001:1000 for" in body["message"]
    keeps_saying(task, position=position(5000), source_head=position(5000))
    assert webhook.wait(event="resolved", rule="stuck")
    assert daemon.alive


@pytest.mark.sanitize
@pytest.mark.parametrize("desired", ["paused", "stopped", "deleted"])
def test_who_shall_not_run_alerts_not(cluster, stage, monitor, webhook, desired):
    """Whatever its instances say; nor does one that has no document yet."""
    task = stage.task("t", desired, "FAILED")
    task.say("FAILED", lag_ms=1_000_000, binlog_hours_left=None)
    stage.tree.create(f"{ROOT}/tasks/bare")
    stage.tree.create(f"{ROOT}/names/bare", f"{ROOT}/tasks/bare")
    daemon = monitor(cluster)
    looked(daemon, 12)
    assert not webhook.deliveries and not stage.alerts()
    assert daemon.metric("mr_task_desired_running", task="t") == 0
    assert daemon.metric("mr_task_instances", task="bare") == 0


def test_a_task_has_its_own_rules(cluster, stage, monitor, webhook):
    """In its document, followed when it changes."""
    task = stage.task("t", alerts={"lag": {"threshold": "1h"}, "no_standby": {"enabled": False}})
    task.leave(1)
    daemon = monitor(cluster)
    keeps_saying(task, lag_ms=60_000)
    looked(daemon)
    assert not webhook.taken()
    task.rewrite(2, alerts={"lag": {"severity": "ticket"}, "no_standby": {"enabled": False}})
    assert webhook.wait(rule="lag")["severity"] == "ticket"
    # A document of another version: the monitor's own rules hold.
    task.rewrite(3, novelty=1)
    assert webhook.wait(rule="no_standby")


def test_flapping_is_told_once(cluster, stage, monitor, webhook):
    """Each time that it comes back it has to be quiet for longer."""
    task = stage.task("t")
    monitor(cluster, **{"rule.lag": {"threshold": "2s", "for": "200ms", "resolve_after": "1s"}})
    deadline = time.monotonic() + 14
    for number in itertools.count():
        keeps_saying(task, times=2, lag_ms=60_000 if number % 2 else 0)
        if time.monotonic() > deadline:
            break
    assert [each["event"] for each in webhook.taken(rule="lag")] == ["firing"]
    for _ in range(2):
        keeps_saying(task, times=6, lag_ms=0)
        keeps_saying(task, times=3, lag_ms=60_000)
    events = [each["event"] for each in webhook.taken(rule="lag")]
    assert events == ["firing", "resolved", "firing"], events
    assert stage.alert("lag:t")["flaps"] == 1


@pytest.mark.sanitize
def test_a_channel_that_fails_hangs_and_recovers(cluster, stage, monitor, webhook):
    """Each notification arrives in the end, once, and in order."""
    task = stage.task("t")
    daemon = monitor(cluster)
    webhook.answer(503, 429, 302, 404)
    webhook.hang()
    task.say("FAILED")
    wait_until(lambda: webhook.deliveries, 10, "it is tried")
    time.sleep(1.5)  # longer than `timeout`
    webhook.unhang()
    webhook.wait(20, event="firing", rule="failed")
    looked(daemon)
    assert len(webhook.taken()) == 1
    assert {each.path for each in webhook.deliveries} == {"/alerts"}, "a redirect was followed"
    ids = {each.headers["X-MR-Event-Id"] for each in webhook.deliveries}
    assert len(ids) == 1, "a try of the same is not the same"
    assert daemon.metric("mr_notifications_total", channel="oncall", result="failed") >= 3
    assert daemon.log.count("does not take notifications") == 1
    task.say("RUNNING")
    webhook.wait(event="resolved", rule="failed")
    assert daemon.metric("mr_channel_failing", channel="oncall") == 0


def test_what_was_over_before_it_was_told_is_one(cluster, stage, monitor, webhook):
    """A firing that nobody took and its resolved become one message."""
    task = stage.task("t")
    daemon = monitor(cluster)
    webhook.answer(*[500] * 100)
    task.say("FAILED")
    wait_until(lambda: webhook.deliveries, 10, "it is tried")
    task.say("RUNNING")
    wait_until(lambda: stage.alerts().get("failed:t") == "resolved", 10, "it is over")
    # The document is written first; a firing that is tried in that moment may still be taken.
    looked(daemon)
    looked(daemon)
    webhook._answers.clear()
    body = webhook.wait(20, event="resolved")
    assert body["firing_ms"] and body["resolved_ms"]
    looked(daemon)
    assert [each["event"] for each in webhook.taken()] == ["resolved"]


@pytest.mark.sanitize
def test_a_successor_neither_repeats_nor_forgets(cluster, stage, monitor, webhook):
    """kill -9 of the one that alerts, with one told, one not told, one pending."""
    told, untold, pending = (stage.task(name) for name in ("told", "untold", "pending"))
    slow = {"rule.no_standby": {"for": "6s"}}
    first = monitor(cluster, "m1", **slow)
    wait_until(lambda: first.metric("mr_monitor_alerting") == 1, 10, "it alerts")
    second = monitor(cluster, "m2", **slow)
    told.say("FAILED")
    webhook.wait(rule="failed", name="told")
    wait_until(lambda: stage.alert("failed:told")["notified"], 5, "it is marked")
    webhook.answer(*[503] * 1000)
    untold.say("FAILED")
    pending.leave(1)
    begun = time.monotonic()
    wait_until(lambda: stage.alerts().get("failed:untold") == "firing", 5, "it is kept")
    wait_until(lambda: stage.alerts().get("no_standby:pending") == "pending", 5, "it is pending")
    looked(second)
    assert second.metric("mr_monitor_alerting") == 0
    first.kill()
    webhook._answers.clear()
    assert webhook.wait(rule="failed", name="untold")["monitor"] == "m2"
    assert webhook.wait(rule="no_standby", name="pending")["monitor"] == "m2"
    assert time.monotonic() - begun < 6 + 6, "the wait began anew"
    told.say("RUNNING")
    assert webhook.wait(event="resolved", name="told")["monitor"] == "m2"
    # Nor does a restart of the one that alerts.
    second.end()
    again = second.start()
    wait_until(lambda: again.metric("mr_monitor_alerting") == 1, 15, "it alerts")
    looked(again, 5)
    events = sorted((each["name"], each["event"]) for each in webhook.taken())
    assert events == [("pending", "firing"), ("told", "firing"), ("told", "resolved"),
                      ("untold", "firing")]


def test_without_zookeeper_every_monitor_says_so(new_server, new_cluster, monitor, webhook):
    """One key; and nothing else is told because of it."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    cluster.tree.create("")
    stage = Stage(cluster)
    task = stage.task("t")
    machine = stage.machine("c1")
    daemons = [monitor(cluster, name) for name in ("m1", "m2")]
    for daemon in daemons:
        looked(daemon)
    zookeeper.stop()
    for daemon in daemons:
        webhook.wait(event="firing", rule="zookeeper", monitor=daemon.name)
        assert daemon.get("/readyz").status == 503 and daemon.get("/healthz").status == 200
    time.sleep(3)  # longer than any rule's `for`
    zookeeper.start()
    for daemon in daemons:
        webhook.wait(40, event="resolved", rule="zookeeper", monitor=daemon.name)
        wait_until(lambda daemon=daemon: daemon.get("/readyz").status == 200, 20, "it is ready")
    assert len({each["key"] for each in webhook.taken()}) == 1
    for daemon in daemons:
        looked(daemon)
    assert {each["rule"] for each in webhook.taken()} == {"zookeeper"}
    task.say("FAILED")
    assert webhook.wait(20, rule="failed")
    assert machine


@pytest.mark.sanitize
def test_machines(cluster, stage, monitor, webhook):
    """A clean stop and a drain are none; a death is, also of one that a restart outlived."""
    stopped, drained, dead, missed = (stage.machine(name) for name in
                                      ("stopped", "drained", "dead", "missed"))
    # As it is by default: over at once. A restart must not take "not known yet" for that.
    daemon = monitor(cluster, **{"rule.machine_gone": {"resolve_after": "0"}})
    looked(daemon)
    assert daemon.metric("mr_machines") == 4
    time.sleep(1)  # no node goes right after it was written
    stopped.say(stopping=True)
    drained.say(draining=True)
    time.sleep(0.3)
    for machine in (stopped, drained, dead):
        machine.go()
    body = webhook.wait(event="firing", rule="machine_gone")
    assert body["name"] == "dead" and body["subject"] == "machine"
    assert "The mr-core dead has been gone for" in body["message"]
    assert "it had 3 tasks" in body["message"]
    daemon.end()
    missed.go()
    daemon.start()
    assert webhook.wait(event="firing", name="missed")
    back = stage.machine("dead")
    assert webhook.wait(event="resolved", name="dead")
    looked(daemon, 5)
    assert {each["name"] for each in webhook.taken()} == {"dead", "missed"}
    assert len(webhook.taken()) == 3 and back


@pytest.mark.sanitize
def test_orders(cluster, stage, monitor, webhook):
    """A test notification through a channel, answered in the order."""
    daemon = monitor(cluster)
    wait_until(lambda: daemon.metric("mr_monitor_alerting") == 1, 10, "it alerts")
    webhook.answer(200, 503)
    orders = [({"channel": "oncall"}, "done", None), ({"channel": "oncall"}, "failed", "channel"),
              ({"channel": ""}, "done", None), ({"channel": "nobody"}, "failed", "no_channel"),
              ({"type": "dance"}, "failed", "unknown_order"),
              # Given by a server whose clock is wrong, and before the monitor's eyes.
              ({"type": "dance", "created_ms": now_ms() - 600_000}, "failed", "unknown_order"),
              ({"channel": "nobody", "created_ms": now_ms() - 600_000}, "failed", "no_channel"),
              ({"created_ms": now_ms() - 600_000}, "failed", "too_late")]
    for number, (members, state, code) in enumerate(orders):
        if code == "too_late":
            daemon.end()
        path = f"{ROOT}/orders/order-job-{number:010d}"
        stage.tree.create(path, {"version": 1, "type": "test_alert", "by": "alice",
                                 "created_ms": now_ms(), **members})
        if code == "too_late":
            daemon.start()
        answer = wait_until(lambda path=path: (found := stage.tree.json(path))["state"] != "pending"
                            and found if "state" in stage.tree.json(path) else None, 10,
                            f"an answer to {members}")
        assert answer["state"] == state, answer
        assert (answer["error"] or {}).get("code") == code
        assert answer["node"].startswith(daemon.name + "-")
    body = webhook.taken(event="test")[0]
    assert body["key"] == "test:order-job-0000000000" and "alice" in body["message"]
    stage.tree.create(f"{ROOT}/orders/odd", "{")
    looked(daemon)
    daemon.end()
    daemon.start()
    looked(daemon, 5)
    assert len(webhook.taken(event="test")) == 2, "an order was carried out again"


def test_heartbeat_says_that_all_is_watched(cluster, stage, monitor, webhook):
    """From the alerting monitor alone, and not while it does not look."""
    daemons = [monitor(cluster, name, **{"channel.dead_man": {
        "url": webhook.url + "/beat", "heartbeat": "300ms", "severities": ""}})
        for name in ("m1", "m2")]
    stage.task("t").say("FAILED")
    wait_until(lambda: len(webhook.taken(event="heartbeat")) >= 3, 10, "three beats")
    assert {each["monitor"] for each in webhook.taken(event="heartbeat")} == {"m1"}
    webhook.wait(event="firing")
    assert {each.path for each in webhook.deliveries if each.json["event"] == "firing"} == \
        {"/alerts"}
    daemons[0].kill()
    wait_until(lambda: {each["monitor"] for each in webhook.taken(event="heartbeat")}
               == {"m1", "m2"}, 20, "its successor's beats")


def test_secrets_stay_secret(cluster, stage, monitor, webhook):
    """By reference, sent, and never logged or shown; TLS is verified."""
    cluster.write_private(cluster.secrets_dir / "hook",
                          webhook.url.replace("/alerts", "/services/T0CANARY?key=CANARY"))
    cluster.write_private(cluster.secrets_dir / "hook-token", "CANARY-token\n")
    secure = webhook.url.replace("http:", "https:") + "/CANARY"
    daemon = monitor(cluster, channel={"url": "file:hook", "token": "file:hook-token"},
                     **{"channel.tls": {"url": secure}})
    webhook.answer(500)
    stage.task("t").say("FAILED")
    webhook.wait(event="firing")
    assert webhook.deliveries[0].path == "/services/T0CANARY?key=CANARY"
    assert webhook.deliveries[0].headers["Authorization"] == "Bearer CANARY-token"
    wait_until(lambda: daemon.metric("mr_channel_failing", channel="tls") == 1, 10, "TLS fails")
    assert "CANARY" not in daemon.log
    assert "CANARY" not in daemon.get("/metrics").text
    assert not any(b"CANARY" in data for data in stage.tree.dump(ROOT).values())


@pytest.mark.sanitize
def test_alerts_that_somebody_touches(cluster, stage, monitor, webhook):
    """Notes, rubbish and deleted nodes in /alerts."""
    task = stage.task("t")
    daemon = monitor(cluster)
    looked(daemon)
    for name, data in (("note", ""), ("rubbish", "{"), ("lag:t", "[]"),
                       ("novel:t", '{"version":1,"rule":"novel","subject":"task","name":"t"}')):
        stage.tree.create(f"{ROOT}/alerts/{name}", data)
    task.say("FAILED")
    webhook.wait(event="firing", rule="failed")
    stage.tree.delete(f"{ROOT}/alerts/failed:t")
    task.say("RUNNING")
    webhook.wait(event="resolved", rule="failed")
    daemon.end()
    daemon.start()
    task.say("RUNNING", lag_ms=60_000)
    webhook.wait(event="firing", rule="lag")
    wait_until(lambda: (stage.alert("lag:t") or [])
               and stage.alert("lag:t")["state"] == "firing", 10, "it is kept")
    assert stage.tree.get(f"{ROOT}/alerts/rubbish") == b"{"


def test_five_thousand_tasks(new_cluster, zookeeper, monitor, webhook):
    """10,000 watches: read quickly, followed, and within memory."""
    cluster = new_cluster(zookeeper, session_timeout="4s")
    cluster.tree.create("")
    stage = Stage(cluster)
    fill(cluster.tree, 5000)
    quiet = {"rule.no_standby": {"enabled": "no"}, "monitor": {"interval": "1s"}}
    daemon = monitor(cluster, begin=False, **quiet)
    begun = time.monotonic()
    daemon.start()
    wait_until(lambda: daemon.metric("mr_monitor_last_evaluation_timestamp_seconds") > 0, 60,
               "the first look")
    first = time.monotonic() - begun
    text = daemon.get("/metrics").text
    assert text.count("mr_task_lag_seconds{") == 5000
    node = f"{ROOT}/tasks/t04711/instances/c1-{4711:010d}"
    document = cluster.tree.json(node)
    cluster.tree.set(node, {**document, "state": "FAILED"})
    begun = time.monotonic()
    webhook.wait(event="firing", rule="failed", name="t04711")
    told = time.monotonic() - begun
    stage.task("one_more")
    wait_until(lambda: daemon.metric("mr_task_running", task="one_more") == 1, 15, "it is seen")
    took = daemon.metric("mr_monitor_round_seconds")
    print(f"first look {first:.2f} s, told after {told:.2f} s, a round {took:.2f} s, "
          f"{daemon.memory() >> 20} MiB, {daemon.cpu_seconds():.1f} s of CPU")
    # A session that expires: all is read again.
    daemon.stop()
    time.sleep(6)
    daemon.cont()
    daemon.wait_for_log("expired")
    cluster.tree.set(node, {**document, "state": "RUNNING"})
    webhook.wait(40, event="resolved", rule="failed", name="t04711")
    assert len(webhook.taken()) == 2, webhook.taken()
    assert daemon.memory() < 100 << 20
    assert took < 3


@pytest.mark.sanitize
def test_real_cores(cluster, mariadb_1011, new_database, monitor, webhook):
    """Of what a kill -9 does to real tasks on-call hears, of a clean stop only that the standby
    is missing."""
    database = new_database(mariadb_1011)
    mariadb_1011.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    cluster.server()
    cores = [cluster.core(name) for name in ("c1", "c2")]
    daemon = monitor(cluster, **{"rule.machine_gone": {"for": "0"},
                                 "rule.no_running": {"for": "10s"}})
    name = cluster.create(task_document(mariadb_1011, include=f"{database}.t", pipe="none"),
                          start=True)
    dead = cluster.wait_state(name, "RUNNING")["hostname"]
    # It may have been alone for a moment while it was made.
    wait_until(lambda: len(cluster.instances(name)) == 2, 20, "a standby")
    looked(daemon, 6)
    wait_until(lambda: daemon.metric("mr_alerts", rule="no_standby", state="firing") == 0, 20,
               "all is well")
    before = len(webhook.taken())
    cluster.daemon(dead).kill()
    body = webhook.wait(event="firing", rule="machine_gone")
    assert body["name"] == dead, body["message"]
    cluster.wait_state(name, "RUNNING", not_on=dead)
    wait_until(lambda: [each for each in webhook.taken(event="firing", rule="no_standby")
                        if each in webhook.taken()[before:]], 20, "no standby")
    cluster.daemon(dead).start()
    assert webhook.wait(event="resolved", rule="machine_gone")["name"] == dead
    wait_until(lambda: daemon.metric("mr_alerts", rule="no_standby", state="firing") == 0, 20,
               "all is well again")
    before = len(webhook.taken())
    for core in cores:
        if core.name != dead:
            assert core.end() == 0
    wait_until(lambda: [each for each in webhook.taken()[before:]
                        if each["rule"] == "no_standby"], 20, "no standby")
    looked(daemon, 5)
    assert {each["rule"] for each in webhook.taken()[before:]} == {"no_standby"}


@pytest.mark.sanitize
def test_one_that_wakes_up_late_repeats_nothing(cluster, stage, monitor, webhook):
    """Stopped for longer than its session, with a notification in hand."""
    task, other = stage.task("t"), stage.task("u")
    first = monitor(cluster, "m1")
    wait_until(lambda: first.metric("mr_monitor_alerting") == 1, 10, "it alerts")
    second = monitor(cluster, "m2")
    task.say("FAILED")
    webhook.wait(rule="failed", name="t")
    wait_until(lambda: stage.alert("failed:t")["notified"], 5, "it is marked")
    first.stop()
    wait_until(lambda: second.metric("mr_monitor_alerting") == 1, 20, "the other alerts")
    other.say("FAILED")
    webhook.wait(rule="failed", name="u", monitor="m2")
    first.cont()
    wait_until(lambda: len(cluster.tree.children(f"{ROOT}/monitors")) == 2, 20, "it is back")
    looked(first, 5)
    looked(second, 5)
    assert first.metric("mr_monitor_alerting") == 0
    assert len(webhook.taken()) == 2, webhook.taken()
    other.say("RUNNING")
    assert webhook.wait(event="resolved", name="u")["monitor"] == "m2"
    looked(first, 3)
    assert len(webhook.taken()) == 3


@pytest.mark.sanitize
def test_what_waits_is_not_sent_while_another_alerts(cluster, zookeeper, stage, monitor, webhook):
    """Cut off with a notification that its channel refused: the other's word is the last."""
    proxy = LossyProxy(zookeeper.members[0])
    task = stage.task("t")
    first = monitor(cluster, "m1", zookeeper={"servers": proxy.address + cluster.chroot})
    second = monitor(cluster, "m2", **{"rule.zookeeper": {"enabled": "no"}})
    webhook.answer(*[503] * 1000)
    task.say("FAILED")
    wait_until(lambda: len(webhook.deliveries) >= 2, 20, "it is tried")
    proxy.block()
    second.wait_for_log("this monitor alerts now", 30)
    webhook._answers.clear()
    webhook.wait(event="firing", rule="failed", monitor="m2")
    task.say("RUNNING")
    webhook.wait(event="resolved", rule="failed", monitor="m2")
    # Longer than the next try of the first was away.
    wait_until(lambda: webhook.taken(event="firing", rule="zookeeper", monitor="m1"), 30,
               "the first sends what it may")
    time.sleep(3)
    events = [(each["event"], each["monitor"]) for each in webhook.taken(rule="failed")]
    assert events == [("firing", "m2"), ("resolved", "m2")]
    proxy.unblock()
    wait_until(lambda: first.get("/readyz").status == 200, 30, "it is back")
    looked(first, 3)
    assert len(webhook.taken(rule="failed")) == 2
    proxy.close()


@pytest.mark.sanitize
@pytest.mark.parametrize("again", [False, True], ids=["over", "fires_again"])
def test_a_resolved_is_owed_although_it_is_pending_again(cluster, stage, monitor, webhook, again):
    """Over while the channel took nothing, pending again, and then a kill -9."""
    task = stage.task("t")
    daemon = monitor(cluster, **{"rule.lag": {"threshold": "2s", "for": "5s",
                                              "resolve_after": "300ms"}})
    task.say(lag_ms=41_000)
    webhook.wait(event="firing")
    wait_until(lambda: stage.alert("lag:t")["notified"], 5, "it is marked")
    webhook.answer(*[503] * 1000)
    for lag, state in ((0, "resolved"), (41_000, "pending")):
        task.say(lag_ms=lag)
        wait_until(lambda state=state: stage.alert("lag:t")["state"] == state, 10, state)
    daemon.kill()
    if not again:
        task.say(lag_ms=0)
    webhook._answers.clear()
    daemon.start()
    body = webhook.wait(event="resolved")
    assert body["firing_ms"] and body["resolved_ms"] >= body["firing_ms"] >= body["since_ms"]
    if again:
        wait_until(lambda: len(webhook.taken(event="firing")) == 2, 20, "it fires again")
    else:
        wait_until(lambda: stage.alert("lag:t")["state"] == "resolved", 10, "it is over")
    looked(daemon, 5)
    assert [each["event"] for each in webhook.taken()] == ["firing", "resolved"] + \
        ["firing"] * again


@pytest.mark.sanitize
def test_what_was_given_up_is_told_of_its_next_time(cluster, stage, monitor, webhook):
    """Fired, given up; resolved and fired again by another while this one slept."""
    task = stage.task("t")
    first = monitor(cluster, "m1", channel={"retry_for": "500ms"})
    wait_until(lambda: first.metric("mr_monitor_alerting") == 1, 10, "it alerts")
    webhook.answer(*[503] * 1000)
    task.say("FAILED")
    first.wait_for_log("is given up", 20)
    fired = stage.alert("failed:t")["firing_ms"]
    first.stop()
    second = monitor(cluster, "m2")
    wait_until(lambda: second.metric("mr_monitor_alerting") == 1, 20, "the other alerts")
    for state, kept in (("RUNNING", "resolved"), ("FAILED", "firing")):
        task.say(state)
        wait_until(lambda kept=kept: stage.alert("failed:t")["state"] == kept, 10, kept)
    assert stage.alert("failed:t")["firing_ms"] > fired
    second.kill()
    webhook._answers.clear()
    first.cont()
    assert webhook.wait(event="firing", rule="failed")["monitor"] == "m1"


def test_a_tree_with_access_lists(zookeeper, new_cluster, monitor, webhook):
    """Digest ACLs: what it writes it may write; and an operator tests a channel with mrctl."""
    cluster = new_cluster(zookeeper, auth=True)
    cluster.server()
    core = cluster.core()
    daemon = monitor(cluster)
    looked(daemon)
    done = cluster.mrctl("alert", "test", "--wait").ok()
    assert webhook.wait(event="test"), done
    webhook.answer(500)
    assert "500" in str(cluster.mrctl("alert", "test", "--channel", "oncall", "--wait").failed())
    time.sleep(1)
    core.kill()
    assert webhook.wait(event="firing", rule="machine_gone")["name"] == core.name
    assert "machine_gone" in cluster.mrctl("alert", "list").ok().stdout
    assert "cannot be kept" not in daemon.log
    assert cluster.tree.json(f"{ROOT}/alerts")["machines"][0]["hostname"] == core.name


def test_hundreds_of_alerts_at_once(cluster, stage, monitor, webhook):
    """Every task alone: each is told once, nothing is dropped, the queue stays bounded."""
    fill(cluster.tree, 1000)
    daemon = monitor(cluster)
    wait_until(lambda: len(webhook.taken(event="firing")) >= 1000, 60, "all are told")
    looked(daemon)
    taken = webhook.taken()
    assert len(taken) == 1000 and len({each["key"] for each in taken}) == 1000
    wait_until(lambda: sum(state == "firing" for state in stage.alerts().values()) == 1000, 20,
               "all are kept")
    assert daemon.metric("mr_alerts", rule="no_standby", state="firing") == 1000
    print(f"{daemon.memory() >> 20} MiB, {daemon.cpu_seconds():.1f} s of CPU")


@pytest.mark.sanitize
def test_an_end_while_zookeeper_is_away_is_noted(new_server, new_cluster, monitor, webhook):
    """Only that process knows what it told; a restart within the outage tells the end of it."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    daemon = monitor(cluster)
    looked(daemon)
    zookeeper.stop()
    key = webhook.wait(event="firing", rule="zookeeper")["key"]
    assert daemon.end() == 0
    assert f"(alert {key}) and ends before that is over" in daemon.log
    daemon.start(wait=False)
    wait_until(lambda: "waiting for it" in daemon.log, 20, "it says what it waits for")
    time.sleep(5)
    zookeeper.start()
    assert webhook.wait(40, event="resolved", rule="zookeeper")["key"] == key


def test_a_start_without_zookeeper(new_server, new_cluster, monitor, webhook):
    """It waits; an outage that an earlier process told of is over when this one sees it end."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    zookeeper.stop()
    daemon = monitor(cluster, begin=False, **{"rule.zookeeper": {"for": "1h"}})
    daemon.start(wait=False)
    wait_until(lambda: "waiting for it" in daemon.log, 20, "it says what it waits for")
    time.sleep(5)
    assert daemon.get("/readyz").status == 503
    zookeeper.start()
    body = webhook.wait(40, event="resolved", rule="zookeeper")
    assert body["message"] == "ZooKeeper can be reached again."
    daemon.wait_ready(30)
    looked(daemon)
    assert len(webhook.taken()) == 1
