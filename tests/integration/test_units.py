"""The systemd units: systemd takes them, they are hardened, and the daemons keep their word.

No systemd runs here: what a unit promises is tested from both sides, the files by
systemd-analyze and the daemons with a socket, a watchdog and a tracer of the test's own.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from sandbox import prometheus

from harness.core import SANITIZER_REPORT
from harness.install import Installed, allowed_syscalls, settings
from harness.tasks import task_document
from harness.waiting import PATIENCE, wait_until

DAEMONS = ("core", "server", "monitor")
WATCHDOG_USEC = 400000


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installation that these tests only read."""
    made = Installed(tmp_path_factory.mktemp("install"))
    made.add_stubs()
    return made


def test_systemd_takes_the_units(installed):
    """systemd-analyze verify has nothing to say, and would say it of a misspelt setting."""
    names = [path.name for path in installed.unit_paths()]
    assert names == ["mr-core.service", "mr-monitor.service", "mr-server.service"]
    done = installed.analyze("--man=no", "verify", *names)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    bad = installed.path("lib/systemd/system/bad.service")
    bad.write_text(installed.unit_paths()[0].read_text().replace("ProtectClock", "ProtectClok"))
    try:
        assert "ProtectClok" in installed.analyze("--man=no", "verify", "bad.service").stderr
    finally:
        bad.unlink()


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_unit_is_hardened(installed, daemon):
    """Below 2.0 of 10 of what systemd-analyze calls exposure."""
    assert installed.exposure(f"mr-{daemon}.service") < 2.0


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_unit_restarts_with_an_end_to_it(installed, daemon):
    """Restart after failures, not after a wrong configuration, and not for ever."""
    unit = settings(installed.path(f"lib/systemd/system/mr-{daemon}.service"))
    assert unit["Type"] == ["notify"]
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"]
    assert int(unit["WatchdogSec"][0]) > 0
    # The limit can be reached: so many restarts take less than the interval.
    interval, burst = int(unit["StartLimitIntervalSec"][0]), int(unit["StartLimitBurst"][0])
    assert burst * int(unit["RestartSec"][0]) < interval
    assert ("ExecReload" in unit) == (daemon != "monitor")
    # A drain is 10 s at most, and nothing of it is cut off.
    assert int(unit["TimeoutStopSec"][0]) > 15


class Manager:
    """The service manager's end of the sd_notify protocol."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        self.messages = []  # (time, text)

    def env(self, **more) -> dict:
        """What it gives to a service."""
        return {"NOTIFY_SOCKET": str(self.path), **more}

    def said(self, text: str) -> list[float]:
        """When a line was said."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.messages.append((time.monotonic(), self._socket.recv(4096).decode()))
        return [at for at, message in self.messages if text in message.split("\n")]

    def wait(self, text: str, count: int = 1, timeout: float = 15) -> float:
        """Wait until a line was said so often; when the last of them was."""
        return wait_until(lambda: len(self.said(text)) >= count and self.said(text)[count - 1],
                          timeout, f"{text} is told {count} times; told is {self.messages}")


@pytest.fixture
def manager(tmp_path_factory):
    """A service manager."""
    return Manager(tmp_path_factory.mktemp("m"))  # a short path: a socket's name is bounded


def start(cluster, daemon, **keywords):
    """A daemon of a kind."""
    return getattr(cluster, daemon)(**keywords)


@pytest.mark.sanitize
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_says_ready_alive_reloading_and_stopping(cluster, manager, daemon):
    """Type=notify and WatchdogSec mean something: all of the protocol, in its order."""
    process = start(cluster, daemon, env=manager.env(WATCHDOG_USEC=str(WATCHDOG_USEC)))
    ready = manager.wait("READY=1")
    beats = [manager.wait("WATCHDOG=1", count) for count in (1, 2, 3, 4)]
    gaps = [after - before for before, after in zip(beats, beats[1:])]
    assert max(gaps) < PATIENCE * WATCHDOG_USEC / 1e6, gaps
    process.signal(signal.SIGHUP)
    if daemon == "monitor":  # it reads its file once, and its unit offers no reload
        manager.wait("WATCHDOG=1", len(manager.said("WATCHDOG=1")) + 1)
    else:
        reloading = manager.wait("RELOADING=1")
        assert manager.wait("READY=1", 2) >= reloading
    assert not manager.said("STOPPING=1")
    assert process.end() == 0
    assert manager.wait("STOPPING=1") > ready
    assert any(text.startswith("STATUS=") for _, text in manager.messages)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_that_hangs_stops_saying_that_it_lives(cluster, manager, daemon):
    """The watchdog's message comes from the loop, not from a thread of its own."""
    process = start(cluster, daemon, env=manager.env(WATCHDOG_USEC=str(WATCHDOG_USEC)))
    manager.wait("WATCHDOG=1", 2)
    process.stop()
    before = len(manager.said("WATCHDOG=1"))
    time.sleep(3 * WATCHDOG_USEC / 1e6)
    assert len(manager.said("WATCHDOG=1")) == before
    process.cont()
    manager.wait("WATCHDOG=1", before + 1)


@pytest.mark.sanitize
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_boot_without_zookeeper_is_no_failed_start(cluster, sandbox, manager, daemon):
    """READY comes, /healthz says alive, /readyz says not yet, and SIGTERM ends it with 0."""
    process = start(cluster, daemon, start=False,
                    zookeeper={"servers": f"127.0.0.1:{sandbox.free_port()}"})
    process.env.update(manager.env(WATCHDOG_USEC=str(WATCHDOG_USEC)))
    process.start(wait=False)
    manager.wait("READY=1")
    manager.wait("WATCHDOG=1", 3)
    wait_until(lambda: process.get("/healthz").status == 200, 10, "/healthz answers")
    assert process.get("/readyz").status == 503
    assert process.metric("mr_zookeeper_connected") == 0
    assert process.end() == 0


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_wrong_configuration_ends_with_the_status_that_is_not_restarted(cluster, daemon):
    """Status 2, at once, with the file and line."""
    process = start(cluster, daemon, start=False)
    process.config.write_text(process.config.read_text() + "\n[nonsense]\nx = 1\n")
    process.start(wait=False)
    assert process.wait() == 2
    assert f"{process.config}" in process.log and "nonsense" in process.log


MAPPING = re.compile(r"(?:mmap|mprotect|pkey_mprotect)\(([^)]*)\)")
FAMILY = re.compile(r"socket\((AF_\w+)")


@pytest.mark.sources("mariadb-10.11")
@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_sandbox_of_a_unit_lets_its_daemon_live(cluster, installed, source, database, kafka,
                                                     tmp_path, daemon):
    """Every system call of a daemon's life is one that its unit allows: a task that runs,
    an answer of the API, an alert's evaluation, a clean stop."""
    names = {}
    for each in DAEMONS:
        process = start(cluster, each, start=False)
        if each == daemon:
            log = tmp_path / "strace"
            # -D: the tracer is a grandchild, and the daemon keeps its place and its signals.
            process.argv = ["strace", "-D", "-f", "-qq", "-s", "0", "-o", str(log), *process.argv]
        process.start(timeout=60)
        names[each] = process
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    task = cluster.create(task_document(source, include=f"{database}.t", pipe=kafka), start=True)
    source.sql(f"INSERT INTO {database}.t VALUES (1)")
    wait_until(lambda: cluster.instances(task)[0]["rows"] == 1, 30, "the row is counted")
    names[daemon].get("/metrics").ok()
    cluster.api.post(f"/tasks/{task}/stop").ok()
    cluster.wait_state(task, "STOPPED")
    assert names[daemon].end(60) == 0
    unit = installed.path(f"lib/systemd/system/mr-{daemon}.service")
    allowed = allowed_syscalls(unit)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    # What comes before the daemon's own start is setpriv's, prlimit's and strace's.
    begin = max(number for number, line in enumerate(lines) if " execve(" in line)
    used, families, executable = set(), set(), []
    for line in lines[begin + 1:]:
        if found := re.match(r"\d+\s+(\w+)\(", line):
            used.add(found[1])
        if found := FAMILY.search(line):
            families.add(found[1].removeprefix("AF_"))
        if (found := MAPPING.search(line)) and "PROT_EXEC" in found[1] and \
                ("PROT_WRITE" in found[1] or "mprotect" in line):
            executable.append(line)
    assert len(used) > 30, used
    # glibc asks for limits and goes on with its default when it may not know them; and it
    # looks for interfaces before it resolves a name, likewise.
    tolerated = {"prlimit64", "getrlimit"}
    assert not used - allowed - tolerated
    assert families - {"INET", "INET6", "UNIX", "NETLINK"} == set()
    assert not executable


def test_every_page_of_metrics_is_prometheus_own(cluster, webhook):
    """`promtool check metrics` has nothing to say of any daemon's /metrics."""
    daemons = [cluster.core("c1"), cluster.server(),
               cluster.monitor(**{"channel.oncall": {"type": "webhook", "url": webhook.url}})]
    for daemon in daemons:
        text = daemon.get("/metrics").ok().text
        assert prometheus.check_metrics(text) == "", daemon.name
        assert daemon.metric("mr_zookeeper_connected") == 1
        assert daemon.metric("process_resident_memory_bytes") > 2**20
        assert daemon.metric("mr_build_info", version=_version(daemon)) == 1
        assert 'content-type' in daemon.get("/metrics").headers


@pytest.mark.sources("mariadb-10.11")
def test_metrics_with_a_running_task_too(cluster, source, database, kafka):
    """Labels that come from names of tasks keep the pages correct."""
    core, server, monitor = cluster.core(), cluster.server(), cluster.monitor()
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
    name = cluster.create(task_document(source, include=f"{database}.t", pipe=kafka), start=True)
    for daemon in (core, server, monitor):
        wait_until(lambda daemon=daemon: f'"{name}"' in daemon.get("/metrics").ok().text
                   or daemon is server, 20, f"{daemon.name} shows {name}")
        assert prometheus.check_metrics(daemon.get("/metrics").text) == "", daemon.name


def _version(daemon) -> str:
    done = subprocess.run([daemon.argv[0], "--version"], capture_output=True, text=True,
                          timeout=30, check=True, env=dict(os.environ))
    assert not SANITIZER_REPORT.search(done.stderr)
    return done.stdout.split()[1]
