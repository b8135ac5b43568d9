"""Integration tests: mr-core against real servers. How to write one:

    from harness.tasks import here, task_document

    def test_an_insert_arrives(source, database, core):
        start = here(source)
        source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v TEXT);"
                   f"INSERT INTO {database}.t VALUES (1, 'x')")
        result = core.run(task_document(source, include=f"{database}.t", start=start)).ok()
        assert result.messages[0]["after"] == {"id": 1, "v": "x"}

Fixtures
  source        a database server with an account repl/repl-password; the test runs once
                for each of MariaDB 10.11, MySQL 9.7 and MySQL 8.0, or for those that
                @pytest.mark.sources("mariadb-11.8", "mysql-5.7") names
  mariadb_1011 mariadb_118 mysql_97 mysql_80 mysql_57   one server by name
  kafka, bus    the broker, and what its topics hold (bus.collect(topic, count=3))
  zookeeper     one ZooKeeper
  database      a fresh database on `source`, dropped at the end;
  new_database  the same for any server: new_database(server)
  core          runs mr-core: core.run(document, until="head"), core.start(document)
  new_server    servers of the test's own: new_server("mysql-8.0", options={…}, tls="own")
  cluster       the three daemons and mrctl on the shared ZooKeeper (harness/cluster.py);
  new_cluster   the same on another: new_cluster(zookeeper, session_timeout="1s", auth=True)
  webhook       a receiver of alerts (harness/webhook.py)

Servers are started when first asked for and shared by all tests of a worker:
their binlogs hold other tests' changes, so begin at here(source) or "latest",
and name your tables in `include`. A test may kill or pause `kafka` (it is
started again, with its data, for the next test); one that restarts a database
server, changes its global settings or needs an empty binlog takes new_server.

Everything that waits has a limit (harness.waiting.wait_until, and pytest's
timeout of 180 s); a sanitizer build multiplies the limits. When a test fails,
the ends of mr-core's and the servers' logs are in its report.

Markers: sanitize (also run against the sanitizer build; give it to a test of
each kind of thing), alone (measures), full (only with tests/run --full).
"""

import gc
import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy"))

from sandbox import Sandbox, stop_on_signals  # noqa: E402
from sandbox import paths as sandbox_paths  # noqa: E402

from harness.bus import Bus  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.core import Core, binary  # noqa: E402
from harness.tasks import unique  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402
from harness.webhook import Webhook  # noqa: E402

DEFAULT_SOURCES = ("mariadb-10.11", "mysql-9.7", "mysql-8.0")


def pytest_configure(config):
    """Limits that a slow build stretches; signals that must not leave servers behind."""
    stop_on_signals()
    config.option.timeout = float(config.getini("timeout")) * PATIENCE


def pytest_generate_tests(metafunc):
    """`source` runs on the default three, or on those a marker names."""
    if "source_name" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("sources")
        metafunc.parametrize("source_name", marker.args if marker else DEFAULT_SOURCES,
                             scope="session")


class Pool:
    """The shared servers of this worker: started when first asked for, mended in between."""

    def __init__(self, sandbox: Sandbox):
        self._sandbox = sandbox
        self._servers = {}

    def get(self, name: str):
        """The shared server of a name such as "mysql-9.7" or "kafka", running."""
        server = self._servers.get(name)
        if server is None:
            server = self.make(name)
            self._servers[name] = server
        elif not server.alive:
            server.start()
        return server

    def make(self, name: str, **keywords):
        """A server of a test's own."""
        family, _, series = name.partition("-")
        if family in ("mariadb", "mysql"):
            server = getattr(self._sandbox, family)(series, **keywords)
            if server.alive:
                server.create_repl_user()
            return server
        if family == "kafka":
            return self._sandbox.kafka(**keywords)
        return self._sandbox.zookeeper(**keywords)

    def resume_all(self) -> None:
        """Undo a pause that a failed test left."""
        for server in self._servers.values():
            if server.alive and hasattr(server, "resume"):
                server.resume()

    def logs(self) -> str:
        """The end of every shared server's log."""
        return "\n".join(f"--- {name}\n{server.log_tail(12)}"
                         for name, server in self._servers.items())


@pytest.fixture(scope="session")
def sandbox():
    """The sandbox that every server of this worker lives in."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    folder = sandbox_paths.default_state_dir(f"t{os.getpid()}{worker}")
    with Sandbox(folder) as box:
        yield box


@pytest.fixture(scope="session")
def pool(sandbox):
    """The shared servers."""
    return Pool(sandbox)


@pytest.fixture(autouse=True)
def _mend(request):
    """No test inherits a paused server."""
    yield
    if "pool" in request.fixturenames:
        request.getfixturevalue("pool").resume_all()


@pytest.fixture
def mariadb_1011(pool):
    """MariaDB 10.11."""
    return pool.get("mariadb-10.11")


@pytest.fixture
def mariadb_118(pool):
    """MariaDB 11.8."""
    return pool.get("mariadb-11.8")


@pytest.fixture
def mysql_97(pool):
    """MySQL 9.7."""
    return pool.get("mysql-9.7")


@pytest.fixture
def mysql_80(pool):
    """MySQL 8.0.15."""
    return pool.get("mysql-8.0")


@pytest.fixture
def mysql_57(pool):
    """MySQL 5.7.22."""
    return pool.get("mysql-5.7")


@pytest.fixture
def kafka(pool):
    """The broker."""
    return pool.get("kafka")


@pytest.fixture
def bus(kafka):
    """What the broker's topics hold."""
    return Bus(kafka.brokers)


@pytest.fixture
def zookeeper(pool):
    """One ZooKeeper."""
    return pool.get("zookeeper")


@pytest.fixture
def source(pool, source_name):
    """A database server; the test runs for each."""
    return pool.get(source_name)


@pytest.fixture
def new_server(pool, sandbox):
    """Make servers that only this test has; gone at its end."""
    made = []

    def make(name, **keywords):
        server = pool.make(name, **keywords)
        made.append(server)
        return server
    yield make
    for server in reversed(made):
        sandbox.discard(server)


@pytest.fixture
def new_database(request):
    """Make databases with names of their own; dropped at the end of the test."""
    made = []

    def make(server):
        stem = re.sub(r"\W+", "_", request.node.originalname or request.node.name)
        name = unique(stem.removeprefix("test_")[:40].lower())
        server.sql(f"CREATE DATABASE {name}")
        made.append((server, name))
        return name
    yield make
    for server, name in made:
        if server.alive:
            server.sql(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def database(source, new_database):
    """A fresh database on `source`."""
    return new_database(source)


@pytest.fixture
def core(tmp_path, request):
    """Runs mr-core in this test's own folder."""
    assert binary().exists(), (f"{binary()} is not there: build it (tests/run does), "
                               "or name another in MR_CORE")
    runner = Core(tmp_path)
    request.node.mr_core = runner
    yield runner
    runner.close()


@pytest.fixture
def new_cluster(sandbox, tmp_path, request):
    """Make installations of the three daemons, each under a chroot of its own."""
    made = request.node.mr_clusters = []

    def make(zookeeper=None, **keywords):
        zookeeper = zookeeper or request.getfixturevalue("zookeeper")
        made.append(Cluster(tmp_path, zookeeper.servers, sandbox.free_port, **keywords))
        return made[-1]
    # Before the servers it uses: daemons end in peace.
    yield make
    for each in made:
        each.close()


@pytest.fixture
def cluster(zookeeper, new_cluster):
    """An installation with nothing started yet."""
    return new_cluster(zookeeper)


@pytest.fixture
def webhook():
    """A receiver of alerts."""
    receiver = Webhook()
    yield receiver
    receiver.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Put the logs' ends into a failed test's report."""
    # Debian 12's Python 3.11.2 raises "AST constructor recursion depth mismatch", and
    # the worker ends with it, when another thread parses something while pytest parses
    # a failed test's source. A garbage collection's finalizers would let it run.
    gc.disable()
    try:
        outcome = yield
        report = outcome.get_result()
    finally:
        gc.enable()
    if not report.failed:
        return
    runner = getattr(item, "mr_core", None)
    if runner is not None:
        report.sections.append(("mr-core's logs", runner.logs()))
    for each in getattr(item, "mr_clusters", []):
        report.sections.append(("daemons' logs", each.logs()))
    pool_of_item = getattr(item, "funcargs", {}).get("pool")
    if pool_of_item is not None:
        report.sections.append(("servers' logs", pool_of_item.logs()))
