"""mr-server is killed in the middle of each call that changes something.

What a call leaves behind can differ only by how many of its writes ZooKeeper has done. A proxy
counts them and kills the server behind the nth; a plain run takes some places by a seed
(MR_SEED), `--full` takes them all, and moments by the clock besides. Afterwards the tree is as
before the call or as after it, another server goes on, and the same call made again works.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import random
import threading
import time
import typing

import pytest

from harness.cluster import ROOT
from harness.tasks import unique
from harness.waiting import PATIENCE, wait_until
from harness.zk import KillingProxy
from test_api import CANARY, document

POSITION = {"version": 1, "flavor": "mysql", "file": "b.000007", "pos": 4711, "seq": 3, "epoch": 9}
START = {"file": "b.000009", "pos": 4}
PARTS = {"control", "instances", "lastCommit", "status", "commands"}


class Scene:
    """An installation whose server is behind the proxy, and what the tree must hold."""

    def __init__(self, cluster, zookeeper):
        self.cluster, self.tree = cluster, cluster.tree
        self.proxy = KillingProxy(zookeeper.members[0], f"{ROOT}/servers/".encode())
        self.server = cluster.server(zookeeper={"servers": self.proxy.address + cluster.chroot})
        self.api = cluster.api
        self.given = set()  # ids

    def task(self, *, updates=0, **members) -> str:
        """A task of its own, with a position and so many former documents."""
        doc = document(**members)
        self.api.post("/tasks?preflight=skip", doc).ok()
        for number in range(updates):
            self.update(doc["name"], 700 + number, number + 1).ok()
        self.tree.set(self.cluster.path(doc["name"], "lastCommit"), POSITION)
        return doc["name"]

    def update(self, name, interval, revision):
        """PUT of another commit interval."""
        shown = self.api.get(f"/tasks/{name}").ok().json["document"]
        return self.api.put(f"/tasks/{name}?preflight=skip",
                            {**shown, "commit_interval_ms": interval}, revision)

    def state(self, name) -> dict | None:
        """Of a task what a call may change, None when there is none."""
        answer = self.api.get(f"/tasks/{name}")
        if answer.status == 404:
            return None
        found = answer.ok().json
        control = found["control"] or {}
        return {"desired": control.get("desired"), "restart": control.get("restart"),
                "reset": control.get("reset"), "revision": found["revision"],
                "interval": found["document"]["commit_interval_ms"]}

    def during(self, call, at=None, after=None):
        """The call, whose server is killed behind write `at` or after so many seconds; (whether
        it was killed, the answer or None)."""
        answers = []

        def make():
            with contextlib.suppress(OSError, http.client.HTTPException):
                answers.append(call())
        self.proxy.arm(at, self.server.kill)
        thread = threading.Thread(target=make, daemon=True)
        thread.start()
        if after is not None:
            time.sleep(after)
            self.server.kill()
        thread.join(60 * PATIENCE)
        assert not thread.is_alive(), "the call hangs"
        return answers[0] if answers else None

    def revive(self):
        """The server starts again, and is waited for."""
        self.proxy.arm(None)
        if not self.server.alive:
            self.server.start()

    def settled(self) -> dict:
        """The tree, read while nothing in it changes: a removal may be under way."""
        def twice():
            first = self.tree.dump(f"{ROOT}")
            quiet = {path: data for path, data in first.items()
                     if not path.startswith(f"{ROOT}/servers")}
            again = {path: data for path, data in self.tree.dump(ROOT).items()
                     if not path.startswith(f"{ROOT}/servers")}
            return first if quiet == again else None
        return wait_until(twice, 20, "the tree stays as it is")

    def check(self):
        """Every task is whole, names and uids are there once, no secret is in clear."""
        dump = self.settled()
        names = {path.rsplit("/", 1)[1]: data.decode() for path, data in dump.items()
                 if path.startswith(f"{ROOT}/names/")}
        uids = []
        for name, path in names.items():
            control = json.loads(dump[f"{path}/control"])
            parts = {each[len(path) + 1:] for each in dump if each.startswith(path + "/")}
            assert parts >= PARTS, f"{name} has only {parts}"
            uids.append(json.loads(dump[path])["uid"])
            assert control["revision"] >= 1
            kept = dump[f"{path}/lastCommit"]
            assert not kept or json.loads(kept) == POSITION
        tasks = {path for path in dump if path.endswith("/control")}
        assert len(tasks) == len(names), f"{tasks} and {names}"
        assert len(set(uids)) == len(uids)
        assert not [path for path, data in dump.items() if CANARY.encode() in data]

    def gone(self, name):
        """Nothing of a deleted task stays."""
        def left():
            return [path for path in self.tree.dump(ROOT) if f"/{name}" in path]
        wait_until(lambda: not left(), 20, f"all of {name} goes; there is {left()}")


@dataclasses.dataclass
class Call:
    """A call, made on what `prepare` gives; `done` says of two states whether it is done."""

    prepare: typing.Callable
    make: typing.Callable
    done: typing.Callable
    state: typing.Callable = Scene.state
    again: tuple = (200,)
    check: typing.Callable = lambda scene, what: None


def control(verb, **changed):
    """A POST that changes the control document so."""
    return Call(lambda s: s.task(), lambda s, name: s.api.post(f"/tasks/{name}/{verb}"),
                lambda was, now: now == {**was, **changed})


def drained(scene, _):
    """Whether the host is drained."""
    return scene.tree.stat(f"{ROOT}/drains/h1") is not None


def tokens(scene, _):
    """The ids of all tokens."""
    return sorted(each["id"] for each in scene.api.get("/tokens").ok().json["tokens"])


def new_token(scene) -> str:
    """Its id."""
    return scene.api.post("/tokens", {"role": "viewer", "name": "t"}).ok().json["id"]


def machine(scene, drain: bool):
    """A core of hostname h1."""
    for path in ("", "/h1-0000000001"):
        if not scene.tree.stat(f"{ROOT}/machines{path}"):
            scene.tree.create(f"{ROOT}/machines{path}", "{}" if path else b"")
    (scene.api.post if drain else scene.api.delete)("/machines/h1/drain").ok()


def next_id(scene, _):
    """An id that nobody was given before."""
    answer = scene.api.post("/ids/run")
    if answer.status == 200:
        assert answer.json["id"] not in scene.given
        scene.given.add(answer.json["id"])
    return answer


def fresh(**members):
    """A document that is not there yet."""
    def make(_):
        return document(**members)
    return make


def running(scene):
    """A task with an instance that runs, for which orders are kept."""
    name = scene.task()
    scene.api.post(f"/tasks/{name}/start").ok()
    return name


def create(start=""):
    """POST /tasks."""
    return lambda s, doc: s.api.post(f"/tasks?preflight=skip{start}", doc)


def is_made(desired="stopped"):
    """The new task's state."""
    return lambda was, now: was is None and now and now["desired"] == desired \
        and now["revision"] == 1


CREATED = {"state": lambda s, doc: s.state(doc["name"]), "again": (201, 409)}
CALLS = {
    "create": Call(fresh(), create(), is_made(), **CREATED),
    "create-start": Call(fresh(), create("&start=true"), is_made("running"), **CREATED),
    "create-cold": Call(lambda s: document(group=unique("group")), create(), is_made(), **CREATED),
    "update": Call(lambda s: s.task(updates=1), lambda s, name: s.update(name, 900, 2),
                   lambda was, now: now == {**was, "revision": 3, "interval": 900},
                   again=(200, 412)),
    "update-many": Call(lambda s: s.task(updates=21), lambda s, name: s.update(name, 900, 22),
                        lambda was, now: now == {**was, "revision": 23, "interval": 900},
                        again=(200, 412)),
    "start": control("start", desired="running"),
    "stop": Call(running, lambda s, name: s.api.post(f"/tasks/{name}/stop"),
                 lambda was, now: now == {**was, "desired": "stopped"}),
    "pause": control("pause", desired="paused"),
    "resume": control("resume", desired="running"),
    "restart": Call(running, lambda s, name: s.api.post(f"/tasks/{name}/restart"),
                    lambda was, now: now["restart"] > was["restart"]
                    and {**now, "restart": 0} == {**was, "restart": 0}),
    "position": Call(lambda s: s.task(),
                     lambda s, name: s.api.put(f"/tasks/{name}/position", {"start": START}),
                     lambda was, now: now["reset"] > was["reset"]
                     and {**now, "reset": 0} == {**was, "reset": 0}),
    "delete": Call(lambda s: s.task(updates=2), lambda s, name: s.api.delete(f"/tasks/{name}"),
                   lambda was, now: now is None or now["desired"] == "deleted",
                   again=(202, 404, 409), check=Scene.gone),
    "delete-force": Call(lambda s: s.task(updates=2, group=unique("group")),
                         lambda s, name: s.api.delete(f"/tasks/{name}?force=true"),
                         lambda was, now: now is None or now["desired"] == "deleted",
                         again=(202, 404, 409), check=Scene.gone),
    "token": Call(lambda s: None, lambda s, _: s.api.post("/tokens", {"role": "viewer"}),
                  lambda was, now: len(now) > len(was), state=tokens, again=(201,)),
    "token-delete": Call(new_token, lambda s, id_: s.api.delete(f"/tokens/{id_}"),
                         lambda was, now: len(now) == len(was) - 1, state=tokens,
                         again=(200, 404)),
    "drain": Call(lambda s: machine(s, False), lambda s, _: s.api.post("/machines/h1/drain"),
                  lambda was, now: now, state=drained),
    "undrain": Call(lambda s: machine(s, True), lambda s, _: s.api.delete("/machines/h1/drain"),
                    lambda was, now: not now, state=drained),
    "id": Call(lambda s: next_id(s, None).ok() and None, next_id, lambda was, now: True,
               state=lambda s, _: len(s.given)),
    "alert-test": Call(lambda s: s.api.post("/alerts/test").ok() and None, lambda s, _: s.api.post("/alerts/test"),
                       lambda was, now: len(now) > len(was), again=(202,),
                       state=lambda s, _: s.tree.children(f"{ROOT}/orders")),
}


@pytest.fixture(name="scene")
def _scene(cluster, zookeeper):
    """See Scene."""
    made = Scene(cluster, zookeeper)
    yield made
    made.proxy.close()


def writes_of(scene, call) -> int:
    """How many there are when nobody is killed."""
    what = call.prepare(scene)
    was = call.state(scene, what)
    scene.proxy.arm(None)
    answer = call.make(scene, what)
    assert answer.ok() and answer.status in call.again
    assert call.done(was, call.state(scene, what))
    call.check(scene, what)
    assert scene.proxy.written, "nothing was written"
    return len(scene.proxy.written)


def killed(scene, call, about, **when):
    """One call whose server is killed, another one, and the same call again."""
    what = call.prepare(scene)
    was = call.state(scene, what)
    answer = scene.during(lambda: call.make(scene, what), **when)
    if when.get("at") is not None and scene.server.alive:
        # Of a deletion the answer comes before all is gone.
        wait_until(lambda: scene.proxy.fired or not when["at"], 10, f"{about}: a kill")
    scene.revive()
    scene.check()
    now = call.state(scene, what)
    done = call.done(was, now)
    assert done or now == was, f"{about}: {was} became {now}"
    assert done or answer is None or answer.status >= 400, f"{about}: {answer} was no promise"
    again = call.make(scene, what)
    assert again.status in call.again, f"{about}: {again.status} {again.text}"
    assert call.done(was, call.state(scene, what)), about
    call.check(scene, what)
    scene.check()


SOME = 7
ALL = [pytest.mark.full, pytest.mark.timeout(1800 * PATIENCE)]


@pytest.mark.parametrize("share", [pytest.param("all", marks=ALL), "some"])
def test_killed_in_the_middle(scene, share):
    """Each call, killed behind each of its writes."""
    seed = int(os.environ.get("MR_SEED", "1"))
    chance = random.Random(seed)
    tried, faults = 0, []
    names = list(CALLS)
    if share == "some":
        names = sorted({"create", "update", "delete", *chance.sample(names, SOME)})
    for name in names:
        call = CALLS[name]
        count = writes_of(scene, call)
        places = list(range(count + 1))
        if share == "some":
            places = [chance.choice(places)]
        for at in places:
            tried += 1
            try:
                killed(scene, call, f"{name}, behind write {at} of {count}", at=at)
            except AssertionError as error:
                faults.append(f"{name}, behind write {at} of {count}: {str(error)[:600]}")
                scene.revive()
    print(f"{tried} kills, MR_SEED={seed}")
    assert not faults, f"{len(faults)} of {tried}:\n" + "\n".join(faults)


def test_killed_behind_a_removal(scene):
    """The task is gone, its former documents are not: the server that starts takes them away."""
    killed(scene, CALLS["delete"], "delete, behind write 3", at=3)


@pytest.mark.full
@pytest.mark.timeout(1800 * PATIENCE)
def test_killed_at_any_moment(scene):
    """The same by the clock: wherever the call is."""
    seed = int(os.environ.get("MR_SEED", "1"))
    chance = random.Random(seed)
    faults = []
    for name, call in CALLS.items():
        began = time.monotonic()
        writes_of(scene, call)
        took = time.monotonic() - began
        for _ in range(5):
            after = chance.uniform(0, took)
            try:
                killed(scene, call, f"{name}, after {after:.4f} s", after=after)
            except AssertionError as error:
                faults.append(f"{name}, after {after:.4f} s: {str(error)[:600]}")
                scene.revive()
    assert not faults, f"{len(faults)}:\n" + "\n".join(faults)
