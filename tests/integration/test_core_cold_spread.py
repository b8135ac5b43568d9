"""Cold tasks on several cores: each has its share, after whatever happened, and then rest.

Shares are looked at in ZooKeeper all the time (harness/spread.py), so what moved in between
is seen too.
"""

import time

import pytest

from harness.cluster import ROOT
from harness.spread import Spread
from harness.tasks import task_document, unique
from harness.waiting import PATIENCE, wait_until

# Who has a task does not depend on the source's kind.
pytestmark = pytest.mark.sources("mariadb-10.11")

SCAN = 1.0     # core.scan_interval here, and
SESSION = 2.0  # zookeeper.session_timeout, in seconds
TICK = 2.0     # of the sandbox's ZooKeeper, at most


class Group:
    """Tasks of a group, each of a table of its own; cores that serve it."""

    def __init__(self, cluster, source, database, pipe, count: int, group: str = "g1",
                 desired: str = "running"):
        self.cluster, self.source, self.database, self.group = cluster, source, database, group
        self.rows = 0
        if not cluster.live("mr-server"):
            cluster.server(server={"log_level": "info"})
        for _ in range(count):
            self.add(pipe, desired)

    tasks: list

    def add(self, pipe, desired="running") -> str:
        """One more task."""
        self.tasks = getattr(self, "tasks", [])
        name = unique(self.group)
        self.source.sql(f"CREATE TABLE {self.database}.{name} (id INT PRIMARY KEY)")
        start = "&start=true" if desired == "running" else ""
        self.cluster.api.post(f"/tasks?preflight=skip{start}", task_document(
            self.source, include=f"{self.database}.{name}", pipe=pipe, group=self.group,
            name=name)).ok()
        self.tasks.append(name)
        return name

    def core(self, name: str, start: bool = True, **core):
        """A core of the group."""
        return self.cluster.core(name, start=start, core={
            "groups": self.group, "tasks": "", "scan_interval": f"{SCAN:.0f}s", **core})

    def cores(self, *names: str, **core) -> None:
        """Several, started at the same moment."""
        made = [self.core(name, start=False, **core) for name in names]
        for each in made:
            each.start(wait=False)
        for each in made:
            each.wait_ready()

    def watched(self) -> Spread:
        """Who has what, looked at all the time."""
        return Spread(self.cluster, self.tasks, self.group)

    def write(self) -> None:
        """A row into each table."""
        self.rows += 1
        self.source.sql("; ".join(f"INSERT INTO {self.database}.{task} VALUES ({self.rows})"
                                  for task in self.tasks))

    def order(self, task: str, what: str) -> None:
        """start, stop, pause, …"""
        self.cluster.api.post(f"/tasks/{task}/{what}").ok()


@pytest.fixture
def group(cluster, pool, new_database):
    """Makes a group of so many tasks that write to nowhere."""
    def make(count: int, pipe="none", **keywords) -> Group:
        source = pool.get("mariadb-10.11")
        return Group(cluster, source, new_database(source), pipe, count, **keywords)
    return make


def settled(spread: Spread, *hosts: str, timeout: float = 60) -> float:
    """Wait until these hosts run all of them, evenly; when that was."""
    return spread.until(lambda now: now.even(*hosts) and now.running(), timeout,
                        f"all run, evenly on {hosts}").at


def rests(spread: Spread, seconds: float = 3 * SCAN) -> None:
    """Nothing moves for some scans."""
    began = time.monotonic()
    time.sleep(seconds)
    assert not spread.moves(began), "moved without a reason"
    assert max(seen.down() for seen in spread.since(began)) == 0


def stays_empty(spread: Spread, seconds: float = 3 * SCAN) -> None:
    """Nobody takes anything for some scans."""
    began = time.monotonic()
    time.sleep(seconds)
    assert all(not any(host for host, _ in seen.tasks.values()) for seen in spread.since(began))


def round_trip(group: Group, spread: Spread, count: int) -> None:
    """A crash, a return, a drain, and back; `count` tasks on c1, c2, c3, which share them."""
    cluster = group.cluster
    theirs, before = spread.now().of("c1"), spread.now()
    began = time.monotonic()
    cluster.daemon("c1").kill()
    held = spread.until(lambda now: now.held() and now.even("c2", "c3"), 60, "taken over").at
    print(f"kill -9: {len(theirs)} tasks are held elsewhere {held - began:.2f} s later, "
          f"RUNNING {settled(spread, 'c2', 'c3') - began:.2f} s")
    assert held - began < (SESSION + TICK + SCAN + 2) * PATIENCE
    stayed = [seen for seen in spread.since(began) for task, (host, _) in before.tasks.items()
              if host != "c1" and seen.tasks[task] != (host, "RUNNING")]
    assert not stayed, "tasks of the others went on"
    group.write()

    began = time.monotonic()
    cluster.daemon("c1").start()
    ended = settled(spread, "c1", "c2", "c3", timeout=60 + 2 * count)
    home = spread.now().of("c1")
    print(f"return: even {ended - began:.2f} s later, {len(home & theirs)} of {len(home)} tasks "
          f"are those of before; at most {max(s.down() for s in spread.since(began))} down")
    moves = spread.moves(began)
    assert set(moves.values()) == {1} and len(moves) == len(home), "each once, and no other"
    # Two may give one back at the same moment, and looks are not of one moment.
    assert max(seen.down() for seen in spread.since(began)) <= 3
    rests(spread)
    group.write()

    began = time.monotonic()
    cluster.mrctl("machine", "drain", "c1", "--wait").ok()
    empty = spread.until(lambda now: not now.of("c1"), 30, "c1 has none").at
    ended = settled(spread, "c2", "c3")
    print(f"drain: empty after {empty - began:.2f} s, all RUNNING after {ended - began:.2f} s")
    rests(spread)
    cluster.mrctl("machine", "undrain", "c1").ok()
    settled(spread, "c1", "c2", "c3", timeout=60 + 2 * count)
    group.write()


def test_a_crash_a_return_and_a_drain(group, bus, kafka):
    """Twelve tasks on three cores; each row is there once, whichever core had its task."""
    pipe = {"type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once"}
    g = group(12, pipe)
    began = time.monotonic()
    g.cores("c1", "c2", "c3")
    with g.watched() as spread:
        print(f"even {settled(spread, 'c1', 'c2', 'c3') - began:.2f} s after the start")
        assert max(spread.moves(0).values(), default=0) == 0, "right from the beginning"
        rests(spread)
        g.write()
        shown = g.cluster.mrctl("machine", "list").ok().stdout
        assert shown.count(" 4/1000 ") == 3, shown
        round_trip(g, spread, 12)
        g.write()
    for task in g.tasks:
        found = bus.collect(f"{task}.{g.database}.{task}", count=g.rows, committed=True)
        assert [message.key_json["id"] for message in found] == list(range(1, g.rows + 1))
    assert all(each.log.count("given back") < 8 for each in g.cluster.live("mr-core"))


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_200_tasks_settle(cluster, sandbox, apart):
    """Three cores started at once, or a second apart: even within 10 s of the last one's start."""
    source = sandbox.mariadb("10.11", options={"max_connections": "1000"})  # two a task
    source.create_repl_user()
    source.sql("CREATE DATABASE many")
    g = Group(cluster, source, "many", "none", 200)
    for name in ("c1", "c2", "c3"):
        time.sleep(apart)
        began = time.monotonic()
        g.core(name, start=False).start(wait=False)
    with g.watched() as spread:
        even = spread.until(lambda now: now.even("c1", "c2", "c3"), 60, "even").at - began
        ended = settled(spread, "c1", "c2", "c3") - began
        print(f"even {even:.2f} s after the last start, all RUNNING after {ended:.2f} s")
        assert even < 10 * PATIENCE
        assert sum(spread.moves(0).values()) == 0
        round_trip(g, spread, 200)
    for each in cluster.daemons:
        each.end(60)
    sandbox.discard(source)


def test_stopped_tasks_weigh_nothing(group):
    """They are held, shared and stay where they are; tasks that run have room first."""
    g = group(6)
    rest = [g.add("none", "stopped") for _ in range(6)]
    g.cores("c1", "c2", max_tasks="5")
    with g.watched() as spread:
        def shared(now):
            runs = [host for host, state in now.tasks.values() if state == "RUNNING"]
            return sorted(map(runs.count, ("c1", "c2"))) == [3, 3]
        spread.until(lambda now: shared(now) and sum(map(len, map(now.of, ("c1", "c2")))) == 10,
                     30, "three each run, two each are kept")
        began = time.monotonic()
        time.sleep(3 * SCAN)
        assert not spread.moves(began)
        # All are wanted now: those that nobody keeps too, as far as there is room.
        for task in rest:
            g.order(task, "start")
        spread.until(lambda now: sum(state == "RUNNING" for _, state in now.tasks.values()) == 10
                     and now.counts() == {"c1": 5, "c2": 5, "": 2}, 30, "as many as may run")
        began = time.monotonic()
        left = next(task for task, (host, _) in spread.now().tasks.items() if not host)
        why = g.cluster.api.get(f"/tasks/{left}/why").ok().json
        assert why["state"] == "ABSENT" and "2 with as many tasks as core.max_tasks" in \
            why["sentence"], why
        time.sleep(3 * SCAN)
        assert not spread.moves(began), "what has no place makes nobody restless"
        # One that ran is stopped: it makes room.
        ran = next(task for task, (_, state) in spread.now().tasks.items() if state == "RUNNING")
        g.order(ran, "stop")
        spread.until(lambda now: now.tasks[left][1] == "RUNNING" or len(
            [1 for _, state in now.tasks.values() if state == "RUNNING"]) == 10, 30, "in its place")
        g.core("c3")
        g.order(ran, "start")
        settled(spread, "c1", "c2", "c3")
    g.cluster.mrctl("machine", "drain", "c3", "--wait").ok()
    why = g.cluster.api.get(f"/tasks/{g.tasks[0]}/why").ok().json
    assert "1 other core of group g1 would take over" in why["sentence"] or \
        "1 of them draining" in why["sentence"], why


def test_a_poisoned_row_of_a_cold_task(group):
    """A try on each of two cores, then FAILED, and there it stays, until someone says otherwise."""
    g = group(6)
    g.cores("c1", "c2", "c3")
    with g.watched() as spread:
        settled(spread, "c1", "c2", "c3")
        bad = g.tasks[0]
        first = spread.now().tasks[bad][0]
        g.source.sql(f"SET SESSION binlog_format = 'STATEMENT'; "
                     f"INSERT INTO {g.database}.{bad} VALUES (1000)")
        began = time.monotonic()
        failed = spread.until(lambda now: now.tasks[bad][1] == "FAILED", 40, "it is FAILED")
        print(f"FAILED {failed.at - began:.2f} s after the row")
        second = failed.tasks[bad][0]
        assert second != first, "the second try was another host's"
        status = g.cluster.tree.json(g.cluster.path(bad, "status"))
        assert [each["count"] for each in status["failures"]] == [2]
        time.sleep(12 * SCAN)
        assert all(seen.tasks[bad] == (second, "FAILED") for seen in spread.since(failed.at))
        # Whoever takes over finds it FAILED.
        g.cluster.daemon(second).kill()
        third = spread.until(lambda now: now.tasks[bad] not in ((second, "FAILED"), ("", "ABSENT"))
                             and now.tasks[bad][1] == "FAILED", 40, "FAILED elsewhere").tasks[bad][0]
        assert third != second
        status = g.cluster.tree.json(g.cluster.path(bad, "status"))
        assert [each["count"] for each in status["failures"]] == [2], "nobody tried it again"
        g.cluster.api.put(f"/tasks/{bad}/position", {"start": "latest"}).ok()
        spread.until(lambda now: now.tasks[bad] == (third, "RUNNING"), 30, "it goes on")


def test_a_poisoned_row_and_one_core(group):
    """Nobody else could try: it does so itself, and that is enough."""
    g = group(2)
    g.cores("c1")
    with g.watched() as spread:
        settled(spread, "c1")
        g.source.sql(f"SET SESSION binlog_format = 'STATEMENT'; "
                     f"INSERT INTO {g.database}.{g.tasks[0]} VALUES (1000)")
        spread.until(lambda now: now.tasks[g.tasks[0]] == ("c1", "FAILED"), 30, "FAILED")
        began = time.monotonic()
        time.sleep(3 * SCAN)
        assert all(seen.tasks[g.tasks[0]] == ("c1", "FAILED") for seen in spread.since(began))


def test_a_core_without_the_secret(group):
    """FAILED there for a while, then another that has it runs the task."""
    g = group(0)
    for name, secret in (("c1", False), ("c2", True)):
        core = g.core(name, start=False)
        folder = g.cluster.folder / f"secrets-{name}"
        folder.mkdir(mode=0o700)
        if secret:
            g.cluster.write_private(folder / "repl", "repl-password")
        core.config.write_text(core.config.read_text("utf-8").replace(
            f"secrets_dir = {g.cluster.secrets_dir}", f"secrets_dir = {folder}"), "utf-8")
        if not secret:
            core.start()
    name = unique(g.group)
    g.source.sql(f"CREATE TABLE {g.database}.{name} (id INT PRIMARY KEY)")
    g.cluster.api.post("/tasks?preflight=skip&start=true", task_document(
        g.source, include=f"{g.database}.{name}", pipe="none", group="g1", name=name,
        password="file:repl")).ok()
    g.tasks = [name]
    with g.watched() as spread:
        spread.until(lambda now: now.tasks[name] == ("c1", "FAILED"), 30, "c1 cannot")
        g.cluster.daemon("c2").start()
        spread.until(lambda now: now.tasks[name] == ("c2", "RUNNING"), 60, "c2 can")


def test_a_core_that_hangs_and_strange_machines(group):
    """A core that takes nothing, a document that nobody can read, a namesake: none is lost."""
    g = group(9)
    cluster = g.cluster
    cluster.tree.create(f"{ROOT}/machines/broken-9999999999", b"{")
    g.cores("c1", "c2", "c3")
    with g.watched() as spread:
        settled(spread, "c1", "c2", "c3")
        # A namesake of c2, in another folder: its own node, the same name in the instances.
        twin = cluster.core("c4", start=False, core={"groups": "g1", "tasks": "",
                                                     "scan_interval": "1s"})
        twin.config.write_text(twin.config.read_text("utf-8").replace(
            "hostname = c4", "hostname = c2"), "utf-8")
        twin.start()
        rests(spread)
        cluster.daemon("c2").kill()
        settled(spread, "c1", "c2", "c3")
        # One that says it is there and takes nothing: its share goes to the others, beyond theirs.
        document = cluster.tree.json(f"{ROOT}/machines/" + next(
            node for node in cluster.tree.children(f"{ROOT}/machines") if node.startswith("c1-")))
        ghost = f"{ROOT}/machines/ghost-9999999998"
        cluster.tree.create(ghost, {**document, "hostname": "ghost", "cold": 0, "held": 0,
                                    "tasks": []})
        began = time.monotonic()
        cluster.daemon("c3").kill()
        # Not evenly: what nobody has for too long is for whoever has room and looks first.
        spread.until(lambda now: now.running() and set(now.counts()) == {"c1", "c2"}, 60,
                     "all run on c1 and c2")
        print(f"with a ghost among the cores: all RUNNING {time.monotonic() - began:.2f} s later")
        began = time.monotonic()
        time.sleep(15 * PATIENCE)
        # What was given back for the ghost's sake comes back, and is not tried again and again.
        assert sum(spread.moves(began).values()) <= 4
        cluster.tree.delete(ghost)
        settled(spread, "c1", "c2")


def test_a_restart_of_all(group):
    """All cores end and start again: most tasks are where they were, and none moves twice."""
    g = group(12)
    g.cores("c1", "c2", "c3")
    with g.watched() as spread:
        settled(spread, "c1", "c2", "c3")
        before = spread.now()
        daemons = [g.cluster.daemon(name) for name in ("c1", "c2", "c3")]
        for each in daemons:
            each.signal(15)
        for each in daemons:
            assert each.wait() == 0
        assert spread.now().counts() == {"": 12}
        began = time.monotonic()
        for each in daemons:
            each.start(wait=False)
        settled(spread, "c1", "c2", "c3")
        after = spread.now()
        assert not spread.moves(began)
        same = sum(after.tasks[task][0] == before.tasks[task][0] for task in g.tasks)
        print(f"{same} of 12 are where they were")
        assert same >= 8


def test_a_core_that_ends_takes_nothing_more(group):
    """SIGTERM while it looks at what the others put back: it ends, again and again."""
    g = group(60)
    g.cores("c1", "c2")
    for delay in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25):
        with g.watched() as spread:
            settled(spread, "c1", "c2")
            # What c1 puts back is offered for c2 to look at: at that moment it is told to end.
            g.cluster.daemon("c1").signal(15)
            time.sleep(delay)
            assert g.cluster.daemon("c2").end(20) == 0
            assert g.cluster.daemon("c1").wait(20) == 0
            spread.until(lambda now: now.counts() == {"": 60}, 20, "nobody has any")
        for name in ("c1", "c2"):
            g.cluster.daemon(name).start(wait=False)


def test_nobody_may_take_it(group):
    """All drained, then no core at all: `task why` says which, and what to do."""
    g = group(4)
    mrctl = g.cluster.mrctl
    g.cores("c1", "c2")
    with g.watched() as spread:
        settled(spread, "c1", "c2")
        for name in ("c1", "c2"):
            mrctl("machine", "drain", name, "--wait").ok()
        spread.until(lambda now: now.counts() == {"": 4}, 20, "nobody has any")
        stays_empty(spread)
        shown = mrctl("task", "why", g.tasks[0]).stdout
        assert "2 cores of group g1 are there, 2 of them draining" in shown, shown
        assert "Undrain a core of the group" in shown
        # A drain outlives the process.
        assert g.cluster.daemon("c1").end() == 0
        g.cluster.daemon("c1").start()
        stays_empty(spread)
        mrctl("machine", "undrain", "c1").ok()
        settled(spread, "c1")
        assert g.cluster.daemon("c1").end() == 0
        assert g.cluster.daemon("c2").end() == 0
        spread.until(lambda now: now.counts() == {"": 4}, 20, "nobody has any")
        shown = mrctl("task", "why", g.tasks[0]).stdout
        assert "none of group g1 is there" in shown, shown


@pytest.mark.full
def test_attacks(group, bus, kafka):
    """One flaps, one hangs while it claims, one loses its session while it gives back."""
    pipe = {"type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once"}
    g = group(12, pipe)
    g.cores("c1", "c2", "c3")
    c1, c2, c3 = (g.cluster.daemon(name) for name in ("c1", "c2", "c3"))
    with g.watched() as spread:
        settled(spread, "c1", "c2", "c3")
        began = time.monotonic()
        for pause in (0.3, 0.7, 1.2, 2.5):
            c3.kill()
            g.write()
            time.sleep(pause)
            c3.start(wait=False)
            time.sleep(pause)
        settled(spread, "c1", "c2", "c3")
        for delay in (0.05, 0.1, 0.2):
            # What c2 puts back is on its way to c1, which stops for longer than its session.
            c2.signal(15)
            time.sleep(delay)
            c1.stop()
            g.write()
            c2.wait()
            time.sleep(2 * SESSION)
            c1.cont()
            c2.start(wait=False)
            # It comes back to too many on the others, which give back: one of them hangs then.
            spread.until(lambda now: now.of("c2"), 60, "c2 has some again")
            c3.stop()
            g.write()
            time.sleep(2 * SESSION)
            c3.cont()
            settled(spread, "c1", "c2", "c3")
        g.write()
        print(f"nobody's for {left(spread, began):.2f} s at most")
        assert left(spread, began) < (SCAN + 5 + 2) * PATIENCE
    for task in g.tasks:
        found = bus.collect(f"{task}.{g.database}.{task}", count=g.rows, committed=True)
        assert [message.key_json["id"] for message in found] == list(range(1, g.rows + 1))


def left(spread: Spread, began: float) -> float:
    """The longest time that one task was nobody's."""
    most, since = 0.0, {}
    for seen in spread.since(began):
        for task, (host, _) in seen.tasks.items():
            if host:
                since.pop(task, None)
            else:
                most = max(most, seen.at - since.setdefault(task, seen.at))
    return most


def test_groups_that_overlap(cluster, group):
    """A core of two groups has its share of each."""
    a, b = group(6), group(6, group="g2")
    a.core("c1")
    b.core("c2")
    cluster.core("both", core={"groups": "g1, g2", "tasks": "", "scan_interval": "1s"})
    with a.watched() as of_a, b.watched() as of_b:
        settled(of_a, "c1", "both")
        settled(of_b, "c2", "both")
        began = time.monotonic()
        rests(of_a)
        assert not of_b.moves(began)
        cluster.api.post(f"/tasks/{a.tasks[0]}/handover").ok()
        cluster.daemon("both").end()
        settled(of_a, "c1")
        settled(of_b, "c2")


def test_a_handover_of_a_cold_task(group):
    """It goes on elsewhere; alone in its group a core keeps it."""
    g = group(3)
    g.cores("c1")
    with g.watched() as spread:
        settled(spread, "c1")
        assert g.cluster.mrctl("task", "handover", g.tasks[0], "--wait").status != 0
        g.core("c2")
        settled(spread, "c1", "c2")
        task = next(iter(spread.now().of("c1")))
        g.cluster.mrctl("task", "handover", task, "--wait").ok()
        wait_until(lambda: spread.now().tasks[task] == ("c2", "RUNNING"), 30, "on c2")
        settled(spread, "c1", "c2")
