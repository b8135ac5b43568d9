"""mr-server killed with kill -9 in the middle of each call that changes something.

Whatever the moment: the tree is as before the call or as after it, the same call works when it is
made again, no task is half made or half deleted, and nobody has touched a position.
"""

import contextlib
import http.client
import random
import threading
import time

import pytest

from harness.cluster import ROOT
from harness.tasks import unique
from harness.waiting import wait_until
from test_api import create, document

COMMIT = {"v": 1, "uid": "kept"}  # not a position: what is here must stay as it is


class Killed:
    """A server that is killed a moment after it was asked something."""

    def __init__(self, cluster, rounds, seed):
        self.cluster, self.rounds = cluster, rounds
        self.server = cluster.server()
        cluster.core("c1")
        self.random = random.Random(seed)
        self.api = cluster.api

    def interrupt(self, call) -> None:
        """Make the call, kill the server meanwhile, start it again."""
        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):
                call()
        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(self.random.uniform(0, 0.02))
        self.server.kill()
        asking.join(30)
        self.server.start()

    def patient(self, call, statuses):
        """An answer with one of these; 503 and 409 of a moment are asked again."""
        def answered():
            answer = call()
            assert answer.status in (*statuses, 503), answer.text
            return answer if answer.status in statuses else None
        return wait_until(answered, 30, f"an answer of {statuses}")

    def task(self, name) -> dict | None:
        """A task as the API shows it; None: there is none."""
        answer = self.patient(lambda: self.api.get(f"/tasks/{name}"), (200, 404))
        return answer.json if answer.status == 200 else None

    def is_whole(self, name) -> None:
        """All parts of a task are there, and what the API shows of it is in the tree."""
        shown = self.task(name)
        for part in ("control", "instances", "lastCommit", "status", "commands"):
            assert self.cluster.tree.stat(self.cluster.path(name, part)), part
        assert self.cluster.tree.get(f"{ROOT}/names/{name}")
        revisions = self.api.get(f"/tasks/{name}/revisions").ok().json["revisions"]
        assert max(each["revision"] for each in revisions) == shown["revision"], revisions
        assert shown["control"]["revision"] == shown["revision"]


ROUNDS = [pytest.param(1, id="few"), pytest.param(25, id="many", marks=pytest.mark.full)]


@pytest.fixture
def killed(cluster, request):
    """See Killed."""
    return Killed(cluster, request.param, f"killed {request.param}")


@pytest.mark.parametrize("killed", ROUNDS, indirect=True)
def test_killed_while_a_task_is_made_and_deleted(killed):
    """Create: all of it or nothing. Delete: once asked for it goes on to its end."""
    for _ in range(killed.rounds):
        doc = document(unique("killed"))
        name = doc["name"]
        query = "?preflight=skip"
        killed.interrupt(lambda: killed.api.post(f"/tasks{query}", doc))
        if killed.task(name):
            killed.is_whole(name)
        made = killed.patient(lambda: killed.api.post(f"/tasks{query}", doc), (201, 409))
        if made.status == 409:
            assert made.json["error"]["code"] == "task_exists", made.text
        killed.is_whole(name)
        killed.interrupt(lambda: killed.api.delete(f"/tasks/{name}"))
        left = killed.task(name)
        if left and left["control"]["desired"] != "deleted":
            killed.is_whole(name)
        killed.patient(lambda: killed.api.delete(f"/tasks/{name}"), (200, 202, 204, 404))
        wait_until(lambda: killed.task(name) is None, 30, f"{name} is gone")
        assert killed.cluster.tree.get(f"{ROOT}/names/{name}") is None
        wait_until(lambda: killed.cluster.tree.stat(f"{ROOT}/tasks/{name}") is None, 30,
                   "nothing of it is left")
        # The name is free again.
        killed.patient(lambda: killed.api.post(f"/tasks{query}", doc), (201,))
        killed.is_whole(name)
        killed.patient(lambda: killed.api.delete(f"/tasks/{name}"), (200, 202, 204))


@pytest.mark.parametrize("killed", ROUNDS, indirect=True)
def test_killed_while_a_task_is_changed(killed):
    """The document with its revision, each verb, the position: before or after, and once."""
    name = create(killed.api)
    path = killed.cluster.path(name, "lastCommit")
    killed.cluster.tree.set(path, COMMIT)
    for round_ in range(killed.rounds):
        before = killed.task(name)
        changed = {**before["document"], "commit_interval_ms": 600 + round_}
        def put(revision, changed=changed):
            return killed.api.put(f"/tasks/{name}?preflight=skip", changed, revision)
        killed.interrupt(lambda revision=before["revision"]: put(revision))
        after = killed.task(name)
        happened = after["document"] == changed
        assert happened or after["document"] == before["document"]
        assert after["revision"] == before["revision"] + happened
        killed.is_whole(name)
        if not happened:
            killed.patient(lambda revision=after["revision"]: put(revision), (200,))
            assert killed.task(name)["revision"] == before["revision"] + 1

        for verb, wanted in (("start", "running"), ("pause", "paused"), ("resume", "running"),
                             ("restart", "running"), ("stop", "stopped")):
            before = killed.task(name)["control"]
            def post(verb=verb):
                return killed.api.post(f"/tasks/{name}/{verb}")
            killed.interrupt(post)
            after = killed.task(name)["control"]
            rose = after["restart"] - before["restart"]
            assert after["desired"] in (before["desired"], wanted), verb
            assert rose in ((0, 1) if verb == "restart" else (0,)), verb
            again = killed.patient(post, (200,)).json["control"]
            assert again["desired"] == wanted
            assert again["restart"] == after["restart"] + (verb == "restart")
            assert again["revision"] == before["revision"]

        before = killed.task(name)["control"]
        to = {"start": {"file": "b.000007", "pos": 4 + round_}}
        killed.interrupt(lambda to=to: killed.api.put(f"/tasks/{name}/position", to))
        after = killed.task(name)["control"]
        happened = after["reset"] > before["reset"]
        assert after["reset"] == before["reset"] + happened
        assert happened or after["position"] == before["position"]
        assert not happened or after["position"]["pos"] == 4 + round_
        again = killed.patient(lambda to=to: killed.api.put(f"/tasks/{name}/position", to), (200,))
        assert again.json["control"]["reset"] == after["reset"] + 1
        killed.is_whole(name)
    assert killed.cluster.tree.json(path) == COMMIT, "no server writes positions"


@pytest.mark.parametrize("killed", ROUNDS, indirect=True)
def test_killed_while_tokens_and_drains_are_made(killed):
    """A token that is listed is whole; a machine is drained or not."""
    for round_ in range(killed.rounds):
        made = {"role": "viewer", "name": f"robot{round_}"}
        killed.interrupt(lambda made=made: killed.api.post("/tokens", made))
        listed = killed.patient(lambda: killed.api.get("/tokens"), (200,)).json["tokens"]
        for token in listed:
            assert token["role"] in ("viewer", "operator", "admin") and token["id"]
        mine = [token["id"] for token in listed if token["name"] == made["name"]]
        assert len(mine) <= 1
        other = killed.patient(lambda made=made: killed.api.post("/tokens", made), (201,)).json["id"]
        for each in {*mine, other}:
            def delete(each=each):
                return killed.api.delete(f"/tokens/{each}")
            killed.interrupt(delete)
            killed.patient(delete, (200, 204, 404))
        left = killed.patient(lambda: killed.api.get("/tokens"), (200,)).json["tokens"]
        assert made["name"] not in [token["name"] for token in left]

        for method, wanted in (("POST", True), ("DELETE", False)):
            def drain(method=method):
                return killed.api.call(method, "/machines/c1/drain")
            killed.interrupt(drain)
            killed.patient(drain, (200, 204, 404) if method == "DELETE" else (200,))
            machines = killed.patient(lambda: killed.api.get("/machines"), (200,)).json["machines"]
            assert [each["drain"] for each in machines] == [wanted]
