"""Bad input: each has an error that names the thing and the way out, and loses nothing.

"Loses nothing" means: what stood before the bad thing is delivered and saved, nothing of
it or behind it is, and once the operator has done what the error says, the same task goes
on with what follows. Where the way out is a statement, the test runs the error's own words.
"""

import json
import socket
import threading
import time

import pytest

from harness.failure import check_no_secrets, failure, grant_in, place_in
from harness.tasks import here, here_gtid, task_document, unique
from harness.waiting import PATIENCE, wait_until

SERIES = ("mariadb-10.11", "mysql-9.7", "mysql-8.0")
WRONG = "wr0ng-passw0rd"


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core, WRONG)


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


def saved(core, name="position.json") -> dict:
    """A file of the state folder."""
    return json.loads((core.state / name).read_text(encoding="utf-8"))


def table(server, database) -> str:
    """A table, and what stands before the bad thing: one row."""
    server.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(100));"
               f"INSERT INTO {database}.t VALUES (1, 'before')")
    return f"{database}.t"


def check_stopped_before(core, result, code, *words, begin, end) -> str:
    """One row was delivered and saved; the error names a place from `begin` up to `end`."""
    line = failure(result, code, *words)
    assert ids(result.messages) == [1], "what stands before it, and nothing else"
    file, offset = place_in(line)
    assert file == begin[0] and begin[1] <= offset < end[1], f"{line}: not in {begin} to {end}"
    position = saved(core)
    assert (position["file"], position["pos"]) == begin, "the position before it is saved"
    return line


# ------------------------------------------------------- reaching and entering the source

@pytest.mark.sanitize
def test_wrong_password(source, core):
    """User and server are named, the password is not."""
    result = core.run(task_document(source, include="a.b", password=WRONG))
    failure(result, "source_auth", f"repl@127.0.0.1:{source.port}", "Access denied",
            "source.password")
    assert result.seconds < 5 * PATIENCE, "not tried again and again"


def test_unknown_user(source, core):
    """MySQL does not say so: it asks a user that is not there for a method by chance."""
    result = core.run(task_document(source, include="a.b", user="no_such_user", password=WRONG))
    asked = "source_auth_plugin" if "source_auth_plugin" in result.stderr else "source_auth"
    words = ["no such user"] if asked == "source_auth_plugin" else ["create the user"]
    failure(result, asked, f"no_such_user@127.0.0.1:{source.port}", *words)


def test_a_password_that_looks_like_a_path(mysql_80, core):
    """It is taken as a password, and not shown."""
    secret = f"/{WRONG}/x"
    result = core.run(task_document(mysql_80, include="a.b", password=secret))
    failure(result, "source_auth", "Access denied")


def test_password_by_reference(mysql_80, core, tmp_path):
    """A reference that leads nowhere is named; one that leads somewhere is followed."""
    document = task_document(mysql_80, include="a.b", password="env:MR_SECRET_OF_THE_TEST")
    result = core.run(document)
    failure(result, "secret_missing", "MR_SECRET_OF_THE_TEST", "source.password")
    core.run(document, env={"MR_SECRET_OF_THE_TEST": "repl-password"}).ok()
    for wrong in ("env:HOME", "file:../../etc/passwd", "credential:nothing"):
        document["source"]["password"] = wrong
        failure(core.run(document), "secret_missing", wrong, "source.password")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/repl").write_text("repl-password\n", encoding="ascii")
    config = tmp_path / "mr-core.conf"
    config.write_text(f"[secrets]\nsecrets_dir = {tmp_path}/secrets\n", encoding="ascii")
    document["source"]["password"] = "file:repl"
    core.run(document, extra=("--config", config)).ok()
    (tmp_path / "secrets/repl").unlink()


@pytest.mark.sanitize
def test_unknown_host(mysql_80, core):
    """Whoever typed it is still there: told at once, not waited for."""
    result = core.run(task_document(mysql_80, include="a.b",
                                    source_extra={"host": "no-such-host.invalid"}))
    failure(result, "source_unreachable", "repl@no-such-host.invalid:", "unknown host")
    assert result.seconds < 10 * PATIENCE


def test_refused_port(mysql_80, core, sandbox):
    """Nobody listens."""
    port = sandbox.free_port()
    result = core.run(task_document(mysql_80, include="a.b", source_extra={"port": port}))
    failure(result, "source_unreachable", f"repl@127.0.0.1:{port}", "refused")
    assert result.seconds < 5 * PATIENCE


def test_the_next_host_is_tried(mysql_80, core, sandbox, new_database):
    """Of several hosts one is enough."""
    database = new_database(mysql_80)
    start = here(mysql_80)
    name = table(mysql_80, database)
    document = task_document(mysql_80, include=name, start=start, source_extra={
        "port": sandbox.free_port(), "hosts": [f"127.0.0.1:{sandbox.free_port()}",
                                               f"127.0.0.1:{mysql_80.port}"]})
    assert ids(core.run(document).ok().messages) == [1]


class Listener:
    """Accepts connections, says one thing and then nothing."""

    def __init__(self, greeting: bytes):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.socket.getsockname()
        self._kept = []
        threading.Thread(target=self._accept, args=(greeting,), daemon=True).start()

    def _accept(self, greeting):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self._kept.append(client)
            client.sendall(greeting)


def test_servers_that_are_no_database(core):
    """Something else listens there, or nothing that answers: an error in bounded time."""
    silent = Listener(b"")
    other = Listener(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    ssh = Listener(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    runs = [core.start(task_document(each, include="a.b"), until="head",
                       state=core.folder / f"state-{each.port}") for each in (silent, other, ssh)]
    for each, run in zip((silent, other, ssh), runs):
        result = run.wait(30)
        failure(result, "source_unreachable", f"repl@127.0.0.1:{each.port}")
        assert result.seconds < 15 * PATIENCE


# ------------------------------------------------------- settings and grants

@pytest.fixture(scope="module", params=SERIES)
def own(request, pool, sandbox):
    """A server whose settings and binlogs these tests may change, for all of them in turn."""
    server = pool.make(request.param)
    yield server
    sandbox.discard(server)


@pytest.mark.sanitize
def test_binlog_format(own, core, new_database):
    """What the errors say mends them."""
    database = new_database(own)
    start = here(own)
    name = table(own, database)
    document = task_document(own, include=name, start=start)
    for wrong in ("STATEMENT", "MIXED"):
        own.sql(f"SET GLOBAL binlog_format = {wrong}")
        line = failure(core.run(document), "source_setting", f"repl@127.0.0.1:{own.port}",
                       "binlog_format", "SET GLOBAL binlog_format='ROW'")
        assert "log_bin" not in line.split("(source_setting)")[0]
    own.sql("SET GLOBAL binlog_format='ROW'")
    assert ids(core.run(document).ok().messages) == [1]


def test_log_bin_off(own, core, new_server):
    """Named as it is called in the server's configuration."""
    server = new_server(f"{own.flavor}-{own.series}",
                        options={"skip_log_bin": True, "log_bin": None})
    failure(core.run(task_document(server, include="a.b")), "source_setting",
            f"repl@127.0.0.1:{server.port}", "log_bin off", "[mysqld]")


def test_server_id_zero(pool, sandbox, core):
    """MySQL sends no binlog then."""
    server = pool.make("mysql-8.0", options={"server_id": "0"})
    try:
        failure(core.run(task_document(server, include="a.b")), "source_setting", "server_id",
                "SET GLOBAL server_id")
    finally:
        sandbox.discard(server)


@pytest.mark.sanitize
@pytest.mark.parametrize("granted,lacks", [
    ("SELECT, REPLICATION CLIENT", "REPLICATION SLAVE"),
    ("SELECT, REPLICATION SLAVE", {"mariadb": "BINLOG MONITOR", "mysql": "REPLICATION CLIENT"}),
    ("REPLICATION SLAVE, REPLICATION CLIENT", "SELECT"),
    ("", "REPLICATION SLAVE")])
def test_missing_grant(source, database, core, granted, lacks):
    """The error spells out the GRANT; run as it stands, it mends the task."""
    if isinstance(lacks, dict):
        lacks = lacks[source.flavor]
    user = unique("poor")
    source.create_repl_user(user, "repl-password", grants=granted)
    start = here(source)
    name = table(source, database)
    document = task_document(source, include=name, start=start, user=user)
    line = failure(core.run(document), "source_grant", f"{user}@127.0.0.1:{source.port}", lacks)
    grant = grant_in(line)
    assert lacks in grant and f"'{user}'@'%'" in grant
    source.sql(grant)
    assert ids(core.run(document).ok().messages) == [1], grant


@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_select_on_another_database_only(source, database, core):
    """A table that the user may not see is not taken for one that is gone."""
    user = unique("poor")
    source.create_repl_user(user, "repl-password", grants="REPLICATION SLAVE, REPLICATION CLIENT")
    source.sql(f"GRANT SELECT ON elsewhere.* TO '{user}'@'%'")
    start = here(source)
    name = table(source, database)
    document = task_document(source, include=name, start=start, user=user)
    result = core.run(document)
    failure(result, "schema_missing", name, "the user may not see it",
            f"GRANT SELECT ON `{database}`.*")
    assert not result.messages
    source.sql(f"GRANT SELECT ON `{database}`.* TO '{user}'@'%'")
    assert ids(core.run(document).ok().messages) == [1]


def test_full_metadata_needs_no_select(own, core, new_database):
    """With binlog_row_metadata=FULL the binlog says all."""
    user = unique("poor")
    own.create_repl_user(user, "repl-password", grants="REPLICATION SLAVE, REPLICATION CLIENT")
    database = new_database(own)
    own.sql("SET GLOBAL binlog_row_metadata = FULL")
    try:
        start = here(own)
        name = table(own, database)
        document = task_document(own, include=name, start=start, user=user)
        assert ids(core.run(document).ok().messages) == [1]
    finally:
        own.sql("SET GLOBAL binlog_row_metadata = MINIMAL")


# ------------------------------------------------------- positions

def purge(server) -> str:
    """Purge all binlogs but a new one; its name."""
    server.sql("FLUSH BINARY LOGS")
    file, _ = server.position()

    def purged():
        # MariaDB keeps a file, without a word, that a former dump has not let go of yet.
        server.sql(f"PURGE BINARY LOGS TO '{file}'")
        return len(server.sql("SHOW BINARY LOGS")) == 1
    wait_until(purged, 20, "the binlogs are purged", 0.1)
    return file


@pytest.mark.sanitize
@pytest.mark.parametrize("how", [here, here_gtid])
def test_purged_binlog(own, core, new_database, how):
    """A saved position whose binlog is gone: told, and the position stays as it was."""
    database = new_database(own)
    start = how(own)
    name = table(own, database)
    document = task_document(own, include=name, start=start)
    assert ids(core.run(document).ok().messages) == [1]
    before = saved(core)
    own.sql(f"INSERT INTO {name} VALUES (2, 'gone')")
    oldest = purge(own)
    own.sql(f"INSERT INTO {name} VALUES (3, 'still there')")
    result = core.run(document)
    line = failure(result, "source_purged", f"repl@127.0.0.1:{own.port}", "Take a new snapshot")
    if before["gtid"]:
        assert "has purged binlogs with transactions that come after our position" in line
    else:
        assert before["file"] in line and oldest in line
    assert not result.messages and saved(core) == before
    # The same for a start that the document names.
    document = task_document(own, include=name, start=start)
    failure(core.run(document, state=core.folder / "other"), "source_purged")
    # The way out, knowing what is skipped.
    document = task_document(own, include=name, start="earliest")
    assert ids(core.run(document, state=core.folder / "new").ok().messages) == [3]


def test_offsets_that_are_no_start(source, database, core):
    """In an event, inside a transaction, behind the end, in no file."""
    begin = here(source)
    name = table(source, database)
    end = here(source)
    file = begin["file"]

    def refused(start, *words):
        document = task_document(source, include=name, start=start)
        result = core.run(document, state=core.folder / unique("state"))
        failure(result, "source_position", f"repl@127.0.0.1:{source.port}", *words)
        assert not result.messages
    events = source.sql(f"SHOW BINLOG EVENTS IN '{file}' FROM {begin['pos']}")
    rows = next(event for event in events if event[2].startswith(("Write_rows", "Table_map")))
    inside = int(rows[1])
    refused({"file": file, "pos": begin["pos"] + 7}, f"{file}:{begin['pos'] + 7}",
            "not the start of an event")
    refused({"file": file, "pos": inside}, f"{file}:{inside}", "not the end of a transaction",
            rows[2])
    refused({"file": file, "pos": end["pos"] + 1000}, str(end["pos"] + 1000), "behind the end of",
            file)
    refused({"file": "binlog.999999", "pos": 4}, "no binlog named binlog.999999", file)
    refused({"file": "nonsense.000001", "pos": 4}, "no binlog named nonsense.000001")


def test_future_gtid(source, core):
    """A position that this server has not reached, of its own or of another's history."""
    gtid = source.gtid()
    if source.flavor == "mariadb":
        future = "-".join([*gtid.split("-")[:2], "999999999"])
    else:
        future = f"{gtid.split(':')[0]}:1-999999999"
    document = task_document(source, include="a.b", start={"gtid": future})
    result = core.run(document, until="999-999-1" if source.flavor == "mariadb" else
                      "00000000-0000-0000-0000-000000000001:1", timeout=20)
    failure(result, "source_diverged", f"repl@127.0.0.1:{source.port}", "topology")


def test_gtid_that_is_none(source, core):
    """A set of the other flavour, and no set at all."""
    other = "0-1-1" if source.flavor == "mysql" else "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"
    for text in (other, "latest", "%"):
        result = core.run(task_document(source, include="a.b", start={"gtid": text}),
                          state=core.folder / unique("state"))
        failure(result, "source_position", "source.start.gtid", text)
        result = core.run(task_document(source, include="a.b"), until=text,
                          state=core.folder / unique("state"))
        failure(result, "source_position", "--until", text)


def test_position_of_another_flavour(mysql_80, mariadb_1011, core):
    """A state folder of a MariaDB server, and a document that now names a MySQL server."""
    document = task_document(mariadb_1011, include="a.b", start=here(mariadb_1011))
    core.run(document).ok()
    before = saved(core)
    document["source"]["port"] = mysql_80.port
    result = core.run(document)
    failure(result, "source_diverged", "mariadb", f"repl@127.0.0.1:{mysql_80.port}", "8.0.15")
    assert saved(core) == before


@pytest.mark.parametrize("how", [here, here_gtid])
def test_position_of_another_server(pool, sandbox, mysql_80, core, new_database, how):
    """The same flavour, but a server that never had these transactions."""
    database = new_database(mysql_80)
    document = task_document(mysql_80, include="a.b", start=how(mysql_80))
    table(mysql_80, database)
    core.run(document).ok()
    before = saved(core)
    stranger = pool.make("mysql-8.0")
    try:
        document["source"]["port"] = stranger.port
        result = core.run(document)
        failure(result, "source_diverged", f"repl@127.0.0.1:{stranger.port}")
        assert saved(core) == before
    finally:
        sandbox.discard(stranger)


# ------------------------------------------------------- what stands in the binlog

@pytest.mark.sanitize
def test_statement_in_the_binlog(source, database, core):
    """A session that writes statements into the binlog of a ROW server."""
    start = here(source)
    name = table(source, database)
    begin = source.position()
    source.sql(f"SET SESSION binlog_format = 'STATEMENT'; INSERT INTO t VALUES (2, '{WRONG}')",
               database=database)
    end = source.position()
    source.sql(f"INSERT INTO {name} VALUES (3, 'behind')")
    document = task_document(source, include=name, start=start)
    result = core.run(document)
    line = check_stopped_before(core, result, "event_statement", "INSERT", database,
                                "binlog_format", begin=begin, end=end)
    assert WRONG not in line, "a statement's text may hold data"
    again = core.run(document)
    assert failure(again, "event_statement").partition(" the task")[2] == \
        line.partition(" the task")[2] and not again.messages, "it stays where it was"
    document["source"]["start"] = {"file": end[0], "pos": end[1]}
    assert ids(core.run(document, state=core.folder / "new").ok().messages) == [3]


# ------------------------------------------------------- definitions

def with_metadata(server, kind) -> None:
    """The global setting; new sessions log it so."""
    server.sql(f"SET GLOBAL binlog_row_metadata = {kind}")


@pytest.mark.sanitize
def test_dropped_table(own, core, new_database):
    """With the servers' default metadata the names are gone with the table; FULL has them."""
    database = new_database(own)
    own.sql(f"CREATE TABLE {database}.gone (id INT PRIMARY KEY)")
    start = here(own)
    name = table(own, database)
    begin = own.position()
    own.sql(f"INSERT INTO {database}.gone VALUES (10); DROP TABLE {database}.gone")
    own.sql(f"INSERT INTO {name} VALUES (2, 'behind')")
    end = own.position()
    document = task_document(own, include=f"{database}.*", start=start)
    result = core.run(document)
    line = failure(result, "schema_missing", f"{database}.gone", "is not known",
                   "binlog_row_metadata=FULL", "exclude the table")
    assert ids(result.messages) == [1]
    file, offset = place_in(line)
    assert file == begin[0] and begin[1] < offset < end[1]
    document["tables"]["exclude"] = ["*.gone"]
    assert ids(core.run(document).ok().messages) == [2], "the way out loses no other row"

    with_metadata(own, "FULL")
    try:
        start = here(own)
        own.sql(f"CREATE TABLE {database}.gone (id INT PRIMARY KEY);"
                f"INSERT INTO {database}.gone VALUES (11); DROP TABLE {database}.gone;"
                f"CREATE TABLE {database}.gone (v TEXT, id BIGINT PRIMARY KEY);"
                f"INSERT INTO {database}.gone VALUES ('another', 12)")
        result = core.run(task_document(own, include=f"{database}.*", start=start),
                          state=core.folder / "full").ok()
        assert [m["after"] for m in result.messages] == [
            {"id": 11}, {"v": "another", "id": 12}]
    finally:
        with_metadata(own, "MINIMAL")


@pytest.mark.sanitize
def test_added_column(own, core, new_database):
    """Rows from before an ALTER are not of the table of now: told, not guessed; FULL fits."""
    database = new_database(own)
    name = table(own, database)
    own.sql(f"DELETE FROM {name}")
    start = here(own)
    own.sql(f"INSERT INTO {name} VALUES (1, 'a')")
    own.sql(f"ALTER TABLE {name} ADD COLUMN extra INT; INSERT INTO {name} VALUES (2, 'b', 7)")
    end = own.position()
    document = task_document(own, include=name, start=start)
    result = core.run(document)
    line = failure(result, "schema_missing", name, "is not known",
                   "binlog_row_metadata=FULL", "exclude the table")
    assert not result.messages, "no row under a wrong definition"
    file, offset = place_in(line)
    assert file == start["file"] and start["pos"] < offset < end[1]
    document["source"]["start"] = {"file": file, "pos": behind_alter(own, start)}
    result = core.run(document, state=core.folder / "behind").ok()
    assert ids(result.messages) == [2], "the way out"
    own.sql(f"ALTER TABLE {name} DROP COLUMN extra")

    with_metadata(own, "FULL")
    try:
        start = here(own)
        own.sql(f"INSERT INTO {name} VALUES (3, 'c');"
                f"ALTER TABLE {name} ADD COLUMN extra INT FIRST;"
                f"INSERT INTO {name} VALUES (7, 4, 'd'); ALTER TABLE {name} DROP COLUMN v;"
                f"INSERT INTO {name} VALUES (8, 5)")
        result = core.run(task_document(own, include=name, start=start),
                          state=core.folder / "full").ok()
        assert [m["after"] for m in result.messages] == [
            {"id": 3, "v": "c"}, {"extra": 7, "id": 4, "v": "d"}, {"extra": 8, "id": 5}]
    finally:
        with_metadata(own, "MINIMAL")


def behind_alter(server, start) -> int:
    """The end of the first ALTER."""
    events = server.sql(f"SHOW BINLOG EVENTS IN '{start['file']}' FROM {start['pos']}")
    return next(int(event[4]) for event in events if "ALTER TABLE" in event[5])


def test_altered_while_it_runs(source, database, core):
    """Default metadata, and a task that is at the head: definitions follow the DDL."""
    name = table(source, database)
    running = core.start(task_document(source, include=name, start=here(source)))
    running.wait_for_log("reading ")
    source.sql(f"INSERT INTO {name} VALUES (2, 'a')")
    running.wait_for_lines(1)
    source.sql(f"ALTER TABLE {name} ADD COLUMN extra INT")
    source.sql(f"INSERT INTO {name} VALUES (3, 'b', 7)")
    running.wait_for_lines(2)
    source.sql(f"ALTER TABLE {name} CHANGE v renamed VARCHAR(100)")
    source.sql(f"INSERT INTO {name} VALUES (4, 'c', 8)")
    running.wait_for_lines(3)
    source.sql(f"RENAME TABLE {name} TO {name}_2; CREATE TABLE {name} (only_id INT)")
    source.sql(f"INSERT INTO {name} VALUES (5)")
    running.wait_for_lines(4)
    result = running.terminate().ok()
    assert [m["after"] for m in result.messages] == [
        {"id": 2, "v": "a"}, {"id": 3, "v": "b", "extra": 7},
        {"id": 4, "renamed": "c", "extra": 8}, {"only_id": 5}]


# ------------------------------------------------------- two replicas, one server_id

def test_server_id_conflict(source, database, core):
    """Two tasks with one fixed server_id. MariaDB throws the older out, which then says so
    and stays out; MySQL tells them apart by their uuids and serves both."""
    name = table(source, database)
    document = task_document(source, include=name, start=here(source),
                             source_extra={"server_id": 4242})
    first = core.start(document, state=core.folder / "first")
    first.wait_for_log("reading .* as replica 4242 ")
    second = core.start({**document, "name": unique("task")}, state=core.folder / "second")
    second.wait_for_log("reading .* as replica 4242 ")
    source.sql(f"INSERT INTO {name} VALUES (2, 'x')")
    second.wait_for_lines(1)
    if source.flavor == "mariadb":
        failure(first.wait(20), "source_server_id", f"repl@127.0.0.1:{source.port}",
                "source.server_id to 0")
    else:
        first.wait_for_lines(1)
    time.sleep(1)
    assert second.alive, "nobody came back to evict it"
    assert ids(second.terminate().ok().messages) == [2]
    if source.flavor == "mariadb":
        result = core.run(document, state=core.folder / "first").ok()
        assert ids(result.messages) == [2], "what it missed comes later"


def test_server_id_of_the_source_itself(source, core):
    """Its events would be taken for our own."""
    result = core.run(task_document(source, include="a.b",
                                    source_extra={"server_id": source.server_id}), until=None)
    failure(result, "source_server_id", str(source.server_id), "itself", "source.server_id")
