"""common/zk against real ZooKeeper servers: sessions, lost answers, watches, elections.

Each session is a zk_shell (tests/unit/zk/zk_shell.c) in a process of its own.
"""

import contextlib
import itertools
import signal
import time

import pytest

from harness.waiting import PATIENCE, wait_until
from harness.zk import CREATE2, MULTI, SET, LossyProxy, Shell, raw_set

numbers = itertools.count(1)
SESSION_MS = 1000  # the least that a tick of 500 ms allows


@pytest.fixture
def root():
    """A part of the tree that is this test's own, as a chroot that does not exist yet."""
    return f"/test-{time.time_ns()}-{next(numbers)}"


@pytest.fixture
def shells(tmp_path):
    """Makes sessions; closes them, and asserts that no sanitizer spoke."""
    made = []

    def make(servers, **options):
        made.append(Shell(servers, tmp_path, **options))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def session(zookeeper, shells, root):
    """Makes connected sessions under `root`."""
    def make(**options):
        return shells(zookeeper.servers + root, **options).connected()
    return make


@contextlib.contextmanager
def stopped(shell):
    """The process, stopped like a machine that sleeps."""
    shell.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        shell.signal(signal.SIGCONT)


def expire(shell):
    """Its session ends, and it has a new one."""
    after = len(shell.events)
    with stopped(shell):
        time.sleep(SESSION_MS / 1000 + 1.2)
    shell.wait("state expired", after=after)
    shell.wait("state new session", after=after)


@pytest.mark.sanitize
def test_operations(session):
    """Each of them, and how it fails."""
    zk = session()
    path, _ = zk.run("create p+ /a/b one").split()
    assert path == "/a/b"
    assert zk.run("get /a/b") == "0 3 one"
    assert zk.run("set /a/b 0 two") == "1"
    assert zk.fails("set /a/b 0 three") == "ESTALE"
    assert zk.run("get /a/b") == "1 3 two"
    assert zk.fails("create p /a/b x") == "EEXIST"
    assert zk.fails("create p /none/b x") == "ENOENT"
    assert zk.fails("get /none") == "ENOENT"
    assert zk.fails("delete /a -1") == "ENOTEMPTY"
    assert zk.fails("delete /a/b 0") == "ESTALE"
    assert zk.fails("get /a/../b") == "EINVAL"
    assert zk.run("exists /none").split()[0] == "0"
    zk.run("sync /a")
    first, _ = zk.run("create es /a/host- x").split()
    assert first == "/a/host-0000000001"
    assert zk.run("exists " + first).split() == ["1", zk.session]
    assert set(zk.run("children /a").split()[1:]) == {"b", "host-0000000001"}
    assert zk.run("multi /a 0 /a/b 1 three") == "2"
    zk.send("multi /a 7 /a/b 2 four")
    assert zk.answer() == "error ESTALE 0 zk_conflict"
    zk.send("multi /a 0 /a/none 0 four")
    assert zk.answer() == "error ENOENT 1 zk_gone"
    assert zk.run("get /a/b") == "2 5 three"
    zk.run("delete /a/b 2")
    assert zk.fails("get /a/b") == "ENOENT"


@pytest.mark.sanitize
def test_document_sizes(session, zookeeper, root):
    """Over 512 KiB is not sent, and one that another wrote is told."""
    zk = session()
    zk.run("create p+ /a/large x")
    zk.run(f"fill /a/large {512 * 1024}")
    assert zk.run("get /a/large").startswith(f"1 {512 * 1024} xxx")
    before = zk.session
    assert zk.fails(f"fill /a/large {512 * 1024 + 1}") == "EFBIG"
    assert zk.run("get /a/large").split()[0] == "1", "it was sent"
    assert zk.session == before, "the connection was dropped"
    raw_set(zookeeper.members[0], f"{root}/a/large", b"y" * (600 * 1024))
    assert zk.fails("get /a/large") == "EFBIG"
    zk.run("data /a/large")
    zk.wait("watch /a/large EFBIG")
    zk.run("set /a/large -1 small")
    zk.wait("watch /a/large version 3 small")


@pytest.mark.sanitize
def test_a_lost_answer_to_create_is_found_again(zookeeper, shells, root):
    """Rule 9: one node, whichever way it was made."""
    proxy = LossyProxy(zookeeper.members[0])
    zk = shells(proxy.address + root).connected()
    zk.run("create p+ /a/keep x")
    proxy.lose(CREATE2)
    path, _ = zk.run("create es /a/host- x").split()
    assert zk.run("children /a").split()[1:].count(path[3:]) == 1
    assert len([n for n in zk.run("children /a").split() if n.startswith("host-")]) == 1
    assert zk.run("exists " + path).split()[1] == zk.session
    proxy.lose(CREATE2)
    assert zk.run("create e /a/one x").split()[0] == "/a/one"
    proxy.lose(CREATE2)
    assert zk.fails("create p /a/lasting x") == "EINPROGRESS"
    assert zk.run("get /a/lasting") == "0 1 x"
    proxy.lose(CREATE2)
    assert zk.fails("create ps /a/counted- x") == "EINPROGRESS"
    assert proxy.lost == 4
    proxy.close()


def test_a_lost_answer_to_a_write_is_unknown(zookeeper, shells, root):
    """The caller is told that it does not know; reading shows what happened."""
    proxy = LossyProxy(zookeeper.members[0])
    zk = shells(proxy.address + root).connected()
    zk.run("create p+ /a/b one")
    proxy.lose(SET)
    assert zk.fails("set /a/b 0 two") == "EINPROGRESS"
    assert zk.run("get /a/b") == "1 3 two"
    proxy.lose(MULTI)
    assert zk.fails("multi /a 0 /a/b 1 three") == "EINPROGRESS"
    assert zk.run("get /a/b") == "2 5 three"
    # An id is given once only, whatever gets lost.
    proxy.lose(CREATE2, CREATE2)
    ids = [zk.run("id run") for _ in range(3)]
    assert len(set(ids)) == 3
    proxy.close()


@pytest.mark.sanitize
def test_expiry_makes_a_new_session(session):
    """New handle, no leak; watches go on; the courtesy clock said no before anything else."""
    zk, other = session(timeout=SESSION_MS), session()
    other.run("create p+ /a/doc 0")
    zk.run("data /a/doc")
    zk.run("names /a")
    zk.wait("watch /a/doc version 0 0")
    zk.run("create e /a/mine x")
    fds = zk.run("fds")
    for turn in range(1, 3):
        former = zk.session
        expire(zk)
        assert zk.session not in (former, "0")
        # What the former handle held may be closed a moment later.
        wait_until(lambda: zk.run("fds") == fds, 10, f"{fds} descriptors again")
        other.run(f"set /a/doc -1 {turn}")
        zk.wait(f"watch /a/doc version {turn} {turn}")
    assert other.run("exists /a/mine").split()[0] == "0"
    zk.wait("watch /a names 1 doc$")
    # Nothing is told twice: three values were there.
    assert len([e for e in zk.events if e.startswith("watch /a/doc")]) == 3


def test_a_zombie_may_not_act(session):
    """Rule 10: woken after its session, it says no before it knows why."""
    zk = session(timeout=SESSION_MS)
    wait_until(lambda: zk.run("act").split()[0] == "1", 5, "may act")
    assert 0 < int(zk.run("act").split()[1]) <= SESSION_MS * 2 / 3
    before = len(zk.events)
    with stopped(zk):
        # It reads this first when it goes on; the library still thinks it is connected.
        for _ in range(3):
            zk.send("act")
        time.sleep(SESSION_MS / 1000 + 1.2)
    answers = [zk.answer().split() for _ in range(3)]
    assert answers[0][1] == "0", answers
    assert int(answers[0][2]) < 0
    zk.wait("state new session", after=before)
    wait_until(lambda: zk.run("act").split()[0] == "1", 5, "may act with the new session")


def test_without_an_answer_the_clock_runs_out(zookeeper, shells, root):
    """A server that is stopped: no after 2/3 of the timeout, yes when it is back."""
    zk = shells(zookeeper.servers + root, timeout=4000).connected()
    wait_until(lambda: zk.run("act").split()[0] == "1", 5, "may act")
    zookeeper.members[0].pause()
    began = time.monotonic()
    wait_until(lambda: zk.run("act").split()[0] == "0", 6, "may not act")
    assert 1.5 < time.monotonic() - began < 2.667 + 1 * PATIENCE
    zookeeper.members[0].resume()
    wait_until(lambda: zk.run("act").split()[0] == "1", 10, "may act again")


@pytest.mark.sanitize
def test_watches_under_a_storm(session):
    """The newest value arrives, values never go back, and a child is never missed."""
    zk, writer = session(), session()
    writer.run("create p+ /a/doc 0")
    zk.run("data /a/doc")
    zk.run("data /a/later")
    zk.run("names /a")
    zk.wait("watch /a/later absent")
    writer.run("storm /a/doc 2000")
    writer.wait("storm done 2000", 30)
    zk.wait("watch /a/doc version 2000 2000")
    versions = [int(e.split()[3]) for e in zk.events if e.startswith("watch /a/doc version")]
    assert versions == sorted(set(versions))
    for turn in range(20):
        writer.run(f"create p /a/later {turn}")
        writer.run("delete /a/later -1")
    zk.wait(r"watch /a names 1 doc$")
    wait_until(lambda: [e for e in zk.events if "/a/later" in e][-1].endswith("absent"), 5,
               "the last word on /a/later")
    writer.run("create p /a/later end")
    zk.wait("watch /a/later version 0 end")
    # Watching and not watching, over and over, leaves nothing behind.
    for _ in range(50):
        zk.run("data /a/doc")
        zk.run("unwatch /a/doc")
    zk.run("data /a/doc")
    seen = len(zk.events)
    writer.run("set /a/doc -1 again")
    zk.wait("watch /a/doc version 2001 again", after=seen)


def test_more_paths_than_may_be_watched(session):
    """They are polled: later, but nothing newer is missed."""
    zk, writer = session(timeout=SESSION_MS, budget=20), session()
    writer.run("create p+ /a/doc 0")
    zk.run("data /a/doc")
    zk.run("names /a")
    zk.run("data /a/none")
    zk.wait("watch /a/none absent")
    writer.run("set /a/doc -1 new")
    zk.wait("watch /a/doc version 1 new")
    writer.run("create p /a/none x")
    zk.wait("watch /a/none version 0 x")
    zk.wait("watch /a names 2")


def first_of(members):
    """The members that hold themselves for first."""
    return [each for each in members if each.role() == "first"]


@pytest.mark.sanitize
def test_election_among_five(session):
    """One first at any time; kills, a clean end and a deleted node hand over in order."""
    members = [session(timeout=SESSION_MS) for _ in range(5)]
    members[0].run("create p+ /t/document x")
    for number, each in enumerate(members):
        each.run(f"elect /t/instances {'zyxwv'[number]}")
        each.wait("election (first|behind)")
    assert first_of(members) == [members[0]]
    for each in members:
        each.wait("nodes=5")

    # Clean end: at once. Kill -9: when the session is over.
    began = time.monotonic()
    members[0].process.stdin.close()
    at, _ = members[1].wait_timed("election first")
    assert at - began < 0.5 * PATIENCE
    began = time.monotonic()
    members[1].signal(signal.SIGKILL)
    at, _ = members[2].wait_timed("election first")
    assert at - began < SESSION_MS / 1000 + 0.5 + 1
    members[1].process.wait()

    # Its node is deleted by somebody: it steps down and goes to the end of the line.
    node = members[2].wait("election first node=(\\S+)").group(1)
    members[4].run(f"delete /t/instances/{node} -1")
    members[2].wait("election out node= .* rc=ENOENT")
    members[3].wait("election first")
    members[2].wait("election behind node=(\\S+)", after=len(members[2].events) - 1)
    wait_until(lambda: first_of(members[2:]) == [members[3]], 5, "one is first")

    # It leaves: handed over, and the session stays.
    began = time.monotonic()
    members[3].run("leave")
    at, _ = members[4].wait_timed("election first")
    assert at - began < 0.5 * PATIENCE
    epochs = [int(e.split("epoch=")[1].split()[0]) for e in members[4].events
              if e.startswith("election first")]
    assert epochs[0] > 0

    # A zombie's session is over: another is first before it knows.
    with stopped(members[4]):
        members[2].wait("election first", after=len(members[2].events))
    members[4].wait("election out node= .* rc=ENOLINK")
    members[4].wait("election behind", after=len(members[4].events) - 2)
    wait_until(lambda: first_of([members[2], members[4]]) == [members[2]], 5, "one is first")


@pytest.mark.sanitize
def test_election_with_lost_answers(zookeeper, shells, session, root):
    """Registering and leaving leave one node and none."""
    proxy = LossyProxy(zookeeper.members[0])
    zk, other = shells(proxy.address + root).connected(), session()
    other.run("create p+ /t/document x")
    proxy.lose(CREATE2)  # of the folder or of the node
    zk.run("elect /t/instances host")
    zk.wait("election first")
    zk.run("leave")
    wait_until(lambda: other.run("children /t/instances") == "0", 5, "left")
    for _ in range(3):
        proxy.lose(CREATE2)
        zk.run("elect /t/instances host")
        seen = len(zk.events)
        zk.wait("election first", after=seen - 1)
        wait_until(lambda: other.run("children /t/instances").split()[0] == "1", 5, "one node")
        zk.run("leave")
        wait_until(lambda: other.run("children /t/instances") == "0", 5, "left")
    # It leaves while the answer to its registration is being lost.
    proxy.lose(CREATE2)
    zk.send("elect /t/instances host")
    zk.send("leave")
    assert [zk.answer(), zk.answer()] == ["ok", "ok"]
    wait_until(lambda: proxy.lost == 5, 10, "the answer is lost")
    zk.run_again("sync /")  # the connection may break only now, and take this answer along
    wait_until(lambda: other.run("children /t/instances") == "0", 5, "left")
    proxy.close()


@pytest.mark.sanitize
def test_ids(session):
    """Unique over threads and processes, rising, and reaped."""
    shells_ = [session() for _ in range(2)]
    for each in shells_:
        each.send("ids run 60")
    ids = [i for each in shells_ for i in each.answer(30).split()[1:]]
    assert len(ids) == 120 == len(set(ids))
    assert all(i.startswith("run-job-") and len(i) == 18 for i in ids)
    assert shells_[0].run("children /ids/run") == "0"
    assert shells_[0].run("id run") > max(ids)
    assert shells_[0].run("id command") == "command-job-0000000000"
    assert shells_[0].fails("id a/b") == "EINVAL"


def test_access_lists(session, shells, zookeeper, root):
    """Three identities that see what they may; everyone else sees nothing; no log has one."""
    identity = {role: session().run(f"identity {role}:canary-{role}")
                for role in ("core", "server", "monitor")}
    core, server, monitor = (session(role=role, auth=f"{role}:canary-{role}", **identity)
                             for role in ("core", "server", "monitor"))
    server.run("create p+ /a/doc x")
    server.run("private /a/tokens x")
    for each in (core, server, monitor):
        each.run("get /a/doc")
    core.run("set /a/doc 0 y")
    core.run("create p /a/doc/made-by-core x")
    server.run("get /a/doc/made-by-core")
    for each in (core, monitor):
        assert each.fails("get /a/tokens") == "EACCES"
    assert server.run("get /a/tokens") == "0 1 x"
    wrong = session(auth="server:other", **identity)
    for stranger in (session(), wrong):
        for command in ("get /a/doc", "set /a/doc 1 z", "create p /a/doc/z z", "children /a",
                        "delete /a/doc/made-by-core -1"):
            assert stranger.fails(command) == "EACCES", command
        stranger.run("data /a/doc")
        stranger.wait("watch /a/doc EACCES")
    # One identity for all daemons.
    shared = shells(zookeeper.servers + root + "-shared", auth="all:canary").connected()
    shared.run("create p+ /a x")
    again = shells(zookeeper.servers + root + "-shared", auth="all:canary",
                   role="monitor").connected()
    assert again.run("get /a") == "0 1 x"
    for each in (core, server, monitor, shared, wrong):
        assert "canary" not in each.log_path.read_text()


def test_a_server_that_restarts(new_server, shells):
    """The session outlives it; what waited goes on; the log does not fill."""
    server = new_server("zookeeper")
    member = server.members[0]
    zk = shells(server.servers + "/r", timeout=6000).connected()
    zk.run("create p+ /a/doc x")
    zk.run("data /a/doc")
    zk.run("elect /a/instances host")
    epoch = zk.wait("election first node=\\S+ epoch=(\\d+)").group(1)
    before = zk.session
    member.kill()
    zk.wait("state connecting")
    zk.send("set /a/doc 0 y")  # waits for the connection
    member.start()
    assert zk.answer().split()[:2] in (["ok", "1"], ["error", "EINPROGRESS"])
    zk.wait("watch /a/doc version 1 y")
    assert zk.session == before
    told = [e for e in zk.events if e.startswith("election ")]
    assert f"epoch={epoch}" in told[-1] and told[-1].startswith("election first")
    member.kill()
    assert zk.fails("session-is-no-command") == "EINVAL"
    time.sleep(1)
    log = zk.log_path.read_text()
    assert log.count(" WARN ") <= 6, log[-2000:]
    member.start()
    zk.run("sync /a")


def test_an_ensemble_loses_its_leader(sandbox, shells):
    """Another server, the same session, the same first."""
    ensemble = sandbox.zookeeper(3)
    try:
        members = [shells(ensemble.servers + "/e", timeout=8000).connected() for _ in range(3)]
        members[0].run("create p+ /t/document 0")
        members[0].run("data /t/document")
        for number, each in enumerate(members):
            each.run(f"elect /t/instances h{number}")
            each.wait("election (first|behind)")
        sessions = [each.session for each in members]
        leader = next(m for m in ensemble.members if "Mode: leader" in m.ask("srvr"))
        leader.kill()
        # Sent into the dead connection, it is unknown; what to do then is the caller's part.
        members[1].send("set /t/document 0 after")
        if members[1].answer(30).startswith("error EINPROGRESS"):
            wait_until(lambda: members[1].run("get /t/document") == "1 5 after"
                       or members[1].run("set /t/document 0 after") == "1", 30, "written")
        members[0].wait("watch /t/document version 1 after", 30)
        assert [each.session for each in members] == sessions
        wait_until(lambda: all(each.run("act").split()[0] == "1" for each in members), 10, "acts")
        assert first_of(members) == [members[0]]
    finally:
        sandbox.discard(ensemble)
