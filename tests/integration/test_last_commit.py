"""The position in ZooKeeper (core/progress/last_commit.h): who may write it, lost answers,
edits by hand. protocol.md, rules 2a, 2d, 6, 9 and 10.

Each instance is a commit_shell (tests/unit/progress/commit_shell.c) in a process of its own.
"""

import contextlib
import itertools
import json
import re
import signal
import time

import pytest

from harness.tasks import task_document
from harness.tree import Tree
from harness.waiting import PATIENCE, wait_until
from harness.zk import MULTI, SET, LossyProxy, Shell

numbers = itertools.count(1)
SESSION_MS = 1000  # the least that a tick of 500 ms allows
TASK = "/mysql_replicator/tasks/t"
COMMIT = TASK + "/lastCommit"
FILE = "binlog.000001"
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


def control(reset=0, position=None, revision=1):
    """A control document without blanks."""
    return json.dumps({"desired": "running", "revision": revision, "restart": 0, "reset": reset,
                       "position": position}, separators=(",", ":"))


class Instance(Shell):
    """A task's instance: its node is registered, its checkpoint open."""

    program = "progress/commit_shell"

    def register(self, name="h", order=None, uid="u-1"):
        """Make the node, and a checkpoint of it."""
        path, epoch = self.run(f"node {TASK}/instances {name}").split()
        self.path, self.epoch = path, int(epoch)
        self.open(order, uid)
        return self

    def open(self, order=None, uid="u-1"):
        """Another checkpoint of the same node."""
        self.run(f"open {TASK} {uid} {order or control()}")

    def claim(self) -> str:
        """What the claim found."""
        return self.run("claim").rsplit(" ", 1)[0]


@pytest.fixture
def tree(zookeeper):
    """A tree of this test's own, with a task that has never run."""
    root = f"/test-{time.time_ns()}-{next(numbers)}"
    made = Tree(zookeeper.servers, root)
    for path in ("", "/mysql_replicator", "/mysql_replicator/tasks", TASK, TASK + "/instances",
                 COMMIT):
        made.create(path)
    made.root = root
    return made


@pytest.fixture
def instances(zookeeper, tree, tmp_path):
    """Makes instances, registered; closes them, and asserts that no sanitizer spoke."""
    made = []

    def make(order=None, uid="u-1", servers=None, timeout=10000):
        shell = Instance((servers or zookeeper.servers) + tree.root, tmp_path, timeout=timeout)
        made.append(shell)
        return shell.connected().register(f"h{len(made)}", order, uid)
    yield make
    for each in made:
        each.close()


@pytest.fixture
def proxy(zookeeper):
    """A way to ZooKeeper that loses answers."""
    made = LossyProxy(zookeeper.members[0])
    yield made
    made.close()


def edit(tree, **members):
    """Somebody changes the document with other tools."""
    tree.set(COMMIT, {**tree.json(COMMIT), **members})


@contextlib.contextmanager
def stopped(instance):
    """The process, stopped like a machine that sleeps."""
    instance.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        instance.signal(signal.SIGCONT)


# ---- claiming


@pytest.mark.sanitize
def test_the_first_position_is_a_claim(tree, instances):
    """A task without a position has nothing to claim; the first save is one."""
    one = instances()
    assert one.claim() == "anew kept"
    assert tree.get(COMMIT) == b"", "nothing is known yet"
    assert one.run(f"save {FILE} 4 {UUID}:1-5") == "1"
    saved = tree.json(COMMIT)
    assert saved["epoch"] == one.epoch
    assert (saved["uid"], saved["seq"], saved["reset"]) == ("u-1", 1, 0)
    assert (saved["file"], saved["pos"], saved["gtid"]) == (FILE, 4, f"{UUID}:1-5")
    assert saved["delivery"] == "at_least_once"
    assert saved["instance"] == one.path.rsplit("/", 1)[1]
    assert one.run(f"save {FILE} 99 {UUID}:1-6") == "2"
    assert tree.json(COMMIT)["seq"] == 2


@pytest.mark.sanitize
def test_a_successor_claims_with_a_higher_epoch(tree, instances):
    """It resumes at the position; seq goes on, the epoch is its own."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 1234 {UUID}:1-5")
    one.close()
    two = instances()
    assert two.claim() == "found kept"
    claimed = tree.json(COMMIT)
    assert claimed["epoch"] == two.epoch > one.epoch
    assert claimed["seq"] == 1, "a claim is no commit"
    assert two.run("load") == f"{FILE} 1234 {UUID}:1-5 0"
    assert two.run(f"save {FILE} 2000 {UUID}:1-6") == "2"


@pytest.mark.sanitize
def test_one_that_was_overtaken_writes_nothing(tree, instances):
    """Another claimed with a later epoch, although our node is there."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    two = instances()
    two.claim()
    two.run(f"save {FILE} 200 -")
    one.send(f"save {FILE} 150 -")
    answer = one.answer()
    assert answer.startswith("error EIDRM zk_gone"), answer
    assert two.path.rsplit("/", 1)[1] in answer
    assert one.fails("act") == "EIDRM"
    assert one.run("lost") == "1"
    assert one.fails(f"save {FILE} 160 -") == "EIDRM"
    assert tree.json(COMMIT)["pos"] == 200
    assert two.run(f"save {FILE} 300 -") == "3"


def test_one_that_was_overtaken_cannot_claim(tree, instances):
    """Its view of who is first was old."""
    one, two = instances(), instances()
    two.claim()
    two.run(f"save {FILE} 200 -")
    assert one.fails("claim") == "EIDRM"
    assert tree.json(COMMIT)["epoch"] == two.epoch


def test_both_claim_an_empty_position(tree, instances):
    """The one that saves second is not the one that is taken, if it is the older."""
    one, two = instances(), instances()
    assert one.claim() == two.claim() == "anew kept"
    two.run(f"save {FILE} 200 -")
    assert one.fails(f"save {FILE} 100 -") == "EIDRM"
    assert tree.json(COMMIT)["pos"] == 200


@pytest.mark.sanitize
def test_a_deleted_node_ends_it(tree, instances):
    """Rule 9: our own node deleted by someone: nothing is written any more."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    tree.delete(one.path)
    one.send(f"save {FILE} 200 -")
    assert one.answer().startswith("error EIDRM zk_gone")
    assert tree.json(COMMIT)["pos"] == 100
    assert one.fails("claim") == "EIDRM"


def test_a_node_that_is_another_ones(tree, instances, zookeeper):
    """Deleted and made again by hand, at the same version: not ours."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    tree.delete(one.path)
    tree.create(one.path, "{}")
    one.run("act")
    tree.set(one.path, "{}")
    assert one.fails(f"save {FILE} 200 -") == "EIDRM"
    assert tree.json(COMMIT)["pos"] == 100


@pytest.mark.sanitize
def test_the_supervisor_rewrites_the_node(tree, instances):
    """The instance document changes all the time: its new version is learned."""
    one = instances()
    one.claim()
    for number in range(1, 6):
        one.run("rewrite {}")
        if number % 2:
            one.run("rewrite {}")
        assert one.run(f"save {FILE} {number * 10} -") == str(number)
    assert tree.json(COMMIT)["seq"] == 5


# ---- other tasks, other positions


def test_a_former_tasks_position_is_not_ours(tree, instances):
    """Rule 6: a task that was deleted and made again starts anew."""
    one = instances(uid="u-0")
    one.claim()
    one.run(f"save {FILE} 100 -")
    one.close()
    two = instances()
    assert two.claim() == "anew kept"
    assert two.run(f"save {FILE} 4 -") == "1"
    assert tree.json(COMMIT)["uid"] == "u-1"


@pytest.mark.parametrize("position", ["latest", {"file": FILE, "pos": 4},
                                      {"time": "2026-11-22T10:00:00Z"}])
def test_a_position_that_was_set_wins_once(tree, instances, position):
    """A higher reset with a position: it is resolved, saved, and not looked at again."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    order = control(reset=1, position=position)
    one.open(order)
    assert one.claim() == "found ordered"
    assert tree.json(COMMIT)["reset"] == 0, "it is not done yet: a crash must not lose the order"
    one.open(order)
    assert one.claim() == "found ordered"
    one.run(f"save {FILE} 50 -")
    assert tree.json(COMMIT)["reset"] == 1
    one.open(order)
    assert one.claim() == "found kept"
    assert one.run("load").split()[1] == "50"


def test_a_raised_reset_without_a_position_keeps_it(tree, instances):
    """A restore: epochs of another ensemble may be higher than ours."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    edit(tree, epoch=one.epoch + 10 ** 9)
    assert one.fails("claim") == "EIDRM"
    one.open(control(reset=1))
    assert one.claim() == "found kept"
    assert tree.json(COMMIT)["reset"] == 1
    assert tree.json(COMMIT)["epoch"] == one.epoch
    assert one.run(f"save {FILE} 200 -") == "2"


def test_an_order_that_is_older_than_the_position(tree, instances):
    """Another has acted on a later control document than we have seen."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    edit(tree, reset=3)
    one.open(control(reset=2))
    one.send("claim")
    answer = one.answer()
    assert answer.startswith("error EIDRM zk_gone")
    assert "reset 3" in answer


@pytest.mark.parametrize("content", ["not JSON", '{"version":1}', '{"version":7,"reset":0}'])
def test_a_position_that_cannot_be_read_is_an_error(tree, instances, content):
    """Never a reason to start anew."""
    tree.set(COMMIT, content)
    one = instances(order=control(reset=0, position="latest"))
    one.send("claim")
    assert one.answer().startswith("error EINVAL state_invalid")
    assert tree.get(COMMIT).decode() == content
    one.open(control(reset=1, position="latest"))
    one.send("claim")
    if "reset" in content:
        assert one.answer().startswith("ok anew ordered"), "a person has set the position anew"
        one.run(f"save {FILE} 4 -")
        assert tree.json(COMMIT)["reset"] == 1
    else:
        assert one.answer().startswith("error EINVAL state_invalid"), "whose order it is nobody knows"


# ---- edits by hand


@pytest.mark.sanitize
@pytest.mark.parametrize("how", ["edited", "replaced", "emptied"])
def test_an_edit_by_hand_is_a_conflict(tree, instances, how):
    """It is told and left as it is."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    if how == "edited":
        edit(tree, pos=4)
    else:
        tree.set(COMMIT, "hello" if how == "replaced" else "")
    before = tree.get(COMMIT)
    one.send(f"save {FILE} 200 -")
    answer = one.answer()
    assert answer.startswith("error EEXIST position_conflict"), answer
    assert tree.get(COMMIT) == before
    assert one.fails("act") == "EEXIST"
    if how == "edited":
        one.open()
        assert one.claim() == "found kept", "a restart goes on from what is there"
        assert one.run("load").split()[1] == "4"


@pytest.mark.sanitize
def test_a_deleted_position_is_written_again(tree, instances):
    """What we know is what it held."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    tree.delete(COMMIT)
    assert one.run(f"save {FILE} 200 -") == "2"
    assert tree.json(COMMIT)["pos"] == 200
    tree.delete(COMMIT)
    assert one.run(f"save {FILE} 300 -") == "3"


def test_a_task_without_its_lastcommit(tree, instances):
    """It is made."""
    tree.delete(COMMIT)
    one = instances()
    assert one.claim() == "anew kept"
    assert one.run(f"save {FILE} 100 -") == "1"
    assert tree.json(COMMIT)["pos"] == 100


def test_a_position_too_large(tree, instances):
    """Over 512 KiB is not sent: it would cost every task's connection."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    session = one.session
    one.send("fill 200000")
    assert one.answer().startswith("error EFBIG")
    assert tree.json(COMMIT)["pos"] == 100
    assert one.session == session


# ---- ZooKeeper away


@pytest.mark.sanitize
def test_a_lost_answer_to_a_save(tree, instances, proxy):
    """It happened and nobody was told: the next save knows it for its own."""
    one = instances(servers=proxy.address)
    one.claim()
    one.run(f"save {FILE} 100 -")
    for number in (200, 300, 400):
        proxy.lose(MULTI)
        one.send(f"save {FILE} {number} -")
        answer = one.answer()
        assert answer.startswith("error EAGAIN zk_unknown"), answer
        assert one.run("lost") == "0"
        assert tree.json(COMMIT)["pos"] == number
    saved = one.run(f"save {FILE} 500 -")
    assert tree.json(COMMIT)["seq"] == int(saved)
    assert tree.json(COMMIT)["pos"] == 500
    assert proxy.lost == 3


@pytest.mark.sanitize
def test_a_lost_answer_to_the_first_save(tree, instances, proxy):
    """The same where nothing was before."""
    tree.delete(COMMIT)
    one = instances(servers=proxy.address)
    one.claim()
    proxy.lose(MULTI)
    assert one.fails(f"save {FILE} 100 -") == "EAGAIN"
    assert tree.json(COMMIT)["pos"] == 100
    one.run(f"save {FILE} 200 -")
    assert tree.json(COMMIT)["pos"] == 200


def test_a_lost_answer_and_an_edit(tree, instances, proxy):
    """What was edited after the write that nobody confirmed is not taken for it."""
    one = instances(servers=proxy.address)
    one.claim()
    one.run(f"save {FILE} 100 -")
    proxy.lose(MULTI)
    assert one.fails(f"save {FILE} 200 -") == "EAGAIN"
    edit(tree, seq=77, pos=4)
    one.send(f"save {FILE} 300 -")
    assert one.answer().startswith("error EEXIST position_conflict")
    assert tree.json(COMMIT)["pos"] == 4


def test_a_lost_answer_to_a_claim(tree, instances, proxy):
    """The claim is made again."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    one.close()
    two = instances(servers=proxy.address)
    proxy.lose(MULTI)
    assert two.fails("claim") == "EAGAIN"
    assert two.claim() == "found kept"
    assert two.run(f"save {FILE} 200 -") == "2"


@pytest.mark.sanitize
def test_zookeeper_away_for_a_moment(tree, instances, proxy):
    """Saves are put off, then the clock runs out; both come back by themselves."""
    one = instances(servers=proxy.address, timeout=6000)
    one.claim()
    one.run(f"save {FILE} 100 -")
    proxy.block()
    began = time.monotonic()
    assert one.fails(f"tick {FILE} 200 -") == "EAGAIN"
    assert time.monotonic() - began < 1.5 * PATIENCE, "delivery waited for it"
    wait_until(lambda: one.run("act") == "0", 6, "the courtesy clock to run out")
    assert time.monotonic() - began < 6, "it ran out before the session could"
    began = time.monotonic()
    assert one.fails(f"save {FILE} 200 -") == "EAGAIN"
    assert time.monotonic() - began < 0.5 * PATIENCE, "there is nothing to wait for"
    proxy.unblock()
    wait_until(lambda: one.run("act") == "1", 10, "ZooKeeper to be back")
    assert one.run("lost") == "0"
    one.run(f"save {FILE} 300 -")
    assert tree.json(COMMIT)["pos"] == 300


@pytest.mark.sanitize
def test_a_patient_save_waits_for_the_connection(tree, instances, proxy):
    """A clean stop's save: a connection that comes back within the clock's time is used."""
    one = instances(servers=proxy.address, timeout=20000)
    one.claim()
    one.run(f"save {FILE} 100 -")
    proxy.block()
    time.sleep(0.5)
    one.send(f"save {FILE} 200 -")
    time.sleep(1)
    proxy.unblock()
    answer = one.answer()
    if answer.startswith("error"):  # the answer got lost with the connection
        assert answer.startswith("error EAGAIN"), answer
        one.run(f"save {FILE} 200 -")
    assert tree.json(COMMIT)["pos"] == 200


@pytest.mark.sanitize
def test_a_machine_that_slept(tree, instances):
    """Rule 10: it wakes with a session that is over, and must not act for a moment."""
    one = instances(timeout=SESSION_MS)
    one.claim()
    one.run(f"save {FILE} 100 -")
    with stopped(one):
        time.sleep(SESSION_MS / 1000 + 1.2)
        one.send("act")
        one.send(f"save {FILE} 200 -")
    first, second = one.answer(), one.answer()
    assert first == "ok 0" or first.startswith("error ENOLINK zk_expired"), first
    assert second.startswith(("error EAGAIN zk_unreachable", "error ENOLINK zk_expired",
                              "error EIDRM zk_gone")), second
    one.wait("state new session", after=1)
    assert one.fails("act") in ("ENOLINK", "EIDRM")
    assert one.fails(f"save {FILE} 300 -") in ("ENOLINK", "EIDRM")
    assert tree.json(COMMIT)["pos"] == 100


# ---- a capture, as a supervisor runs it


class Capture(Shell):
    """A capture_shell: a session, an instance's node, and a task that runs."""

    program = "pipeline/capture_shell"

    def begin(self, order=None, uid="u-1"):
        """Run the task."""
        path, epoch = self.run(f"node {TASK}/instances h").split()
        self.path, self.epoch = path, int(epoch)
        self.again(order, uid)
        return self

    def again(self, order=None, uid="u-1"):
        """Run it once more, as the same instance."""
        self.run(f"run {TASK} {uid} {order or control()}")

    @property
    def state(self) -> str:
        """As capture_status() has it."""
        return self.run("status").split()[0]

    @property
    def rows(self) -> int:
        """Acknowledged."""
        return int(self.run("status").split()[1])

    @property
    def waiting(self) -> str:
        """The code of what is waited for, or -."""
        return self.run("status").split()[4]

    def wait_state(self, state: str, timeout: float = 15):
        """Until it is so."""
        wait_until(lambda: self.state == state, timeout, f"{state}, it is {self.run('status')}")

    def ended(self, pattern: str = "", timeout: float = 15) -> str:
        """What capture_run() returned."""
        return self.wait(rf"^ended {pattern}", timeout).string


@pytest.fixture
def captures(zookeeper, tree, tmp_path, mysql_80, new_database):
    """Makes captures of one table into a file, of a source that inserts into it."""
    made = []
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    out = tmp_path / "out"

    def make(servers=None, timeout=10000, order=None, **sections):
        path = tmp_path / "task.json"
        path.write_text(json.dumps(task_document(
            mysql_80, include=f"{database}.t", pipe={"type": "file", "path": str(out)},
            commit_interval_ms=100, name="t", **sections)))
        shell = Capture((servers or zookeeper.servers) + tree.root, tmp_path, timeout=timeout,
                        task=path)
        made.append(shell)
        return shell.connected().begin(order)

    def insert(*numbers):
        values = ",".join(f"({n})" for n in numbers)
        mysql_80.sql(f"INSERT INTO {database}.t VALUES {values}")

    def delivered() -> list[int]:
        return [json.loads(line)["after"]["id"] for line in out.read_text().splitlines()]
    make.insert, make.delivered, make.server, make.table = (insert, delivered, mysql_80,
                                                            f"{database}.t")
    yield make
    for each in made:
        each.close()


@pytest.mark.sanitize
def test_a_capture_saves_its_position(tree, captures):
    """It claims, resolves `latest`, saves at once, and tells its position while it runs."""
    one = captures()
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT), 10, "the first position")
    assert tree.json(COMMIT)["epoch"] == one.epoch
    captures.insert(1, 2, 3)
    wait_until(lambda: one.rows == 3, 10, "rows")
    wait_until(lambda: tree.json(COMMIT)["seq"] >= 2, 10, "a second position")
    wait_until(lambda: one.run("position").split()[2] == captures.server.gtid(), 5, "the position")
    assert tree.json(COMMIT)["gtid"] == captures.server.gtid()
    one.run("stop")
    assert one.ended() == "ended 0"
    assert captures.delivered() == [1, 2, 3]
    one.again()
    captures.insert(4)
    wait_until(lambda: captures.delivered() == [1, 2, 3, 4], 10, "it goes on where it was")


@pytest.mark.sanitize
def test_zookeeper_away_holds_the_delivery(tree, captures, proxy):
    """Until the courtesy clock runs out rows go on, then they wait, then all come, once."""
    one = captures(servers=proxy.address, timeout=6000)
    one.wait_state("RUNNING")
    captures.insert(1)
    wait_until(lambda: captures.delivered() == [1], 10, "a row")
    proxy.block()
    captures.insert(2)
    wait_until(lambda: captures.delivered() == [1, 2], 3, "a row within the clock's time")
    one.wait_state("RETRYING", 6)
    assert one.waiting == "zk_unreachable"
    captures.insert(3, 4)
    time.sleep(0.7)
    assert captures.delivered() == [1, 2], "nothing is handed over any more"
    seq = tree.json(COMMIT)["seq"]
    proxy.unblock()
    wait_until(lambda: captures.delivered() == [1, 2, 3, 4], 10, "the rows that waited")
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT)["seq"] > seq, 10, "a save")
    assert one.waiting == "-"
    assert not [event for event in one.events if event.startswith("ended")]


@pytest.mark.sanitize
def test_a_session_that_ends_ends_the_capture(tree, captures, proxy):
    """It is no failure of the task; a new instance goes on, and nothing is lost."""
    one = captures(servers=proxy.address, timeout=SESSION_MS)
    one.wait_state("RUNNING")
    captures.insert(1)
    wait_until(lambda: captures.delivered() == [1], 10, "a row")
    wait_until(lambda: tree.json(COMMIT)["seq"] >= 2, 10, "its position")
    saved = tree.json(COMMIT)
    proxy.block()
    captures.insert(2)
    time.sleep(SESSION_MS / 1000 + 2.5)
    captures.insert(3)
    proxy.unblock()
    ended = one.ended()
    assert re.match(r"ended (ENOLINK zk_expired|EIDRM zk_gone) retry", ended), ended
    assert tree.json(COMMIT)["seq"] in (saved["seq"], saved["seq"] + 1)
    one.wait("state new session", after=1)
    one.begin()
    wait_until(lambda: set(captures.delivered()) == {1, 2, 3}, 10, "all rows")
    assert captures.delivered()[-1] == 3


@pytest.mark.sanitize
def test_a_node_that_is_deleted_ends_the_capture(tree, captures):
    """At the next save."""
    one = captures()
    one.wait_state("RUNNING")
    tree.delete(one.path)
    captures.insert(1)
    assert one.ended().startswith("ended EIDRM zk_gone retry")


def test_an_edit_by_hand_ends_the_capture(tree, captures):
    """Only a person can say which position is right."""
    one = captures()
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT), 10, "a position")
    edit(tree, pos=4, file="binlog.000001", gtid="")
    captures.insert(1)
    assert one.ended().startswith("ended EEXIST position_conflict operator")


def test_lost_answers_to_saves_lose_nothing(tree, captures, proxy):
    """Rows once, positions without an end."""
    one = captures(servers=proxy.address)
    one.wait_state("RUNNING")
    for number in range(1, 21):
        if number % 4 == 0:
            proxy.lose(MULTI)
        captures.insert(number)
        time.sleep(0.15)
    wait_until(lambda: captures.delivered() == list(range(1, 21)), 15, "the rows")
    wait_until(lambda: tree.json(COMMIT)["gtid"] == captures.server.gtid(), 15, "the position")
    assert proxy.lost >= 2
    one.run("stop")
    assert one.ended() == "ended 0"


@pytest.mark.sanitize
def test_a_position_set_by_a_person(tree, captures):
    """control's position, once; a restart goes on from what was saved since."""
    one = captures()
    one.wait_state("RUNNING")
    start = captures.server.gtid()
    captures.insert(1, 2)
    captures.insert(3)
    wait_until(lambda: captures.delivered() == [1, 2, 3], 10, "rows")
    one.run("stop")
    one.ended()
    order = control(reset=1, position={"gtid": start})
    one.again(order)
    wait_until(lambda: captures.delivered() == [1, 2, 3, 1, 2, 3], 10, "the same again")
    assert tree.json(COMMIT)["reset"] == 1
    one.run("stop")
    wait_until(lambda: len([e for e in one.events if e.startswith("ended")]) == 2, 10, "its end")
    one.again(order)
    captures.insert(4)
    wait_until(lambda: captures.delivered()[-1] == 4, 10, "the next row")
    assert captures.delivered() == [1, 2, 3, 1, 2, 3, 4]


def test_a_stop_while_zookeeper_is_away(tree, captures, proxy):
    """It does not wait for it for ever, and says that the position is not saved."""
    one = captures(servers=proxy.address, timeout=6000)
    one.wait_state("RUNNING")
    captures.insert(1)
    wait_until(lambda: captures.delivered() == [1], 10, "a row")
    wait_until(lambda: tree.json(COMMIT)["seq"] >= 2, 10, "its position")
    proxy.block()
    captures.insert(2)
    wait_until(lambda: captures.delivered() == [1, 2], 5, "a row")
    began = time.monotonic()
    one.run("stop")
    ended = one.ended()
    assert time.monotonic() - began < 6
    assert re.match("ended EAGAIN zk_(unreachable|unknown) retry", ended), ended


@pytest.mark.sanitize
def test_where_a_capture_failed(tree, captures):
    """The transaction whose row could not be processed, for counting failures."""
    one = captures()
    one.wait_state("RUNNING")
    wait_until(lambda: tree.json(COMMIT), 10, "a position")
    before = captures.server.position()
    with captures.server.connect() as link, link.cursor() as cursor:
        cursor.execute("SET SESSION binlog_format='STATEMENT'")
        cursor.execute(f"INSERT INTO {captures.table} VALUES (1)")
    ended = one.ended()
    assert "event_statement data" in ended, ended
    file, pos, gtid = one.run("failure").split()
    assert (file, int(pos)) == before
    assert gtid in captures.server.gtid() or gtid.split(":")[1] == \
        captures.server.gtid().split("-")[-1]
    one.again()
    wait_until(lambda: len([e for e in one.events if e.startswith("ended")]) == 2, 10, "its end")
    assert one.run("failure").split()[:2] == [file, pos], "the same place"


def test_what_is_no_transactions_failure(tree, captures):
    """A source that will not have us: the task's place counts, not an event's."""
    captures.server.create_repl_user("repl-later", grants="")
    one = captures(user="repl-later")
    assert "source_grant operator" in one.ended()
    assert one.run("failure") == "none"


# ---- the daemon


@pytest.fixture
def counted(cluster, mysql_80, new_database, kafka, bus):
    """A task of a daemon; rows that are put in, and those that arrived."""
    database = new_database(mysql_80)
    mysql_80.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    document = task_document(mysql_80, include=f"{database}.t", pipe=kafka,
                             commit_interval_ms=100)

    class Counted:
        """What is put in and what comes out."""

        last = 0
        name = document["name"]

        def create(self):
            """Through the API, started."""
            cluster.create(document, start=True)
            return cluster.wait_state(self.name, "RUNNING")

        def add(self, count=1):
            """Rows with the next numbers."""
            for _ in range(count):
                self.last += 1
                mysql_80.sql(f"INSERT INTO {database}.t VALUES ({self.last})")

        def arrived(self) -> list[int]:
            """Once all are there."""
            topic = f"{self.name}.{database}.t"

            def found():
                ids = [message.key_json["id"] for message in bus.collect(topic, count=1)]
                return ids if set(ids) >= set(range(1, self.last + 1)) else None
            return wait_until(found, 30, f"{self.last} rows")
    return Counted()


def test_an_edit_by_hand_fails_the_task(cluster, counted):
    """At once and on every host; a restart goes on from what is there."""
    cluster.server()
    cluster.core("c1")
    cluster.core("c2")
    counted.create()
    counted.add(2)
    counted.arrived()
    path = cluster.path(counted.name, "lastCommit")
    wait_until(lambda: cluster.tree.json(path)["seq"] >= 2, 10, "a position")
    document = cluster.tree.json(path)
    cluster.tree.set(path, {**document, "seq": document["seq"] + 50})
    counted.add()
    failed = cluster.wait_state(counted.name, "FAILED")
    assert failed["error"]["code"] == "position_conflict"
    assert cluster.tree.json(path)["seq"] == document["seq"] + 50, "it was left as it is"
    assert cluster.tree.json(cluster.path(counted.name, "status"))["failures"][0]["count"] == 1
    cluster.mrctl("task", "restart", counted.name).ok()
    cluster.wait_state(counted.name, "RUNNING")
    counted.add()
    counted.arrived()
    assert cluster.tree.json(path)["seq"] > document["seq"] + 50


@pytest.mark.sanitize
def test_a_core_without_zookeeper(cluster, counted, proxy):
    """For longer than its session: it stops in time, and comes back by itself; all rows come,
    and only those in flight a second time."""
    cluster.server()
    cluster.core("c1", zookeeper={"servers": proxy.address + cluster.chroot})
    first = counted.create()
    counted.add(5)
    counted.arrived()
    epoch = cluster.tree.json(cluster.path(counted.name, "lastCommit"))["epoch"]
    proxy.block()
    counted.add(5)
    time.sleep(6)
    counted.add(5)
    time.sleep(1)
    proxy.unblock()
    second = cluster.wait_state(counted.name, "RUNNING")
    counted.add(5)
    ids = counted.arrived()
    assert set(ids) == set(range(1, 21))
    assert len(ids) - 20 <= 10, ids
    wait_until(lambda: cluster.tree.json(cluster.path(counted.name, "lastCommit"))["epoch"]
               > epoch, 10, "a new epoch")
    assert second["hostname"] == first["hostname"]


def test_lost_answers_all_over(cluster, counted, proxy):
    """Every fifth second answers to multis, creates and sets get lost, while rows flow."""
    cluster.server()
    cluster.core("c1", zookeeper={"servers": proxy.address + cluster.chroot})
    counted.create()
    for number in range(24):
        if number % 4 == 0:
            proxy.lose(MULTI, SET)
        counted.add(3)
        time.sleep(0.25)
    ids = counted.arrived()
    assert sorted(set(ids)) == list(range(1, counted.last + 1))
    assert proxy.lost >= 4
    cluster.wait_state(counted.name, "RUNNING")
    assert cluster.tree.json(cluster.path(counted.name, "status"))["failures"] == []
