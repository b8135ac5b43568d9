"""The source moves to another server: source.hosts, with real replication between them.

A task goes on at a server that has all that was published, and nowhere else: a server that lacks
some of it would send others under the same keys, in another order.
"""

import json
import re
import time

import pytest

from harness import replication
from harness.failure import check_no_secrets, failure
from harness.proxy import Proxy
from harness.tasks import here_gtid, task_document
from harness.waiting import PATIENCE, wait_until
from harness.writer import Writer

SERIES = ("mysql-8.0", "mysql-9.7", "mariadb-10.11")


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core)


@pytest.fixture(params=SERIES)
def pair(request, new_server):
    """A primary with a table d.t, and its replica."""
    return replication.pair(new_server, request.param)


def task_of(*servers, at=None):
    """A task with these candidates, from what the first (or `at`) has now."""
    task = task_document(servers[0], include="d.t", start=here_gtid(at or servers[0]))
    del task["source"]["host"], task["source"]["port"]
    task["source"]["hosts"] = [f"{each.host}:{each.port}" for each in servers]
    return task


def saved(core) -> dict:
    """The position document."""
    return json.loads((core.state / "position.json").read_text(encoding="utf-8"))


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


def test_the_replica_is_promoted_under_load(pair, core):
    """The primary is killed, its replica promoted: all that both have comes once, in order."""
    primary, replica = pair
    running = core.start(task_of(primary, replica))
    running.wait_for_log("reading ")
    writer = Writer(primary, "d.t")
    running.wait_for_lines(200)
    primary.kill()
    writer.stop_trying()
    replication.promote(replica)
    kept = [int(row[0]) for row in replica.sql("SELECT id FROM d.t ORDER BY id")]
    # Before anything else is written there; the task may be reading the replica by now.
    published = ids(running.messages)
    replica.sql("INSERT INTO d.t VALUES (1000000, 'behind')")
    if set(published) - set(kept):
        # What the primary lost was published: there is no going on without a person.
        running.wait_for_log("lacks .* of our position", 20)
        assert running.alive
        return
    running.wait_for_lines(len(kept) + 1, 30 * PATIENCE)
    assert ids(running.terminate().ok().messages) == [*kept, 1000000]


def identity(server) -> str:
    """What a position says it is of."""
    if server.flavor == "mariadb":
        return "-".join(server.sql("SELECT @@server_id, @@gtid_domain_id")[0])
    return server.sql("SELECT @@server_uuid")[0][0]


def test_the_position_is_of_the_server_that_was_read_last(pair, core):
    """What that one has begun itself since is no errant transaction, whatever was read first."""
    primary, replica = pair
    task = task_of(primary, replica)
    running = core.start(task)
    running.wait_for_log("reading ")
    primary.sql("INSERT INTO d.t VALUES (1, 'both')")
    running.wait_for_lines(1)
    assert saved(core)["source"] == identity(primary)
    replication.wait_for_rows(replica, "d.t", 1)
    primary.kill()
    replication.promote(replica)
    replica.sql("INSERT INTO d.t VALUES (2, 'the new primary')")
    running.wait_for_lines(2, 30 * PATIENCE)
    assert ids(running.terminate().ok().messages) == [1, 2]
    assert saved(core)["source"] == identity(replica)
    replica.sql("INSERT INTO d.t VALUES (3, 'while nobody read'); SET GLOBAL read_only = ON")
    # Among several hosts nobody gives up: it would be refused for ever.
    running = core.start(task)
    running.wait_for_lines(1, 20)
    assert ids(running.terminate().ok().messages) == [3]


def test_a_candidate_that_lacks_ours_is_waited_for(pair, core):
    """Published by the primary, not yet on the replica: not read there until it has them."""
    primary, replica = pair
    running = core.start(task_of(primary, replica))
    running.wait_for_log("reading ")
    primary.sql("INSERT INTO d.t VALUES (1, 'both')")
    running.wait_for_lines(1)
    replication.wait_for_rows(replica, "d.t", 1)
    replication.stop(replica)
    primary.sql("INSERT INTO d.t VALUES (2, 'the primary alone')")
    running.wait_for_lines(2)
    primary.kill()
    running.wait_for_log("lacks .* of our position", 20)
    assert running.alive
    # Written to the replica by mistake, as it looks promoted: it must not be read there.
    replica.sql("SET GLOBAL read_only = OFF; INSERT INTO d.t VALUES (3, 'other history')")
    assert len(running.messages) == 2
    primary.start()
    primary.sql("INSERT INTO d.t VALUES (4, 'the primary again')")
    running.wait_for_lines(3, 40 * PATIENCE)
    assert ids(running.terminate().ok().messages) == [1, 2, 4]


@pytest.mark.full
def test_a_replica_promoted_without_ours(pair, core):
    """Not when the numbers of what it wrote since have passed ours either: they tell nothing."""
    primary, replica = pair
    task = task_of(replica, at=primary)
    ours = {**task, "source": {**task["source"], "hosts": [f"{primary.host}:{primary.port}"]}}
    primary.sql("INSERT INTO d.t VALUES (1, 'both')")
    replication.wait_for_rows(replica, "d.t", 1)
    replication.stop(replica)
    primary.sql("INSERT INTO d.t VALUES (2, 'the primary alone')")
    assert ids(core.run(ours).ok().messages) == [1, 2]
    primary.kill()
    replication.promote(replica)
    for number in (3, 4, 5):
        replica.sql(f"INSERT INTO d.t VALUES ({number}, 'other history')")
    failure(core.run(task), "source_diverged", "lacks")


def test_a_replica_with_a_transaction_of_its_own(pair, core):
    """Read-only and yet with something that no other server has: it will not do."""
    primary, replica = pair
    running = core.start(task_of(primary, replica))
    running.wait_for_log("reading ")
    primary.sql("INSERT INTO d.t VALUES (1, 'both')")
    running.wait_for_lines(1)
    replication.wait_for_rows(replica, "d.t", 1)
    replica.sql("INSERT INTO d.t VALUES (9, 'errant')")
    primary.kill()
    running.wait_for_log("is read-only and has transactions of its own", 20)
    assert running.alive
    primary.start()
    primary.sql("INSERT INTO d.t VALUES (2, 'again')")
    running.wait_for_lines(2, 40 * PATIENCE)
    assert ids(running.terminate().ok().messages) == [1, 2]


def test_a_server_that_lost_what_was_published(pair, core):
    """The only source forgets its newest transactions: FAILED, never a guess."""
    primary, _ = pair
    task = task_of(primary)
    primary.sql("INSERT INTO d.t VALUES (1, 'kept')")
    before = primary.gtid()
    primary.sql("INSERT INTO d.t VALUES (2, 'lost')")
    assert ids(core.run(task).ok().messages) == [1, 2]
    replication.reset(primary)
    if primary.flavor == "mariadb":
        primary.sql(f"SET GLOBAL gtid_slave_pos = '{before}'")
    else:
        primary.sql(f"SET GLOBAL gtid_purged = '{before}'")
    result = core.run(task)
    assert re.search("lacks .* of our position", result.stderr), result.stderr
    failure(result, "source_diverged", f"repl@127.0.0.1:{primary.port}", "of our position")


# ------------------------------------------------------- candidates that will not do

def purge(primary, replica) -> None:
    """The replica gets another row, which is in no binlog of it any more."""
    primary.sql("INSERT INTO d.t VALUES (2, 'purged on the replica')")
    replication.wait_for_rows(replica, "d.t", 2)
    replica.sql("FLUSH BINARY LOGS")
    newest = replica.sql("SHOW BINARY LOGS")[-1][0]

    def gone():
        """MariaDB keeps a file for as long as InnoDB may need it to recover."""
        replica.sql(f"PURGE BINARY LOGS TO '{newest}'")
        return len(replica.sql("SHOW BINARY LOGS")) == 1
    wait_until(gone, 20, "the older binlogs are purged")


@pytest.fixture
def strangers(pair, new_server, request):
    """Servers that no task of the pair can read, with the word that says why."""
    other = request.getfixturevalue("mysql_80" if pair[0].flavor == "mariadb" else "mariadb_1011")
    found = {other: f"the position is of a {pair[0].flavor} server"}
    if pair[0].flavor == "mysql":
        found[new_server(f"mysql-{pair[0].series}", options={
            "gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"})] = "without GTIDs"
    return found


def named(server, reason: str) -> str:
    """What finds a server and its reason among the numbered ones of a message."""
    inside = r"(?:(?!\(\d\) ).)*"
    return rf"\(\d\) (?={inside}:{server.port}\b){inside}{reason}"


def test_candidates_that_will_not_do(pair, strangers, core):
    """Purged, of the other flavour, without GTIDs: each is named with its reason, none is read,
    and the task goes on at the one that was only away."""
    primary, replica = pair
    lines = [Proxy(server, tls=True) for server in pair]
    reasons = {lines[1]: "purged", **strangers}
    task = task_of(lines[0], *reasons, at=primary)
    lines[1].refuse = True
    running = core.start(task)
    running.wait_for_log("reading ")
    primary.sql("INSERT INTO d.t VALUES (1, 'read')")
    running.wait_for_lines(1)
    lines[0].refuse = True
    lines[0].drop()
    purge(primary, replica)
    lines[1].refuse = False
    for server, reason in reasons.items():
        running.wait_for_log(named(server, reason), 30)
    assert running.alive
    assert ids(running.terminate().ok().messages) == [1]
    # Nobody who could do is left: it ends, and says of each what is wrong.
    result = core.run({**task, "source": {**task["source"],
                                          "hosts": task["source"]["hosts"][1:]}}, until=None)
    assert result.status == 1
    last = result.stderr.splitlines()[-1]
    for server, reason in reasons.items():
        assert re.search(named(server, reason), last), f"{server.port} {reason}: {last}"
    lines[0].refuse = False
    running = core.start(task)
    running.wait_for_lines(1)
    assert ids(running.terminate().ok().messages) == [2]
    for line in lines:
        line.close()


@pytest.mark.sources("mariadb-10.11")
def test_failed_and_why(cluster, source, database, mysql_80, mysql_97):
    """No candidate will do: FAILED after two attempts, not a loop, and `why` names each."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    cluster.server()
    core = cluster.core("c1")
    document = task_document(source, include=f"{database}.t", pipe="none")
    name = cluster.create(document, start=True)
    hosts = [f"127.0.0.1:{server.port}" for server in (mysql_80, mysql_97)]
    cluster.mrctl("task", "stop", name, "--wait").ok()
    stored = cluster.api.get(f"/tasks/{name}").ok().json["document"]
    stored["source"]["hosts"] = hosts
    stored["source"]["password"] = document["source"]["password"]
    del stored["source"]["host"], stored["source"]["port"]
    cluster.api.put(f"/tasks/{name}?preflight=skip", stored, revision=1).ok()
    cluster.mrctl("task", "start", name).ok()
    error = cluster.wait_state(name, "FAILED")["error"]
    assert error["code"] == "source_diverged", error
    why = cluster.mrctl("task", "why", name).ok().stdout
    for host in hosts:
        assert re.search(f"{host}.*8\\.|{host}.*9\\.", why) and host in why, why
    starts = core.log.count(f"{name}: starting")
    time.sleep(3)
    assert core.log.count(f"{name}: starting") == starts, "it is tried again and again"
