"""What goes wrong: each fault begins, lasts, ends; then the bus must work again by itself.

A fault is a generator: what is before its yield begins it, what is behind ends it; it yields how
long it lasts. Each is chosen and timed by the run's seed alone.
"""

import contextlib
import dataclasses
import http.client
import random
import threading
import time

from harness.waiting import wait_until

SESSION = 2.0  # seconds: the cores' session with ZooKeeper
SHORT, LONG = 1.0, 3 * SESSION
HOUR = 3600


@dataclasses.dataclass
class Fault:
    """One that happened. Times in seconds of the monotonic clock."""

    number: int
    kind: str
    what: str
    wall: float
    begun: float
    ended: float = 0.0
    recovered: float = 0.0
    silence: float = 0.0   # the longest time without a new row

    @property
    def since_end(self) -> float:
        """From its end until a newer row arrived."""
        return self.recovered - self.ended

    def __str__(self):
        return (f"{time.strftime('%H:%M:%S', time.gmtime(self.wall))} #{self.number} {self.kind} "
                f"({self.what}) lasted {self.ended - self.begun:.1f} s, "
                f"recovered {self.since_end:.1f} s later, {self.silence:.1f} s of silence")


class Nemesis:
    """Makes faults in a World, one after another."""

    def __init__(self, world, seed: int, kinds=None):
        self.world = world
        self._random = random.Random(seed)
        self.faults = []
        self._kinds = list(kinds or KINDS)
        self._deck = []

    def next(self, timeout: float) -> Fault:
        """One fault from begin to recovery; AssertionError when the bus does not come back."""
        if not self._deck:  # every kind before one comes again, in an order of the seed's
            self._deck = self._random.sample(self._kinds, len(self._kinds))
        kind = self._deck.pop()
        fault = Fault(len(self.faults) + 1, kind, "", time.time(), time.monotonic())
        self.faults.append(fault)
        steps = (KINDS | SCENARIOS)[kind](self.world, self._random)
        seconds, fault.what = next(steps)
        time.sleep(seconds)
        with contextlib.suppress(StopIteration):
            next(steps)
        fault.ended = time.monotonic()
        fault.recovered = self.world.recovered(fault.ended, timeout)
        fault.silence = self.world.silence(fault.begun, fault.recovered)
        self._settle()
        return fault

    def _settle(self):
        """Two cores that have their places again: a fault's figure is its own."""
        world = self.world
        wait_until(lambda: {"RUNNING", "STANDBY"} <= {
            each["state"] for each in world.cluster.instances(world.task)}, 60,
            "one runs and one stands by", 0.1)
        time.sleep(self._random.uniform(0, 1.0))


def _instance(world, state):
    return world.cluster.daemon(world.cluster.wait_state(world.task, state)["hostname"])


def _core_killed(world, state):
    core = _instance(world, state)
    core.kill()
    # Its successor must not need it.
    yield 2.5 * SESSION, core.name
    core.start()


def _running_killed(world, _):
    return _core_killed(world, "RUNNING")


def _standby_killed(world, _):
    return _core_killed(world, "STANDBY")


def _core_restarted_at_once(world, _):
    core = _instance(world, "RUNNING")
    core.kill()
    core.start()
    yield 0, core.name


def _core_ended(world, _):
    core = _instance(world, "RUNNING")
    core.end()
    yield SHORT, core.name
    core.start()


def _core_stopped(world, rng):
    core = _instance(world, "RUNNING")
    core.stop()
    yield rng.uniform(1.5, 4) * SESSION, core.name
    core.cont()


def _core_hiccup(world, rng):
    core = _instance(world, "RUNNING")
    core.stop()
    yield rng.uniform(0.2, 0.9) * SESSION, core.name
    core.cont()


def _severed(links, rng, what):
    how = rng.choice(("cut", "hole"))
    for link in links:
        getattr(link, how)()
    yield rng.choice((0.3, SHORT, LONG)), f"{what} {how}"
    for link in links:
        link.mend()


def _from_zookeeper(world, rng):
    core = _instance(world, "RUNNING").name
    return _severed(world.zk_links[core], rng, core)


def _both_from_zookeeper(world, rng):
    return _severed([link for links in world.zk_links.values() for link in links], rng, "both")


def _from_kafka(world, rng):
    return _severed([world.kafka_link], rng, "both")


def _from_mysql(world, rng):
    return _severed([world.mysql_link], rng, "both")


def _server(server, rng, how):
    getattr(server, how)()
    yield rng.choice((0, SHORT, 3.0)), f"{server.name} {how}"
    server.start()


def _mysqld_killed(world, rng):
    return _server(world.source, rng, "kill")


def _mysqld_restarted(world, rng):
    return _server(world.source, rng, "stop")


def _broker_killed(world, rng):
    return _server(world.broker, rng, "kill")


def _broker_restarted(world, rng):
    return _server(world.broker, rng, "stop")


def _broker_hangs(world, rng):
    world.broker.pause()
    yield rng.choice((SHORT, LONG)), "SIGSTOP"
    world.broker.resume()


def _zookeeper_leader_killed(world, rng):
    leader = next((each for each in world.zookeeper.members if "Mode: leader" in each.ask("srvr")),
                  world.zookeeper.members[0])
    return _server(leader, rng, "kill")


def _zookeeper_member_restarted(world, rng):
    return _server(rng.choice(world.zookeeper.members), rng, "stop")


def _zookeeper_majority_lost(world, rng):
    gone = rng.sample(world.zookeeper.members, 2)
    for each in gone:
        each.kill()
    yield rng.choice((SHORT, LONG)), " ".join(each.name for each in gone)
    for each in gone:
        each.launch()
    for each in gone:
        each.wait_serving(60)


def _handover(world, _):
    world.cluster.mrctl("task", "handover", world.task, "--wait").ok()
    yield 0, ""


def _stop_start(world, rng):
    world.cluster.mrctl("task", "stop", world.task, "--wait").ok()
    yield rng.choice((0, SHORT)), ""
    world.cluster.mrctl("task", "start", world.task, "--wait").ok()


def _document_updated(world, rng):
    document = {**world.document, "commit_interval_ms": rng.randint(50, 1000)}
    found = world.cluster.api.get(f"/tasks/{world.task}").ok()
    world.cluster.api.put(f"/tasks/{world.task}", document, found.json["revision"]).ok()
    yield 0, f"commit_interval_ms {document['commit_interval_ms']}"


def _position_set_where_it_stands(world, rng):
    """The place where the task stopped, by hand: nothing is missing and nothing comes again."""
    for _ in range(20):
        world.cluster.mrctl("task", "stop", world.task, "--wait").ok()
        told = world.cluster.tree.json(world.cluster.path(world.task, "lastCommit"))
        if not told.get("partial") and not told.get("prepared"):  # a place by hand has neither
            break
        world.cluster.mrctl("task", "start", world.task, "--wait").ok()
        time.sleep(rng.uniform(0, 0.2))
    else:
        raise AssertionError(f"{world.task} never stops between two transactions: {told}")
    where = f"{told['file']}:{told['pos']}"
    world.cluster.mrctl("task", "position", world.task, "--set", where).ok()
    yield 0, where
    world.cluster.mrctl("task", "start", world.task, "--wait").ok()


def _position_set_back(world, rng):
    """Not among those by chance: what lies between comes again, under either delivery."""
    told = world.cluster.tree.json(world.cluster.path(world.task, "lastCommit"))
    time.sleep(rng.uniform(0.5, 2))
    where = f"{told['file']}:{told['pos']}"
    world.cluster.mrctl("task", "position", world.task, "--set", where, "--wait").ok()
    yield 0, where


def _server_killed_in_a_call(world, rng):
    """kill -9 of mr-server while it handles an order; then the same order until it is done."""
    server = world.cluster.daemon("s1")
    api = world.cluster.api
    path = f"/tasks/{world.task}/{rng.choice(('restart', 'handover'))}"

    def call():
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            api.post(path)
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    time.sleep(rng.uniform(0, 0.01))
    server.kill()
    thread.join(30)
    yield 0, path
    server.start()


def _session_expired(world, rng):
    """Out of reach of ZooKeeper until the instance's node is gone, and not longer."""
    found = world.cluster.wait_state(world.task, rng.choice(("RUNNING", "STANDBY")))
    links = world.zk_links[found["hostname"]]
    for link in links:
        link.cut()
    wait_until(lambda: found["node"] not in {
        each["node"] for each in world.cluster.instances(world.task)}, 30, "its session ends", 0.02)
    yield 0, f"{found['hostname']} {found['state']}"
    for link in links:
        link.mend()


def _clock_jumps(world, rng):
    """The wall clock of one core is an hour off, and stays so until the next time."""
    core = rng.choice(sorted(world.clocks))
    ahead = rng.choice((-HOUR, HOUR)) if not world.clocks[core].ahead else 0
    world.clocks[core].jump(ahead)
    yield SHORT, f"{core} {ahead:+d} s"


def _in_large(world, rng):
    """kill -9 while a transaction larger than memory.group_bytes is published."""
    core = _instance(world, "RUNNING")
    world.writer.change("big")
    time.sleep(rng.uniform(0, 0.4))
    core.kill()
    yield 2.5 * SESSION, core.name
    core.start()


def _at_ddl(world, rng):
    """kill -9 around an ALTER TABLE, with rows before and behind it."""
    core = _instance(world, "RUNNING")
    for what in ("plain", "ddl", "plain"):
        world.writer.change(what)
    time.sleep(rng.uniform(0, 0.1))
    core.kill()
    yield 2.5 * SESSION, core.name
    core.start()


def _two_at_once(world, rng):
    """One of a core, which begins first: to find the core needs the servers; one of a server."""
    both = [rng.choice(kinds)(world, rng) for kinds in (OF_A_CORE, OF_A_SERVER)]
    told = [next(each) for each in both]
    yield max(seconds for seconds, _ in told), ", ".join(what for _, what in told)
    for each in reversed(both):
        next(each, None)


OF_A_CORE = (_running_killed, _core_stopped, _core_ended, _from_zookeeper, _in_large, _at_ddl)
OF_A_SERVER = (_mysqld_killed, _broker_killed, _broker_hangs, _zookeeper_leader_killed,
               _from_kafka, _from_mysql)

KINDS = {
    "core killed": _running_killed,
    "standby killed": _standby_killed,
    "core killed, started at once": _core_restarted_at_once,
    "core ended": _core_ended,
    "core stopped for longer than its session": _core_stopped,
    "core stopped for less": _core_hiccup,
    "core cut from ZooKeeper": _from_zookeeper,
    "both cores cut from ZooKeeper": _both_from_zookeeper,
    "cores cut from Kafka": _from_kafka,
    "cores cut from MySQL": _from_mysql,
    "mysqld killed": _mysqld_killed,
    "mysqld restarted": _mysqld_restarted,
    "broker killed": _broker_killed,
    "broker restarted": _broker_restarted,
    "broker hangs": _broker_hangs,
    "ZooKeeper's leader killed": _zookeeper_leader_killed,
    "ZooKeeper's member restarted": _zookeeper_member_restarted,
    "ZooKeeper's majority lost": _zookeeper_majority_lost,
    "handover": _handover,
    "stop and start": _stop_start,
    "position set where it stands": _position_set_where_it_stands,
    "document updated": _document_updated,
    "mr-server killed in a call": _server_killed_in_a_call,
}

# Only when asked for by name: the first delivers again, under either delivery; for the others, see
# docs/reliability.md. Clocks that jump are for exactly_once: the other's checker needs true ones.
SET_BACK = "position set back"
SCENARIOS = {
    SET_BACK: _position_set_back,
    "core killed in a large transaction": _in_large,
    "core killed at an ALTER TABLE": _at_ddl,
    "two at once": _two_at_once,
    "session with ZooKeeper expired": _session_expired,
    "clock of a core jumps an hour": _clock_jumps,
}
