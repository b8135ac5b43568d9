"""No memory, anywhere: each allocation of mr-core fails once, and no row is lost or altered; with
exactly_once none comes twice.

A library that is preloaded lets the nth allocation of the program's own code fail. Whatever
becomes of that run, it has delivered a beginning of what an undisturbed one delivers, and the
next run goes on no further than behind that. `--full` tries them all, a plain run every few.
"""

import json
import os
import random
import re

import pytest

from harness.core import binary
from harness.tasks import here, here_gtid, task_document
from harness.waiting import PATIENCE

TRIED = 15
TRIED_KAFKA = 6
ALL = [pytest.mark.full, pytest.mark.timeout(3600 * PATIENCE)]

STATEMENTS = """
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100), j JSON, d DECIMAL(20,5));
INSERT INTO t VALUES (1, 'a', '{"a": [1, 2.5, "x"]}', 1.5), (2, NULL, NULL, NULL);
UPDATE t SET v = REPEAT('b', 90), d = -d;
CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB) DEFAULT CHARSET latin1;
INSERT INTO large VALUES (1, REPEAT('x', 3000000));
ALTER TABLE t ADD COLUMN e ENUM('r', 'g') NOT NULL, ADD COLUMN ts TIMESTAMP(3) NULL;
BEGIN; INSERT INTO t (id, e) VALUES (3, 'g'); SAVEPOINT s; INSERT INTO t (id, e) VALUES (4, 'r');
 ROLLBACK TO s; UPDATE t SET id = 30 WHERE id = 3; COMMIT;
XA START 'x'; INSERT INTO t (id, e) VALUES (5, 'r'); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x';
BEGIN; INSERT INTO t (id, v, e) SELECT 100 + n, REPEAT('y', 100), 'r' FROM n; DELETE FROM t
 WHERE id > 150; COMMIT;
DELETE FROM large;
CREATE TABLE other LIKE t; INSERT INTO other SELECT * FROM t WHERE id < 10;
"""
ROWS = "CREATE TABLE n (n INT PRIMARY KEY); INSERT INTO n VALUES " + \
       ",".join(f"({number})" for number in range(400)) + ";"


def shim():
    """The library, beside the mr-core that is tested."""
    return binary().parents[1] / "tests/tools/libmr_fail_alloc.so"


def normal(line: str) -> str:
    """A message less what differs when it is written a second time."""
    return re.sub(r',"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+\}$', "}", line)


class Victim:
    """Runs over the same binlog, each with a state folder and a file of its own."""

    def __init__(self, core, document):
        self._core = core
        self._document = document

    def run(self, name, fail=0, count=None):
        """A run to the head; its result and the messages it added."""
        path = self._core.folder / f"messages-{name}"
        before = len(path.read_bytes().splitlines()) if path.exists() else 0
        self._document["pipe"] = {"type": "file", "path": str(path)}
        env = {"LD_PRELOAD": str(shim()), "MR_FAIL_ALLOC": str(fail)} if fail or count else {}
        if count:
            env["MR_FAIL_ALLOC_COUNT"] = str(count)
        result = self._core.run(self._document, state=self._core.folder / f"state-{name}",
                                with_keys=True, env=env)
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return result, [normal(line) for line in lines[before:]]

    def forget(self, name) -> None:
        """Its messages are not needed any more."""
        (self._core.folder / f"messages-{name}").unlink()


@pytest.fixture(name="played")
def _played(source, database, core):
    """A database with all kinds of changes, and its task."""
    source.sql(ROWS, database)
    start = here_gtid(source) if source.flavor == "mariadb" else here(source)
    source.sql(STATEMENTS, database)
    return Victim(core, task_document(
        source, include=f"{database}.*", start=start, commit_interval_ms=10,
        memory={"group_bytes": 65536, "queue_bytes": 262144}))


def check(victim, wanted, number):
    """One failing run, and one that goes on behind it."""
    result, first = victim.run(number, fail=number)
    about = f"allocation {number}, status {result.status}:\n{result.stderr[-1500:]}"
    assert result.status in (0, 1, 2), about
    assert first == wanted[:len(first)], about
    if result.status != 0:
        assert "memory" in result.stderr, about
    again, second = victim.run(number)
    again.ok()
    assert second == wanted[len(wanted) - len(second):], about
    assert len(first) + len(second) >= len(wanted), f"{len(first)} + {len(second)} of " \
        f"{len(wanted)}: {about}"
    victim.forget(number)


@pytest.mark.sources("mysql-8.0", "mariadb-10.11")
@pytest.mark.parametrize("share", [pytest.param("all", marks=ALL), "some"])
def test_no_allocation_matters(played, core, share):
    """None that fails loses a row, doubles one beyond the last save, or moves a position."""
    count = core.folder / "count"
    result, wanted = played.run("counted", count=count)
    result.ok()
    assert len(wanted) > 800
    total = int(count.read_text(encoding="ascii"))
    numbers = list(range(1, total + 1))
    seed = int(os.environ.get("MR_SEED", "1"))
    print(f"{total} allocations, MR_SEED={seed}")
    if share == "some":
        numbers = sorted(random.Random(seed).sample(numbers, TRIED))
    faults = []
    for number in numbers:
        try:
            check(played, wanted, number)
        except AssertionError as error:
            faults.append(str(error))
    assert not faults, f"{len(faults)} of {len(numbers)}:\n" + "\n".join(faults[:10])


class KafkaVictim:
    """The same over Kafka: what counts is what a read_committed consumer has after both runs."""

    def __init__(self, core, document, bus):
        self._core = core
        self._document = document
        self._bus = bus
        self._base = document["name"]

    def run(self, name, fail=0, count=None):
        """A run to the head, as a task of its own."""
        env = {"LD_PRELOAD": str(shim()), "MR_FAIL_ALLOC": str(fail)} if fail or count else {}
        if count:
            env["MR_FAIL_ALLOC_COUNT"] = str(count)
        return self._core.run({**self._document, "name": f"{self._base}_{name}"},
                              state=self._core.folder / f"state-{name}", env=env)

    def messages(self, name) -> list[tuple]:
        """Keys and values, less what differs when a row is published a second time."""
        def plain(message):
            value = message.json
            if value is not None:
                for key in [key for key in value if key.startswith("ts_")]:
                    del value[key]
                value["source"].pop("name")  # the task's
            return message.key, json.dumps(value)
        return [plain(message) for message in self._bus.collect(f"{self._base}_{name}")]


def check_kafka(victim, wanted, number):
    """One failing run, and one that goes on behind it: each message once, in order."""
    result = victim.run(number, fail=number)
    about = f"allocation {number}, status {result.status}:\n{result.stderr[-1500:]}"
    assert result.status in (0, 1, 2), about
    if result.status != 0:
        assert "memory" in result.stderr, about
    victim.run(number).ok()
    got = victim.messages(number)
    assert got == wanted, f"{len(got)} of {len(wanted)} messages: {about}"


@pytest.mark.sources("mysql-8.0")
@pytest.mark.parametrize("share", [pytest.param("all", marks=ALL), "some"])
def test_no_allocation_matters_to_kafka(source, database, core, kafka, bus, share):
    """With exactly_once: nothing lost, nothing twice, nothing altered."""
    source.sql(ROWS, database)
    start = here(source)
    source.sql(STATEMENTS, database)
    victim = KafkaVictim(core, task_document(
        source, include=f"{database}.*", start=start,
        pipe={"type": "kafka", "brokers": kafka.brokers, "delivery": "exactly_once",
              "topic": "{task}"}, memory={"group_bytes": 65536, "queue_bytes": 262144}), bus)
    count = core.folder / "count"
    victim.run("counted", count=count).ok()
    wanted = victim.messages("counted")
    assert len(wanted) > 800
    total = int(count.read_text(encoding="ascii"))
    numbers = list(range(1, total + 1))
    seed = int(os.environ.get("MR_SEED", "1"))
    print(f"{total} allocations, MR_SEED={seed}")
    if share == "some":
        numbers = sorted(random.Random(seed).sample(numbers, TRIED_KAFKA))
    faults = []
    for number in numbers:
        try:
            check_kafka(victim, wanted, number)
        except AssertionError as error:
            faults.append(str(error))
    assert not faults, f"{len(faults)} of {len(numbers)}:\n" + "\n".join(faults[:10])
