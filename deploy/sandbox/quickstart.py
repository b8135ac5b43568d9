"""deploy/quickstart: from a fresh checkout to an installation that survives a crash.

Installs what building needs, builds, starts a real MariaDB, Kafka and ZooKeeper on free
loopback ports, two mr-core, an mr-server and an mr-monitor; creates and starts a task with
mrctl, changes rows, shows the events; kills the core that runs the task, and shows the
standby go on and the alert come and go. Everything it starts ends with it; its data is in
a state folder that is removed at the end.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
from sandbox import Sandbox, SandboxError, build, cli, host, paths, steps  # noqa: E402
from sandbox import stop_on_signals  # noqa: E402
from sandbox.quickstart_parts import Events, Hook, Installation, private  # noqa: E402

SERVERS = ("mariadb-10.11", "kafka", "zookeeper")
PACKAGES = (*host.BUILD_PACKAGES, *host.TEST_PACKAGES, *host.CLIENT_PACKAGES,
            *host.MAVEN_PACKAGES)
DISK_MB, MEMORY_MB = 2500, 1500
TASK, DATABASE, TABLE = "copy_item", "shop", "item"
TOPIC = f"{TASK}.{DATABASE}.{TABLE}"
EVENT_TIMEOUT = 60.0  # from a change to its event
ALERT_TIMEOUT = 30.0

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
AFTER_THE_CRASH = ("c", f"INSERT INTO {TABLE} (name, price) VALUES ('red pencil', 2.25)")


def main() -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(
        prog="deploy/quickstart",
        description="Build mysql-replicator, run its daemons between a real MariaDB and a real "
                    "Kafka on this machine, and show row changes as they arrive, a crash and "
                    "its alert.")
    parser.add_argument("--once", action="store_true",
                        help="end with status 0 after all was shown, and clean up")
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
        progress.say("interrupted before all was shown")
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
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Sandbox(paths.default_state_dir(f"quickstart-{mark:04x}"),
                                          say=progress.say))
        database, kafka, zookeeper = _start_servers(box, progress)
        hook = stack.enter_context(contextlib.closing(Hook(progress.say)))
        with progress.stage("starting two mr-core, an mr-server, an mr-monitor"):
            # Ends before its servers, so that it ends in peace: drained and saved.
            bus = stack.enter_context(Installation(box, zookeeper, hook.url, progress.say))
            bus.start("core-1", "core-2", "server-1", "monitor-1")
            bus.make_token()
        events = stack.enter_context(contextlib.closing(Events(kafka.brokers, TOPIC, bus.check)))
        _create_task(bus, database, kafka)
        _change_rows(database, events, progress)
        _survive_a_crash(bus, database, events, hook, progress)
        if not options.once:
            _invite(bus, database, kafka, progress)
            _stay(events, box, progress)
        else:
            bus.mrctl("task", "stop", TASK, "--wait")
            bus.mrctl("task", "delete", TASK, "--yes", "--wait")
    progress.say("everything stopped cleanly")


def _start_servers(box, progress):
    """MariaDB, Kafka and ZooKeeper at the same time."""
    with progress.stage("starting MariaDB, Kafka and ZooKeeper"):
        database = box.mariadb("10.11", start=False,
                               options={"binlog_row_metadata": "FULL"})  # as is advised
        kafka = box.kafka(start=False)
        zookeeper = box.zookeeper(start=False)
        starting = [steps.in_background(server.start) for server in (kafka, zookeeper)]
        database.start()
        for started in starting:
            started()
        database.create_repl_user("mr", "quickstart")
        database.sql(SCHEMA)
        progress.say(f"MariaDB {database.version()} on {database.address}")
        progress.say(f"Kafka {kafka.version()} on {kafka.address}")
        progress.say(f"ZooKeeper {zookeeper.version()} on {zookeeper.servers}")
    return database, kafka, zookeeper


def _create_task(bus, database, kafka) -> None:
    """With mrctl, from a document as an operator would write it."""
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
    path = bus.folder / f"{TASK}.json"
    private(path, json.dumps(document, indent=2) + "\n")  # it holds a password
    bus.mrctl("task", "create", path)
    bus.mrctl("task", "start", TASK, "--wait")


def _change_rows(database, events, progress) -> None:
    """Make the changes one by one, each followed by its event."""
    for operation, statement in CHANGES:
        _change(database, statement, progress)
        _show_event(events, operation)
    progress.say("an insert, an update and a delete came out of Kafka")


def _change(database, statement: str, progress) -> None:
    progress.say(f"MariaDB> {statement};")
    database.sql(statement, database=DATABASE)


def _survive_a_crash(bus, database, events, hook, progress) -> None:
    """Kill the core that runs the task: the standby goes on, on-call hears of it, and again
    when the core is back."""
    victim = bus.running_on(TASK)
    if not victim:
        raise SandboxError(f"no core runs {TASK}")
    progress.say(f"kill -9 {victim}, which runs {TASK}")
    killed = time.monotonic()
    bus.kill(victim)
    operation, statement = AFTER_THE_CRASH
    _change(database, statement, progress)
    _show_event(events, operation, again=True)
    progress.say(f"{time.monotonic() - killed:.1f} s after the kill the standby delivered it "
                 "(at_least_once: what was not saved yet came again)")
    bus.mrctl("task", "list")
    hook.wait("firing", "machine_gone", ALERT_TIMEOUT)
    hook.wait("firing", "no_standby", ALERT_TIMEOUT)
    progress.say(f"starting {victim} again")
    bus.start(victim)
    hook.wait("resolved", "machine_gone", ALERT_TIMEOUT)
    hook.wait("resolved", "no_standby", ALERT_TIMEOUT)
    progress.say("the alerts fired and were resolved")


def _show_event(events, operation: str, again: bool = False) -> None:
    """Wait for the next event, print it, and see that it is the one of `operation`.

    With `again`, events that were shown before may come in front of it: at_least_once.
    """
    deadline = time.monotonic() + EVENT_TIMEOUT
    while True:
        value = events.next(max(0.0, deadline - time.monotonic()))
        if value is None:
            raise SandboxError(f"no event within {EVENT_TIMEOUT:.0f} s")
        print(value, flush=True)
        try:
            event = json.loads(value)
            got = event["op"]
        except (ValueError, TypeError, KeyError):
            raise SandboxError("that message is not a change event in JSON") from None
        if got == operation and (not again or event["after"]["name"] == "red pencil"):
            return
        if not again:
            raise SandboxError(f"that event says op {got!r}, and {operation!r} was expected")


def _invite(bus, database, kafka, progress) -> None:
    """Say how to play with what runs."""
    progress.say("up; change rows yourself, and watch them arrive here:")
    print(f"    mariadb --no-defaults --user=root --socket={database.socket} {DATABASE}\n"
          f"    kcat -C -b {kafka.brokers} -t {TOPIC}\n"
          "and operate it, in another terminal:\n"
          f"    export MR_SERVER={bus.url} MR_TOKEN=$(cat {bus.token_path})\n"
          f"    PATH={build.program('mrctl').parent}:$PATH\n"
          f"    mrctl task list\n"
          f"    mrctl task why {TASK}\n"
          f"    mrctl task handover {TASK} --wait\n"
          f"    mrctl machine list\n"
          f"    mrctl alert list\n"
          f"logs, configurations, the task's document: {bus.folder}\n"
          "Ctrl-C stops everything.", flush=True)


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
