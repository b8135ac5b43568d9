"""mrctl against an mr-server that is made up: faults, requests as they are sent, output."""

import base64
import json
import os
import pathlib
import pty
import select
import subprocess
import time

import pytest

from harness.cluster import Cluster, program
from harness.fake_api import FakeApi, answer, error

TOKEN = "mrt_t1_canary0123456789"
DOCUMENT = {"version": 1, "name": "a", "source": {"host": "db1", "user": "u", "password": "hush"},
            "tables": {"include": ["shop.item"]}, "pipe": {"type": "none"}}


@pytest.fixture(name="api")
def fixture_api():
    """A server with no answers yet."""
    fake = FakeApi()
    yield fake
    fake.close()


@pytest.fixture(name="mrctl")
def fixture_mrctl(api, tmp_path):
    """Runs mrctl with the fake's address."""
    def run(*words, stdin=None, env=None, timeout=30):
        base = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "MR_SERVER": api.url,
                "MR_TOKEN": TOKEN}
        done = Cluster.run(program("mrctl"), *words, stdin=stdin, timeout=timeout,
                           env={**base, **(env or {})})
        assert TOKEN not in done.stdout + done.stderr
        return done
    return run


def write(folder, document) -> str:
    """A file with the document."""
    path = pathlib.Path(folder) / "task.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def instance(node="h1-0000000001", state="RUNNING", run="run-job-1", since=1, **more) -> dict:
    """An instance as GET /tasks/{name} has it."""
    return {"node": node, "hostname": node.rpartition("-")[0], "state": state, "run": run,
            "since_ms": since, "lag_ms": 7, "rows": 5, "rows_per_s": 1.5, "bytes": 2048,
            "transactions": 3, "in_flight": 0, "last_event_ms": 1, "binlog_hours_left": 70.5,
            "version": "0.1.0", "pid": 77,
            "position": {"file": "binlog.000002", "pos": 1234, "gtid": "0-1-5"},
            "source_head": None, "error": None, **more}


def task(*instances, desired="running", revision=1, **more) -> bytes:
    """An answer of GET /tasks/a."""
    return answer(200, {"name": "a", "path": "/mysql_replicator/tasks/a", "revision": revision,
                        "document": {**DOCUMENT, "source": {"host": "db1", "password": "***"}},
                        "control": {"desired": desired, "revision": revision, "restart": 0,
                                    "reset": 0, "position": None},
                        "status": {"revision": revision}, "lastCommit": None,
                        "instances": list(instances), **more},
                  {"ETag": f'"{revision}"'})


# Faults.

WHOLE = json.dumps({"tasks": [], "next": None, "total": 0}).encode()
FAULTS = {
    "closed": b"",
    "cut headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut body": answer(200, WHOLE, {"Content-Length": len(WHOLE) + 1}),
    "cut chunk": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n40\r\n{",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "not JSON": answer(200, b"<html>hello</html>", {"Content-Type": "text/html"}),
    "half JSON": answer(200, WHOLE[:-1]),
    "a list": answer(200, []),
    "null": answer(200, b"null"),
    "twice": answer(200, b'{"tasks":[],"tasks":[]}'),
    "bad gateway": answer(502, b"<html>\x1b[31mproxy</html>", {"Content-Type": "text/html"}),
    "error without a message": answer(500, {"error": {"code": "internal"}}),
    "error as a string": answer(500, {"error": "boom"}),
    "redirect": answer(302, None, {"Location": "http://127.0.0.1:1/"}),
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"y" * 200_000,
}


@pytest.mark.sanitize
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_faults(api, mrctl, fault):
    """Whatever comes: status 1, a sentence, nothing on standard output."""
    api.on("GET", "/tasks?limit=1000", fault)
    done = mrctl("task", "list").failed(1)
    assert done.stdout == ""
    assert done.stderr.startswith("mrctl: ") and api.url in done.stderr
    assert "remedy: " in done.stderr and "\x1b" not in done.stderr


def test_too_large(api, mrctl):
    """An answer over the bound is not read to its end."""
    api.on("GET", "/tasks?limit=1000",
           answer(200, b'{"tasks":["' + b"x" * (33 << 20) + b'"]}'))
    assert "larger than it may be" in mrctl("task", "list").failed(1).stderr


@pytest.mark.parametrize("silent", [30, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"])
def test_hang(api, mrctl, silent):
    """A server that takes the request and says no more."""
    if isinstance(silent, bytes):
        head = silent

        def hang(_):
            return head
        api.on("GET", "/tasks/a", hang)
    else:
        api.on("GET", "/tasks/a", silent)
    begin = time.monotonic()
    done = mrctl("task", "show", "a", "--request-timeout", "700ms").failed(1)
    assert time.monotonic() - begin < 5
    assert "mrctl: " in done.stderr


def test_nobody_there(mrctl):
    """No server, no such host, no TLS there: what to look at is said."""
    for server in ("http://127.0.0.1:1", "http://does.not.exist.invalid"):
        done = mrctl("cluster", "show", env={"MR_SERVER": server}).failed(1)
        assert server in done.stderr and "systemctl status mr-server" in done.stderr


def test_errors_as_the_api_gives_them(api, mrctl, tmp_path):
    """Message, field, remedy, code; the checks of a preflight as a table; JSON with -o json."""
    checks = [{"name": "source.reachable", "result": "ok", "field": "source.host", "code": "",
               "message": "db1:3306", "remedy": ""},
              {"name": "source.grants", "result": "failed", "field": "source.user",
               "code": "source_grant", "message": "REPLICATION SLAVE is missing",
               "remedy": "GRANT REPLICATION SLAVE ON *.* TO 'u'@'%'"}]
    api.on("POST", "/tasks", error(422, "preflight_failed", "The task would not run.",
                                   field="source.user", remedy="Do as the checks say.",
                                   checks=checks))
    path = write(tmp_path, DOCUMENT)
    done = mrctl("task", "create", path).failed(1)
    assert done.stdout == ""
    assert done.stderr.splitlines()[:4] == [
        "mrctl: The task would not run.", "  field: source.user",
        "  remedy: Do as the checks say.", "  code: preflight_failed"]
    assert "-> GRANT REPLICATION SLAVE ON *.* TO 'u'@'%'" in done.stderr
    assert "source.reachable" not in done.stderr  # what is well is left out
    done = mrctl("task", "create", path, "-o", "json").failed(1)
    assert done.json["error"]["code"] == "preflight_failed" and done.json["checks"] == checks
    api.on("GET", "/cluster", error(401, "unauthorized", "No token, or one that is not known."))
    assert "token is unknown" in mrctl("cluster", "show").failed(1).stderr
    assert "no token was given" in mrctl("cluster", "show", env={"MR_TOKEN": ""}).failed(1).stderr


def test_control_characters(api, mrctl):
    """What the server says cannot act on the terminal, in tables, errors and JSON."""
    evil = "x\x1b[2J\x9b31m\u202e\x07\nSTATE"
    api.on("GET", "/tasks?limit=1000", answer(200, {"tasks": [{
        "name": evil, "group": None, "desired": "running", "state": "RUNNING", "hostname": evil,
        "lag_ms": None, "rows": 1, "rows_per_s": 0, "since_ms": 0, "instances": 1,
        "error": {"message": evil}}], "next": None, "total": 1}))
    api.on("GET", "/tasks/a", error(404, "task_unknown", evil, remedy=evil))
    raw = json.dumps({"name": evil}, ensure_ascii=False).encode()
    api.on("GET", "/tasks/b", answer(200, raw))
    for done in (mrctl("task", "list").ok(), mrctl("task", "show", "a").failed(1),
                 mrctl("task", "show", "b", "-o", "json").ok()):
        text = done.stdout + done.stderr
        assert not [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160
                    or c in "\u202e"], repr(text)
    assert len(mrctl("task", "list").stdout.splitlines()) == 2
    assert mrctl("task", "show", "b", "-o", "json").json == {"name": evil}


# Token, address, TLS.

def test_token_is_not_shown(api, tmp_path):
    """Not in ps by environment or file, even by --token no longer than it takes; readable
    files are warned of."""
    api.on("GET", "/tasks/a", 3)
    for words, env, config in ((["--token", TOKEN], {"MR_TOKEN": ""}, None),
                               ([], {}, None),
                               ([], {"MR_TOKEN": ""}, f"token = {TOKEN}\n")):
        path = tmp_path / "config"
        if config:
            path.write_text(config)
            path.chmod(0o600)
            words = ["--config", str(path)]
        environment = {**os.environ, "HOME": str(tmp_path), "MR_SERVER": api.url,
                       "MR_TOKEN": TOKEN, **env}
        before = len(api.requests)
        with subprocess.Popen([program("mrctl"), "task", "show", "a", *words], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            while len(api.requests) == before:
                time.sleep(0.01)
            line = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
            process.kill()
        assert TOKEN.encode() not in line
        assert api.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    path.chmod(0o644)
    done = Cluster.run(program("mrctl"), "id", "next", "x", "--config", path,
                       env={"HOME": str(tmp_path), "MR_SERVER": api.url, "MR_TOKEN": ""})
    assert "others can read it (mode 0644)" in done.stderr


def test_token_stays_here(api, mrctl):
    """No redirect is followed, no proxy is used, and plain http elsewhere is warned of."""
    other = FakeApi()
    try:
        api.on("GET", "/cluster", answer(307, None, {"Location": other.url + "/api/v1/cluster"}))
        mrctl("cluster", "show", env={"http_proxy": other.url, "ALL_PROXY": other.url}).failed(1)
        assert len(api.requests) == 1 and not other.requests
    finally:
        other.close()
    done = mrctl("cluster", "show", env={"MR_SERVER": "http://does.not.exist.invalid"}).failed(1)
    assert "unencrypted" in done.stderr


def test_tls(sandbox, tmp_path, mrctl):
    """The certificate and the host's name are checked; --ca names the authority."""
    pair = sandbox.authority.server_certificate()
    fake = FakeApi(pair)
    fake.on("GET", "/cluster", answer(200, {"cluster": "c1"}))
    try:
        url = {"MR_SERVER": fake.url}
        done = mrctl("cluster", "show", env=url).failed(1)
        assert "no safe connection" in done.stderr and "--ca" in done.stderr
        assert "c1" in mrctl("cluster", "show", "--ca", pair.ca, env=url).ok().stdout
        assert "c1" in mrctl("cluster", "show", env={**url, "MR_CA": str(pair.ca)}).ok().stdout
        # The right authority, another host.
        wrong = {"MR_SERVER": f"https://127.0.0.2:{fake.port}"}
        mrctl("cluster", "show", "--ca", pair.ca, env=wrong).failed(1)
        assert "mrctl: " in mrctl("cluster", "show", "--ca", tmp_path / "none",
                                  env=url).failed(1).stderr
    finally:
        fake.close()


# Requests as they are sent, and what is printed.

def test_pages(api, mrctl):
    """A list is read to its end; filters are sent; JSON is one answer."""
    def row(name):
        return {"name": name, "group": None, "desired": "running", "state": "RUNNING",
                "hostname": "h1", "lag_ms": 5, "rows": 3, "rows_per_s": 1.0, "since_ms": 1,
                "instances": 2, "error": None}
    query = "/tasks?limit=1000&group=g1&state=RUNNING&desired=running&q=a%20%26b"
    api.on("GET", query, answer(200, {"tasks": [row("a"), row("b")], "next": "b", "total": 3}))
    api.on("GET", query + "&after=b", answer(200, {"tasks": [row("c")], "next": None, "total": 3}))
    words = ("task", "list", "--group", "g1", "--state", "RUNNING", "--desired", "running",
             "-q", "a &b")
    assert mrctl(*words, "--names").ok().stdout == "a\nb\nc\n"
    done = mrctl(*words, "-o", "json").ok()
    assert [each["name"] for each in done.json["tasks"]] == ["a", "b", "c"]
    assert done.json["total"] == 3 and done.json["next"] is None
    # A page that leads back to itself ends the list.
    api.on("GET", query + "&after=b", answer(200, {"tasks": [row("c")], "next": "b", "total": 3}))
    assert len(mrctl(*words).ok().stdout.splitlines()) == 4


def test_columns(api, mrctl):
    """Columns align under names that are not ASCII."""
    api.on("GET", "/machines", answer(200, {"machines": [
        {"hostname": "日本", "program": "mr-core", "version": "1", "held": 2, "running": 1,
         "load": 0.5, "rss_bytes": 1 << 20, "started_ms": 1, "heartbeat_ms": 1, "listen": "x",
         "draining": True}], "servers": [{"hostname": "café-long-name"}], "monitors": []}))
    head, first, second = mrctl("machine", "list").ok().stdout.splitlines()
    assert first.index("mr-core") + 2 == second.index("mr-server") == head.index("PROGRAM")
    assert "draining" in first and "live" in second


def test_create_and_update(api, mrctl, tmp_path):
    """The body is the file as it is; queries, If-Match of what was read, or --revision."""
    path = write(tmp_path, DOCUMENT)
    made = answer(201, {"name": "a", "revision": 1, "checks": []}, {"ETag": '"1"'})
    api.on("POST", "/tasks", made).on("POST", "/tasks?preflight=skip&start=true", made)
    assert mrctl("task", "create", path).ok().stdout == "task a: created, stopped\n"
    assert api.requests[-1].body == pathlib.Path(path).read_bytes()
    assert api.requests[-1].headers["content-type"] == "application/json"
    mrctl("task", "create", "-", "--skip-preflight", "--start", stdin=json.dumps(DOCUMENT)).ok()
    assert api.requests[-1].json == DOCUMENT
    api.on("GET", "/tasks/a", task(revision=4))
    api.on("PUT", "/tasks/a", answer(200, {"revision": 5, "control": {"desired": "stopped"}}),
           error(412, "revision_stale", "It is revision 6 now."))
    assert "revision 5" in mrctl("task", "update", path).ok().stdout
    assert api.requests[-1].headers["if-match"] == '"4"'
    assert "revision 6" in mrctl("task", "update", path, "--revision", "3").failed(1).stderr
    assert api.requests[-1].headers["if-match"] == '"3"'


@pytest.mark.parametrize("text, part", [
    ("{", "line 1"), ("[]", "must be an object"), ('{"name":"a","name":"b"}', "duplicate"),
    ('{"version":1}', 'no "name"'), ('{"name":"../x"}', "no name of a task"),
    ('{"name":"' + "x" * (600 << 10) + '"}', "larger than"), ("", "line 1"),
])
def test_bad_files(api, mrctl, tmp_path, text, part):
    """What is no document is not sent, from a file and from standard input."""
    assert part in mrctl("task", "create", write(tmp_path, text)).failed(1).stderr
    assert "mrctl: " in mrctl("task", "create", "-", stdin=text).failed(1).stderr
    assert "mrctl: " in mrctl("task", "create", tmp_path / "none").failed(1).stderr
    assert not api.requests


def test_names_are_checked_here(api, mrctl):
    """A name that is a path trick is not sent."""
    for name in ("../x", "a/b", "a?b", "", ".", "x" * 200):
        mrctl("task", "show", name).failed(2)
        mrctl("task", "delete", "--yes", name).failed(2)
    for name in ("../x", "a/b", "a?b", "", ".", "x" * 300):
        mrctl("machine", "drain", name).failed(2)
    assert not api.requests


def test_diff(api, mrctl, tmp_path):
    """Only what differs, defaults aside; secrets masked; what is given anew is said."""
    stored = {**DOCUMENT, "uid": "u-1", "source": {"host": "db1", "port": 3306, "user": "u",
                                                   "password": "***"}}
    api.on("GET", "/tasks/a", task(document=stored))
    same = {**DOCUMENT, "source": {"host": "db1", "user": "u", "password": "***"}}
    assert mrctl("task", "diff", "a", write(tmp_path, same)).ok().stdout == "task a: the same\n"
    new = {**DOCUMENT, "source": {"host": "db2", "user": "u", "password": "hush"},
           "commit_interval_ms": 700}
    done = mrctl("task", "diff", "a", write(tmp_path, new)).ok()
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["source.host", '"db1"', '"db2"'] in rows
    assert ["commit_interval_ms", "500", "700"] in rows
    assert "source.password" in done.stdout and "given anew" in done.stdout and len(rows) == 4
    assert "hush" not in done.stdout + done.stderr
    done = mrctl("task", "diff", "a", write(tmp_path, new), "-o", "json").ok()
    assert {"path": "source.host", "old": "db1", "new": "db2"} in done.json
    bad = {**new, "sorce": {}}
    done = mrctl("task", "diff", "a", write(tmp_path, bad)).failed(1)
    assert "did you mean" in done.stderr and "hush" not in done.stdout + done.stderr


def test_validate(api, mrctl, tmp_path):
    """A table of checks; 1 when one failed, 0 with warnings alone."""
    def check(result):
        return {"name": "source.retention", "result": result, "field": "", "code": "",
                "message": "1 h", "remedy": "Keep it longer."}
    path = write(tmp_path, DOCUMENT)
    api.on("POST", "/validate", answer(200, {"valid": True, "checks": [check("warning")]}))
    done = mrctl("task", "validate", path).ok()
    assert "-> Keep it longer." in done.stdout
    assert mrctl("task", "validate", path, "-o", "json").ok().json["valid"] is True
    api.on("POST", "/validate", answer(200, {"valid": False, "checks": [check("failed")]}))
    assert "failed" in mrctl("task", "validate", path).failed(1).stdout
    assert mrctl("task", "validate", path, "-o", "json").failed(1).json["valid"] is False
    api.on("POST", "/validate?type=tables", answer(200, {
        "valid": True, "checks": [], "tables": [{"db": "shop", "table": "item"}],
        "truncated": True}))
    assert "shop.item\n… and more" in mrctl("task", "validate", path, "--tables").ok().stdout


def test_position(api, mrctl):
    """Shown whole; set in each form, the former one printed so that it can be set again."""
    gtid = ",".join(f"{i}-1-{i * 1000}" for i in range(40))
    api.on("GET", "/tasks/a/position", answer(200, {"file": "b.1", "pos": 4, "gtid": gtid,
                                                    "seq": 7, "reset": 1, "ts_ms": 1}))
    assert gtid in mrctl("task", "position", "a").ok().stdout
    api.on("PUT", "/tasks/a/position", answer(200, {"control": {"desired": "stopped", "reset": 2}}))
    done = mrctl("task", "position", "a", "--set", "b.2:100").ok()
    assert f"b.1:4,gtid={gtid}" in done.stdout
    assert api.requests[-1].json == {"start": {"file": "b.2", "pos": 100}}
    mrctl("task", "position", "a", "--set", f"b.1:4,gtid={gtid}").ok()
    assert api.requests[-1].json == {"start": {"file": "b.1", "pos": 4, "gtid": gtid}}
    count = len(api.requests)
    mrctl("task", "position", "a", "--set", "yesterday").failed(2)
    assert len(api.requests) == count
    api.on("GET", "/tasks/b/position", answer(200, b"null"))
    assert "no position" in mrctl("task", "position", "b").ok().stdout


def test_token_create(api, mrctl):
    """The token alone on the last line."""
    api.on("POST", "/tokens", answer(201, {"id": "t9", "role": "viewer", "token": "mrt_t9_x"}))
    done = mrctl("token", "create", "--role", "viewer", "--name", "é", "--expires", "90d").ok()
    assert done.stdout.splitlines()[-1] == "mrt_t9_x"
    body = api.requests[-1].json
    assert abs(body.pop("expires_ms") / 1000 - time.time() - 90 * 86400) < 60
    assert body == {"role": "viewer", "name": "é"}
    mrctl("token", "create").failed(2)


# Waiting.

def test_wait_running(api, mrctl):
    """From STOPPED over STARTING to RUNNING; a 503 in between does not end it."""
    api.on("GET", "/tasks/a", task(instance(state="STOPPED"), desired="stopped"),
           task(instance(state="STARTING", since=2)), error(503, "zk_unreachable", "away"), b"",
           task(instance(since=3)))
    api.on("POST", "/tasks/a/start", answer(200, {"control": {"desired": "running"}}))
    assert mrctl("task", "start", "a", "--wait").ok().stdout == "task a: RUNNING\n"
    assert len(api.requests) == 6


def test_wait_failed(api, mrctl):
    """FAILED ends it at once, with the error and the next step; an old FAILED does not."""
    old = instance(state="FAILED", since=1)
    new = instance(state="FAILED", since=9, error={"code": "source_grant",
                                                   "message": "REPLICATION SLAVE is missing"})
    api.on("GET", "/tasks/a", task(old), task(old), task(new))
    api.on("POST", "/tasks/a/start", answer(200, {"control": {"desired": "running"}}))
    begin = time.monotonic()
    done = mrctl("task", "start", "a", "--wait").failed(1)
    assert time.monotonic() - begin < 10
    assert "FAILED on h1: REPLICATION SLAVE is missing" in done.stderr
    assert "mrctl task why a" in done.stderr and done.stdout == ""


def test_wait_timeout(api, mrctl):
    """Not in time: 1, and what there was last."""
    api.on("GET", "/tasks/a", task(desired="stopped"), task())
    api.on("POST", "/tasks/a/start", answer(200, {"control": {"desired": "running"}}))
    done = mrctl("task", "start", "a", "--wait", "--timeout", "600ms").failed(1)
    assert "within the time given: no mr-core has it" in done.stderr


def test_wait_restart_and_others(api, mrctl):
    """Restart: another run; stop and pause: their states; delete: until 404; several names."""
    done = answer(200, {"control": {}})
    api.on("POST", "/tasks/a/restart", done).on("POST", "/tasks/a/stop", done)
    api.on("POST", "/tasks/a/pause", done)
    api.on("GET", "/tasks/a", task(instance()), task(instance()), task(instance(run="run-job-2")))
    assert "RUNNING anew" in mrctl("task", "restart", "a", "-w").ok().stdout
    api.on("GET", "/tasks/a", task(instance()), task(instance(), desired="stopped"),
           task(instance(state="STOPPED"), desired="stopped"))
    assert "STOPPED" in mrctl("task", "stop", "a", "-w").ok().stdout
    api.on("GET", "/tasks/a", task(instance()), task(instance(state="PAUSED"), desired="paused"))
    assert "PAUSED" in mrctl("task", "pause", "a", "-w").ok().stdout
    # Somebody else wants it to run meanwhile.
    api.on("GET", "/tasks/a", task(instance()), task(instance(), desired="running"))
    assert "somebody has ordered" in mrctl("task", "stop", "a", "-w").failed(1).stderr
    api.on("DELETE", "/tasks/a", answer(202, {"state": "deleting"}))
    api.on("GET", "/tasks/a", task(desired="deleted"), error(404, "task_unknown", "none"))
    assert "deleted" in mrctl("task", "delete", "a", "-y", "-w").ok().stdout
    api.on("POST", "/tasks/b/stop", done)
    mixed = mrctl("task", "stop", "nope", "b").failed(1)
    assert "task b: told to stop" in mixed.stdout


def test_wait_handover(api, mrctl):
    """The command's answer, then another instance; no_standby is told."""
    api.on("POST", "/tasks/a/handover", answer(202, {"command": "command-job-1"}))
    api.on("GET", "/tasks/a/commands/command-job-1", answer(200, {"state": "pending"}),
           answer(200, {"state": "done", "error": None}))
    other = instance("h2-0000000002", run="run-job-2")
    api.on("GET", "/tasks/a", task(instance()),
           task(instance(), instance("h2-0000000002", "STANDBY")),
           task(other, instance("h1-0000000003", "STANDBY")))
    assert "another instance" in mrctl("task", "handover", "a", "--wait").ok().stdout
    api.on("GET", "/tasks/a", task(instance()))
    api.on("GET", "/tasks/a/commands/command-job-1",
           answer(200, {"state": "failed", "error": {"code": "no_standby", "message": "alone"}}))
    assert "failed: alone (no_standby)" in mrctl("task", "handover", "a", "--wait").failed(1).stderr
    api.on("GET", "/tasks/a/commands/command-job-1", answer(200, {"state": "pending"}))
    done = mrctl("task", "handover", "a", "--wait", "--timeout", "500ms").failed(1)
    assert "nobody has answered" in done.stderr


def test_wait_drain(api, mrctl):
    """Until the machine holds nothing; other machines do not count."""
    def machines(draining, held):
        return answer(200, {"machines": [
            {"hostname": "h1", "draining": draining, "held": held},
            {"hostname": "h2", "draining": False, "held": 9}]})
    api.on("POST", "/machines/h1/drain", answer(200, {"draining": True}))
    api.on("GET", "/machines", machines(False, 0), machines(True, 2), machines(True, 0))
    assert "holds no task" in mrctl("machine", "drain", "h1", "--wait").ok().stdout
    api.on("GET", "/machines", machines(True, 2))
    done = mrctl("machine", "drain", "h1", "--wait", "--timeout", "400ms").failed(1)
    assert "still holds 2 tasks" in done.stderr


def test_alert_test(api, mrctl):
    """The order's answer; a channel by name."""
    api.on("POST", "/alerts/test?channel=on%20call", answer(202, {"order": "order-job-1"}))
    api.on("GET", "/orders/order-job-1", answer(200, {"state": "pending"}),
           answer(200, {"state": "done"}))
    assert "taken by on call" in mrctl("alert", "test", "--channel", "on call", "-w").ok().stdout
    api.on("GET", "/orders/order-job-1", answer(200, {
        "state": "failed", "error": {"code": "channel_failed", "message": "HTTP 500"}}))
    assert "HTTP 500" in mrctl("alert", "test", "--channel", "on call", "-w").failed(1).stderr


def test_delete_asks(api, tmp_path):
    """On a terminal `yes` is typed; anything else deletes nothing."""
    api.on("DELETE", "/tasks/a", answer(202, {"state": "deleting"}))
    for typed, status in ((b"no\n", 1), (b"y\n", 1), (b"yes\n", 0)):
        master, slave = pty.openpty()
        environment = {**os.environ, "HOME": str(tmp_path), "MR_SERVER": api.url,
                       "MR_TOKEN": TOKEN}
        with subprocess.Popen([program("mrctl"), "task", "delete", "a"], stdin=slave, stdout=slave,
                              stderr=slave, env=environment) as process:
            seen = b""
            while b"[yes/no]" not in seen:
                assert select.select([master], [], [], 10)[0]
                seen += os.read(master, 4096)
            assert not api.requests
            os.write(master, typed)
            assert process.wait(10) == status
        os.close(master)
        os.close(slave)
    assert [each.method for each in api.requests] == ["DELETE"]


def test_watch(api, mrctl):
    """A line every two seconds, until --timeout."""
    api.on("GET", "/tasks/a", task(instance()), task(instance(rows=9)))
    done = mrctl("task", "show", "a", "--watch", "--timeout", "1s").ok()
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and "rows 5" in lines[0] and "rows 9" in lines[1]
    assert all("RUNNING" in line and "binlog.000002:1234" in line for line in lines)


def test_closed_output(api, tmp_path):
    """Standard output that cannot be written is a failure, not a success."""
    api.on("GET", "/tasks/a", task(instance()))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program("mrctl"), "task", "show", "a"], stdout=full, check=False,
                              stderr=subprocess.PIPE, timeout=20,
                              env={**os.environ, "HOME": str(tmp_path), "MR_SERVER": api.url})
    assert done.returncode == 1 and b"standard output" in done.stderr


def test_completion(mrctl, tmp_path):
    """bash completes groups, commands, options, their values and tasks' names."""
    script = mrctl("--print", "completion").ok().stdout
    (tmp_path / "completion").write_text(script)

    def complete(*words):
        line = base64.b64encode(" ".join(words).encode()).decode()
        code = (f"source {tmp_path}/completion; mrctl() {{ printf 'item\\nuser\\n'; }};"
                f"read -ra COMP_WORDS <<< \"$(base64 -d <<< {line}).\";"
                "last=${#COMP_WORDS[@]}; COMP_CWORD=$((last-1));"
                "COMP_WORDS[$COMP_CWORD]=${COMP_WORDS[$COMP_CWORD]%.};"
                "_mrctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True,
                              cwd=tmp_path, timeout=20)
        assert done.stderr == ""
        return done.stdout.split()
    assert complete("mrctl", "ta") == ["task"]
    assert set(complete("mrctl", "task", "re")) == {"revert", "resume", "restart", "revisions"}
    assert complete("mrctl", "task", "start", "--wa") == ["--wait"]
    assert complete("mrctl", "task", "start", "it") == ["item"]
    assert complete("mrctl", "-o", "json", "task", "start", "u") == ["user"]
    assert complete("mrctl", "task", "list", "--desired", "ru") == ["running"]
    assert complete("mrctl", "task", "create", "comp") == ["completion"]
