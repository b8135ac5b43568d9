"""Bad input on this side of the wire: the document, the state folder, the command line.

What the source can do wrong is in test_bad_input.py, and what "loses nothing" means too.
"""

import json
import os
import subprocess

import pytest

from harness.core import binary
from harness.failure import check_no_secrets, failure
from harness.metadata import row_metadata
from harness.tasks import here, task_document
from harness.waiting import PATIENCE

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


# ------------------------------------------------------- the document

def a_document(**changes) -> dict:
    """A valid document, with changes by dotted path."""
    document = {"version": 1, "name": "copy", "source": {"host": "db1", "user": "repl"},
                "tables": {"include": ["shop.item"]}, "pipe": {"type": "stdout"}}
    for path, value in changes.items():
        *folders, last = path.split("__")
        at = document
        for folder in folders:
            at = at.setdefault(folder, {})
        at[last] = value
    return document


@pytest.mark.parametrize("changes,words", [
    ({"source__pasword": "x"}, ["source.pasword", "did you mean 'password'"]),
    ({"Source": {}}, ["'Source'", "did you mean 'source'"]),
    ({"table": {}}, ["'table'", "did you mean 'tables'"]),
    ({"tables__includes": []}, ["tables.includes", "did you mean 'include'"]),
    ({"pipe__topics__partition": 3}, ["pipe.topics.partition", "did you mean 'partitions'"]),
    ({"queue_bytes": 1}, ["'queue_bytes'", "did you mean 'memory.queue_bytes'"]),
    ({"xyzzy": 1}, ["'xyzzy' is not known"]),
    ({"source__start": {"file": "binlog.000001", "posn": 4}}, ["source.start.posn", "'pos'"]),
    ({"source__start": {"file": "binlog.000001"}}, ["source.start", "file and pos"]),
    ({"source__start": "lastest"}, ["source.start", "latest"]),
    ({"source__start": {"time": "2026-11-22 10:00:00"}}, ["source.start.time", "zone"]),
    ({"source__start": {"gtid": ""}}, ["source.start.gtid"]),
    ({"source__port": "3306"}, ["source.port", "an integer, not a string"]),
    ({"source__port": 0}, ["source.port", "from 1 to 65535", "0"]),
    ({"source__port": 3306.5}, ["source.port", "an integer, not a fraction"]),
    ({"source__host": ["db1"]}, ["source.host", "a string, not a list"]),
    ({"source__host": "db1:3306"}, ["source.host", "source.port"]),
    ({"source__host": "db1,db2"}, ["source.host", "source.hosts"]),
    ({"source__host": ""}, ["source.host", "is missing"]),
    ({"source__user": ""}, ["source.user"]),
    ({"source__tls": {"mode": "verify_ca"}}, ["source.tls.mode", "verify_identity"]),
    ({"source__tls": {"mode": "required", "cert": "/x"}}, ["source.tls", "cert and key together"]),
    ({"source__tls": {"mode": "disabled", "ca": "/x"}}, ["source.tls", "disabled"]),
    ({"source__server_id": 2**32}, ["source.server_id", "4294967295"]),
    ({"source__time_zone": "Europe/Berlin"}, ["source.time_zone", "not supported yet"]),
    ({"tables__include": "shop.item"}, ["tables.include", "a list of strings, not a string"]),
    ({"tables__include": ["shop.item", 7]}, ["tables.include[1]", "a string, not an integer"]),
    ({"tables__include": ["shop"]}, ["tables.include[0]"]),
    ({"tables__columns": [{"match": "shop.item", "action": "hash"}]},
     ["tables.columns[0].match", "database.table.column"]),
    ({"tables__columns": [{"match": "a.b.c", "action": "hide"}]},
     ["tables.columns[0].action", "hash, mask"]),
    ({"tables__columns": [{"match": "a.b.c"}]}, ["tables.columns[0].action", "is missing"]),
    ({"tables__columns": [{"match": "a.b.c", "action": "truncate"}]},
     ["tables.columns[0].length", "is missing"]),
    ({"tables__columns": [{"match": "a.b.c", "action": "hash", "lenght": 1}]},
     ["tables.columns[0].lenght", "length"]),
    ({"tables__rows": [{"match": "a.b", "where": "price >"}]},
     ["tables.rows[0].where", "at character 8"]),
    ({"tables__rows": [{"match": "a.b", "where": "f(price) = 1"}]},
     ["tables.rows[0].where", "functions cannot be called"]),
    ({"pipe__type": "kafak"}, ["pipe.type", "kafka"]),
    ({"pipe__type": "kafka"}, ["pipe.brokers", "is missing"]),
    ({"pipe__type": "kafka", "pipe__brokers": "k1:9092,:1"}, ["pipe.brokers", "host:port"]),
    ({"pipe__type": "file"}, ["pipe.path", "is missing"]),
    ({"pipe__delivery": "once"}, ["pipe.delivery", "at_least_once", "exactly_once"]),
    ({"pipe__format": "maxwel"}, ["pipe.format", "maxwell"]),
    ({"pipe__format": "maxwell", "pipe__options": {"decimal.handling.mode": "string"}},
     ["pipe.options.decimal.handling.mode", "no option of pipe.format"]),
    ({"pipe__topic": "a b"}, ["pipe.topic"]),
    ({"pipe__topic": "{schema}.x"}, ["pipe.topic", "{task}, {db} and {table}"]),
    ({"pipe__key": "primarykey"}, ["pipe.key", "primary_key"]),
    ({"pipe__properties": {"acks": "1"}}, ["pipe.properties", "acks"]),
    ({"pipe__properties": {"plugin.library.paths": "/x.so"}}, ["plugin.library.paths"]),
    ({"pipe__properties": {"linger.ms": [1]}}, ["linger.ms", "a list"]),
    ({"pipe__security": {"sasl": {"user": "x"}}}, ["pipe.security.sasl", "mechanism"]),
    ({"snapshot": {"mode": "initial"}}, ["snapshot.mode", "not supported yet", "never"]),
    ({"consumers": [{"type": "mysql"}]}, ["consumers", "not supported yet"]),
    ({"on_error": {"bad_row": "dead_letter"}}, ["on_error.bad_row", "stop"]),
    ({"memory": {"queue_bytes": 1}}, ["memory.queue_bytes", "from 262144"]),
    ({"memory": {"group_bytes": -5}}, ["memory.group_bytes"]),
    ({"commit_interval_ms": True}, ["commit_interval_ms", "an integer"]),
    ({"version": 2}, ["version", "must be 1, not 2"]),
    ({"name": "../etc"}, ["'name'", "begins with '.'"]),
    ({"name": "a/b"}, ["'name'", "letters"]),
    ({"name": ""}, ["'name'"]),
], ids=lambda value: ",".join(value) if isinstance(value, dict) else None)
def test_a_wrong_document(core, changes, words):
    """The field is named by its path, with what it may be; nothing is started."""
    document = a_document(**changes)
    document["source"].setdefault("password", WRONG)
    path = core.folder / "task.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    result = core.command("--check-config", "--task", path)
    failure(result, "task_invalid", *words)
    assert not result.stdout
    path.unlink()


@pytest.mark.sanitize
@pytest.mark.parametrize("text,words", [
    ('{\n "name": "copy",\n "source": {"host": "db1",}\n}', ["line 3", "not valid JSON"]),
    ('{\n "name": "copy"\n "version": 1\n}', ["line 3", "not valid JSON"]),
    ('{\n "name": "copy",\n "name": "other"\n}', ["duplicate", "name", "line 3"]),
    ('{"source": {"host": "a", "password": "wr0ng-passw0rd" "x": 1}}', ["line 1", "not valid"]),
    ('{"source": {"host": "a", "password": "wr0ng-passw0rd\n"}}', ["line 1", "not valid"]),
    ("[]", ["must be an object", "a list"]),
    ('"copy"', ["line 1", "not valid JSON"]),
    ("", ["not valid JSON"]),
    ('{"name": "copy"}', ["source.host", "is missing"]),
    ("{} {}", ["line 1", "not valid JSON"]),
    ('{"name": "\\ud800"}', ["line 1", "not valid JSON"]),
    ("{" + '"a":{' * 3000, ["not valid JSON"]),
    (" " * 600_000, ["larger than"]),
], ids=range(13))
def test_text_that_is_no_document(core, text, words):
    """Line and column, without quoting the text: a password may stand there."""
    result = core.run(text, until=None)
    failure(result, "task_invalid", *words)


def test_document_files(core, tmp_path):
    """A file that is missing, cannot be one, or cannot be read."""
    for path, word in ((tmp_path / "nothing.json", "No such file"), (tmp_path, "directory")):
        result = core.command("--task", path, "--standalone")
        failure(result, "task_invalid", str(path), word)


# ------------------------------------------------------- the state folder

@pytest.fixture
def filled(mysql_80, new_database, core):
    """A document whose task has run once; and a function that adds a row."""
    name = table(mysql_80, new_database(mysql_80))
    document = task_document(mysql_80, include=name, start=here(mysql_80))
    mysql_80.sql(f"INSERT INTO {name} VALUES (2, 'a')")
    assert ids(core.run(document).ok().messages) == [2]
    return document, lambda number: mysql_80.sql(f"INSERT INTO {name} VALUES ({number}, 'a')")


@pytest.mark.sanitize
def test_state_in_use(filled, core):
    """The folder and the process that has it are named; the first is not disturbed."""
    document, insert = filled
    first = core.start(document)
    first.wait_for_log("reading ")
    result = core.run(document)
    failure(result, "state_locked", str(core.state), str(first.pid))
    insert(3)
    first.wait_for_lines(1)
    assert ids(first.terminate().ok().messages) == [3]
    insert(4)
    assert ids(core.run(document).ok().messages) == [4]


def test_state_of_another_task(filled, core):
    """Another task's position is not taken, nor harmed."""
    document, insert = filled
    before = saved(core)
    other = {**document, "name": "somebody_else"}
    failure(core.run(other), "state_invalid", str(core.state), "somebody_else", document["name"],
            "state folder of its own")
    failure(core.run({**document, "uid": "of-another-life"}), "state_invalid", str(core.state),
            "of-another-life")
    assert saved(core) == before
    insert(3)
    assert ids(core.run(document).ok().messages) == [3]


@pytest.mark.sanitize
@pytest.mark.parametrize("damage", [
    lambda text: "", lambda text: text[:len(text) // 2], lambda text: "\0" * len(text),
    lambda text: text.replace('"version":1', '"version":9'),
    lambda text: text.replace('"file":"', '"file":"../../'),
    lambda text: text.replace('"pos":', '"pos":-'),
    lambda text: text.replace('"flavor":"mysql"', '"flavor":"oracle"'),
    lambda text: text.replace('"gtid":"', '"gtid":"nonsense'),
    lambda text: text.replace('"seq":', '"sequence":'),
    lambda text: "[" + text + "]", lambda text: text + text], ids=range(11))
def test_damaged_position(filled, core, damage):
    """Never taken for "no position": that would skip or repeat everything."""
    document, insert = filled
    path = core.state / "position.json"
    good = path.read_text(encoding="utf-8")
    bad = damage(good)
    assert bad != good
    path.write_text(bad, encoding="utf-8")
    insert(3)
    result = core.run(document)
    failure(result, "state_invalid", str(path))
    assert not result.messages
    assert path.read_text(encoding="utf-8") == bad, "what is left may help a person"
    path.write_text(good, encoding="utf-8")
    assert ids(core.run(document).ok().messages) == [3]


def test_damaged_state(filled, core):
    """The file that says whose folder it is: damaged, or gone while a position is there."""
    document, insert = filled
    path = core.state / "state.json"
    good = path.read_text(encoding="utf-8")
    insert(3)
    for bad in ("", "{}", good.replace('"uid"', '"uidd"'), good[:-5]):
        path.write_text(bad, encoding="utf-8")
        failure(core.run(document), "state_invalid", str(path))
    path.unlink()
    failure(core.run(document), "state_invalid", str(path), "position.json")
    path.write_text(good, encoding="utf-8")
    assert ids(core.run(document).ok().messages) == [3]


def test_state_folder_that_cannot_be(core, mysql_80, tmp_path):
    """A file in its place, and a file system that takes no folder (for root neither)."""
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below", "/proc/mr-core-state"):
        result = core.run(task_document(mysql_80, include="a.b"), state=folder)
        failure(result, "state_io", str(folder))


# A drive of its own for a test: (folder, how to make it larger).
@pytest.fixture
def drive(tmp_path):
    """A file system of 256 KiB that can be filled."""
    folder = tmp_path / "drive"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=False,
            capture_output=True).returncode != 0:
        pytest.skip("only who may mount can make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.sanitize
@pytest.mark.parametrize("metadata,file", [("FULL", "position.json"), ("MINIMAL", "schema.jsonl")])
def test_full_state_folder(filled, core, drive, mysql_80, metadata, file):
    """A save that fails ends the task, and the file from before stays whole: the position's, or
    that of the definitions, which is written in front of a row that needs one."""
    document, insert = filled
    state = drive / "state"
    with row_metadata(mysql_80, metadata):
        insert(3)
    document["source"]["start"] = {key: saved(core)[key] for key in ("file", "pos")}
    running = core.start(document, state=state)
    running.wait_for_log("reading ")
    good = (state / "position.json").read_text(encoding="utf-8")
    ballast = drive / "ballast"
    with pytest.raises(OSError), open(ballast, "wb", buffering=0) as handle:
        while True:
            handle.write(bytes(1024))
    with row_metadata(mysql_80, metadata):
        insert(4)
    result = running.wait(20)
    failure(result, "state_io", f"{state}/{file}", "No space left", "Make room")
    position = (state / "position.json").read_text(encoding="utf-8")
    assert json.loads(position)["uid"] == json.loads(good)["uid"], "whole, old or new"
    ballast.unlink()
    got = ids(result.messages) + ids(core.run(document, state=state).ok().messages)
    assert set(got) == {4} or set(got) == {3, 4}, got


# ------------------------------------------------------- the command line

def test_version_and_help(core):
    """--version in one line; --help to standard output."""
    result = core.command("--version").ok()
    assert result.stdout.startswith("mr-core ") and len(result.lines) == 1 and not result.stderr
    assert "--standalone" in core.command("--help").ok().stdout


@pytest.mark.parametrize("arguments,word", [
    (["--standlone"], "standlone"), (["--task"], "--task"), (["--task", "x.json"], "--standalone"),
    (["--standalone"], "--task"), ([], "--config"), (["task.json"], "task.json"),
    (["--task", "x", "--standalone", "--until", "binlog.000001:x"], "--until"),
    (["--task", "x", "--standalone", "--until", ""], "--until"),
    (["--task", "x", "--standalone", "--log-level", "loud"], "--log-level"),
    (["--print", "nothing"], "nothing")])
def test_wrong_usage(core, arguments, word):
    """Status 2, the word that is wrong, and the usage."""
    result = core.command(*arguments)
    assert result.status == 2 and word in result.stderr.splitlines()[0]
    assert "usage: mr-core" in result.stderr and not result.stdout


def test_check_config(core, tmp_path):
    """Good and bad configuration files, alone and with a document; nothing is connected to."""
    task = tmp_path / "task.json"
    task.write_text(json.dumps(a_document()), encoding="utf-8")
    good = tmp_path / "good.conf"
    good.write_text("; a comment\n[secrets]\nsecrets_dir = /nowhere\n", encoding="ascii")
    assert "is valid" in core.command("--check-config").ok().stdout
    assert str(good) in core.command("--check-config", "--config", good).ok().stdout
    result = core.command("--check-config", "--config", good, "--task", task).ok()
    assert "task copy is valid" in result.stdout and not result.stderr
    for text, words in (("[secrets]\nsecrets_dri = /x\n", ["secrets_dri", "secrets_dir", "2"]),
                        ("[secret]\nx = 1\n", ["secret"]),
                        ("secrets_dir = /x\n", ["[section]", ":1"]),
                        ("[secrets\n", ["1"]), ("[secrets]\nnonsense\n", ["2"])):
        bad = tmp_path / "bad.conf"
        bad.write_text(text, encoding="ascii")
        result = core.command("--check-config", "--config", bad)
        failure(result, "config_invalid", str(bad), *words, status=2)
    result = core.command("--check-config", "--config", tmp_path / "nothing.conf")
    failure(result, "config_invalid", "nothing.conf", "No such file", status=2)
    task.unlink()


def test_errors_are_documented(core):
    """Every code that these tests have met stands in the reference that mr-core prints."""
    page = core.command("--print", "reference-errors").ok().stdout
    for code in ("source_auth", "source_purged", "event_statement", "pipe_oversize"):
        assert code in page


def test_a_log_that_is_gone(mysql_80, core, new_database):
    """Standard error closed: the exit status still tells."""
    document = core.folder / "task.json"
    document.write_text(json.dumps(task_document(mysql_80, include="a.b", password=WRONG)),
                        encoding="utf-8")
    done = subprocess.run([binary(), "--task", document, "--standalone", "--until", "head"],
                          stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
                          timeout=30 * PATIENCE)
    assert done.returncode == 1
