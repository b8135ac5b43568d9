"""The source moves at a bad moment: inside a large transaction, and while XA ones are prepared;
or it crashes and has lost what it had written last.
"""

import json
import shutil

import pytest

from harness import replication
from harness.failure import failure
from harness.proxy import ROWS, Cut, Hold, Proxy, event_type
from harness.tasks import here_gtid, task_document
from harness.waiting import PATIENCE, wait_until

FULL = [pytest.param(series, marks=pytest.mark.full) for series in ("mysql-8.0", "mariadb-10.11")]
COUNT = 12000


@pytest.fixture(params=("mysql-9.7", FULL[0], "mariadb-10.11"))
def pair(request, new_server):
    """A primary with a table d.t, and its replica."""
    return replication.pair(new_server, request.param)


@pytest.fixture
def lines(pair):
    """A proxy in front of each."""
    made = [Proxy(server) for server in pair]
    yield made
    for each in made:
        each.close()


def task_of(servers, start, **sections):
    """A task with these candidates."""
    task = task_document(servers[0], include="d.t", start=start,
                         source_extra={"tls": {"mode": "disabled"}}, **sections)
    del task["source"]["host"], task["source"]["port"]
    task["source"]["hosts"] = [f"{each.host}:{each.port}" for each in servers]
    return task


def saved(core) -> dict:
    """The position document."""
    path = core.state / "position.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


def values(first: int, letter: str) -> str:
    """An INSERT of a thousand rows."""
    return "INSERT INTO d.t VALUES " + ",".join(
        f"({number}, REPEAT('{letter}', 150))" for number in range(first, first + 1000)) + ";"


def large(letter: str) -> str:
    """The statements of a transaction of COUNT rows."""
    return "BEGIN;" + "".join(values(first, letter) for first in range(0, COUNT, 1000)) + "COMMIT;"


def stopping(after: int, how):
    """An on_event that ends what sends so many rows events of a transaction read again."""
    met = {}

    def on_event(event, dump):
        if event_type(event) in ROWS:
            met[dump] = met.get(dump, 0) + 1
            if dump % 2 == 1 and met[dump] == after:  # even ones look for its end
                raise how
        return event
    return on_event


def partial_rows(core) -> int:
    """How far the position is inside a transaction."""
    return (saved(core).get("partial") or {"rows": 0})["rows"]


def small(kafka) -> dict:
    """Sections with which COUNT rows are many of Kafka's transactions."""
    return {"memory": {"group_bytes": 65536, "queue_bytes": 262144}, "commit_interval_ms": 50,
            "pipe": {"type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once",
                     "properties": {"linger.ms": "0"}}}


@pytest.mark.parametrize("pair", ("mysql-9.7", *FULL), indirect=True)
def test_inside_a_large_transaction(pair, lines, core, kafka, bus):
    """The primary dies in the middle, then the core, then it goes on inside it at the replica."""
    primary, replica = pair
    task = task_of(lines, here_gtid(primary), **small(kafka))
    primary.sql(large("a") + "INSERT INTO d.t VALUES (1000000, 'behind')")
    replication.wait_for_rows(replica, "d.t", COUNT + 1)
    lines[0].on_event = stopping(60, Cut(100))
    lines[1].on_event = stopping(150, Hold())
    lines[1].refuse = True
    running = core.start(task)
    wait_until(lambda: partial_rows(core) > 0, 30, "a position inside the transaction")
    first = partial_rows(core)
    lines[0].refuse = True
    lines[0].drop()
    primary.kill()
    lines[1].refuse = False
    wait_until(lambda: partial_rows(core) > first, 30, "it goes on at the replica")
    running.kill()
    assert 0 < first < partial_rows(core) < COUNT
    replication.promote(replica)
    replica.sql("INSERT INTO d.t VALUES (1000001, 'the new primary')")
    lines[1].on_event = None
    running = core.start(task)
    wait_until(lambda: partial_rows(core) == 0, 60, "its end")
    got = bus.collect(f"{task['name']}.d.t", count=COUNT + 2)
    assert [message.key_json["id"] for message in got] == [*range(COUNT), 1000000, 1000001]
    running.terminate().ok()


def newest_gtid(server) -> str:
    """The GTID of its newest transaction."""
    if server.flavor == "mariadb":
        return server.sql("SELECT @@gtid_binlog_pos")[0][0]
    uuid, _, span = server.sql("SELECT @@gtid_executed")[0][0].rpartition(":")
    return f"{uuid}:{span.rpartition('-')[2]}"


def as_of(server, gtid: str) -> str:
    """What gives the next transaction of a session this GTID."""
    if server.flavor == "mysql":
        return f"SET gtid_next = '{gtid}';"
    domain, identity, number = gtid.split("-")
    return f"SET gtid_domain_id = {domain}, server_id = {identity}, gtid_seq_no = {number};"


@pytest.mark.parametrize("pair", ("mysql-9.7", *FULL), indirect=True)
def test_the_same_number_and_other_rows(pair, lines, core, kafka, bus):
    """Another server has other rows under the transaction's GTID: the task stops, and says so."""
    primary, replica = pair
    task = task_of(lines, here_gtid(primary), **small(kafka))
    replication.wait_for_rows(replica, "d.t", 0)
    replication.stop(replica)
    primary.sql(large("a"))
    gtid = newest_gtid(primary)
    replica.sql(as_of(replica, gtid) + large("b"))
    lines[0].on_event = stopping(60, Cut(100))
    lines[1].refuse = True
    running = core.start(task)
    wait_until(lambda: partial_rows(core) > 0, 30, "a position inside the transaction")
    lines[0].refuse = True
    lines[0].drop()
    lines[1].refuse = False
    result = running.wait(40 * PATIENCE)
    failure(result, "partial_mismatch", "not those that were delivered before")
    got = [message.key_json["id"] for message in bus.collect(f"{task['name']}.d.t")]
    assert got == list(range(partial_rows(core)))


@pytest.mark.parametrize("pair", ("mysql-9.7",), indirect=True)
def test_another_large_one_in_front_of_it(pair, lines, core, kafka, bus):
    """The replica committed another large transaction first, and breaks off in its middle."""
    primary, replica = pair
    task = task_of(lines, here_gtid(primary), **small(kafka))
    replication.wait_for_rows(replica, "d.t", 0)
    replication.stop(replica)
    primary.sql(large("a"))
    gtid = newest_gtid(primary)
    uuid, number = gtid.rsplit(":", 1)
    other = range(100000, 100000 + COUNT)
    replica.sql(as_of(replica, f"{uuid}:{int(number) + 1}") + "BEGIN;" + "".join(
        values(first, "b") for first in other[::1000]) + "COMMIT;" +
        as_of(replica, gtid) + large("a"))
    met = []

    def once(event, dump):
        if event_type(event) in ROWS and dump == 1:  # the first one looks for its end
            met.append(dump)
            if len(met) == 60:
                raise Cut(100)
        return event
    lines[0].on_event = stopping(60, Cut(100))
    lines[1].on_event = once
    lines[1].refuse = True
    running = core.start(task)
    wait_until(lambda: partial_rows(core) > 0, 30, "a position inside the transaction")
    lines[0].refuse = True
    lines[0].drop()
    lines[1].refuse = False
    got = [message.key_json["id"] for message in
           bus.collect(f"{task['name']}.d.t", count=2 * COUNT, timeout=60)]
    assert len(met) >= 60, "it broke off"
    assert [number for number in got if number < COUNT] == list(range(COUNT))
    assert [number for number in got if number >= COUNT] == list(other)
    running.terminate().ok()


# ------------------------------------------------------- prepared XA transactions

def prepare(server, name: str, *rows: str) -> None:
    """An XA transaction whose session ends once it is prepared."""
    server.sql(f"XA START '{name}';" + ";".join(rows) + f"; XA END '{name}'; XA PREPARE '{name}'")


def prepared_there(server, count: int) -> None:
    """Until the server has so many prepared transactions."""
    wait_until(lambda: len(server.sql("XA RECOVER")) == count, 20, "they are prepared there")


@pytest.mark.parametrize("killed", (False, True), ids=("in memory", "read again"))
def test_prepared_here_committed_there(pair, core, killed):
    """XA PREPARE on the primary, failover, XA COMMIT and ROLLBACK on the replica."""
    primary, replica = pair
    task = task_of(pair, here_gtid(primary), commit_interval_ms=10)
    primary.sql("INSERT INTO d.t VALUES (1, 'before')")
    prepare(primary, "kept", "INSERT INTO d.t VALUES (10, 'x'), (11, 'x')",
            "UPDATE d.t SET v = 'y' WHERE id = 10")
    prepare(primary, "undone", "INSERT INTO d.t VALUES (20, 'x')")
    primary.sql("INSERT INTO d.t VALUES (2, 'beside')")
    prepared_there(replica, 2)
    running = core.start(task)
    running.wait_for_lines(2)
    wait_until(lambda: len(saved(core).get("prepared", ())) == 2, 20, "both are known")
    if killed:
        assert ids(running.terminate().ok().messages) == [1, 2]
    primary.kill()
    replication.promote(replica)
    replica.sql("XA COMMIT 'kept'; XA ROLLBACK 'undone'; INSERT INTO d.t VALUES (3, 'behind')")
    if killed:
        running = core.start(task)
    running.wait_for_lines(4 if killed else 6, 40 * PATIENCE)
    result = running.terminate().ok()
    assert ("are read again" in result.stderr) == killed
    assert [(m["op"], m["after"]["id"]) for m in result.messages[0 if killed else 2:]] == [
        ("c", 10), ("c", 11), ("u", 10), ("c", 3)]
    assert not saved(core)["prepared"]


# ------------------------------------------------------- a crash that loses the binlog's end

class Snapshot:
    """A server's data as it stood; crash() makes the server lose all that came behind it."""

    def __init__(self, server):
        self._server = server
        self._copy = server.datadir.with_name("data-as-it-stood")
        server.pause()
        shutil.copytree(server.datadir, self._copy, ignore=shutil.ignore_patterns("*.sock*", "s"))
        server.resume()

    def crash(self) -> None:
        """As with the host's power, where nothing is synced; it is up again behind it."""
        self._server.kill()
        shutil.rmtree(self._server.datadir)
        self._copy.rename(self._server.datadir)
        account = self._server.datadir.parent.stat()
        for path in (self._server.datadir, *self._server.datadir.rglob("*")):
            shutil.chown(path, account.st_uid, account.st_gid)
        self._server.start()


@pytest.fixture(params=("mysql-9.7", FULL[0], "mariadb-10.11"))
def alone(request, new_server):
    """A server with a table d.t."""
    server = new_server(request.param)
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(1000))")
    return server


def insert(server, *numbers) -> None:
    """Rows, a transaction each."""
    server.sql("".join(f"INSERT INTO d.t VALUES ({number}, REPEAT('x', 500));" for number in numbers))


def test_a_crash_that_loses_the_binlogs_end(alone, core):
    """What was published is not there any more, and its GTIDs stand for other rows: FAILED."""
    task = task_of([alone], here_gtid(alone))
    insert(alone, 1)
    assert ids(core.run(task).ok().messages) == [1]
    standing = Snapshot(alone)
    insert(alone, 2, 3)
    assert ids(core.run(task).ok().messages) == [2, 3]
    standing.crash()
    # As many as were lost, under the same numbers, and one behind them.
    insert(alone, 20, 21, 22)
    result = core.run(task)
    failure(result, "source_diverged", "lost the end of", "sync_binlog")
    failure(core.run(task), "source_diverged", "lost the end of")


def test_a_crash_that_loses_what_nobody_had_read(alone, core):
    """The task goes on: nothing of it was published."""
    task = task_of([alone], here_gtid(alone))
    insert(alone, 1)
    assert ids(core.run(task).ok().messages) == [1]
    standing = Snapshot(alone)
    insert(alone, 2)
    standing.crash()
    insert(alone, 3)
    assert ids(core.run(task).ok().messages) == [3]


def test_a_binlog_that_began_anew(alone, core):
    """Shorter than our position by RESET, with all GTIDs kept: nothing is lost, and it goes on."""
    task = task_of([alone], here_gtid(alone))
    insert(alone, 1, 2, 3)
    assert ids(core.run(task).ok().messages) == [1, 2, 3]
    known = alone.gtid()
    replication.reset(alone)
    alone.sql(f"SET GLOBAL gtid_binlog_state = '{known}'" if alone.flavor == "mariadb" else
              f"SET GLOBAL gtid_purged = '{known}'")
    alone.sql("FLUSH BINARY LOGS")
    insert(alone, 4)
    assert ids(core.run(task).ok().messages) == [4]
