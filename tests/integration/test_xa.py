"""XA transactions: what was prepared arrives when it is committed, there, and never else.

Every prepared transaction holds its connection until it is decided, as an application
server would; what a test leaves is rolled back.
"""

import json

import pymysql
import pytest

from harness.tasks import here, here_gtid, task_document, unique
from harness.waiting import wait_until

ALL = ("mariadb-10.11", "mariadb-11.8", "mysql-5.7", "mysql-8.0", "mysql-9.7")


class Prepared:
    """One transaction, prepared; its name as the statements take it."""

    def __init__(self, server, statements, name, before):
        self.name = name
        self._link = server.connect()
        self._cursor = self._link.cursor()
        for statement in (*before, f"XA START {name}", *statements, f"XA END {name}", f"XA PREPARE {name}"):
            self._cursor.execute(statement)
        self.decided = False

    def commit(self):
        """Its rows happen now."""
        self._decide("COMMIT")

    def rollback(self):
        """Its rows never happened."""
        self._decide("ROLLBACK")

    def _decide(self, verb):
        self._cursor.execute(f"XA {verb} {self.name}")
        self.decided = True
        self._link.close()


@pytest.fixture
def prepare():
    """Prepare transactions; those that nobody decided are rolled back."""
    made = []

    def make(server, *statements, name=None, before=()):
        made.append(Prepared(server, statements, name or f"'{unique('xa')}'", before))
        return made[-1]
    yield make
    for each in made:
        if not each.decided:
            try:
                each.rollback()
            except pymysql.Error:
                pass


@pytest.fixture
def table(source, database):
    """A table of ids and texts."""
    name = f"{database}.t"
    source.sql(f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(1000))")
    return name


def put(table, *ids, text="x"):
    """An INSERT of rows."""
    return f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, '{text}')" for i in ids)


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages if m and m["op"] == "c"]


def many(server, table, first, count, width=200):
    """INSERT … of many rows, and what lets it run."""
    depth = "max_recursive_iterations" if server.flavor == "mariadb" else "cte_max_recursion_depth"
    return [f"SET SESSION {depth} = 1000000000",
            f"INSERT INTO {table} WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 "
            f"FROM s WHERE n < {first + count - 1}) SELECT n, REPEAT('w', {width}) FROM s"]


def saved(core):
    """The position document in the state folder."""
    return json.loads((core.state / "position.json").read_text(encoding="utf-8"))


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
@pytest.mark.parametrize("start", [here, here_gtid])
def test_rows_come_with_their_commit(source, table, core, prepare, start):
    """In the order of the commits; what was rolled back never; one phase at once."""
    document = task_document(source, include=table, start=start(source))
    one = prepare(source, put(table, 1), put(table, 2))
    source.sql(put(table, 3))
    binary = prepare(source, put(table, 4), name="X'00ff27', 'b''q', 7")
    gone = prepare(source, put(table, 5))
    source.sql(f"XA START 'p'; {put(table, 6)}; XA END 'p'; XA COMMIT 'p' ONE PHASE")
    binary.commit()
    gone.rollback()
    source.sql("FLUSH BINARY LOGS")
    source.sql(put(table, 7))
    one.commit()
    source.sql(f"UPDATE {table} SET v = 'after' WHERE id = 1")
    result = core.run(document).ok()
    assert ids(result.messages) == [3, 6, 4, 7, 1, 2]
    assert result.messages[-1]["op"] == "u" and result.messages[-1]["after"]["v"] == "after"
    assert "are read again" not in result.stderr
    assert saved(core)["prepared"] == []


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
@pytest.mark.parametrize("start", [here, here_gtid])
def test_a_restart_between_prepare_and_commit(source, table, core, prepare, start):
    """The position knows them; their rows are read again, behind a second file, too."""
    document = task_document(source, include=table, start=start(source))
    one = prepare(source, put(table, 1), put(table, 2))
    two = prepare(source, put(table, 3))
    gone = prepare(source, put(table, 4))
    source.sql(put(table, 5))
    assert ids(core.run(document).ok().messages) == [5]
    entries = saved(core)["prepared"]
    assert [entry["xid"] for entry in entries] == [
        f"X'{each.name.strip(chr(39)).encode().hex()}',X'',1" for each in (one, two, gone)]
    by_gtid = start is here_gtid or source.flavor == "mariadb"
    for entry in entries:
        assert entry["file"] and entry["pos"] > 4
        assert bool(entry["before"]) == by_gtid
    source.sql("FLUSH BINARY LOGS")
    two.commit()
    source.sql(put(table, 6))
    gone.rollback()
    one.commit()
    source.sql(put(table, 7))
    result = core.run(document).ok()
    assert ids(result.messages) == [3, 6, 1, 2, 7]
    assert result.stderr.count("are read again") == 2
    assert saved(core)["prepared"] == []
    assert core.run(document).ok().messages == []


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
def test_found_by_gtid(source, table, core, prepare):
    """File and offset mean nothing (another server's): the GTIDs do."""
    document = task_document(source, include=table, start=here_gtid(source))
    source.sql(put(table, 1))
    one = prepare(source, put(table, 2))
    source.sql(put(table, 3))
    assert ids(core.run(document).ok().messages) == [1, 3]
    one.commit()
    source.sql(put(table, 4))
    document_path = core.state / "position.json"
    position = saved(core)
    position["prepared"][0].update(file=position["prepared"][0]["file"] + "9", pos=4711)
    document_path.write_text(json.dumps(position), encoding="utf-8")
    assert ids(core.run(document).ok().messages) == [2, 4]


@pytest.mark.sources(*ALL)
@pytest.mark.parametrize("start", [here, here_gtid])
def test_purged_before_its_commit(source, table, core, prepare, start):
    """Nobody has the rows any more: it stops, and says of which transaction."""
    document = task_document(source, include=table, start=start(source))
    one = prepare(source, put(table, 1))
    source.sql("FLUSH BINARY LOGS")
    source.sql(put(table, 2))
    assert ids(core.run(document).ok().messages) == [2]
    before = saved(core)
    newest = source.position()[0]

    def purged():  # not as long as a dump of before is at its end there
        source.sql(f"PURGE BINARY LOGS TO '{newest}'")
        return source.sql("SHOW BINARY LOGS")[0][0] == newest
    wait_until(purged, 20, "the file is purged")
    one.commit()
    source.sql(put(table, 3))
    result = core.run(document)
    assert result.status != 0 and not result.messages
    assert "source_purged" in result.stderr and before["prepared"][0]["xid"] in result.stderr
    after = saved(core)
    assert (after["pos"], after["prepared"]) == (before["pos"], before["prepared"])


@pytest.mark.sanitize
def test_with_a_server_id_of_our_own(source, table, core, prepare):
    """One id is one connection: the main one is closed, and opened again behind."""
    document = task_document(source, include=table, start=here_gtid(source),
                             source_extra={"server_id": 424242})
    one = prepare(source, put(table, 1))
    two = prepare(source, put(table, 2))
    source.sql(put(table, 3))
    assert ids(core.run(document).ok().messages) == [3]
    running = core.start(document)
    running.wait_for_log("reading ")
    one.commit()
    source.sql(put(table, 4))
    running.wait_for_lines(2)
    two.commit()
    source.sql(put(table, 5))
    running.wait_for_lines(4)
    assert ids(running.messages) == [1, 4, 2, 5]
    running.terminate().ok()


@pytest.mark.sanitize
def test_more_than_memory_holds(source, table, core, prepare):
    """What has no room is read again; a group that has none by itself, as it streams by."""
    document = task_document(source, include=table, start=here(source),
                             memory={"group_bytes": 65536, "queue_bytes": 262144})
    large = prepare(source, *many(source, table, 1, 2000))
    small = prepare(source, put(table, 3001))
    middling = [prepare(source, *many(source, table, 4000 + 100 * n, 100)) for n in range(4)]
    source.sql(";".join(many(source, table, 5000, 400)))  # takes the memory of all
    late = prepare(source, put(table, 6001))
    for each in (late, *middling, small, large):
        each.commit()
    source.sql(put(table, 7000))
    result = core.run(document).ok()
    assert ids(result.messages) == [
        *range(5000, 5400), 6001, *range(4000, 4400), 3001, *range(1, 2001), 7000]
    again = result.stderr.count("are read again")
    assert 5 <= again <= 6, "the last one was kept"
    assert saved(core)["prepared"] == []


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
def test_prepared_before_the_start(source, table, core, prepare):
    """Its rows were never read: a commit stops the task, a rollback is nothing."""
    one, gone = prepare(source, put(table, 1)), prepare(source, put(table, 2))
    start = here(source)
    gone.rollback()
    source.sql(put(table, 3))
    begin = source.position()
    one.commit()
    end = source.position()
    source.sql(put(table, 4))
    document = task_document(source, include=table, start=start)
    result = core.run(document)
    assert result.status == 1 and ids(result.messages) == [3]
    assert "xa_unknown" in result.stderr and f"{begin[0]}:{begin[1]}" in result.stderr
    assert one.name.strip("'").encode().hex() in result.stderr
    document["source"]["start"] = {"file": end[0], "pos": end[1]}
    assert ids(core.run(document, state=core.folder / "new").ok().messages) == [4]


def test_tables_that_nobody_wants(source, database, table, core, prepare):
    """A transaction over several tables brings the rows of those that are included."""
    source.sql(f"CREATE TABLE {database}.other (id INT PRIMARY KEY, v TEXT)")
    document = task_document(source, include=table, start=here(source))
    other = f"{database}.other"
    both = prepare(source, put(other, 1), put(table, 1), put(other, 2), put(table, 2))
    none = prepare(source, put(other, 3))
    none.commit()
    both.commit()
    result = core.run(document).ok()
    assert [(m["source"]["table"], m["after"]["id"]) for m in result.messages] == [
        ("t", 1), ("t", 2)]


@pytest.mark.sanitize
@pytest.mark.sources("mariadb-10.11")
def test_savepoints_inside(source, database, table, core, prepare):
    """Rows that a ROLLBACK TO took back do not arrive, from memory or read again."""
    source.sql(f"CREATE TABLE {database}.m (id INT) ENGINE=MyISAM")
    document = task_document(source, include=f"{database}.*", start=here(source))
    for again in (False, True):
        first = 10 if again else 0
        one = prepare(source, put(table, first + 1), "SAVEPOINT a", put(table, first + 2),
                      f"INSERT INTO {database}.m VALUES (1)", put(table, first + 3),
                      "ROLLBACK TO a", put(table, first + 4))
        if again:
            core.run(document).ok()
        one.commit()
        result = core.run(document).ok()
        assert ("are read again" in result.stderr) == again
        rows = [m["after"]["id"] for m in result.messages if m["source"]["table"] == "t"]
        assert rows == [first + 1, first + 4]


@pytest.mark.sanitize
@pytest.mark.sources("mysql-9.7")
def test_compressed(source, table, core, prepare):
    """A prepared group inside a TRANSACTION_PAYLOAD, from memory and read again."""
    document = task_document(source, include=table, start=here(source),
                             memory={"group_bytes": 65536, "queue_bytes": 262144})
    on = ["SET SESSION binlog_transaction_compression = ON"]
    one = prepare(source, put(table, 1), put(table, 2), before=on)
    two = prepare(source, put(table, 3), before=on)
    two.commit()
    result = core.run(document).ok()
    assert ids(result.messages) == [3] and "are read again" not in result.stderr
    large = prepare(source, *many(source, table, 100, 900, width=500), before=on)
    large.commit()
    one.commit()
    result = core.run(document).ok()
    assert ids(result.messages) == [*range(100, 1000), 1, 2]
    assert result.stderr.count("are read again") == 2


@pytest.mark.sources("mariadb-10.11", "mysql-9.7")
def test_kill_inside_a_large_one(source, table, core, kafka, bus, prepare):
    """After kill -9 inside its rows it goes on inside them, by the group that decides."""
    name = unique("bigxa")
    document = task_document(source, include=table, start=here(source), name=name,
                             commit_interval_ms=100, pipe=kafka,
                             memory={"queue_bytes": 262144, "group_bytes": 65536})
    one = prepare(source, *many(source, table, 1, 30000, width=500))
    source.sql(put(table, 70001))
    core.run(document).ok()
    one.commit()
    source.sql(put(table, 70002))
    partial = None
    running = core.start(document)

    def inside():
        nonlocal partial
        partial = saved(core)["partial"]
        return partial or not running.alive
    wait_until(inside, 30, "a position inside the transaction")
    running.kill()
    position = saved(core)
    assert position["prepared"] and partial, "it was too fast to be seen inside"
    rows = position["partial"]["rows"]
    topic = f"{name}.{table}"
    before = len(bus.collect(topic)) - 1
    core.run(document).ok()
    seen = [m.json["after"]["id"] for m in bus.collect(topic, count=before + 30000 - rows + 2)]
    assert seen[:before + 1] == [70001, *range(1, before + 1)]
    assert seen[before + 1:] == [*range(rows + 1, 30001), 70002]


@pytest.mark.sources("mariadb-11.8", "mysql-8.0")
def test_kill_anywhere(source, table, core, kafka, bus, prepare):
    """kill -9 again and again among prepares and commits: every row, in each key's order."""
    name = unique("xakill")
    document = task_document(source, include=table, start=here(source), name=name, pipe=kafka,
                             commit_interval_ms=20)
    number, waiting, wanted = 0, [], set()
    for _ in range(4):
        running = core.start(document)
        running.wait_for_log("reading ")
        for step in range(8):
            number += 1
            waiting.append((prepare(source, put(table, number)), number))
            if step % 2:
                each, identifier = waiting.pop(0)
                each.commit()
                wanted.add(identifier)
                source.sql(f"UPDATE {table} SET v = 'u' WHERE id = {identifier}")
            elif step == 4:
                waiting.pop(1)[0].rollback()
        running.kill()
    core.run(document).ok()
    state = {}
    for message in bus.collect(f"{name}.{table}", count=2 * len(wanted)):
        state[message.json["after"]["id"]] = message.json["after"]["v"]
    assert state == {identifier: "u" for identifier in wanted}


@pytest.mark.sources("mysql-9.7", "mariadb-11.8")
def test_a_daemon_takes_over(cluster, source, table, kafka, bus, prepare):
    """lastCommit has what is prepared: the next process publishes it."""
    cluster.server()
    first = cluster.core("c1")
    task = cluster.create(task_document(source, include=table, pipe=kafka), start=True)
    cluster.wait_state(task, "RUNNING")
    one, two = prepare(source, put(table, 1)), prepare(source, put(table, 2))
    source.sql(put(table, 3))

    def last_commit():
        return cluster.tree.json(cluster.path(task, "lastCommit")) or {}
    wait_until(lambda: len(last_commit().get("prepared", [])) == 2, 20, "lastCommit has both")
    first.kill()
    two.commit()
    source.sql(put(table, 4))
    one.commit()
    cluster.core("c2")
    wait_until(lambda: last_commit()["prepared"] == [], 20, "both have left it")
    seen = [m.json["after"]["id"] for m in bus.collect(f"{task}.{table}", count=4)]
    assert list(dict.fromkeys(seen)) == [3, 2, 4, 1], "the kill may double what was not saved"
    # A person's position knows of none.
    left = prepare(source, put(table, 5))
    wait_until(lambda: last_commit()["prepared"], 20, "one more")
    cluster.api.post(f"/tasks/{task}/stop").ok()
    cluster.wait_state(task, "STOPPED")
    file, pos = source.position()
    cluster.mrctl("task", "position", task, "--set", f"{file}:{pos}").ok()
    cluster.api.post(f"/tasks/{task}/start").ok()
    wait_until(lambda: last_commit()["prepared"] == [], 20, "the set position counts")
    left.rollback()
