"""mr-server's API on real ZooKeeper: tasks, control, revisions, tokens; what bad input gives."""

import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import socket
import time

import pytest

from harness.cluster import ROOT, Api, program, request
from harness.tasks import unique
from harness.waiting import wait_until

CANARY = "canary-9Z7q-secret"


def document(name=None, **changes):
    """A task document that needs no server to be stored."""
    made = {"name": name or unique("api"),
            "source": {"host": "db1.example", "port": 3306, "user": "repl", "password": CANARY},
            "tables": {"include": ["shop.item"]},
            "pipe": {"type": "kafka", "brokers": "k1:9092"}}
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = {**made[key], **value}
        else:
            made[key] = value
    return made


@pytest.fixture
def api(cluster):
    """The API of one server, as an admin."""
    cluster.server()
    return cluster.api


def create(api, doc=None, query="?preflight=skip"):
    """A task made without a check; its name."""
    doc = doc or document()
    api.post("/tasks" + query, doc).ok()
    return doc["name"]


# The life of a task.

@pytest.mark.sanitize
def test_the_life_of_a_task(api, cluster):
    """Create, show, list, change, start, pause, position, revisions, delete."""
    doc = document()
    name = doc["name"]
    made = api.post("/tasks?preflight=skip", doc)
    assert made.status == 201 and made.headers["location"] == f"/api/v1/tasks/{name}"
    assert made.headers["etag"] == '"1"'
    shown = api.get(f"/tasks/{name}").ok()
    assert shown.headers["etag"] == '"1"'
    assert shown.json["control"]["desired"] == "stopped" and shown.json["revision"] == 1
    assert shown.json["document"]["source"]["password"] == "***"
    assert shown.json["document"]["commit_interval_ms"] == 500  # defaults are written out
    assert len(shown.json["document"]["uid"]) == 36
    assert shown.json["instances"] == [] and shown.json["status"] is None
    for part in ("control", "instances", "lastCommit", "status", "commands"):
        assert cluster.tree.stat(f"{ROOT}/tasks/{name}/{part}"), part
    assert cluster.tree.get(f"{ROOT}/names/{name}") == f"{ROOT}/tasks/{name}".encode()

    assert api.post(f"/tasks/{name}/start").ok().json["control"]["desired"] == "running"
    assert api.post(f"/tasks/{name}/pause").ok().json["control"]["desired"] == "paused"
    assert api.post(f"/tasks/{name}/resume").ok().json["control"]["restart"] == 0
    assert api.post(f"/tasks/{name}/restart").ok().json["control"]["restart"] == 1
    set_to = api.put(f"/tasks/{name}/position", {"start": {"file": "b.000007", "pos": 4}}).ok().json
    assert set_to["control"]["reset"] == 1 and set_to["control"]["position"]["file"] == "b.000007"
    assert api.get(f"/tasks/{name}/position").ok().json is None

    changed = api.put(f"/tasks/{name}", {**shown.json["document"], "commit_interval_ms": 900}, 1,
                      headers={}).error(409, "no_core")
    assert "mr-core" in changed["message"]
    answer = api.call("PUT", f"/tasks/{name}?preflight=skip",
                      {**shown.json["document"], "commit_interval_ms": 900}, {"If-Match": '"1"'})
    assert answer.ok().headers["etag"] == '"2"'
    assert answer.json["document"]["commit_interval_ms"] == 900
    assert answer.json["control"]["reset"] == 1, "the rest of control stays"
    revisions = api.get(f"/tasks/{name}/revisions").ok().json["revisions"]
    assert [(r["revision"], r["current"]) for r in revisions] == [(1, False), (2, True)]
    former = api.get(f"/tasks/{name}/revisions/1").ok()
    assert former.json["document"]["commit_interval_ms"] == 500 and CANARY not in former.text
    api.get(f"/tasks/{name}/revisions/7").error(404, "not_found")

    assert api.delete(f"/tasks/{name}").status == 202
    api.get(f"/tasks/{name}").error(404, "task_unknown")
    assert not [path for path in cluster.tree.dump(ROOT) if name in path]
    api.delete(f"/tasks/{name}").error(404, "task_unknown")
    create(api, doc)  # the name is free again, under another uid
    assert api.get(f"/tasks/{name}").json["document"]["uid"] != shown.json["document"]["uid"]


def test_no_secret_is_shown_or_stored(api, cluster):
    """A canary is in no znode, log, answer or metric; the sealed text is in no answer."""
    name = create(api, document(pipe={"security": {
        "sasl": {"mechanism": "PLAIN", "user": "u", "password": CANARY}}}))
    answers = [api.get(path).text for path in (
        "/tasks", f"/tasks/{name}", f"/tasks/{name}/why", f"/tasks/{name}/revisions/1", "/cluster")]
    answers += [api.post("/tasks?preflight=skip", document(name)).text,
                api.post("/tasks?preflight=skip", {**document(), "nonsense": CANARY}).text,
                api.post("/tasks?preflight=skip", json.dumps(document())[:-2]).text,
                api.post("/validate", document()).text,
                cluster.live("mr-server")[0].get("/metrics").text]
    for text in answers:
        assert CANARY not in text and "sealed:" not in text, text
    dump = cluster.tree.dump()
    assert b"sealed:v1:k1:" in dump[f"{ROOT}/tasks/{name}"]
    assert not [path for path, data in dump.items() if CANARY.encode() in data]
    assert CANARY not in cluster.live("mr-server")[0].log
    token_secret = api.token.split("_", 2)[2]  # which may begin with one
    assert not [path for path, data in dump.items() if token_secret.encode() in data]
    assert token_secret not in cluster.live("mr-server")[0].log


def test_a_secret_is_kept_or_asked_for_again(api):
    """Left out or *** keeps it; another host, user, brokers or TLS wants it again."""
    name = create(api, document(pipe={"security": {
        "sasl": {"mechanism": "PLAIN", "user": "u", "password": CANARY}}}))
    shown = api.get(f"/tasks/{name}").json["document"]

    def put(**changes):
        base = api.get(f"/tasks/{name}")
        doc = json.loads(json.dumps(shown))
        for path, value in changes.items():
            at = doc
            *folders, last = path.split("__")
            for folder in folders:
                at = at[folder]
            at[last] = value
        return api.call("PUT", f"/tasks/{name}?preflight=skip", doc,
                        {"If-Match": base.headers["etag"]})

    put(commit_interval_ms=700).ok()
    put(source__password=None).ok()
    assert api.get(f"/tasks/{name}").json["document"]["source"]["password"] == "***"
    for change in ({"source__host": "evil.example"}, {"source__port": 3307},
                   {"source__user": "other"}, {"source__tls": {"mode": "required"}}):
        assert put(**change).error(422, "secret_needed")["field"] == "source.password", change
        put(**change, source__password="new").ok()
        put(source__host="db1.example", source__password="new").ok()
    for change in ({"pipe__brokers": "evil:9092"},
                   {"pipe__security__tls": {"mode": "required"}}):
        assert put(**change).error(422, "secret_needed")["field"] == "pipe.security.sasl.password"
    put(name="other").error(422, "task_invalid")
    assert put(group="g1").error(422, "task_invalid")["field"] == "group"
    assert put(uid="mine").error(422, "task_invalid")["field"] == "uid"
    # A new task has nothing stored.
    fresh = document(source={"password": "***"})
    assert api.post("/tasks?preflight=skip", fresh).error(422, "secret_needed")["field"] == \
        "source.password"


def test_certificates_are_kept_when_the_host_moves(api):
    """ca is no secret: it is sealed anew for the new host; another ca is another TLS."""
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    name = create(api, document(source={"tls": {"mode": "verify_identity", "ca": pem}}))
    shown = api.get(f"/tasks/{name}").json["document"]
    assert shown["source"]["tls"]["ca"] == "***"

    def put(revision, **source):
        doc = {**shown, "source": {**shown["source"], **source}}
        return api.call("PUT", f"/tasks/{name}?preflight=skip", doc, {"If-Match": f'"{revision}"'})

    put(1, host="db2.example", password="x").ok()
    put(2, host="db2.example", tls={"mode": "verify_identity", "ca": pem}).ok()  # the same one
    assert put(3, host="db2.example", tls={"mode": "verify_identity", "ca": pem.replace("A", "B")}
               ).error(422, "secret_needed")["field"] == "source.password"


def test_a_reference_is_shown(api):
    """A reference is no secret."""
    name = create(api, document(source={"password": "file:db-password"}))
    assert api.get(f"/tasks/{name}").json["document"]["source"]["password"] == "file:db-password"


def test_the_list_pages_and_filters(api, cluster):
    """Names in order, pages that fit together, filters, counts."""
    names = sorted(create(api, document(f"page_{number:02}_{os.getpid()}")) for number in range(7))
    create(api, document("zz_cold", group="g1"))
    api.post(f"/tasks/{names[3]}/start").ok()
    wait_until(lambda: api.get("/tasks").json["total"] == 8, 10, "the view has all tasks")
    wait_until(lambda: api.get("/tasks?desired=running").json["total"] == 1, 10, "one is to run")
    seen, after = [], ""
    while after is not None:
        page = api.get(f"/tasks?limit=3&after={after}").ok().json
        assert len(page["tasks"]) <= 3 and page["total"] == 8
        seen += [row["name"] for row in page["tasks"]]
        after = page["next"]
    assert seen == [*names, "zz_cold"]
    assert [row["name"] for row in api.get("/tasks?group=g1").json["tasks"]] == ["zz_cold"]
    assert api.get("/tasks?group=").json["total"] == 7
    assert api.get("/tasks?group=unknown").ok().json == {"tasks": [], "next": None, "total": 0}
    assert api.get("/tasks?q=PAGE_03").json["total"] == 1
    assert api.get("/tasks?state=RUNNING").json["total"] == 0
    row = api.get("/tasks?limit=1").json["tasks"][0]
    assert row["desired"] == "stopped" and row["state"] is None and row["instances"] == 0
    for bad in ("limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "state=NO", "desired=no",
                "nonsense=1", "q=%", "q=%ff", "q=%00", "group=..", "q=" + "x" * 400):
        api.get("/tasks?" + bad).error(400)


def test_control_made_by_hand_is_shown(api, cluster):
    """Instances and reports that a core writes appear in GET and in the list."""
    name = create(api, query="?preflight=skip&start=true")
    wait_until(lambda: api.get(f"/tasks?q={name}").json["total"] == 1, 10, "the view has it")
    folder = f"{ROOT}/tasks/{name}/instances"
    report = {"state": "RUNNING", "hostname": "c1", "pid": 1, "version": "1", "since_ms": 1,
              "run": "run-job-0000000001", "position": None, "source_head": None, "lag_ms": 12,
              "rows": 5, "rows_per_s": 1.5, "bytes": 0, "transactions": 0, "in_flight": 0,
              "last_event_ms": 0, "last_heartbeat_ms": 0, "binlog_hours_left": None,
              "pipe_errors": 0, "dead_letters": 0, "rss_bytes": 0, "memory_limit": 0,
              "snapshot": None, "error": None}
    cluster.tree.create(f"{folder}/c2-0000000009", {**report, "state": "STANDBY", "hostname": "c2"})
    cluster.tree.create(f"{folder}/c1-0000000003", report)
    shown = api.get(f"/tasks/{name}").ok().json["instances"]
    assert [each["node"] for each in shown] == ["c1-0000000003", "c2-0000000009"]

    def row():
        return api.get(f"/tasks?q={name}").json["tasks"][0]
    wait_until(lambda: row()["instances"] == 2, 10, "the view has both")
    assert row()["state"] == "RUNNING" and row()["lag_ms"] == 12 and row()["hostname"] == "c1"
    assert api.get("/tasks?state=running").json["total"] == 1
    assert "c1" in api.get(f"/tasks/{name}/why").json["sentence"]
    command = api.post(f"/tasks/{name}/handover")
    assert command.status == 202
    order = api.get(f"/tasks/{name}/commands/{command.json['command']}").ok().json
    assert order["type"] == "handover" and order["state"] == "pending"
    # A report that is no JSON, and a node that is no instance, spoil nothing.
    cluster.tree.set(f"{folder}/c1-0000000003", b"\xff{")
    cluster.tree.create(f"{folder}/by-hand", b"x")
    assert api.get(f"/tasks/{name}").ok().json["instances"][0] == {"node": "c1-0000000003"}
    wait_until(lambda: row()["state"] is None, 5, "the list follows")
    api.delete(f"/tasks/{name}").ok()
    assert api.get(f"/tasks/{name}").ok().json["control"]["desired"] == "deleted"
    api.post(f"/tasks/{name}/start").error(409, "task_deleting")
    api.post("/tasks?preflight=skip", document(name)).error(409, "task_deleting")
    for node in cluster.tree.children(folder):
        cluster.tree.delete(f"{folder}/{node}")
    wait_until(lambda: api.get(f"/tasks/{name}").status == 404, 15, "the reaper removed it")


def test_delete_with_force_waits_for_nobody(api, cluster):
    """Instances of cores that are gone anyway do not hold a task back."""
    name = create(api)
    cluster.tree.create(f"{ROOT}/tasks/{name}/instances/c1-0000000003", b"")
    api.delete(f"/tasks/{name}").ok()
    assert api.get(f"/tasks/{name}").status == 200
    api.delete(f"/tasks/{name}?force=true").ok()
    api.get(f"/tasks/{name}").error(404, "task_unknown")


def test_a_task_that_a_core_registered_is_filled_in(api, cluster):
    """A core makes the node of a task it is told to run; create puts the document there."""
    name = unique("registered")
    cluster.tree.create(f"{ROOT}/names/{name}", f"{ROOT}/tasks/{name}")
    cluster.tree.create(f"{ROOT}/tasks/{name}")
    for part in ("instances", "lastCommit", "status", "commands"):
        cluster.tree.create(f"{ROOT}/tasks/{name}/{part}")
    shown = api.get(f"/tasks/{name}").ok().json
    assert shown["document"] is None and shown["control"] is None
    assert api.get(f"/tasks/{name}/why").json["state"] == "REGISTERED"
    api.post(f"/tasks/{name}/start").error(409, "no_document")
    api.post("/tasks?preflight=skip", document(name, group="g1")).error(409, "task_exists")
    create(api, document(name), "?preflight=skip&start=true")
    shown = api.get(f"/tasks/{name}").ok().json
    assert shown["control"]["desired"] == "running" and shown["revision"] == 1


def test_names_are_unique_over_hot_and_cold(api):
    """A cold task's name is no hot one's."""
    name = create(api, document(group="g1"))
    assert api.get(f"/tasks/{name}").json["path"] == f"{ROOT}/task-groups/g1/{name}"
    api.post("/tasks?preflight=skip", document(name)).error(409, "task_exists")
    api.post(f"/tasks/{name}/start").ok()
    api.delete(f"/tasks/{name}").ok()
    api.get(f"/tasks/{name}").error(404, "task_unknown")


# Bad input.

@pytest.mark.sanitize
def test_bodies_that_are_wrong(api):
    """Each gets its status, code and place, and the server lives on."""
    def post(body, headers=None):
        return api.call("POST", "/tasks?preflight=skip", body, headers)
    broken = post('{"name": "x",\n  "source": }').error(400, "body_invalid")
    assert broken["where"] == "line 2, column 13", broken
    for body in ("", "[]", "null", '"x"', "{", '{"name":"a","name":"b"}', b"\xff\xfe", "{}x",
                 "[" * 5000, '{"a":' * 3000):
        assert post(body).error(400)["code"] == "body_invalid"
    assert post({**document(), "sorce": {}}).error(422, "task_invalid")["field"] == "sorce"
    port = post(document(source={"port": 99999})).error(422, "task_invalid")
    assert port["field"] == "source.port"
    assert post(document("../../etc")).error(422, "task_invalid")["field"] == "name"
    assert post({**document(), "name": ""}).error(422, "task_invalid")["field"] == "name"
    assert post(document(group="a/b")).error(422, "task_invalid")["field"] == "group"
    assert post(document(pipe={"delivery": "once"})).error(422)["field"] == "pipe.delivery"
    post(json.dumps(document()), {"Content-Type": "text/xml"}).error(415, "media_type")
    post(json.dumps(document()), {"Content-Type": "application/json; charset=utf-8"}).ok()
    large = document(tables={"include": [f"shop.t{number:06}" for number in range(50000)]})
    assert len(json.dumps(large)) > 512 * 1024
    post(large).error(413, "too_large")
    # Its defaults, written out, make it too large only then.
    wide = document(pipe={"topics": {"config": {f"k{n:05}": "v" * 20 for n in range(13000)}}})
    assert len(json.dumps(wide, separators=(",", ":"))) < 512 * 1024
    assert post(json.dumps(wide, separators=(",", ":")).encode(),
                {"Content-Type": "application/json"}).status in (413, 422)
    api.get("/tasks").ok()


def test_names_that_are_path_tricks(api, cluster):
    """None reaches another node."""
    before = set(cluster.tree.dump(ROOT))
    for trick in ("..", ".", "%2e%2e", "..%2f..%2fzookeeper", "%2Fzookeeper", "a%2Fb", "a%5Cb",
                  "%00", "a%00b", "%0a", "%ff", "%c0%ae%c0%ae", "a%", "a%zz", "//", "x" * 300,
                  "%20", "a%20b", "%E2%80%AE", ".hidden", "-"):
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/start"), ("GET", "/position"),
                             ("GET", "/why")):
            answer = api.call(method, f"/tasks/{trick}{tail}")
            assert answer.status in (400, 404, 405), (trick, method, answer.status, answer.text)
            assert "error" in answer.json
    for path in ("/machines/..%2fx/drain", "/ids/a%2fb", "/ids/..", "/ids/a.b", "/orders/..",
                 "/tokens/..%2f", "/machines/-x/drain"):
        for method in ("POST", "GET", "DELETE"):
            assert api.call(method, path).status in (400, 404, 405), path
    assert set(cluster.tree.dump(ROOT)) == before
    api.get("/nothing").error(404, "not_found")
    wrong = api.call("PATCH", "/tasks")
    wrong.error(405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST"


def test_tokens_and_roles(api, cluster):
    """One answer for no and for a wrong token; roles; deleted at once; only a hash is kept."""
    port = api.port
    bad = [None, "x", "mrt_", "mrt_000000000000_" + "A" * 43, api.token[:-1] + "!", api.token + "x",
           api.token.replace("mrt_", "mrx_")]
    answers = {Api(port, token).get("/tasks").text for token in bad}
    assert len(answers) == 1 and "unauthorized" in answers.pop()
    raw = request(port, "GET", "/api/v1/tasks", headers={"Authorization": "Basic eDp5"})
    raw.error(401, "unauthorized")
    assert raw.headers["www-authenticate"] == "Bearer"
    viewer = Api(port, cluster.new_token("viewer", "--name", "ci"))
    operator = Api(port, cluster.new_token("operator"))
    viewer.get("/tasks").ok()
    viewer.post("/tasks?preflight=skip", document()).error(403, "forbidden")
    name = create(operator)
    operator.get("/tokens").error(403, "forbidden")
    listed = {token["name"]: token for token in api.get("/tokens").ok().json["tokens"]}
    assert listed["ci"]["role"] == "viewer" and "hash" not in listed["ci"]
    made = api.post("/tokens", {"role": "operator", "name": "robot"})
    assert made.status == 201
    robot = Api(port, made.json["token"])
    robot.post(f"/tasks/{name}/start").ok()
    log = cluster.live("mr-server")[0].log
    assert f"task {name} started by token {made.json['id']} (robot)" in log
    node = cluster.tree.json(f"{ROOT}/tokens/{made.json['id']}")
    secret = made.json["token"].split("_", 2)[2]
    assert node["hash"] == "sha256:" + hashlib.sha256(secret.encode()).hexdigest()
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    api.delete(f"/tokens/{made.json['id']}").ok()
    wait_until(lambda: robot.get("/tasks").status == 401, 1, "a deleted token stops", 0.005)
    api.delete(f"/tokens/{made.json['id']}").error(404, "not_found")
    short = api.post("/tokens", {"role": "viewer", "expires_ms": int(time.time() * 1000) + 1500})
    Api(port, short.json["token"]).get("/tasks").ok()
    time.sleep(1.6)
    Api(port, short.json["token"]).get("/tasks").error(401, "unauthorized")
    for body in ({"role": "root"}, {}, {"role": "viewer", "x": 1}, {"role": 1},
                 {"role": "viewer", "name": "a/b"}, {"role": "viewer", "expires_ms": 5}):
        api.post("/tokens", body).error(400, "body_invalid")


def test_a_token_whose_document_is_broken_lets_nobody_in(api, cluster):
    """Edited by hand: refused, and said in the log."""
    made = api.post("/tokens", {"role": "admin"}).json
    node = cluster.tree.json(f"{ROOT}/tokens/{made['id']}")
    cluster.tree.delete(f"{ROOT}/tokens/{made['id']}")
    other = api.post("/tokens", {"role": "viewer"}).json
    for broken in (b"", b"{", {**node, "role": "root"}, {**node, "hash": "sha256:00"},
                   {**node, "only_from": "10.0.0.0/8"}, {**node, "version": 2},
                   {**node, "id": other["id"]}):
        cluster.tree.create(f"{ROOT}/tokens/{made['id']}", broken)
        Api(api.port, made["token"]).get("/tasks").error(401, "unauthorized")
        cluster.tree.delete(f"{ROOT}/tokens/{made['id']}")
    Api(api.port, other["token"]).get("/tasks").ok()


def test_if_match(api):
    """428 without, 412 with an old one and the current one told, 400 for nonsense."""
    name = create(api)
    shown = api.get(f"/tasks/{name}").json["document"]
    path = f"/tasks/{name}?preflight=skip"
    api.call("PUT", path, shown).error(428, "revision_required")
    stale = api.call("PUT", path, shown, {"If-Match": '"9"'})
    stale.error(412, "revision_stale")
    assert stale.headers["etag"] == '"1"'
    for bad in ('"x"', '"1", "2"', "", "-1", '"99999999999999999999"'):
        api.call("PUT", path, shown, {"If-Match": bad}).error(400)
    for revision, form in enumerate(('"1"', 'W/"2"', "3", "*"), 1):
        changed = api.call("PUT", path, shown, {"If-Match": form}).ok()
        assert changed.json["revision"] == revision + 1


def test_revisions_are_kept_and_forgotten(api, cluster):
    """The last 20 former ones."""
    name = create(api)
    shown = api.get(f"/tasks/{name}").json["document"]
    for revision in range(1, 25):
        api.call("PUT", f"/tasks/{name}?preflight=skip", shown, {"If-Match": f'"{revision}"'}).ok()
    kept = [r["revision"] for r in api.get(f"/tasks/{name}/revisions").json["revisions"]]
    assert kept == list(range(5, 26))
    assert len(cluster.tree.children(f"{ROOT}/revisions/{name}")) == 20


@pytest.mark.sanitize
def test_two_servers_write_the_same_task(api, cluster):
    """Each change is done once; of two that were made from one revision one is refused."""
    second = cluster.server()
    apis = [api, Api(second.port, api.token)]
    name = create(api)
    shown = api.get(f"/tasks/{name}").json["document"]

    def put(number):
        doc = {**shown, "commit_interval_ms": 100 + number}
        while True:
            revision = apis[number % 2].get(f"/tasks/{name}").headers["etag"]
            answer = apis[number % 2].call("PUT", f"/tasks/{name}?preflight=skip", doc,
                                           {"If-Match": revision})
            if answer.status != 412:
                return answer.ok().json["revision"]

    def restart(number):
        apis[number % 2].post(f"/tasks/{name}/restart").ok()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        restarts = [pool.submit(restart, number) for number in range(24)]
        puts = [pool.submit(put, number) for number in range(16)]
        revisions = [each.result() for each in puts]
        for each in restarts:
            each.result()
    control = api.get(f"/tasks/{name}").json["control"]
    assert control["restart"] == 24 and control["revision"] == 17
    assert len(set(revisions)) == 16, "no two changes had the same revision"
    # And one name, made by both at once.
    name = unique("both")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: apis[n % 2].post("/tasks?preflight=skip", document(name)),
                                range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


def test_nodes_that_were_deleted_by_hand(api, cluster):
    """Each is said, and mended by the next order."""
    name = create(api)
    cluster.tree.delete(f"{ROOT}/tasks/{name}/control")
    assert api.get(f"/tasks/{name}").ok().json["control"] is None
    assert "control is gone" in api.get(f"/tasks/{name}/why").json["sentence"]
    control = api.post(f"/tasks/{name}/start").ok().json["control"]
    assert control == {"desired": "running", "revision": 1, "restart": 0, "reset": 0,
                       "position": None}
    cluster.tree.delete(f"{ROOT}/names/{name}")
    api.post(f"/tasks/{name}/stop").ok()
    assert cluster.tree.get(f"{ROOT}/names/{name}"), "the name is back"
    cluster.tree.delete(f"{ROOT}/tasks/{name}")  # all of it but the name
    api.get(f"/tasks/{name}").error(404, "task_unknown")
    create(api, document(name))
    api.get(f"/tasks/{name}").ok()
    cluster.tree.delete(f"{ROOT}/tasks/{name}")
    assert api.delete(f"/tasks/{name}").status == 202
    assert not cluster.tree.stat(f"{ROOT}/names/{name}")
    name = create(api)
    for part in ("instances", "lastCommit", "status", "commands"):
        cluster.tree.delete(f"{ROOT}/tasks/{name}/{part}")
    api.get(f"/tasks/{name}").ok()
    cluster.tree.set(f"{ROOT}/tasks/{name}/control", b"{nonsense")
    assert "control" in api.get(f"/tasks/{name}").error(500, "document_invalid")["message"]
    cluster.tree.delete(f"{ROOT}/tasks/{name}/control")
    cluster.tree.set(f"{ROOT}/tasks/{name}", b"{nonsense")
    shown = api.get(f"/tasks/{name}").ok().json
    assert shown["document"] is None and shown["document_error"]
    api.delete(f"/tasks/{name}").ok()
    api.get(f"/tasks/{name}").error(404, "task_unknown")


# Machines, ids, health.

def test_ids_are_given_once(cluster):
    """1,000 calls at once over two servers, one of which is killed among them: no id twice."""
    servers = [cluster.server("s1"), cluster.server("s2")]
    token = cluster.token

    def ids(number: int, count: int = 50) -> list:
        server, given = servers[number % 2], []
        for _ in range(count):
            try:
                answer = Api(server.port, token).post("/ids/spread")
            except (OSError, http.client.HTTPException):
                server = servers[1]
                continue
            if answer.status == 200:
                given.append(answer.json["id"])
        return given
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        given = [each for part in pool.map(ids, range(20)) for each in part]
        assert len(given) == 1000 and len(set(given)) == 1000
        under_way = [pool.submit(ids, number) for number in range(20)]
        wait_until(lambda: len(cluster.tree.children(f"{ROOT}/ids/spread")) or
                   any(each.running() for each in under_way), 20, "calls are under way")
        time.sleep(0.1)
        servers[0].kill()
        later = [each for task in under_way for each in task.result()]
    assert later and len(set(given + later)) == len(given) + len(later)


def test_ids_cluster_machines_and_orders(api, cluster):
    """The smaller parts of the API."""
    ids = [api.post("/ids/run").ok().json["id"] for _ in range(3)]
    assert all(re.fullmatch(r"run-job-\d{10}", each) for each in ids) and len(set(ids)) == 3
    info = api.get("/cluster").ok().json
    assert info["cluster"] == cluster.tree.json(ROOT)["cluster"] and info["format"] == 1
    assert info["servers"] == 1 and info["zookeeper"]["state"] in ("connected", "new session")
    found = api.get("/machines").ok().json
    assert found["machines"] == [] and found["servers"][0]["program"] == "mr-server"
    assert found["servers"][0]["hostname"] == "s1"
    api.post("/machines/nobody/drain").error(404, "not_found")
    assert api.get("/alerts").ok().json == {"alerts": []}
    order = api.post("/alerts/test?channel=oncall")
    assert order.status == 202
    given = api.get(f"/orders/{order.json['order']}").ok().json
    assert given["type"] == "test_alert" and given["channel"] == "oncall"
    api.get("/orders/order-job-9").error(404, "not_found")
    api.post("/validate", document()).error(409, "no_core")
    assert api.post("/tasks", document(group="g9")).error(409, "no_core")["field"] == "group"


def test_health_and_metrics_need_no_token(api, cluster):
    """Under both paths."""
    api.post("/tasks", "{").error(400)
    for prefix in ("", "/api/v1"):
        for path, text in (("/healthz", "alive"), ("/readyz", "ready")):
            answer = request(api.port, "GET", prefix + path)
            assert answer.status == 200 and text in answer.text
    server = cluster.live("mr-server")[0]
    assert server.metric("mr_zookeeper_connected") == 1
    assert server.metric("mr_server_requests_total", route="/tasks", status="400") == 1
    assert server.metric("mr_server_request_seconds_count") > 1
    assert server.metric("mr_build_info", program="mr-server") == 1


def test_slow_and_broken_clients(api):
    """Half requests, early ends, junk, endless heads and bodies: the others are served."""
    def connect():
        return socket.create_connection(("127.0.0.1", api.port), 10)
    junk = [b"", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100000,
            b"GET /" + b"x" * 50000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nabc",
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc",
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /api/v1/tasks%00 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n\r\n"]
    for data in junk:
        with connect() as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:
                pass
    slow = [connect() for _ in range(40)]
    for sock in slow:
        sock.sendall(b"GET /api/v1/tasks HT")
    api.get("/tasks").ok()
    # A chunked body without an end is cut off.
    with connect() as sock:
        sock.sendall(b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 16 << 20:
                sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
        assert sent < 16 << 20
    api.get("/tasks").ok()
    for sock in slow:
        sock.settimeout(45)
        assert sock.recv(1) == b"", "a client that is too slow is cut off"
        sock.close()


def test_a_clean_stop_answers_what_is_at_hand(api, cluster):
    """Requests that were begun get their answer; the process ends with 0."""
    server = cluster.live("mr-server")[0]
    name = create(api)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(api.post, f"/tasks/{name}/restart") for _ in range(40)]
        wait_until(lambda: sum(each.done() for each in answers) > 5, 10, "some are done", 0.001)
        begun = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - begun < 6
    done = sum(1 for each in answers if not each.exception() and each.result().status == 200)
    assert cluster.tree.json(f"{ROOT}/tasks/{name}/control")["restart"] >= done > 0


# Commands on the host.

def test_commands_on_the_host(cluster):
    """token, key, identity; what is to be used stands alone on the last line."""
    server = cluster.server(start=False)
    run = cluster.run
    binary = program("mr-server")
    made = run(binary, "--config", server.config, "token", "create", "--role", "viewer",
               "--name", "x", "--expires", "90d").ok()
    token = made.stdout.splitlines()[-1]
    assert re.fullmatch(r"mrt_[0-9a-f]{12}_[\w-]{43}", token), made.stdout
    listed = run(binary, "--config", server.config, "token", "list").ok().stdout
    assert token.split("_")[1] in listed and token.split("_", 2)[2] not in listed
    server.start()
    Api(server.port, token).get("/tasks").ok()
    run(binary, "--config", server.config, "token", "delete", token.split("_")[1]).ok()
    wait_until(lambda: Api(server.port, token).get("/tasks").status == 401, 2, "it stops")
    run(binary, "--config", server.config, "token", "delete", token.split("_")[1]).failed(1)
    for words in (("token",), ("token", "create"), ("token", "create", "--role", "king"),
                  ("token", "create", "--role", "admin", "--expires", "never"), ("nonsense",),
                  ("key",), ("identity", "user:password")):
        run(binary, "--config", server.config, *words).failed(2)
    line = run(binary, "key", "generate", "--id", "k2").ok().stdout
    assert re.fullmatch(r"k2 [0-9a-f]{64}\n", line)
    identity = run(binary, "identity", stdin="super:secret\n").ok().stdout.strip()
    digest = base64.b64encode(hashlib.sha1(b"super:secret").digest()).decode()
    assert identity == f"super:{digest}"
    run(binary, "--check-config", "--config", server.config).ok()
    assert "mr-server" in run(binary, "--version").ok().stdout


def test_a_key_ring_that_comes_later(cluster):
    """Without one a secret is refused, a reference is not; SIGHUP reads it anew."""
    ring = cluster.key_ring.read_text()
    cluster.key_ring.unlink()
    server = cluster.server()
    api = cluster.api
    refused = api.post("/tasks?preflight=skip", document())
    assert refused.status == 500 and refused.json["error"]["code"] == "key_ring"
    create(api, document(source={"password": "file:p"}))
    cluster.write_private(cluster.key_ring, ring)
    server.signal(1)
    server.wait_for_log("read anew")
    create(api)
    # The level of the log too.
    text = server.config.read_text().replace("log_level = debug", "log_level = error")
    cluster.write_private(server.config, text)
    server.signal(1)
    wait_until(lambda: _quiet(server), 10, "it logs no more")


def _quiet(server):
    before = len(server.log)
    server.get("/healthz")
    time.sleep(0.1)
    return len(server.log) == before
