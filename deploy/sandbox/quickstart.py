"""deploy/quickstart: from a fresh checkout to change events coming out of Kafka.

Installs what building needs, builds, starts a real MariaDB and Kafka on free
loopback ports, runs mr-core on a task, changes rows, and shows the events.
Everything it starts ends with it; its data is in a state folder that is
removed at the end.
"""

import argparse
import contextlib
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
from sandbox import Sandbox, SandboxError, build, cli, host, paths, process, steps  # noqa: E402
from sandbox import stop_on_signals  # noqa: E402

SERVERS = ("mariadb-10.11", "kafka")
PACKAGES = (*host.BUILD_PACKAGES, *host.TEST_PACKAGES, *host.CLIENT_PACKAGES,
            *host.MAVEN_PACKAGES)
DISK_MB, MEMORY_MB = 2500, 1200
TASK, DATABASE, TABLE = "copy_item", "shop", "item"
TOPIC = f"{TASK}.{DATABASE}.{TABLE}"
EVENT_TIMEOUT = 60.0  # from a change to its event

SCHEMA = f"""
CREATE DATABASE {DATABASE};
CREATE TABLE {DATABASE}.{TABLE} (
  id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  price DECIMAL(10,2) NOT NULL,
  changed TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
);
"""

# What is shown: an operation in Debezium's letters, and the statement that makes it.
CHANGES = (
    ("c", f"INSERT INTO {TABLE} (name, price) VALUES ('blue pencil', 1.25)"),
    ("u", f"UPDATE {TABLE} SET price = 1.50 WHERE name = 'blue pencil'"),
    ("d", f"DELETE FROM {TABLE} WHERE name = 'blue pencil'"),
)


def main() -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(
        prog="deploy/quickstart",
        description="Build mysql-replicator, run it between a real MariaDB and a real Kafka "
                    "on this machine, and show row changes as they arrive.")
    parser.add_argument("--once", action="store_true",
                        help="end with status 0 after the first events arrived, and clean up")
    parser.add_argument("--clean", action="store_true",
                        help="remove the build and all downloads, and do nothing else")
    options = parser.parse_args()
    stop_on_signals()
    progress = steps.Progress()
    try:
        with steps.single_copy(build.BUILD / ".quickstart.lock", "deploy/quickstart"):
            if options.clean:
                clean()
                return 0
            show(options, progress)
        return 0
    except SandboxError as error:
        progress.say(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        print()
        progress.say("interrupted before the events came")
        return 130


def clean() -> None:
    """Remove build/ and the cache."""
    cli.clean()
    shutil.rmtree(build.BUILD, ignore_errors=True)


def show(options, progress: steps.Progress) -> None:
    """The whole of it."""
    with progress.stage("looking at the machine"):
        host.preflight(paths.cache_dir(), DISK_MB, MEMORY_MB)
        host.preflight(build.CHECKOUT, 500, 0)
        host.ensure_packages(PACKAGES, progress.say)
    with progress.stage("building, and downloading the servers"):
        fetched = steps.in_background(cli.fetch_all, SERVERS, progress.say)
        build.build("release", progress)
        fetched()
    # A folder of this checkout's own, so that two checkouts do not meet.
    mark = zlib.crc32(str(build.CHECKOUT).encode()) & 0xffff
    with Sandbox(paths.default_state_dir(f"quickstart-{mark:04x}"), say=progress.say) as box:
        with progress.stage("starting MariaDB and Kafka"):
            database, kafka = box.mariadb("10.11", start=False), box.kafka(start=False)
            starting = steps.in_background(kafka.start)
            database.start()
            starting()
            database.create_repl_user("mr", "quickstart")
            database.sql(SCHEMA)
            progress.say(f"MariaDB {database.version()} on {database.address}")
            progress.say(f"Kafka {kafka.version()} on {kafka.address}")
        with progress.stage("starting mr-core"):
            core = _start_core(box, database, kafka)
        with contextlib.closing(Events(kafka, core)) as events:
            try:
                _change_rows(database, events, progress)
                if not options.once:
                    _invite(box, database, kafka, core, progress)
                    _stay(events, box, progress)
            finally:
                # Before its servers, so that it ends in peace: drained and saved.
                drained = core.stop(30)
        if not drained or core.returncode != 0:
            raise SandboxError(f"mr-core did not stop cleanly (status {core.returncode}); "
                               f"the end of its log:\n{core.log_tail()}")
        progress.say("mr-core drained and stopped")


def _change_rows(database, events, progress) -> None:
    """Make the changes one by one, each followed by its event."""
    for operation, statement in CHANGES:
        progress.say(f"MariaDB> {statement};")
        database.sql(statement, database=DATABASE)
        _show_event(events, operation)
    progress.say("an insert, an update and a delete came out of Kafka")


def _invite(box, database, kafka, core, progress) -> None:
    """Say how to play with what runs."""
    progress.say("up; change rows yourself, and watch them arrive here:")
    print(f"    mariadb --no-defaults --user=root --socket={database.socket} {DATABASE}\n"
          f"    kcat -C -b {kafka.brokers} -t {TOPIC}\n"
          f"    task document: {box.state_dir}/task.json\n"
          f"    mr-core's log: {core.log_path}\n"
          "Ctrl-C stops everything.", flush=True)


def _start_core(box, database, kafka) -> process.Process:
    """Run mr-core --standalone on a task document, as an operator would write it."""
    document = {
        "version": 1,
        "name": TASK,
        "source": {"host": database.host, "port": database.port, "user": "mr",
                   "password": "quickstart", "start": "earliest"},
        "tables": {"include": [f"{DATABASE}.{TABLE}"]},
        "pipe": {"type": "kafka", "brokers": kafka.brokers, "key": "primary_key",
                 "format": "debezium", "delivery": "at_least_once",
                 # Debezium's default for a DECIMAL is base64 of its digits.
                 "options": {"decimal.handling.mode": "string"}},
    }
    path = box.state_dir / "task.json"
    # The document holds a password: only its owner reads it.
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as handle:
        json.dump(document, handle, indent=2)
    return process.Process(
        "mr-core", [build.core(), "--task", path, "--standalone", "--state",
                    box.state_dir / "mr-core"], box.state_dir / "mr-core.log")


class Events:
    """The topic's messages, as kcat prints them, one at a time."""

    def __init__(self, kafka, core):
        self.core = core
        self._lines = queue.SimpleQueue()
        self._brokers = kafka.brokers
        self._kcat = None

    def next(self, timeout: float):
        """The next change event as JSON text, None if none came in time; deletes are followed
        by a tombstone, which is passed over."""
        if self._kcat is None:
            self._subscribe(timeout)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            try:
                size, _, value = self._lines.get(timeout=0.2).partition(" ")
            except queue.Empty:
                continue
            if size != "-1":
                return value
        return None

    def check(self) -> None:
        """An error if mr-core or kcat has ended."""
        if not self.core.alive:
            raise SandboxError(f"mr-core ended with status {self.core.returncode}; the end of "
                               f"its log:\n{self.core.log_tail()}")
        if self._kcat is not None and self._kcat.poll() is not None:
            raise SandboxError(f"kcat ended with status {self._kcat.returncode}: "
                               f"{self._kcat.stderr.read()[-500:]}")

    def _subscribe(self, timeout: float) -> None:
        # kcat gives up on a topic that does not exist yet, and mr-core makes it.
        deadline = time.monotonic() + timeout
        while not self._topic_exists():
            self.check()
            if time.monotonic() > deadline:
                raise SandboxError(f"no topic {TOPIC} after {timeout:.0f} s; the end of mr-core's "
                                   f"log:\n{self.core.log_tail()}")
            time.sleep(0.1)
        self._kcat = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "kcat", "-C", "-q", "-u", "-b", self._brokers,
             "-t", TOPIC, "-o", "beginning", "-f", "%S %s\n", "-X", "fetch.wait.max.ms=50"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._kcat.stdout:
            self._lines.put(line.rstrip("\n"))

    def _topic_exists(self) -> bool:
        done = subprocess.run(["kcat", "-L", "-J", "-b", self._brokers, "-m", "10"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)
        if done.returncode != 0:
            return False
        return any(topic["topic"] == TOPIC and topic["partitions"]
                   for topic in json.loads(done.stdout)["topics"])

    def close(self) -> None:
        """End kcat."""
        if self._kcat is not None and self._kcat.poll() is None:
            self._kcat.send_signal(signal.SIGKILL)
            self._kcat.wait(10)


def _show_event(events, operation: str) -> None:
    """Wait for the next event, print it, and see that it is the one of `operation`."""
    value = events.next(EVENT_TIMEOUT)
    if value is None:
        raise SandboxError(f"no event within {EVENT_TIMEOUT:.0f} s; the end of mr-core's log:\n"
                           f"{events.core.log_tail()}")
    print(value, flush=True)
    try:
        got = json.loads(value).get("op")
    except (ValueError, AttributeError):
        raise SandboxError("that message is not a change event in JSON") from None
    if got != operation:
        raise SandboxError(f"that event says op {got!r}, and {operation!r} was expected")


def _stay(events, box, progress) -> None:
    """Show what comes until Ctrl-C, which is a good end."""
    try:
        while True:
            value = events.next(1.0)
            if value is not None:
                print(value, flush=True)
            for server in box.servers:
                if not server.alive:
                    raise SandboxError(f"{server.name} ended by itself; the end of its log:\n"
                                       f"{server.log_tail()}")
    except KeyboardInterrupt:
        print()
        progress.say("stopping")


if __name__ == "__main__":
    sys.exit(main())
