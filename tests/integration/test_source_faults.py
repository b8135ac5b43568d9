"""The source fails: damaged events, broken and silent connections, restarts, huge transactions.

Wherever something arrives, all of it must arrive, in order, and nothing twice: while the
process lives, the queue behind a broken connection lives too.
"""

import re
import signal
import time

import pytest

from harness import proxy as binlog
from harness.failure import check_no_secrets, failure, place_in
from harness.metadata import row_metadata
from harness.proxy import Cut, Hold, Proxy, event_type, flipped
from harness.tasks import here, here_gtid, task_document
from harness.waiting import PATIENCE, wait_until
from harness.writer import Writer

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core)


@pytest.fixture
def between(source):
    """A proxy in front of the source."""
    proxy = Proxy(source)
    yield proxy
    proxy.close()


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


def document(server, table, start, **sections):
    """A task through a proxy, or to a server, without TLS so that a proxy can look in."""
    return task_document(server, include=table, start=start,
                         source_extra={"tls": {"mode": "disabled"}}, **sections)


def outages(running) -> tuple[int, int]:
    """How often the log says that the source is away, and that it is back."""
    return (len(re.findall("the source is away", running.stderr)),
            len(re.findall("the source .* is back", running.stderr)))


# ------------------------------------------------------- damaged events

@pytest.fixture
def groups(source, database):
    """Three transactions of rows 1; 2 and 3; 4. Returns the table and (file, end of the first)."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100))")
    start = here(source)
    source.sql(f"INSERT INTO {table} VALUES (1, 'first')")
    end = source.position()
    source.sql(f"INSERT INTO {table} VALUES (2, 'second'), (3, 'third')")
    source.sql(f"INSERT INTO {table} VALUES (4, 'fourth')")
    return table, start, end


class Damage:
    """on_event: does something to the second event of some types, and remembers which it was."""

    def __init__(self, types, change):
        self.types = types
        self.change = change
        self.met = 0
        self.begin = None

    def __call__(self, event, dump):
        if event_type(event) not in self.types:
            return event
        self.met += 1
        if self.met != 2:
            return event
        self.begin = int.from_bytes(event[13:17], "little") - len(event)
        return self.change(event)


def check_place(line, damage, end) -> None:
    """The error names the place where the good events end and the damaged one is looked for.
    That is its own, but for an ANNOTATE_ROWS of MariaDB between them, which is not sent to us."""
    file, offset = place_in(line)
    assert file == end[0], line
    assert offset == damage.begin or \
        (damage.types == (binlog.TABLE_MAP,) and end[1] < offset < damage.begin), line


@pytest.mark.sanitize
@pytest.mark.parametrize("types,offset", [
    (binlog.ROWS, 22), (binlog.ROWS, -1), (binlog.ROWS, 4), (binlog.ROWS, 9),
    ((binlog.TABLE_MAP,), 30), ((binlog.XID,), 20), (binlog.GTID, 25)])
def test_corrupted_event(source, between, core, groups, types, offset):
    """One bit of one byte: of rows, of a checksum, a type, a length, a name. The error says
    where, nothing of that transaction arrives, and what is there is saved."""
    table, start, (file, end) = groups
    between.on_event = damage = Damage(types, lambda event: flipped(event, offset % len(event)))
    task = document(between, table, start)
    result = core.run(task)
    line = failure(result, "event_corrupt", "mysqlbinlog")
    check_place(line, damage, (file, end))
    assert ids(result.messages) == [1], "and nothing of its transaction"
    position = result.summary["position"]
    assert (position["file"], position["pos"]) == (file, end)
    between.on_event = None
    assert ids(core.run(task).ok().messages) == [2, 3, 4], "the source was not to blame"


@pytest.mark.sanitize
@pytest.mark.parametrize("bytes_left", [0, 19, -1])
def test_truncated_event(source, between, core, groups, bytes_left):
    """An event that ends too early, in a stream that goes on."""
    table, start, end = groups
    between.on_event = damage = Damage(binlog.ROWS, lambda event: event[:bytes_left])
    task = document(between, table, start)
    result = core.run(task)
    check_place(failure(result, "event_corrupt"), damage, end)
    assert ids(result.messages) == [1]
    between.on_event = None
    assert ids(core.run(task).ok().messages) == [2, 3, 4]


@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_damage_without_checksums(source, core, new_server, new_database):
    """binlog_checksum=NONE: read all the same; what can be noticed without one is."""
    server = new_server(f"{source.flavor}-{source.series}", options={"binlog_checksum": "NONE"})
    database = new_database(server)
    table = f"{database}.t"
    server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100))")
    start = here(server)
    for number in (1, 2, 3):
        server.sql(f"INSERT INTO {table} VALUES ({number}, 'x')")
    assert ids(core.run(document(server, table, start)).ok().messages) == [1, 2, 3]

    def shortened(event):
        """Three bytes of the row are missing, and the lengths agree."""
        size = (len(event) - 3).to_bytes(4, "little")
        return event[:9] + size + event[13:-3]
    between = Proxy(server)
    try:
        between.on_event = Damage(binlog.ROWS, shortened)
        result = core.run(document(between, table, start), state=core.folder / "other")
        line = failure(result, "event_corrupt", table)
        assert place_in(line)[0] == start["file"]
        assert ids(result.messages) == [1]
    finally:
        between.close()


# ------------------------------------------------------- broken connections

@pytest.mark.sanitize
@pytest.mark.parametrize("how", [here, here_gtid])
def test_stream_that_breaks(source, database, between, core, how):
    """Cut in packet headers, in events, between them: each time it goes on where it was."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100))")
    start = how(source)
    with row_metadata(source):  # so that no second dump looks ahead for DDL
        for number in range(1, 31, 2):
            source.sql(f"INSERT INTO {table} VALUES ({number}, 'x'), ({number + 1}, 'y')")
    # (the how manieth event of these types in its dump, bytes of its packet that still come)
    cuts = [(binlog.ROWS, 1, 0), (binlog.ROWS, 2, 2), (binlog.ROWS, 2, 4), (binlog.ROWS, 3, 15),
            ((binlog.XID,), 2, 5), ((binlog.TABLE_MAP,), 2, 40), (binlog.GTID, 2, 30),
            ((binlog.XID,), 1, 0)]
    met = {}

    def on_event(event, dump):
        if dump < len(cuts) and event_type(event) in cuts[dump][0]:
            met[dump] = met.get(dump, 0) + 1
            if met[dump] == cuts[dump][1]:
                raise Cut(cuts[dump][2])
        return event
    between.on_event = on_event
    running = core.start(document(between, table, start), until="head")
    result = running.wait(60).ok()
    assert between.dumps == len(cuts) + 1
    assert ids(result.messages) == list(range(1, 31))
    assert outages(running) == (len(cuts), len(cuts)), "each outage is told once"


@pytest.mark.parametrize("how", [here, here_gtid])
def test_breaks_at_the_same_event_wait_longer_each_time(source, database, between, core, how):
    """Each dump breaks at the same event: they come further apart, although a server may begin
    each one with a heartbeat (MySQL does, with GTIDs)."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    start = how(source)
    source.sql(f"INSERT INTO {table} VALUES (1)")
    begun = []

    def on_event(event, dump):
        if event_type(event) in binlog.ROWS:
            begun.append(time.monotonic())
            raise Cut(0)
        return event
    between.on_event = on_event
    running = core.start(document(between, table, start), until="head")
    wait_until(lambda: len(begun) >= 7, 60, "seven dumps that broke")
    between.on_event = None
    assert ids(running.wait(60).ok().messages) == [1]
    # A wait doubles from 100 ms on, and as much as half of it is left to chance.
    apart = [later - former for former, later in zip(begun, begun[1:])]
    assert apart[5] >= 1.6, f"seconds between two dumps: {apart}"


@pytest.mark.parametrize("statement", [b"SHOW ", b"SELECT"])
def test_connection_that_breaks_at_first(source, database, between, core, statement):
    """Before the first event: --standalone waits for no address that is wrong, but a connection
    that was made and broke is made again."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    start = here(source)
    source.sql(f"INSERT INTO {table} VALUES (1)")
    broken = []

    def on_command(data):
        if data[5:5 + len(statement)] == statement and len(broken) < 2:
            broken.append(data)
            raise Cut(0)
    between.on_command = on_command
    assert ids(core.run(document(between, table, start)).ok().messages) == [1]
    assert len(broken) == 2


@pytest.mark.sanitize
def test_stream_that_breaks_inside_a_large_group(source, database, between, core):
    """A transaction over group_bytes is read twice; broken in either reading, and again."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(400))")
    start = here(source)
    values = [f"({number}, REPEAT('{number % 10}', 300))" for number in range(4000)]
    source.sql("BEGIN;" + "".join(f"INSERT INTO {table} VALUES {','.join(values[at:at + 50])};"
                                  for at in range(0, len(values), 50)) + "COMMIT")
    source.sql(f"INSERT INTO {table} VALUES (4000, 'behind')")
    # dump: the how manieth rows event is its last. Even ones scan, odd ones publish, until
    # the first is broken: then the order is the other way round, and so on.
    cuts = {0: 30, 2: 20, 4: 50, 6: 70}
    met = {}

    def on_event(event, dump):
        if event_type(event) in binlog.ROWS:
            met[dump] = met.get(dump, 0) + 1
            if met[dump] == cuts.get(dump):
                raise Cut(100)
        return event
    between.on_event = on_event
    result = core.run(document(between, table, start,
                               memory={"group_bytes": 65536, "queue_bytes": 262144})).ok()
    assert ids(result.messages) == list(range(4001))
    assert result.summary["transactions"] == 2 and between.dumps >= 5


@pytest.mark.sanitize
def test_silent_stream(source, between, core, groups):
    """Neither events nor heartbeats, and the connection stays open: noticed after three
    heartbeats (every half second here, as the run has an end)."""
    table, start, _ = groups

    def on_event(event, dump):
        if dump == 0 and event_type(event) in binlog.ROWS and b"second" in event:
            raise Hold
        return event
    between.on_event = on_event
    running = core.start(document(between, table, start), until="head")
    began = time.monotonic()
    running.wait_for_log(r"source_silent")
    assert 1 < time.monotonic() - began < 4 * PATIENCE
    assert ids(running.wait(20).ok().messages) == [1, 2, 3, 4]
    assert outages(running) == (1, 1)


def dump_connection(server, user) -> int:
    """The id of a user's binlog dump."""
    rows = wait_until(lambda: server.sql(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' "
        f"AND USER = '{user}'"), 10, "a dump runs")
    return int(rows[0][0])


def test_killed_connection_and_changed_password(source, database, core):
    """KILL on the server: reconnected. With a changed password as well: a clear end, and
    after the document is corrected, the rest."""
    table = f"{database}.t"
    user = database[-30:]
    source.create_repl_user(user, "repl-password")
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    task = task_document(source, include=table, start=here(source), user=user)
    running = core.start(task)
    running.wait_for_log("reading ")
    source.sql(f"INSERT INTO {table} VALUES (1); KILL {dump_connection(source, user)};"
               f"INSERT INTO {table} VALUES (2)")
    running.wait_for_lines(2)
    wait_until(lambda: outages(running) == (1, 1), 10, "it came back")
    source.sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'repl-password-2';"
               f"KILL {dump_connection(source, user)}; INSERT INTO {table} VALUES (3)")
    result = running.wait(20)
    failure(result, "source_auth", f"{user}@127.0.0.1:{source.port}", "Access denied")
    assert ids(result.messages) == [1, 2]
    task["source"]["password"] = "repl-password-2"
    assert ids(core.run(task).ok().messages) == [3]


def test_purged_while_away(source, core, new_server, new_database):
    """What followed our position is gone when the connection comes back: told, not waited for."""
    server = new_server(f"{source.flavor}-{source.series}")
    table = f"{new_database(server)}.t"
    server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    between = Proxy(server)
    try:
        running = core.start(document(between, table, here_gtid(server)))
        running.wait_for_log("reading ")
        server.sql(f"INSERT INTO {table} VALUES (1)")
        running.wait_for_lines(1)
        between.refuse = True
        server.sql(f"KILL {dump_connection(server, 'repl')}; INSERT INTO {table} VALUES (2);"
                   "FLUSH BINARY LOGS")
        running.wait_for_log("the source is away")
        file, _ = server.position()

        def purged():
            server.sql(f"PURGE BINARY LOGS TO '{file}'")
            return len(server.sql("SHOW BINARY LOGS")) == 1
        wait_until(purged, 20, "the binlogs are purged", 0.1)
        between.refuse = False
        failure(running.wait(20), "source_purged", f"repl@127.0.0.1:{between.port}")
    finally:
        between.close()


# ------------------------------------------------------- restarts

SERIES = ("mariadb-10.11", "mysql-9.7", "mysql-8.0")


@pytest.fixture(scope="module", params=SERIES)
def server_of_module(request, pool, sandbox):
    """A server that these tests may restart and pause, for all of them in turn."""
    made = pool.make(request.param)
    yield made
    sandbox.discard(made)


@pytest.fixture
def server(server_of_module):
    """That server, running whatever the test before has left."""
    if not server_of_module.alive:
        server_of_module.start()
    return server_of_module


@pytest.mark.sanitize
def test_source_restarts(server, core, new_database):
    """Killed and stopped under load: the task waits, and goes on with the next row."""
    ways = ("kill", "stop")
    database = new_database(server)
    server.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(100));"
               f"CREATE TABLE {database}.u (id INT PRIMARY KEY, v INT)")
    running = core.start(document(server, f"{database}.*", here_gtid(server)))
    running.wait_for_log("reading ")
    server.sql(f"INSERT INTO {database}.u VALUES (1, 1); INSERT INTO {database}.t VALUES (0, 'a')")
    writer = Writer(server, f"{database}.t")
    for number, way in enumerate(ways, 1):
        wait_until(lambda: writer.done >= 100 * number, 30, "rows are written")
        getattr(server, way)()
        running.wait_for_log("(?s)" + "the source is away.*" * number)
        time.sleep(0.5)
        server.start()
        # Table numbers begin anew after a start: the other table may get a known one.
        server.sql(f"INSERT INTO {database}.u VALUES ({number + 1}, {number + 1})")
        done = writer.done
        wait_until(lambda: writer.done >= done + 50, 30, "rows are written again")
        running.wait_for_log("(?s)" + "the source [^ ]* is back.*" * number)
        # The next attempt may be ten seconds away: two restarts in one wait are one outage.
        running.wait_for_log("(?s)" + "the source [^ ]* is back.*" * number, 30)
    written = writer.stop()
    count = len(written) + len(ways) + 1
    running.wait_for_lines(count)
    result = running.terminate().ok()
    of_t = [m["after"] for m in result.messages if m["source"]["table"] == "t"]
    assert [row["id"] for row in of_t] == written, "all, in order, none twice"
    assert all(row["v"] == f"row {row['id']}" for row in of_t[1:])
    of_u = [m["after"] for m in result.messages if m["source"]["table"] == "u"]
    assert of_u == [{"id": number, "v": number} for number in range(1, len(ways) + 2)]
    assert outages(running) == (len(ways), len(ways)), running.stderr
    assert result.summary["rows"] == count


def test_stop_while_the_source_is_away(source, database, between, core):
    """SIGTERM during an outage ends at once, and what arrived is saved."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    task = document(between, table, here(source))
    running = core.start(task)
    running.wait_for_log("reading ")
    source.sql(f"INSERT INTO {table} VALUES (1)")
    running.wait_for_lines(1)
    between.refuse = True
    between.drop()
    running.wait_for_log("the source is away")
    time.sleep(0.5)
    began = time.monotonic()
    assert ids(running.terminate().ok().messages) == [1]
    assert time.monotonic() - began < 3 * PATIENCE
    between.refuse = False
    source.sql(f"INSERT INTO {table} VALUES (2)")
    assert ids(core.run(task).ok().messages) == [2]


def test_paused_server(server, core, new_database):
    """SIGSTOP: the connection stays, nothing comes. Noticed after three heartbeats of two
    seconds, waited out, and nothing lost."""
    table = f"{new_database(server)}.t"
    server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    running = core.start(document(server, table, here_gtid(server)))
    running.wait_for_log("reading ")
    server.sql(f"INSERT INTO {table} VALUES (1)")
    running.wait_for_lines(1)
    server.pause()
    try:
        began = time.monotonic()
        running.wait_for_log("source_silent", 15)
        assert 4 < time.monotonic() - began < 8 * PATIENCE, "three heartbeats"
        time.sleep(0.5)
    finally:
        server.resume()
    server.sql(f"INSERT INTO {table} VALUES (2)")
    running.wait_for_lines(2, 25)
    assert ids(running.terminate().ok().messages) == [1, 2]
    assert outages(running) == (1, 1)


@pytest.mark.sanitize
def test_second_signal_ends_at_once(server, core, new_database):
    """SIGINT as SIGTERM; the second does not wait for anything."""
    table = f"{new_database(server)}.t"
    server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    running = core.start(document(server, table, here_gtid(server)))
    running.wait_for_log("reading ")
    running.signal(signal.SIGINT)
    running.signal(signal.SIGTERM)
    result = running.wait(10).ok()
    assert result.seconds < 10 * PATIENCE


# ------------------------------------------------------- memory

@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_memory_of_a_large_transaction(source, database, core):
    """300,000 rows of 250 bytes in one transaction, with the default bounds: under 64 MB."""
    table = f"{database}.t"
    source.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, a BIGINT, b VARCHAR(255), c DATETIME,"
               "d DECIMAL(12,2), e DOUBLE)")
    start = here(source)
    depth = "max_recursive_iterations" if source.flavor == "mariadb" else "cte_max_recursion_depth"
    source.sql(f"SET SESSION {depth} = 1000000; INSERT INTO {table} WITH RECURSIVE s(n) AS "
               "(SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 300000) "
               "SELECT n, n * 1000003, REPEAT(CHAR(97 + n % 26), 200), NOW(), n / 7, n / 3 FROM s")
    result = core.run(document(source, table, start, pipe="none"), timeout=120).ok()
    assert result.summary["rows"] == 300000
    assert result.summary["peak_rss_bytes"] < 64 * MIB, result.summary


def test_memory_of_a_large_row(core, new_server, new_database, tmp_path):
    """One row of 40 MB: three times the larger of its event and its message, and no more."""
    size = 40 * 10**6
    server = new_server("mariadb-10.11", options={"max_allowed_packet": "128M"})
    table = f"{new_database(server)}.t"
    server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v LONGBLOB)")
    start = here(server)
    server.sql(f"INSERT INTO {table} VALUES (1, REPEAT('x', {size})), (2, 'small')")
    path = tmp_path / "out"
    result = core.run(document(server, table, start,
                               pipe={"type": "file", "path": str(path)})).ok()
    message = path.stat().st_size
    assert message > size * 4 / 3, "a BLOB is base64"
    bound = 2 * 16 * MIB + 3 * message + 24 * MIB
    assert result.summary["peak_rss_bytes"] < bound, (result.summary, bound)
    with open(path, "rb") as handle:
        first, second = handle
    assert b'"id":1' in first[:100] and b'"id":2' in second[:100]
    path.unlink()
