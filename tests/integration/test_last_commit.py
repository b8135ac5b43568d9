"""The position in ZooKeeper (core/progress/last_commit.h): who may write it, lost answers,
edits by hand. protocol.md, rules 2a, 2d, 6, 9 and 10.

Each instance is a commit_shell (tests/unit/progress/commit_shell.c) in a process of its own.
"""

import contextlib
import signal
import time

import pytest

from harness.commit import COMMIT, TASK, control, edit, new_tree
from harness.waiting import PATIENCE, wait_until
from harness.zk import MULTI, LossyProxy, Shell

SESSION_MS = 1000  # the least that a tick of 500 ms allows
FILE = "binlog.000001"
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


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
        """What the claim found; asked again while ZooKeeper is slow, as a capture does."""
        def asked():
            self.send("claim")
            found = self.answer()
            return None if found.startswith("error EAGAIN zk_unreachable") else found
        answer = wait_until(asked, 30, "ZooKeeper's answer to a claim")
        assert answer.startswith("ok "), answer
        return answer.removeprefix("ok ").rsplit(" ", 1)[0]


@pytest.fixture
def tree(zookeeper):
    """A tree of this test's own, with a task that has never run."""
    return new_tree(zookeeper)


@pytest.fixture
def instances(zookeeper, tree, tmp_path):
    """Makes instances, registered; closes them, and asserts that no sanitizer spoke."""
    made = []

    def make(order=None, uid="u-1", servers=None, timeout=10000):
        shell = Instance((servers or zookeeper.servers) + tree.chroot, tmp_path, timeout=timeout)
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
def test_a_claim_leaves_a_copy_what_it_is(tree, instances):
    """What is there is a copy of Kafka's until something else is saved, whoever claims it: told
    to be at_least_once's, it would count for later than Kafka's own, and rows come twice."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 1234 {UUID}:1-5")
    one.close()
    edit(tree, delivery="exactly_once", pipe_cluster="a")
    two = instances()
    assert two.claim() == "found kept"
    claimed = tree.json(COMMIT)
    assert (claimed["epoch"], claimed["delivery"]) == (two.epoch, "exactly_once")
    assert two.run(f"save {FILE} 2000 {UUID}:1-6") == "2"
    assert tree.json(COMMIT)["delivery"] == "at_least_once"


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
    one.send("claim")
    answer = one.answer()
    assert answer.startswith("error EEXIST position_conflict"), answer
    assert "another ensemble" in answer, "nobody here will ever be later: only a person helps"
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
    tree.create(TASK + "/control", control(reset=3))
    one.open(control(reset=2))
    one.send("claim")
    answer = one.answer()
    assert answer.startswith("error EIDRM zk_gone")
    assert "reset 3" in answer


def test_a_control_document_that_went_back(tree, instances):
    """Restored or edited: lastCommit has seen a later one, and nobody will come with it."""
    one = instances()
    one.claim()
    one.run(f"save {FILE} 100 -")
    edit(tree, reset=3)
    tree.create(TASK + "/control", control(reset=2))
    one.open(control(reset=2))
    one.send("claim")
    answer = one.answer()
    assert answer.startswith("error EEXIST position_conflict"), answer
    assert "reset 3" in answer
    assert tree.json(COMMIT)["pos"] == 100


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
