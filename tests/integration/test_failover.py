"""The source moves to another server: source.hosts, with real replication between them.

A task goes on at a server that has all that was published, and nowhere else: a server that lacks
some of it would send others under the same keys, in another order.
"""

import json
import re

import pytest

from harness import replication
from harness.failure import check_no_secrets, failure
from harness.tasks import here_gtid, task_document
from harness.waiting import PATIENCE
from harness.writer import Writer

SERIES = ("mysql-8.0", "mysql-9.7", "mariadb-10.11")


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core)


@pytest.fixture(params=SERIES)
def pair(request, new_server):
    """A primary with a table d.t, and its replica."""
    options = {"log_slave_updates": "1"} if request.param.startswith("mariadb") else {}
    primary, replica = (new_server(request.param, options=options) for _ in range(2))
    for each in (primary, replica):
        replication.reset(each)
    replication.follow(replica, primary)
    primary.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(100))")
    replication.wait_for_rows(replica, "d.t", 0)
    return primary, replica


def task_of(*servers):
    """A task with these candidates, from what the first has now."""
    task = task_document(servers[0], include="d.t", start=here_gtid(servers[0]))
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
