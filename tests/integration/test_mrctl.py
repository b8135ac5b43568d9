"""mrctl against the real mr-server, ZooKeeper and mr-core: what an operator does with it."""

import json

import pytest

from harness.tasks import here, task_document, unique
from harness.waiting import wait_until


def plain(name: str, **more) -> dict:
    """A document that needs no source to be kept."""
    return {"version": 1, "name": name,
            "source": {"host": "127.0.0.1", "port": 1, "user": "u", "password": "canary-1"},
            "tables": {"include": ["shop.item"]}, "pipe": {"type": "none"}, **more}


@pytest.fixture(name="write")
def fixture_write(tmp_path):
    """Writes a document to a file; the file's path."""
    def write(document: dict) -> str:
        path = tmp_path / f"{document['name']}.json"
        path.write_text(json.dumps(document))
        return str(path)
    return write


# Without an mr-core.

@pytest.mark.sanitize
def test_documents(cluster, write):
    """Create, show, diff, update, revisions, revert, delete; secrets are never shown."""
    cluster.server()
    ctl = cluster.mrctl
    first = write(plain("a"))
    assert "no live mr-core" in ctl("task", "create", first).failed(1).stderr.lower()
    assert ctl("task", "create", first, "--skip-preflight").ok().stdout == \
        "task a: created, stopped\n"
    done = ctl("task", "create", first, "--skip-preflight").failed(1)
    assert "code: task_exists" in done.stderr

    shown = ctl("task", "show", "a", "-o", "json").ok().json
    assert shown["revision"] == 1 and shown["control"]["desired"] == "stopped"
    assert shown["document"]["source"]["password"] == "***"
    assert shown["document"]["commit_interval_ms"] == 500  # a default, written out
    text = ctl("task", "show", "a").ok().stdout
    assert "no mr-core has it" in text and '"commit_interval_ms": 500' in text

    assert ctl("task", "diff", "a", first).ok().stdout.splitlines()[0].split() == \
        ["FIELD", "STORED", "FILE"]
    kept = plain("a", commit_interval_ms=700)
    kept["source"]["password"] = "***"
    second = write(kept)
    rows = ctl("task", "diff", "a", second, "-o", "json").ok().json
    assert rows == [{"path": "commit_interval_ms", "old": 500, "new": 700}]
    assert "revision 2" in ctl("task", "update", second, "--skip-preflight").ok().stdout
    assert ctl("task", "diff", "a", second).ok().stdout == "task a: the same\n"

    # Somebody else was faster.
    done = ctl("task", "update", second, "--skip-preflight", "--revision", "1").failed(1)
    assert "code: revision_stale" in done.stderr

    # The secret would go elsewhere.
    elsewhere = json.loads(json.dumps(kept))
    elsewhere["source"]["host"] = "127.0.0.2"
    done = ctl("task", "update", write(elsewhere), "--skip-preflight").failed(1)
    assert "field: source.password" in done.stderr and "secret_needed" in done.stderr

    lines = ctl("task", "revisions", "a").ok().stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["REVISION", "1", "2"]
    former = ctl("task", "revisions", "a", "1", "-o", "json").ok().json
    assert former["document"]["commit_interval_ms"] == 500
    assert "revision 3" in ctl("task", "revert", "a", "1", "--skip-preflight").ok().stdout
    shown = ctl("task", "show", "a", "-o", "json").ok().json
    assert shown["document"]["commit_interval_ms"] == 500 and shown["revision"] == 3
    ctl("task", "revert", "a", "77", "--skip-preflight").failed(1)

    assert "canary" not in text + json.dumps(shown) + json.dumps(former)
    assert ctl("task", "delete", "a", "--yes", "--wait").ok().stdout == "task a: deleted\n"
    done = ctl("task", "show", "a").failed(1)
    assert "code: task_unknown" in done.stderr
    ctl("task", "create", write(plain("a")), "--skip-preflight").ok()


def test_bad_documents(cluster, write):
    """The field and the way out, as the server says them."""
    cluster.server()
    bad = plain("a")
    bad["source"]["prt"] = 3306
    done = cluster.mrctl("task", "create", write(bad)).failed(1)
    assert "field: source.prt" in done.stderr and "did you mean" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    answer = cluster.mrctl("task", "create", write(bad), "-o", "json").failed(1).json
    assert answer["error"]["code"] == "task_invalid" and answer["error"]["field"] == "source.prt"


def test_orders_without_a_core(cluster, write):
    """What is ordered is kept; --wait says what is missing; stopping has happened already."""
    cluster.server()
    ctl = cluster.mrctl
    ctl("task", "create", write(plain("a")), "--skip-preflight").ok()
    assert ctl("task", "start", "a").ok().stdout == "task a: told to start\n"
    assert cluster.api.get("/tasks/a").json["control"]["desired"] == "running"
    done = ctl("task", "start", "a", "--wait", "--timeout", "1s").failed(1)
    assert "no mr-core has it" in done.stderr and "mrctl task why a" in done.stderr
    why = ctl("task", "why", "a").ok().stdout
    assert "mr-core" in why and "Next: " in why
    assert {"state", "sentence", "next_step"} <= set(ctl("task", "why", "a", "-o", "json").json)
    assert "told to pause" in ctl("task", "pause", "a").ok().stdout
    assert "STOPPED" in ctl("task", "stop", "a", "--wait").ok().stdout
    done = ctl("task", "handover", "a", "--wait", "--timeout", "1s").failed(1)
    assert "code: not_running" in done.stderr
    assert "no position" in ctl("task", "position", "a").ok().stdout
    done = ctl("task", "position", "a", "--set", "binlog.000002:1234", "--wait").ok()
    assert "begins at binlog.000002:1234" in done.stdout
    control = cluster.api.get("/tasks/a").json["control"]
    assert control["position"] == {"file": "binlog.000002", "pos": 1234} and control["reset"] == 1
    ctl("task", "delete", "a", "-y", "-w").ok()


def test_lists(cluster, write):
    """Tasks by filters, sorted; names; more than a page."""
    cluster.server()
    ctl = cluster.mrctl
    for name in ("shop_b", "shop_a", "other"):
        ctl("task", "create", write(plain(name)), "--skip-preflight").ok()
    ctl("task", "start", "shop_a").ok()
    wait_until(lambda: ctl("task", "list", "--names").stdout == "other\nshop_a\nshop_b\n", 5,
               "the list has all tasks")
    assert ctl("task", "list", "-q", "shop", "--names").ok().stdout == "shop_a\nshop_b\n"
    wait_until(lambda: ctl("task", "list", "--desired", "running", "--names").stdout == "shop_a\n",
               5, "the list has what is desired")
    assert ctl("task", "list", "--group", "none", "--names").ok().stdout == ""
    assert "no tasks" in ctl("task", "list", "--state", "FAILED").ok().stderr
    answer = ctl("task", "list", "-o", "json").ok().json
    assert [each["name"] for each in answer["tasks"]] == ["other", "shop_a", "shop_b"]
    assert answer["total"] == 3
    head, *rows = ctl("task", "list").ok().stdout.splitlines()
    assert head.split()[:4] == ["NAME", "GROUP", "DESIRED", "STATE"] and len(rows) == 3


def test_more_than_a_page(cluster):
    """1005 tasks: two pages of 1000 are one list."""
    cluster.server()
    document = plain("x")
    for number in range(1005):
        document["name"] = f"t{number:04}"
        cluster.api.post("/tasks?preflight=skip", document).ok()
    wait_until(lambda: len(cluster.mrctl("task", "list", "--names").stdout.split()) == 1005, 10,
               "the list has all tasks")
    names = cluster.mrctl("task", "list", "--names").ok().stdout.split()
    assert names == [f"t{number:04}" for number in range(1005)]


def test_access(cluster, write):
    """Tokens: made, listed, deleted; each role may what it may; expiry; none and a wrong one."""
    cluster.server()
    ctl = cluster.mrctl
    made = ctl("token", "create", "--role", "viewer", "--name", "dashboards", "--expires",
               "90d").ok()
    viewer = made.stdout.splitlines()[-1]
    assert viewer.startswith("mrt_")
    wait_until(lambda: ctl("task", "list", token=viewer).status == 0, 5, "the token is known")
    path = write(plain("a"))
    for words in (("task", "create", path, "--skip-preflight"), ("id", "next", "snapshot"),
                  ("token", "list"), ("machine", "drain", "c1")):
        done = ctl(*words, token=viewer).failed(1)
        assert "role" in done.stderr, done
    operator = ctl("token", "create", "--role", "operator").ok().stdout.splitlines()[-1]
    ctl("task", "create", path, "--skip-preflight", token=operator).ok()
    ctl("token", "list", token=operator).failed(1)
    listed = ctl("token", "list").ok().stdout
    assert "dashboards" in listed and viewer not in listed
    secret = viewer.rpartition("_")[2]
    assert secret not in listed + ctl("token", "list", "-o", "json").ok().stdout
    known = {each["role"]: each["id"] for each in ctl("token", "list", "-o", "json").json["tokens"]}
    ctl("token", "delete", known["viewer"]).ok()
    wait_until(lambda: ctl("task", "list", token=viewer).status == 1, 5, "the token is refused")
    for wrong in (viewer, "mrt_x_y", "nonsense"):
        assert "token is unknown" in ctl("task", "list", token=wrong).failed(1).stderr
    assert "no token was given" in ctl("task", "list", env={"MR_TOKEN": ""}).failed(1).stderr


def test_installation(cluster):
    """Cluster, ids, machines, alerts."""
    server = cluster.server()
    ctl = cluster.mrctl
    shown = ctl("cluster", "show").ok().stdout
    assert ctl("cluster", "show", "-o", "json").ok().json["cluster"] in shown
    ids = [ctl("id", "next", "snapshot").ok().stdout for _ in range(3)]
    assert len(set(ids)) == 3 and all(each.startswith("snapshot-job-") for each in ids)
    wait_until(lambda: server.name in ctl("machine", "list").ok().stdout, 5, "the server is listed")
    assert "no alerts" in ctl("alert", "list").ok().stderr
    assert ctl("alert", "list", "-o", "json").ok().json == {"alerts": []}
    assert "no mr-core" in ctl("machine", "drain", "nowhere").failed(1).stderr


def test_without_zookeeper(new_cluster, new_server, write):
    """ZooKeeper away: an error that says so, within its time; then it goes on by itself."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    cluster.server()
    cluster.mrctl("task", "create", write(plain("a")), "--skip-preflight").ok()
    zookeeper.kill()
    done = cluster.mrctl("task", "show", "a").failed(1)
    assert "zk_unreachable" in done.stderr and "remedy: " in done.stderr
    zookeeper.start()
    wait_until(lambda: cluster.mrctl("task", "show", "a").status == 0, 30, "it is back")


# With mr-core: the operator's story.

@pytest.mark.sources("mariadb-10.11", "mysql-8.0")
def test_the_life_of_a_task(cluster, source, database, kafka, bus, write):
    """Create, validate, start, watch, hand over, stop, change, delete: with mrctl alone."""
    cluster.server()
    ctl = cluster.mrctl
    cluster.core("c1")
    cluster.core("c2")
    wait_until(lambda: ctl("machine", "list").stdout.count("mr-core") == 2, 15, "two cores")
    name = unique("story")
    start = here(source)
    source.sql(f"CREATE TABLE {database}.item (id INT PRIMARY KEY, v TEXT);"
               f"CREATE TABLE {database}.more (id INT PRIMARY KEY, v TEXT)")
    document = task_document(source, name=name, include=f"{database}.item", start=start,
                             pipe=kafka)

    # A wrong password is found before there is a task.
    wrong = json.loads(json.dumps(document))
    wrong["source"]["password"] = "canary-wrong"
    done = ctl("task", "validate", write(wrong)).failed(1)
    assert "source.login" in done.stdout and "failed" in done.stdout and "-> " in done.stdout
    assert "canary" not in done.stdout + done.stderr
    done = ctl("task", "create", write(wrong)).failed(1)
    assert "code: preflight_failed" in done.stderr and "source.login" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    path = write(document)
    assert "source.login" in ctl("task", "validate", path).ok().stdout
    tables = ctl("task", "validate", path, "--tables").ok().stdout
    assert f"{database}.item" in tables

    ctl("task", "create", path).ok()
    assert "STOPPED" in ctl("task", "stop", name, "--wait").ok().stdout
    assert ctl("task", "start", name, "--wait").ok().stdout == f"task {name}: RUNNING\n"
    topic = f"{name}.{database}.item"
    source.sql(f"INSERT INTO {database}.item VALUES (1, 'one')")
    assert bus.collect(topic, count=1)
    shown = ctl("task", "show", name).ok().stdout
    assert "RUNNING on c" in shown and "STANDBY" in shown
    watched = ctl("task", "show", name, "--watch", "--timeout", "1s").ok().stdout
    assert "RUNNING" in watched
    wait_until(lambda: f"{name} " in ctl("task", "list", "--state", "RUNNING").stdout, 10, "listed")

    # Handed over to the other, and on from there.
    before = ctl("task", "show", name, "-o", "json").json["instances"][0]["hostname"]
    done = ctl("task", "handover", name, "--wait").ok()
    assert "another instance" in done.stdout
    instances = ctl("task", "show", name, "-o", "json").json["instances"]
    running = [each["hostname"] for each in instances if each["state"] == "RUNNING"]
    assert running and running != [before]
    source.sql(f"INSERT INTO {database}.item VALUES (2, 'two')")
    bus.collect(topic, count=2)

    # Told to stop and at once to start: RUNNING is that after the stop.
    ctl("task", "stop", name).ok()
    ctl("task", "start", name, "--wait").ok()
    source.sql(f"INSERT INTO {database}.item VALUES (20, 'twenty')")
    bus.collect(topic, count=3)

    # Restarted: another run.
    def run():
        instances = ctl("task", "show", name, "-o", "json").json["instances"]
        return next(each["run"] for each in instances if each["state"] == "RUNNING")
    former = run()
    assert "RUNNING anew" in ctl("task", "restart", name, "--wait").ok().stdout
    assert run() != former

    # Paused: what is written meanwhile comes when it goes on.
    assert "PAUSED" in ctl("task", "pause", name, "--wait").ok().stdout
    source.sql(f"INSERT INTO {database}.item VALUES (3, 'three')")
    assert "RUNNING" in ctl("task", "resume", name, "--wait").ok().stdout
    bus.collect(topic, count=4)

    # Stopped, changed, started: the other table from now on too.
    assert "STOPPED" in ctl("task", "stop", name, "--wait").ok().stdout
    position = ctl("task", "position", name, "-o", "json").ok().json
    assert position["file"] and position["pos"] > 4
    changed = json.loads(json.dumps(document))
    changed["tables"]["include"] = [f"{database}.item", f"{database}.more"]
    changed["source"]["password"] = "***"
    path = write(changed)
    assert "tables.include" in ctl("task", "diff", name, path).ok().stdout
    ctl("task", "update", path, "--wait").ok()
    ctl("task", "start", name, "--wait").ok()
    source.sql(f"INSERT INTO {database}.more VALUES (9, 'nine')")
    bus.collect(f"{name}.{database}.more", count=1)

    # Changed while it runs.
    changed["commit_interval_ms"] = 250
    assert "RUNNING with it" in ctl("task", "update", write(changed), "--wait").ok().stdout

    # A position of a person: the last row again.
    where = f"{position['file']}:{position['pos']}"
    if position.get("gtid"):
        where += f",gtid={position['gtid']}"
    done = ctl("task", "position", name, "--set", where, "--wait").ok()
    assert "the position was: " in done.stdout and "RUNNING from" in done.stdout
    bus.collect(f"{name}.{database}.more", count=2)

    assert ctl("task", "delete", name, "--yes", "--wait").ok().stdout == f"task {name}: deleted\n"
    ctl("task", "show", name).failed(1)
    assert "canary" not in "".join(each.log for each in cluster.daemons)


@pytest.mark.sources("mariadb-10.11")
def test_a_task_that_fails(cluster, source, database, kafka, write):
    """--wait ends with the error as soon as the task is FAILED; start tries it again."""
    cluster.server()
    ctl = cluster.mrctl
    cluster.core("c1")
    name = unique("fails")
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(source, name=name, include=f"{database}.t", pipe=kafka,
                             start={"file": "nothing.000001", "pos": 4})
    ctl("task", "create", write(document), "--skip-preflight").ok()
    done = ctl("task", "start", name, "--wait", "--timeout", "40s").failed(1)
    assert "FAILED on c1" in done.stderr and "mrctl task why" in done.stderr
    assert "FAILED" in ctl("task", "why", name).ok().stdout
    done = ctl("task", "start", name, "--wait", "--timeout", "40s").failed(1)
    assert "FAILED on c1" in done.stderr
    done = ctl("task", "position", name, "--set", "latest", "--wait").ok()
    assert "RUNNING from latest" in done.stdout
    ctl("task", "delete", name, "-y", "-w").ok()


@pytest.mark.sources("mariadb-10.11")
def test_a_machine_is_emptied(cluster, source, database, kafka, write):
    """drain --wait: the standby runs the task, the machine holds nothing; undrain."""
    cluster.server()
    ctl = cluster.mrctl
    cluster.core("c1")
    name = unique("drain")
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(source, name=name, include=f"{database}.t", pipe=kafka)
    ctl("task", "create", write(document), "--start", "--wait").ok()
    done = ctl("task", "handover", name, "--wait").failed(1)
    assert "no_standby" in done.stderr
    cluster.core("c2")
    cluster.wait_state(name, "STANDBY", on="c2")
    assert "holds no task" in ctl("machine", "drain", "c1", "--wait").ok().stdout
    cluster.wait_state(name, "RUNNING", on="c2")
    row = next(line for line in ctl("machine", "list").ok().stdout.splitlines()
               if line.startswith("c1 "))
    assert "draining" in row
    ctl("machine", "undrain", "c1").ok()
    cluster.wait_state(name, "STANDBY", on="c1")
    ctl("task", "delete", name, "-y", "-w").ok()


@pytest.mark.sources("mariadb-10.11")
def test_being_alerted(cluster, source, database, kafka, write, webhook):
    """A task that breaks: the webhook is called, `alert list` shows it, `why` what to do; mended,
    it is resolved. A test of the channels is taken, or said not to be."""
    cluster.server()
    ctl = cluster.mrctl
    cluster.core("c1")
    channel = {"channel.oncall": {"type": "webhook", "url": webhook.url, "timeout": "1s"}}
    cluster.monitor(**{"monitor": {"interval": "200ms"}, **channel,
                       "rule.failed": {"resolve_after": "500ms"}})
    assert "taken by every channel" in ctl("alert", "test", "--wait").ok().stdout
    webhook.wait(event="test")
    assert "taken by oncall" in ctl("alert", "test", "--channel", "oncall", "-w").ok().stdout
    ctl("alert", "test", "--channel", "nobody", "--wait").failed(1)

    name = unique("breaks")
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(source, name=name, include=f"{database}.t", pipe=kafka)
    ctl("task", "create", write(document), "--start", "--wait").ok()
    ctl("task", "position", name, "--set", "nothing.000001:4").ok()
    body = webhook.wait(event="firing", rule="failed")
    assert body["name"] == name

    def listed(state):
        return [each for each in ctl("alert", "list", "--state", state, "-o", "json").json["alerts"]
                if each["rule"] == "failed" and each["name"] == name]
    wait_until(lambda: listed("firing"), 20, "alert list has it")
    table = ctl("alert", "list", "--state", "firing").ok().stdout
    assert name in table and "failed" in table
    assert "FAILED" in ctl("task", "why", name).ok().stdout
    ctl("task", "position", name, "--set", "latest", "--wait").ok()
    webhook.wait(event="resolved", rule="failed")
    wait_until(lambda: not listed("firing"), 20, "it is resolved")
    ctl("task", "delete", name, "-y", "-w").ok()


def test_https(cluster, sandbox, write):
    """mr-server with a certificate: --ca names its authority; without it nothing is sent."""
    pair = sandbox.authority.server_certificate()
    server = cluster.server(start=False, server={"tls_cert": pair.certificate, "tls_key": pair.key})
    server.start(wait=False)
    ctl = cluster.mrctl
    url = {"MR_SERVER": f"https://127.0.0.1:{server.port}"}
    wait_until(lambda: ctl("cluster", "show", "--ca", pair.ca, env=url).status == 0, 20,
               "the server answers")
    assert "no safe connection" in ctl("cluster", "show", env=url).failed(1).stderr
    ctl("task", "create", write(plain("a")), "--skip-preflight", env={**url,
                                                                      "MR_CA": str(pair.ca)}).ok()
    plainly = {"MR_SERVER": f"http://127.0.0.1:{server.port}"}
    assert "mrctl: " in ctl("cluster", "show", env=plainly).failed(1).stderr
