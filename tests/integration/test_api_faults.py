"""mr-server when things break: ZooKeeper away, answers lost, ACLs, HTTPS; checks by a real core."""

import concurrent.futures
import contextlib
import http.client
import json
import socket
import ssl
import time
import urllib.request

import pytest

from harness.cluster import ROOT, Api, request
from harness.tasks import task_document, unique
from harness.waiting import PATIENCE, wait_until
from harness.zk import CREATE2, MULTI, SET, LossyProxy
from test_api import create, document


def timed(call):
    """(its answer, seconds)."""
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began


@pytest.mark.sanitize
def test_zookeeper_away(new_server, new_cluster):
    """503 at once, health still answers; afterwards all goes on, tokens included."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    server = cluster.server()
    api = cluster.api
    name = create(api)
    zookeeper.kill()
    wait_until(lambda: server.get("/readyz").status == 503, 10, "it knows")
    for call in (lambda: api.get("/tasks"), lambda: api.post(f"/tasks/{name}/start"),
                 lambda: api.post("/tasks", document()), lambda: api.delete(f"/tasks/{name}")):
        answer, seconds = timed(call)
        answer.error(503, "zk_unreachable")
        assert answer.headers["retry-after"] and seconds < 1
    assert server.get("/healthz").status == 200
    assert server.metric("mr_zookeeper_connected") == 0
    time.sleep(3)  # longer than the session
    zookeeper.start()
    wait_until(lambda: server.get("/readyz").status == 200, 40, "it is back")
    assert api.post(f"/tasks/{name}/start").ok().json["control"]["desired"] == "running"
    made = create(api)
    wait_until(lambda: api.get(f"/tasks?q={made}").json["total"] == 1, 10, "the view follows")
    wait_until(lambda: api.get("/machines").json["servers"], 10, "it is announced again")


def test_ids_while_all_restarts(new_server, new_cluster):
    """1,000 ids, asked for by 20 at a time while mr-server and ZooKeeper restart: no id twice."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    server, token = cluster.server(), cluster.token
    given, deadline = [], time.monotonic() + 100 * PATIENCE

    def ask(_) -> None:
        while time.monotonic() < deadline:
            try:
                answer = Api(server.port, token).post("/ids/spread")
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None and answer.status == 200:
                given.append(answer.json["id"])
                return
            time.sleep(0.1)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, number) for number in range(1000)]
        wait_until(lambda: len(given) >= 50, 20, "calls are under way")
        server.kill()
        server.start()
        before = len(given)
        wait_until(lambda: len(given) > before, 20, "they go on")
        zookeeper.kill()
        middle = len(given)
        zookeeper.start()
        for each in asked:
            each.result()
    assert 50 <= before < middle < 1000 and len(given) == len(set(given)) == 1000


def test_a_server_that_starts_before_zookeeper(new_server, new_cluster):
    """It waits, says 503, and serves when ZooKeeper comes."""
    zookeeper = new_server("zookeeper")
    cluster = new_cluster(zookeeper)
    zookeeper.kill()
    server = cluster.server(start=False)
    server.start(wait=False)
    wait_until(lambda: _status(server) == 503, 10, "it says that it waits")
    request(server.port, "GET", "/api/v1/tasks").error(503, "zk_unreachable")
    zookeeper.start()
    server.wait_ready(40)
    cluster.api.get("/tasks").ok()
    assert server.end() == 0


def _status(server):
    try:
        return server.get("/readyz").status
    except OSError:
        return None


@pytest.mark.parametrize("op", [CREATE2, SET, MULTI], ids=["create", "set", "multi"])
def test_lost_answers(op, zookeeper, cluster):
    """A write whose answer got lost is looked for: done once, and said to be done."""
    proxy = LossyProxy(zookeeper.members[0])
    try:
        cluster.server(zookeeper={"servers": proxy.address + cluster.chroot,
                                  "session_timeout": "6s"})
        api = cluster.api
        name = create(api)
        shown = api.get(f"/tasks/{name}").json["document"]
        # A server that has lost its connection says 503; the next try is what counts.
        def patient(call, statuses=(200, 201)):
            for _ in range(40):
                answer = call()
                if answer.status != 503:
                    assert answer.status in statuses, answer.text
                    return answer
                time.sleep(0.25)
            raise AssertionError("503 all the time")
        for round_ in range(3):
            before = patient(lambda: api.get(f"/tasks/{name}")).json["control"]
            proxy.lose(op)
            # Of a 503 here nobody knows; 200 is a promise.
            restart = api.post(f"/tasks/{name}/restart")
            after = patient(lambda: api.get(f"/tasks/{name}")).json["control"]
            if restart.status == 200:
                assert after["restart"] == before["restart"] + 1, round_
            other = unique("lost")
            answer = api.post("/tasks?preflight=skip", document(other))
            if answer.status == 201:
                assert patient(lambda: api.get(f"/tasks/{other}")).json["revision"] == 1
            changed = api.call("PUT", f"/tasks/{name}?preflight=skip",
                               {**shown, "commit_interval_ms": 600 + round_},
                               {"If-Match": f'"{after["revision"]}"'})
            now = patient(lambda: api.get(f"/tasks/{name}")).json
            if changed.status == 200:
                assert now["revision"] == after["revision"] + 1
                assert now["document"]["commit_interval_ms"] == 600 + round_
            assert now["revision"] <= after["revision"] + 1, "never twice"
        ids = [patient(lambda: api.post("/ids/run")).json["id"] for _ in range(4)]
        assert len(set(ids)) == 4
    finally:
        proxy.close()


def test_a_tree_with_acls(new_cluster):
    """Everything works with digest ACLs, and a stranger reads nothing."""
    cluster = new_cluster(auth=True)
    cluster.server()
    api = cluster.api
    name = create(api)
    api.post(f"/tasks/{name}/start").ok()
    shown = api.get(f"/tasks/{name}").ok().json["document"]
    api.call("PUT", f"/tasks/{name}?preflight=skip", shown, {"If-Match": "*"}).ok()
    assert cluster.tree.children(f"{ROOT}/revisions/{name}") == ["0000000001"]
    stranger = type(cluster.tree)(cluster.servers, cluster.chroot, "")
    for path in ("", "/tasks", f"/tasks/{name}", "/tokens", f"/revisions/{name}/0000000001"):
        with pytest.raises(Exception):
            stranger.get(ROOT + path)
    api.delete(f"/tasks/{name}").ok()
    api.get(f"/tasks/{name}").error(404, "task_unknown")


def test_https(cluster, tmp_path):
    """With a certificate the API is HTTPS, and only that; without its key it does not start."""
    from sandbox.certificates import Authority  # pylint: disable=import-outside-toplevel
    (tmp_path / "tls").mkdir()
    authority = Authority(tmp_path / "tls")
    made = authority.server_certificate()
    server = cluster.server(start=False, server={"tls_cert": made.certificate, "tls_key": made.key})
    server.start(wait=False)
    context = ssl.create_default_context(cafile=str(made.ca))

    def ready():
        try:
            with urllib.request.urlopen(f"https://localhost:{server.port}/readyz",
                                        context=context, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False
    wait_until(ready, 20, f"HTTPS answers\n{server.log}")
    with pytest.raises(Exception):
        request(server.port, "GET", "/readyz", timeout=3)
    assert server.end() == 0
    broken = cluster.server(start=False, server={"tls_cert": made.certificate})
    broken.start(wait=False)
    assert broken.wait() == 2 and "tls_key" in broken.log


def test_an_address_that_is_taken(cluster):
    """Said with the address; status 1."""
    first = cluster.server()
    second = cluster.server(start=False, server={"listen": f"127.0.0.1:{first.port}"})
    second.start(wait=False)
    assert second.wait() == 1
    assert "http_listen" in second.log and str(first.port) in second.log


# With a real core.

@pytest.mark.sources("mariadb-10.11")
def test_checks_by_a_live_core(source, database, kafka, cluster):
    """validate, create and update ask a core; what would not run is refused with the checks."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    cluster.server()
    cluster.core()
    api = cluster.api
    doc = task_document(source, include=f"{database}.t", pipe=kafka)
    valid = api.post("/validate", doc).ok().json
    assert valid["valid"] is True and valid["source"]["flavor"] == "mariadb"
    assert {check["name"] for check in valid["checks"]} >= {"source.login", "pipe.reachable"}
    tables = api.post("/validate?type=tables", doc).ok().json
    assert {"db": database, "table": "t"} in tables["tables"] and tables["truncated"] is False
    wrong = json.loads(json.dumps(doc))
    wrong["source"]["password"] = "canary-wrong-password"
    assert api.post("/validate", wrong).ok().json["valid"] is False
    refused = api.post("/tasks", wrong)
    assert refused.error(422, "preflight_failed")["field"].startswith("source.")
    assert any(check["result"] == "failed" for check in refused.json["checks"])
    assert "canary-wrong-password" not in refused.text
    api.get(f"/tasks/{doc['name']}").error(404)
    made = api.post("/tasks", doc)
    assert made.status == 201 and made.json["checks"]
    shown = made.json["document"]
    api.put(f"/tasks/{doc['name']}", {**shown, "tables": {"include": [f"{database}.t", "x.*"]}},
            1).ok()
    shown["source"]["port"] = 1
    api.put(f"/tasks/{doc['name']}", shown, 2).error(422, "secret_needed")
    shown["source"]["password"] = "repl-password"
    refused = api.put(f"/tasks/{doc['name']}", shown, 2)
    refused.error(422, "preflight_failed")
    assert api.get(f"/tasks/{doc['name']}").json["revision"] == 2
    assert cluster.tree.children(f"{ROOT}/preflight") == [], "orders are taken away"
    assert not [path for path, data in cluster.tree.dump().items() if b"canary-wrong" in data]
    cold = {**doc, "name": unique("cold"), "group": "nowhere"}
    assert api.post("/tasks", cold).error(409, "no_core")["field"] == "group"
    # Nobody takes it in time.
    for core in cluster.live("mr-core"):
        core.stop()
    slow = cluster.server(server={"preflight_timeout": "2s"})
    answer, seconds = timed(lambda: Api(slow.port, api.token).post("/validate", doc))
    assert answer.status == 409 and seconds < 8


# Clients without a token that take what they can get.

def test_silent_connections_keep_nobody_out(cluster):
    """300 connections of one address say nothing; health and the API answer that address."""
    server = cluster.server()
    api = cluster.api
    with contextlib.ExitStack() as stack:
        for n in range(300):
            silent = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), 5))
            if n % 2:
                with contextlib.suppress(OSError):
                    silent.sendall(b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\n")
        for call in (lambda: server.get("/healthz"), lambda: api.get("/tasks")):
            answer, seconds = timed(call)
            assert answer.status == 200 and seconds < 2
        assert server.metric("mr_server_connections") <= 70


def test_a_stranger_s_body_is_not_kept(cluster):
    """Without a token 401 comes before the body, where none belongs 413; the order stays."""
    server = cluster.server()
    head = ("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: 99999999\r\n\r\n")
    token = f"Authorization: Bearer mrt_{'0' * 12}_short\r\n"
    for path, headers, status in (("/api/v1/tasks", "", 401), ("/api/v1/tasks", token, 401),
                                  ("/api/v1/nothing", "", 404), ("/api/v1/tasks/x", "", 405)):
        assert said(server.port, head.format(path, headers)).startswith(f"HTTP/1.1 {status} ")
    assert request(server.port, "GET", "/healthz", b"x" * 100).status == 413
    request(server.port, "POST", "/api/v1/tasks", document()).error(401, "unauthorized")
    assert server.get("/healthz").status == 200


def said(port, text):
    """All that is answered until the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(text.encode())
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(65536):
                answer += more
        return answer.decode()


def test_a_request_is_not_smuggled(cluster):
    """Heads that a proxy may read otherwise: 400, and what follows is no request."""
    server = cluster.server()
    hidden = "GET /api/v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    for headers in ("Content-Length: 47\r\nTransfer-Encoding: chunked",
                    "Content-Length: 0\r\nContent-Length: 42", "Content-Length : 42",
                    "Transfer-Encoding: gzip, chunked", "Host: y"):
        answer = said(server.port, f"GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n"
                                   f"0\r\n\r\n{hidden}")
        assert answer.startswith("HTTP/1.1 400 "), headers
        assert "HTTP/1.1 404" not in answer and "HTTP/1.1 200" not in answer, headers
