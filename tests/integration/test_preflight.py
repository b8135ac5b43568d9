"""What a preflight finds (core/preflight): each way in which a task would not run, named,
with the way out; and the probe of a source that is replicated from.

Each is a run of preflight_shell (tests/unit/preflight/preflight_shell.c).
"""

import contextlib
import json
import re
import socket
import subprocess
import time

import pytest

from harness.bus import Bus
from harness.core import SANITIZER_REPORT
from harness.failure import grant_in
from harness.proxy import Proxy
from harness.tasks import here, task_document, unique
from harness.waiting import PATIENCE, wait_until
from harness.zk import shell_binary

NAMES = ["source.reachable", "source.login", "source.log_bin", "source.format",
         "source.row_image", "source.row_metadata", "source.grants", "source.retention",
         "source.server_id", "source.gtid", "source.position", "tables.match", "tables.rules",
         "pipe.reachable", "pipe.topics", "pipe.transaction_timeout"]
EVERY = ("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-8.0", "mysql-5.7")
SECRET = "repl-password"


class Answer:
    """The preflight document of one run."""

    def __init__(self, document: dict, seconds: float):
        self.document = document
        self.seconds = seconds
        self.checks = {check["name"]: check for check in document["checks"]}
        names = [check["name"] for check in document["checks"]]
        assert names == NAMES, "each check appears once, in order"

    def __getitem__(self, name: str) -> dict:
        return self.checks[name]

    def result(self, name: str) -> str:
        """ok, warning, failed or skipped."""
        return self.checks[name]["result"]

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [name for name in NAMES if self.result(name) == "failed"]

    def found(self, name: str, result: str, *words: str) -> str:
        """A check's message; asserts its result, and that each word is in message or remedy."""
        check = self.checks[name]
        assert check["result"] == result, check
        text = check["message"] + " " + check["remedy"]
        missing = [word for word in words if word not in text]
        assert not missing, f"{missing} not in {check}"
        if result == "failed":
            assert check["code"] and check["field"] and check["remedy"], check
        return text


@pytest.fixture
def shell(tmp_path):
    """Runs preflight_shell; no output of it may hold a password."""
    count = 0

    def run(kind: str, document: dict, *words, ms: int = 15000, status: int = 0):
        nonlocal count
        count += 1
        path = tmp_path / f"task-{count}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        began = time.monotonic()
        done = subprocess.run([shell_binary("preflight/preflight_shell"), kind, str(ms), str(path),
                               *map(str, words)], capture_output=True, text=True, check=False,
                              timeout=60 * PATIENCE)
        run.seconds = time.monotonic() - began
        assert not SANITIZER_REPORT.search(done.stderr), done.stderr[-6000:]
        assert SECRET not in done.stdout + done.stderr
        assert done.returncode == status, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        return done.stderr if status else json.loads(done.stdout)
    return run


@pytest.fixture
def preflight(shell):
    """Checks a document."""
    def check(document: dict, **keywords) -> Answer:
        answer = shell("check", document, **keywords)
        return Answer(answer, shell.seconds)
    return check


def changed(document: dict, **source) -> dict:
    """The document with other members of source."""
    return {**document, "source": {**document["source"], **source}}


@contextlib.contextmanager
def set_global(server, **variables):
    """A server's global variables, for a while."""
    former = {name: server.sql(f"SELECT @@global.{name}")[0][0] for name in variables}
    try:
        for name, value in variables.items():
            server.sql(f"SET GLOBAL {name}={value}")
        yield
    finally:
        for name, value in former.items():
            quoted = value if re.fullmatch(r"[\d.]+", value) else f"'{value}'"
            server.sql(f"SET GLOBAL {name}={quoted}")


# ---- all is well


@pytest.mark.sanitize
@pytest.mark.sources(*EVERY)
def test_a_good_task(source, database, preflight, kafka):
    """Nothing fails; each check says what was found."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(source, include=f"{database}.*", pipe=kafka)
    document["tables"]["rows"] = [{"match": "*.t", "where": "id > 0"}]
    answer = preflight(document)
    assert answer.failed == []
    assert all(check["message"] for check in answer.checks.values())
    assert "skipped" not in [check["result"] for check in answer.checks.values()]
    answer.found("tables.match", "ok", "1 table matches")
    answer.found("tables.rules", "ok", "1 table with rules")
    answer.found("pipe.topics", "ok", "1 can be made")
    answer.found("pipe.reachable", "ok", "1 broker of cluster")
    answer.found("pipe.transaction_timeout", "ok", "900000")
    answer.found("source.grants", "ok")
    answer.found("source.gtid", "ok")
    source_found = answer.document["source"]
    assert source_found["flavor"] == source.flavor
    assert source_found["server_id"] == source.server_id
    assert source_found["version"] in source.version() or source.version() in source_found["version"]
    assert answer.seconds < 8 * PATIENCE


def test_nothing_is_made(mysql_80, new_database, preflight, bus):
    """No topic, after a preflight that said it could be made."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(mysql_80, include=f"{database}.*", pipe=bus)
    for _ in range(2):
        preflight(document).found("pipe.topics", "ok", "0 exist, 1 can be made")
    assert not [name for name in bus.topics() if database in name]


@pytest.mark.parametrize("kind", ["none", "stdout"])
def test_pipes_without_brokers(mysql_80, new_database, preflight, kind):
    """There is nothing to ask."""
    answer = preflight(task_document(mysql_80, include=f"{new_database(mysql_80)}.*", pipe=kind))
    answer.found("pipe.reachable", "ok")
    assert answer.result("pipe.topics") == answer.result("pipe.transaction_timeout") == "skipped"


def test_a_file_that_cannot_be_written(mysql_80, new_database, preflight, tmp_path):
    """Its folder is not there; where it is, the file is not made."""
    database = new_database(mysql_80)
    for folder, result in ((tmp_path / "none", "failed"), (tmp_path, "ok")):
        pipe = {"type": "file", "path": str(folder / "out")}
        answer = preflight(task_document(mysql_80, include=f"{database}.*", pipe=pipe))
        answer.found("pipe.reachable", result)
        assert not (folder / "out").exists()


# ---- the connection


@pytest.mark.sanitize
def test_nobody_there(mysql_80, preflight, kafka):
    """The rest of the source is skipped, the pipe is asked all the same."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        document = changed(task_document(mysql_80, include="a.*", pipe=kafka),
                           port=unused.getsockname()[1])
        answer = preflight(document)
    answer.found("source.reachable", "failed", "refused")
    assert answer["source.reachable"]["code"] == "source_unreachable"
    assert answer["source.reachable"]["field"] == "source.host"
    assert {answer.result(name) for name in NAMES[1:12]} == {"skipped"}
    assert answer.document["source"] is None
    answer.found("pipe.reachable", "ok")
    assert answer.result("pipe.topics") == "ok"


def test_an_unknown_host(mysql_80, preflight):
    """A name that does not resolve."""
    document = changed(task_document(mysql_80, include="a.*", pipe="none"),
                       host="nobody.invalid")
    preflight(document).found("source.reachable", "failed", "nobody.invalid")


def test_a_wrong_password(source, preflight):
    """It is reached, and refuses."""
    answer = preflight(task_document(source, include="a.*", pipe="none", password="wrong-one"))
    answer.found("source.reachable", "ok")
    answer.found("source.login", "failed")
    assert answer["source.login"]["code"] == "source_auth"
    assert answer["source.login"]["field"] == "source.password"
    assert {answer.result(name) for name in NAMES[2:12]} == {"skipped"}


def test_tls_that_is_not_there(new_server, preflight):
    """source.tls.mode asks for more than the server has."""
    server = new_server("mysql-8.0", tls="off")
    document = changed(task_document(server, include="a.*", pipe="none"),
                       tls={"mode": "required"})
    answer = preflight(document)
    answer.found("source.login", "failed")
    assert answer["source.login"]["code"] == "source_tls"
    assert answer["source.login"]["field"] == "source.tls.mode"


@pytest.mark.sanitize
def test_one_host_of_two(mysql_80, new_database, preflight):
    """The task would run; that one is missing is told."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{unused.getsockname()[1]}"
        document = changed(task_document(mysql_80, include=f"{database}.*", pipe="none"),
                           hosts=[away, f"{mysql_80.host}:{mysql_80.port}"])
        del document["source"]["host"], document["source"]["port"]
        answer = preflight(document)
    answer.found("source.reachable", "warning", away)
    answer.found("source.login", "ok")
    assert answer.failed == []


@pytest.mark.sanitize
@pytest.mark.parametrize("budget", [3000, 15000])
def test_a_source_that_is_silent(preflight, mysql_80, kafka, budget):
    """It takes the connection and says nothing: bounded in time, and the pipe is asked."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        document = changed(task_document(mysql_80, include="a.*", pipe=kafka),
                           port=silent.getsockname()[1])
        answer = preflight(document, ms=budget)
    answer.found("source.reachable", "failed", "no answer")
    answer.found("pipe.reachable", "ok")
    assert answer.seconds < budget / 1000 + 2


def test_a_source_that_falls_silent(mysql_80, preflight):
    """After the login: what could not be asked is no success."""
    proxy = Proxy(mysql_80)
    try:
        document = changed(task_document(mysql_80, include="a.*", pipe="none"),
                           host=proxy.host, port=proxy.port, tls={"mode": "disabled"})
        mysql_80.sql("SELECT 1")
        mysql_80.pause()
        answer = preflight(document, ms=5000)
    finally:
        mysql_80.resume()
        proxy.close()
    assert answer.failed
    assert answer.seconds < 7


def test_it_can_be_interrupted(mysql_80, shell):
    """A core that stops does not wait for a preflight."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        document = changed(task_document(mysql_80, include="a.*", pipe={
            "type": "kafka", "brokers": f"127.0.0.1:{silent.getsockname()[1]}"}),
                           port=silent.getsockname()[1])
        answer = Answer(shell("interrupt", document, ms=300), shell.seconds)
    assert answer.seconds < 3 * PATIENCE
    assert "source.reachable" in answer.failed and "pipe.reachable" in answer.failed


# ---- settings


def test_without_a_binlog(new_server, preflight):
    """log_bin is off: said once, what needs a binlog is skipped."""
    server = new_server("mysql-8.0", options={"log_bin": None, "skip_log_bin": "ON",
                                              "gtid_mode": "OFF",
                                              "enforce_gtid_consistency": "OFF"})
    answer = preflight(task_document(server, include="a.*", pipe="none"))
    answer.found("source.log_bin", "failed", "log_bin", "restart")
    assert answer.result("source.retention") == answer.result("source.position") == "skipped"
    assert answer.failed == ["source.log_bin"]


@pytest.fixture(scope="module", params=["mariadb-10.11", "mysql-8.0", "mysql-9.7"])
def tuned(request, pool, sandbox):
    """A server of this module's own, whose settings may change."""
    server = pool.make(request.param)
    yield server
    sandbox.discard(server)


def test_settings(tuned, preflight):
    """Each that replicating minds, one after the other."""
    document = task_document(tuned, include="a.*", pipe="none")
    with set_global(tuned, binlog_format="'MIXED'"):
        answer = preflight(document)
        answer.found("source.format", "failed", "binlog_format='ROW'")
        assert answer.failed == ["source.format"]
    with set_global(tuned, binlog_row_image="'MINIMAL'"):
        preflight(document).found("source.row_image", "warning", "MINIMAL", "FULL")
    preflight(document).found("source.row_metadata", "warning", "binlog_row_metadata='FULL'")
    with set_global(tuned, binlog_row_metadata="'FULL'"):
        preflight(document).found("source.row_metadata", "ok")


def test_retention(tuned, preflight):
    """Too short is a warning; none is none."""
    document = task_document(tuned, include="a.*", pipe="none")
    name = "binlog_expire_logs_seconds"
    with set_global(tuned, **{name: 3600}):
        preflight(document).found("source.retention", "warning", "1.0 hours", name)
    with set_global(tuned, **{name: 10 * 86400}):
        preflight(document).found("source.retention", "ok", "240.0 hours")
    with set_global(tuned, **{name: 0}):
        preflight(document).found("source.retention", "ok", "not purged")


@pytest.mark.sources("mysql-5.7")
def test_old_settings(source, preflight):
    """expire_logs_days; no binlog_row_metadata at all."""
    document = task_document(source, include="a.*", pipe="none")
    preflight(document).found("source.row_metadata", "warning", "no binlog_row_metadata")
    with set_global(source, expire_logs_days=2):
        preflight(document).found("source.retention", "ok", "48.0 hours")


def test_size_of_all_binlogs(mariadb_118, preflight):
    """MariaDB 11.4 purges by size too."""
    document = task_document(mariadb_118, include="a.*", pipe="none")
    with set_global(mariadb_118, max_binlog_total_size=512 * 1024 * 1024):
        preflight(document).found("source.retention", "warning", "512 MB",
                                  "max_binlog_total_size")


def test_without_gtids(new_server, preflight):
    """MySQL: it would run by file and offset."""
    server = new_server("mysql-5.7", options={"gtid_mode": "OFF",
                                              "enforce_gtid_consistency": "OFF"})
    answer = preflight(task_document(server, include="a.*", pipe="none"))
    answer.found("source.gtid", "warning", "gtid_mode")
    answer.found("source.position", "ok", "binlog.")
    assert answer.failed == []


# ---- grants


@pytest.mark.sanitize
@pytest.mark.sources(*EVERY)
def test_grants_that_are_missing(source, preflight):
    """The GRANT that is spelled out is the one that helps."""
    user = unique("bare")
    source.create_repl_user(user, grants="")
    document = task_document(source, include="a.*", pipe="none", user=user)
    answer = preflight(document)
    text = answer.found("source.grants", "failed", user, "REPLICATION SLAVE")
    assert answer["source.grants"]["code"] == "source_grant"
    assert answer.result("source.position") == "skipped"
    source.sql(grant_in(text))
    answer = preflight(document)
    answer.found("source.grants", "ok")
    assert answer.failed == []


def test_a_role(mysql_80, preflight):
    """What an active role holds counts; one that is not active does not."""
    user, role = unique("roled"), unique("role")
    mysql_80.create_repl_user(user, grants="")
    mysql_80.sql(f"CREATE ROLE '{role}'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON "
                 f"*.* TO '{role}'; GRANT '{role}' TO '{user}'@'%'")
    document = task_document(mysql_80, include="a.*", pipe="none", user=user)
    preflight(document).found("source.grants", "warning", "default role")
    mysql_80.sql(f"SET DEFAULT ROLE '{role}' TO '{user}'@'%'")
    preflight(document).found("source.grants", "ok")


def test_tables_that_the_user_may_not_see(source, database, preflight):
    """SELECT elsewhere: none of these is shown, and none is an error."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    user = unique("blind")
    source.create_repl_user(user, grants="REPLICATION SLAVE, REPLICATION CLIENT")
    source.sql(f"GRANT SELECT ON nowhere.* TO '{user}'@'%'")
    answer = preflight(task_document(source, include=f"{database}.*", pipe="none", user=user))
    answer.found("tables.match", "warning", "SELECT")
    assert answer.failed == []


# ---- server_id


@pytest.mark.sanitize
def test_server_ids(source, database, preflight, core):
    """The server's own, another replica's, our own, a free one."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    taken = 777001
    user = unique("lister")
    source.create_repl_user(user)
    document = task_document(source, include=f"{database}.*", pipe="none", user=user)
    if source.flavor == "mariadb":
        preflight(changed(document, server_id=taken)).found(
            "source.server_id", "warning", "cannot be seen", "REPLICATION MASTER ADMIN")
        source.sql(f"GRANT REPLICATION MASTER ADMIN ON *.* TO '{user}'@'%'")
    preflight(changed(document, server_id=source.server_id)).found(
        "source.server_id", "failed", "own")
    preflight(changed(document, server_id=taken)).found("source.server_id", "ok")
    if source.series == "8.0":  # its list of replicas is not touched: it throws nobody out
        preflight(changed(document, server_id=taken)).found(
            "source.server_id", "ok", "cannot be asked", "UUIDs")
        return
    running = core.start(changed(document, server_id=taken))
    running.wait_for_log("reading ")

    def found():
        answer = preflight(changed({**document, "name": "another"}, server_id=taken))
        return answer if answer.failed else None
    answer = wait_until(found, 10, "the replica to be listed")
    answer.found("source.server_id", "failed", str(taken), document["name"])
    assert answer["source.server_id"]["code"] == "source_server_id"
    preflight(changed(document, server_id=taken)).found("source.server_id", "ok")
    preflight(changed(document, server_id=0)).found("source.server_id", "ok", "chosen")
    running.terminate().ok()


# ---- positions


def test_positions(source, database, preflight):
    """There, gone, never been, in the middle of something."""
    document = task_document(source, include=f"{database}.*", pipe="none")
    file, pos = source.position()
    preflight(changed(document, start={"file": file, "pos": pos})).found(
        "source.position", "ok", file)
    preflight(changed(document, start="earliest")).found("source.position", "ok")
    answer = preflight(changed(document, start={"file": file, "pos": pos + 100000}))
    answer.found("source.position", "failed", file)
    assert answer["source.position"]["code"] == "source_position"
    assert answer["source.position"]["field"] == "source.start"
    answer = preflight(changed(document, start={"file": "binlog.000000", "pos": 4}))
    answer.found("source.position", "failed")
    assert answer["source.position"]["code"] == "source_purged"
    answer = preflight(changed(document, start={"time": "2011-01-01T00:00:00Z"}))
    assert answer.result("source.position") in ("ok", "failed")
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    preflight(changed(document, start={"time": "2031-01-01T00:00:00Z"})).found(
        "source.position", "ok")


@pytest.mark.sanitize
def test_a_prepared_transaction(source, database, preflight):
    """XA: it stops the task when it is committed, so it is told before."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    xid = unique("xid")
    if source.flavor == "mysql" and source.series == "8.0":
        xid = "\\0x\\'\\n"  # bytes, which are shown in hex
    with source.connect() as link, link.cursor() as cursor:
        for statement in (f"XA START '{xid}'", f"INSERT INTO {database}.t VALUES (1)",
                          f"XA END '{xid}'", f"XA PREPARE '{xid}'"):
            cursor.execute(statement)
        try:
            user = unique("xa")
            source.create_repl_user(user)
            if source.flavor == "mysql" and source.series != "5.7":
                source.sql(f"GRANT XA_RECOVER_ADMIN ON *.* TO '{user}'@'%'")
            answer = preflight(task_document(source, include=f"{database}.*", pipe="none",
                                             user=user))
            answer.found("source.position", "warning",
                         "X'0078270a',X'',1" if "\\" in xid else xid, "XA RECOVER")
        finally:
            cursor.execute(f"XA ROLLBACK '{xid}'")


# ---- tables


@pytest.mark.sanitize
@pytest.mark.sources(*EVERY)
def test_what_to_know_about_tables(source, database, preflight):
    """No key, no transactions, a foreign key's cascades."""
    document = task_document(source, include=f"{database}.*", pipe="none")
    preflight(document).found("tables.match", "warning", "no table")
    source.sql(f"""USE {database};
        CREATE TABLE parent (id INT PRIMARY KEY);
        CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id)
                            ON DELETE CASCADE);
        CREATE TABLE plain (id INT, UNIQUE KEY (id));
        CREATE TABLE loose (id INT PRIMARY KEY) ENGINE=MyISAM;
        CREATE VIEW seen AS SELECT * FROM parent;""")
    text = preflight(document).found("tables.match", "warning", "4 tables match",
                                     f"1 table without a primary key: {database}.plain",
                                     f"engine without transactions: {database}.loose")
    cascade = f"foreign key changes without logging it: {database}.child"
    logged = source.flavor == "mysql" and source.series == "9.7"
    assert (cascade in text) is not logged, text
    assert "seen" not in text
    document["tables"]["exclude"] = ["*.plain", "*.loose", "*.child"]
    preflight(document).found("tables.match", "ok", "1 table matches")


@pytest.mark.sanitize
@pytest.mark.sources(*EVERY)
def test_rules(source, database, preflight):
    """Filters and column rules that would stop the task at a row are found before."""
    document = task_document(source, include=f"{database}.*", pipe="none")
    preflight(document).found("tables.rules", "skipped", "no row filter")
    source.sql(f"""USE {database};
        CREATE TABLE a (id INT PRIMARY KEY, state ENUM('new', 'paid'), at DATETIME(3), n BIT(3),
                        price DECIMAL(10,2), note TEXT, doc JSON, raw VARBINARY(9), y YEAR);
        CREATE TABLE b (id INT PRIMARY KEY, email VARCHAR(99));""")
    tables = document["tables"]
    tables["salt"] = "pepper"
    tables["rows"] = [{"match": "*.a", "where": "state IN ('new') AND price > 1.5 AND y = 2026 AND "
                       "at > '2026-11-22 10:00:00' AND note LIKE 'x%' AND raw = X'00' AND n = 2"}]
    tables["columns"] = [{"match": "*.b.email", "action": "hash"},
                         {"match": "*.a.note", "action": "truncate", "length": 3}]
    preflight(document).found("tables.rules", "ok", "2 tables with rules, which fit")
    tables["rows"].append({"match": "*.c", "where": "id = 1"})
    tables["salt"] = ""
    preflight(document).found("tables.rules", "warning", "tables.rows[1] (*.c) is for no table",
                              "without tables.salt")
    del tables["rows"][1]
    for rule, field, reason in [
            ({"rows": [{"match": "*.a", "where": "prize > 1"}]}, "tables.rows[0].where",
             "no column prize"),
            ({"rows": [{"match": "*.a", "where": "note > 1"}]}, "tables.rows[0].where",
             "a text in quotes"),
            ({"columns": [{"match": "*.b.id", "action": "mask"}]}, "tables.columns[0]",
             "part of the messages' key"),
            ({"columns": [{"match": "*.b.emial", "action": "null"}]}, "tables.columns[0].match",
             "no such column"),
            ({"columns": [{"match": "*.a.price", "action": "truncate", "length": 1}]},
             "tables.columns[0]", "neither text nor bytes")]:
        answer = preflight(document | {"tables": {"include": [f"{database}.*"]} | rule})
        answer.found("tables.rules", "failed", reason)
        assert answer["tables.rules"]["field"] == field


def test_many_tables(mysql_80, new_database, preflight, kafka):
    """Names in a message are a few; the topics of all are looked at in one request."""
    database = new_database(mysql_80)
    mysql_80.sql(";".join(f"CREATE TABLE {database}.t{n} (id INT)" for n in range(300)))
    answer = preflight(task_document(mysql_80, include=f"{database}.*", pipe=kafka))
    text = answer.found("tables.match", "warning", "300 tables match", "300 tables without", "…")
    assert text.count(f"{database}.t") == 5
    answer.found("pipe.topics", "warning", "300 topics", "200 can be made")


# ---- the pipe


@pytest.mark.sanitize
def test_no_broker(mysql_80, preflight):
    """It is told within the budget."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pipe = {"type": "kafka", "brokers": f"127.0.0.1:{unused.getsockname()[1]}"}
        answer = preflight(task_document(mysql_80, include="a.*", pipe=pipe), ms=4000)
    answer.found("pipe.reachable", "failed", "127.0.0.1")
    assert answer["pipe.reachable"]["code"] == "pipe_unreachable"
    assert answer["pipe.reachable"]["field"] == "pipe.brokers"
    assert answer.result("pipe.topics") == answer.result("pipe.transaction_timeout") == "skipped"
    assert answer.seconds < 6


@pytest.mark.sanitize
def test_topics(mysql_80, new_database, preflight, kafka, core):
    """There, missing where we may make none, copies that nobody could hold."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(mysql_80, include=f"{database}.*", pipe=kafka)

    def topics(**members):
        return {**document, "pipe": {**document["pipe"], "topics": members}}
    answer = preflight(topics(create=False))
    answer.found("pipe.topics", "failed", f"{document['name']}.{database}.t", "create")
    assert answer["pipe.topics"]["code"] == "pipe_refused"
    answer = preflight(topics(replication_factor=3))
    answer.found("pipe.topics", "failed", "replication")
    answer = preflight(topics(config={"no.such.setting": "1"}))
    answer.found("pipe.topics", "failed", "no.such.setting")
    start = here(mysql_80)
    mysql_80.sql(f"INSERT INTO {database}.t VALUES (1)")
    core.run(changed(document, start=start)).ok()
    preflight(document).found("pipe.topics", "ok", "1 exist")
    preflight(topics(create=False)).found("pipe.topics", "ok", "1 exist")


@pytest.mark.full  # three brokers of its own
def test_topics_that_may_lose(mysql_80, new_database, preflight, sandbox):
    """Several brokers, but one copy, one copy in sync, or unclean elections: each is told."""
    brokers = sandbox.kafkas(3)
    try:
        database = new_database(mysql_80)
        mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
        document = task_document(mysql_80, include=f"{database}.*", pipe=brokers)

        def topics(**members):
            return {**document, "pipe": {**document["pipe"], "topics": members}}
        assert preflight(document).result("pipe.topics") == "ok"
        preflight(topics(replication_factor=1)).found(
            "pipe.topics", "warning", "one copy", "that are made")
        preflight(topics(config={"min.insync.replicas": "1"})).found(
            "pipe.topics", "warning", "min.insync.replicas is 1", "that are made")
        preflight(topics(config={"unclean.leader.election.enable": "true"})).found(
            "pipe.topics", "warning", "unclean.leader.election")
        topic, bus = f"{document['name']}.{database}.t", Bus(brokers.brokers)
        bus.create_topic(topic, replicas=2, config={"min.insync.replicas": "1"})
        preflight(document).found("pipe.topics", "warning", topic, "min.insync.replicas is 1")
        bus.configure_topic(topic, {"min.insync.replicas": "2"})
        assert preflight(document).result("pipe.topics") == "ok"
    finally:
        sandbox.discard(brokers)


@pytest.mark.sanitize
def test_topics_that_would_be_one(mysql_80, new_database, preflight, kafka):
    """Characters that a topic may not have become '_': a collision is refused."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.`a b` (id INT PRIMARY KEY);"
                 f"CREATE TABLE {database}.`a_b` (id INT PRIMARY KEY)")
    answer = preflight(task_document(mysql_80, include=f"{database}.*", pipe=kafka))
    answer.found("pipe.topics", "failed", "a b", "a_b")
    document = task_document(mysql_80, include=f"{database}.*", pipe=kafka)
    document["pipe"]["topic"] = "all_of_{task}"
    assert preflight(document).result("pipe.topics") == "ok", "that was meant"


def test_a_topic_name_that_is_too_long(mysql_80, new_database, preflight, kafka):
    """Kafka's bound is 249."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.{'t' * 60} (id INT PRIMARY KEY)")
    document = task_document(mysql_80, include=f"{database}.*", pipe=kafka)
    document["pipe"]["topic"] = "x" * 200 + ".{table}"
    preflight(document).found("pipe.topics", "failed", "249")


def test_transactions_that_are_too_short(mysql_80, preflight, new_server):
    """Told for at_least_once; exactly_once minds."""
    kafka = new_server("kafka", options={"transaction.max.timeout.ms": "20000"})
    answer = preflight(task_document(mysql_80, include="a.*", pipe=kafka))
    answer.found("pipe.transaction_timeout", "ok", "20000", "30000")
    answer = preflight(task_document(mysql_80, include="a.*", pipe={
        "type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once"}))
    answer.found("pipe.transaction_timeout", "failed", "20000", "30000")


# ---- the list of tables


@pytest.mark.sanitize
def test_the_list_of_tables(source, database, shell):
    """For who writes a document: all that there are, whatever it includes."""
    source.sql(f"CREATE TABLE {database}.b (id INT); CREATE TABLE {database}.a (id INT);"
               f"CREATE VIEW {database}.v AS SELECT * FROM {database}.a")
    answer = Answer(shell("tables", task_document(source, include="none.*", pipe="none")), 0)
    ours = {(t["db"], t["table"]) for t in answer.document["tables"] if t["db"] == database}
    assert ours == {(database, "a"), (database, "b")}
    assert not {t["db"] for t in answer.document["tables"]} & {"mysql", "sys"}
    assert answer.document["truncated"] is False
    assert answer.result("source.grants") == "ok"
    assert answer.result("tables.match") == answer.result("pipe.reachable") == "skipped"


# ---- the probe


@pytest.mark.sanitize
@pytest.mark.parametrize("series", ["mariadb-10.11", "mysql-8.0", "mysql-9.7"])
def test_a_probe(series, new_server, shell):
    """Head, and how long what follows a position is kept."""
    server = new_server(series)
    document = task_document(server, include="a.*", pipe="none")
    server.sql("CREATE DATABASE first")
    before = server.gtid()
    server.sql("CREATE DATABASE second")
    found = shell("probe", document)
    assert (found["file"], found["pos"]) == server.position()
    assert found["gtid"] == server.gtid()
    assert found["hours"] < 0, "no position was given"
    file, pos = server.position()
    gtid = server.gtid()
    server.sql("SET GLOBAL binlog_expire_logs_seconds=36000")
    found = shell("probe", document, file, pos, gtid)
    assert found["hours"] == pytest.approx(10, abs=0.01), "the last file"
    time.sleep(2.1)
    server.sql("FLUSH BINARY LOGS")
    time.sleep(3)
    for words in ((file, pos, gtid), (file, pos, ""), ("", 0, before)):
        found = shell("probe", document, *words)
        assert 10 - 60 / 3600 < found["hours"] < 10 - 2 / 3600, (words, found)
    assert shell("probe", document, "", 0, gtid)["hours"] == pytest.approx(10, abs=0.01), \
        "what follows that set is in the new file"
    server.sql("CREATE DATABASE d")
    found = shell("probe", document, *server.position(), server.gtid())
    assert found["hours"] == pytest.approx(10, abs=0.01), "in the new file"
    server.sql("SET GLOBAL binlog_expire_logs_seconds=0")
    assert shell("probe", document, file, pos, gtid)["hours"] < 0, "it never purges"
    server.sql("SET GLOBAL binlog_expire_logs_seconds=1")
    time.sleep(1.1)
    assert shell("probe", document, file, pos, gtid)["hours"] == 0, "due"
    server.sql("SET GLOBAL binlog_expire_logs_seconds=36000; FLUSH BINARY LOGS")
    server.sql(f"PURGE BINARY LOGS TO '{server.position()[0]}'")
    for words in ((file, pos, gtid), (file, pos, "")):
        assert shell("probe", document, *words)["hours"] == 0, "purged"


def test_a_probe_by_size(new_server, shell):
    """MariaDB 11.4: all binlogs together are bounded; growth tells when."""
    server = new_server("mariadb-11.8")
    document = task_document(server, include="a.*", pipe="none")
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (v LONGTEXT)")
    file, pos = server.position()
    time.sleep(2)
    for _ in range(8):
        server.sql("INSERT INTO d.t VALUES (REPEAT('x', 1000000))")
    server.sql("SET GLOBAL max_binlog_total_size=64*1024*1024")
    left = shell("probe", document, file, pos, "")["hours"]
    assert 0 < left < 1, "8 MB in some seconds"
    server.sql("SET GLOBAL max_binlog_total_size=0")
    assert shell("probe", document, file, pos, "")["hours"] < 0


def test_a_probe_of_nobody(mysql_80, shell):
    """An error, in time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        document = changed(task_document(mysql_80, include="a.*", pipe="none"),
                           port=silent.getsockname()[1])
        text = shell("probe", document, ms=2000, status=1)
    assert "source_unreachable" in text
    assert shell.seconds < 4 * PATIENCE


def test_a_probe_without_rights(mysql_80, shell):
    """It names what is missing."""
    user = unique("bare")
    mysql_80.create_repl_user(user, grants="")
    text = shell("probe", task_document(mysql_80, include="a.*", pipe="none", user=user), status=1)
    assert "source_grant" in text and "GRANT" in text


# ---- through the daemons


def test_an_operator_mends_what_is_missing(cluster, mysql_80, new_database, kafka):
    """create is refused with the GRANT; that done, it passes."""
    cluster.server()
    cluster.core("c1")
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    user = unique("bare")
    mysql_80.create_repl_user(user, grants="")
    document = task_document(mysql_80, include=f"{database}.*", pipe=kafka, user=user)
    refused = cluster.api.post("/tasks", document)
    assert refused.error(422, "preflight_failed")
    checks = {check["name"]: check for check in refused.json["checks"]}
    assert list(checks) == NAMES
    mysql_80.sql(grant_in(checks["source.grants"]["message"]))
    assert cluster.api.post("/validate", document).ok().json["valid"] is True
    cluster.create(document, start=True)
    cluster.wait_state(document["name"], "RUNNING")
    instance = wait_until(lambda: next((each for each in cluster.instances(document["name"])
                                        if each["source_head"]), None), 30, "a probe")
    assert instance["binlog_hours_left"] == pytest.approx(720, abs=1), "30 days"
    # Its own server_id is no other replica's: an update is not refused for it.
    fixed = changed(document, server_id=777100)
    path = f"/tasks/{document['name']}"
    revision = cluster.api.get(path).json["revision"]
    cluster.api.put(path, fixed, revision=revision).ok()
    cluster.wait_state(document["name"], "RUNNING")
    cluster.api.put(path, {**fixed, "commit_interval_ms": 300}, revision=revision + 1).ok()
