"""common/view against a real ZooKeeper: what it shows as the tree changes under it.

The view is a view_shell (tests/unit/view/view_shell.c) in a process of its own.
"""

import json
import queue
import re
import signal
import subprocess
import threading
import time

import pytest

from harness.cluster import ROOT
from harness.core import SANITIZER_REPORT, binary
from harness.played import Stage, document, fill
from harness.waiting import PATIENCE, wait_until


class View:
    """One view; what it tells, and its answers."""

    def __init__(self, servers: str, folder):
        self.log_path = folder / f"view-{time.time_ns()}.log"
        self.told = []
        self._answers = queue.Queue()
        shell = binary().parent.parent / "tests/unit/view/view_shell"
        with open(self.log_path, "wb") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen([shell, f"servers={servers}", "session_ms=4000"],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.split()[0] in ("filled", "changed", "gone", "document"):
                self.told.append(line)
            else:
                self._answers.put(line)

    def ask(self, line: str) -> str:
        """A command's answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answers.get(timeout=30 * PATIENCE)

    def filled(self, timeout: float = 20) -> int:
        """Wait until everything was read; how many there were."""
        line = wait_until(lambda: next((each for each in self.told if each.startswith("filled")),
                                       None), timeout, "the view is filled")
        return int(line.split()[1])

    def wait(self, name: str, pattern: str, timeout: float = 10) -> None:
        """Wait until `get NAME` matches."""
        seen = []

        def matches():
            seen[:] = [self.ask(f"get {name}")]
            return re.search(pattern, seen[0])
        try:
            wait_until(matches, timeout, f"{name} is {pattern}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}") from None

    def close(self):
        """End it; no sanitizer spoke."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30 * PATIENCE)
        log = self.log_path.read_text("utf-8", "replace")
        assert not SANITIZER_REPORT.search(log), log[-6000:]
        assert self.process.returncode == 0, log[-3000:]


@pytest.fixture
def stage(cluster):
    """The tree."""
    cluster.tree.create("")
    return Stage(cluster)


@pytest.fixture
def new_view(cluster, tmp_path):
    """Makes views of the cluster's tree."""
    made = []

    def make():
        made.append(View(cluster.servers + cluster.chroot, tmp_path))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.mark.sanitize
def test_it_follows_the_tree(cluster, stage, new_view):
    """Tasks that come, change and go, hot and cold, whole and broken."""
    view = new_view()
    assert view.filled() == 0
    task = stage.task("hot")
    stage.task("cold", "stopped", "STANDBY", group="g1")
    view.wait("hot", f"^task hot - {ROOT}/tasks/hot document there running 1 "
              f"{task.nodes[0]} {task.nodes[1]}$")
    view.wait("cold", f"^task cold g1 {ROOT}/task-groups/g1/cold document there stopped 1 c1-")
    assert view.ask("list - 0 - -1 -") == "list 2 2 0 cold hot"
    assert view.ask("list - 0 hot -1 -") == "list 1 1 0 hot"
    task.leave()
    view.wait("hot", f"running 1 {task.nodes[0]}$")
    task.control({"desired": "paused", "revision": 2})
    view.wait("hot", "there paused 2")
    for broken in ("{", '{"desired":"running"}', '{"desired":"sideways","revision":1}'):
        task.control(broken)
        view.wait("hot", "document bad stopped 0")
    task.control({"desired": "running", "revision": 3})
    view.wait("hot", "there running 3")
    task.delete()
    view.wait("hot", "^none$")
    assert "gone hot" in view.told
    # What an mr-core registers, and then the server's document.
    for path, data in (("tasks/bare", ""), ("names/bare", f"{ROOT}/tasks/bare")):
        cluster.tree.create(f"{ROOT}/{path}", data)
    view.wait("bare", "^task bare - .* none none stopped 0$")
    cluster.tree.create(f"{ROOT}/tasks/bare/instances")
    cluster.tree.create(f"{ROOT}/tasks/bare/instances/c1-0000000007")
    cluster.tree.create(f"{ROOT}/tasks/bare/instances/note")
    view.wait("bare", "none none stopped 0 c1-0000000007$")
    cluster.tree.set(f"{ROOT}/tasks/bare", document("bare"))
    cluster.tree.create(f"{ROOT}/tasks/bare/control", {"desired": "running", "revision": 1})
    view.wait("bare", "document there running 1 c1-0000000007$")
    size = len(json.dumps(document("bare")))
    wait_until(lambda: f"document bare {size}" in view.told, 5, "its document is told")


@pytest.mark.sanitize
def test_odd_nodes(cluster, stage, new_view):
    """Names that are none, paths that lie, tasks without a node."""
    stage.task("good")
    stage.task("other")
    for name, data in (("empty", ""), ("liar", f"{ROOT}/tasks/good"), ("far", "/elsewhere"),
                       ("b d", ""), (".hidden", "")):
        cluster.tree.create(f"{ROOT}/names/{name}", data)
    view = new_view()
    assert view.filled() == 5
    assert view.ask("list - 0 - -1 -") == "list 5 5 0 empty far good liar other"
    for name in ("empty", "liar", "far"):
        view.wait(name, f"^task {name} - {ROOT}/tasks/{name} none none stopped 0$")
    cluster.tree.delete(f"{ROOT}/names")
    wait_until(lambda: view.ask("count").split()[1] == "0", 10, "nothing is left")
    cluster.tree.create(f"{ROOT}/names")
    cluster.tree.create(f"{ROOT}/names/good", f"{ROOT}/tasks/good")
    view.wait("good", "document there running")


@pytest.mark.sanitize
def test_a_task_that_is_made_again_elsewhere(cluster, stage, new_view):
    """Deleted and made again while the view does not look: it is the new one."""
    task = stage.task("t")
    view = new_view()
    assert view.filled() == 1
    view.process.send_signal(signal.SIGSTOP)
    task.delete()
    again = stage.task("t", "paused", "STANDBY", group="g9", revision=5)
    view.process.send_signal(signal.SIGCONT)
    view.wait("t", f"^task t g9 .*/g9/t document there paused 5 {again.nodes[0]}$")
    again.leave()
    view.wait("t", "there paused 5$")


def test_an_expired_session(cluster, stage, new_view):
    """Changes of the meantime are seen, and later ones too."""
    task = stage.task("t")
    view = new_view()
    assert view.filled() == 1
    view.process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    task.control({"desired": "paused", "revision": 2})
    stage.task("u")
    view.process.send_signal(signal.SIGCONT)
    view.wait("t", "there paused 2", 20)
    view.wait("u", "there running 1", 20)
    task.control({"desired": "running", "revision": 3})
    view.wait("t", "there running 3")


def test_thousands(cluster, stage, new_view):
    """5,000 tasks, 10,000 watches: filled in seconds, read by threads meanwhile, followed."""
    fill(cluster.tree, 5000)
    begun = time.monotonic()
    view = new_view()
    assert view.filled(60) == 5000
    took = time.monotonic() - begun
    assert view.ask("list t04997 3 - -1 -") == "list 2 5000 0 t04998 t04999"
    begun = time.monotonic()
    cluster.tree.set(f"{ROOT}/tasks/t02500/control", '{"desired":"paused","revision":2}')
    view.wait("t02500", "there paused 2")
    followed = time.monotonic() - begun
    reads = int(view.ask("storm 2").split()[1])
    with open(f"/proc/{view.process.pid}/status", encoding="ascii") as status:
        rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10
    print(f"filled in {took:.2f} s, a change after {followed * 1000:.0f} ms, {reads / 2:.0f} whole "
          f"lists a second, {rss} MiB")
    assert took < 30 and followed < 2 and reads > 20
    assert stage
