"""Files and standard output fail: killed while writing, full, gone, not read.

Each line is whole, nothing is lost, and memory stays bounded. The pipe stands behind the
same queue and ledger as Kafka does.
"""

import fcntl
import json
import os
import re
import subprocess
import time

import pytest

from harness.core import binary
from harness.failure import check_no_secrets, failure
from harness.tasks import here, task_document, unique
from harness.waiting import PATIENCE, wait_until

MIB = 1024 * 1024
RSS_LIMIT = 64 * MIB  # with the default bounds


@pytest.fixture(autouse=True)
def _secrets_stay_secret(core):
    yield
    check_no_secrets(core)


def ids(messages):
    """The ids that were inserted."""
    return [m["after"]["id"] for m in messages]


@pytest.fixture
def source(mariadb_1011):
    """The pipe does not know whence rows come: one server does for these tests."""
    return mariadb_1011


@pytest.fixture
def table(source, database):
    """A table for rows of any size, and where it begins."""
    source.sql(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, v LONGTEXT)")
    return f"{database}.t", here(source)


def fill(source, name, first, last, value) -> None:
    """Rows first … last in one transaction; `value` is an expression of seq."""
    source.sql(f"INSERT INTO {name} SELECT seq, {value} FROM seq_{first}_to_{last}",
               database=name.split(".", maxsplit=1)[0])


def insert(source, name, first, count, size=10) -> None:
    """Rows first … first + count - 1, a transaction each."""
    source.sql("".join(f"INSERT INTO {name} VALUES ({number}, REPEAT('x', {size}));"
                       for number in range(first, first + count)))


def lines_of(path):
    """The messages in a file, each line whole."""
    text = path.read_text(encoding="utf-8")
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.sanitize
def test_file_after_kill(source, core, table, tmp_path):
    """kill -9 while it writes, again and again: at the end each line is whole, every row is
    there, and repeats reach back only to the last save."""
    name, start = table
    count = 30000
    for first in range(1, count, 500):
        fill(source, name, first, first + 499, "REPEAT('y', 200)")
    path = tmp_path / "out"
    task = task_document(source, include=name, start=start, commit_interval_ms=20,
                         pipe={"type": "file", "path": str(path)})
    size = 0
    for _ in range(4):
        running = core.start(task, until="head")
        wait_until(lambda: not running.alive or path.exists() and
                   path.stat().st_size > size + 300_000, 20, "it writes", 0.001)
        running.kill()
        size = path.stat().st_size
    with open(path, "ab") as handle:
        handle.write(b'{"before":null,"after":{"id":4')  # what a crash of the machine may leave
    result = core.run(task).ok()
    assert "cut" in result.stderr and str(path) in result.stderr
    seen = ids(lines_of(path))
    assert set(seen) == set(range(1, count + 1))
    newest = 0
    for number in seen:
        assert number <= newest + 1, "a row is missing"
        newest = max(newest, number)
    assert len(seen) < 2 * count, "most did not come twice"


@pytest.mark.sanitize
def test_full_disk(source, core, table, tmp_path):
    """No room in the file: the task ends and says where, what is whole is saved, and with
    room the rest follows without a torn line."""
    name, start = table
    drive = tmp_path / "drive"
    drive.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", drive], check=False,
            capture_output=True).returncode != 0:
        pytest.skip("only who may mount can make a small disk")
    try:
        insert(source, name, 1, 1000, 500)
        path = drive / "out"
        task = task_document(source, include=name, start=start,
                             pipe={"type": "file", "path": str(path)})
        result = core.run(task)
        failure(result, "pipe_io", str(path), "No space left", "Make room",
                "row change 1 of the transaction that begins at")
        rows = result.summary["rows"]
        assert 100 < rows < 1000
        again = core.run(task)
        failure(again, "pipe_io", str(path), "No space left")
        rows += again.summary["rows"]
        subprocess.run(["mount", "-o", "remount,size=8m", drive], check=True)
        assert core.run(task).ok().summary["rows"] == 1000 - rows
        assert ids(lines_of(path)) == list(range(1, 1001)), "all, in order, none twice"
    finally:
        subprocess.run(["umount", "--lazy", drive], check=True)


def test_files_that_cannot_be(source, core, table, tmp_path):
    """A folder that is not there, a folder, a device, a file that another task writes."""
    name, start = table
    insert(source, name, 1, 1)

    def refused(path, *words):
        task = task_document(source, include=name, start=start,
                             pipe={"type": "file", "path": str(path)})
        result = core.run(task, state=core.folder / unique("state"))
        failure(result, "pipe_io", str(path), *words)
    refused(tmp_path / "nothing" / "out", "No such file")
    refused(tmp_path, "directory")
    refused("/dev/null", "not a regular file")
    with open(tmp_path / "busy", "wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        refused(tmp_path / "busy", "another task writes to it?")


@pytest.mark.sanitize
@pytest.mark.parametrize("reader", ["gone", "full"])
def test_standard_output_that_takes_nothing(source, core, table, reader):
    """A reader that went away, or a disk behind it that is full: an error, no signal's death,
    and nothing counts as delivered."""
    name, start = table
    insert(source, name, 1, 3)
    document = core.folder / "task.json"
    document.write_text(json.dumps(task_document(source, include=name, start=start, name="out")),
                        encoding="utf-8")
    argv = [binary(), "--task", document, "--standalone", "--until", "head", "--state",
            core.state]
    if reader == "gone":
        end, out = os.pipe()
        os.close(end)
    else:
        out = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run(argv, stdout=out, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=30 * PATIENCE)
    os.close(out)
    assert done.returncode == 1
    assert "(pipe_io)" in done.stderr and "standard output" in done.stderr
    word = "Broken pipe" if reader == "gone" else "No space left"
    assert word in done.stderr
    assert ids(core.run(document.read_text(encoding="utf-8")).ok().messages) == [1, 2, 3]


def test_reader_that_stops_reading(source, core, table):
    """A full pipe behind standard output stops the source, not the memory; SIGTERM ends it."""
    name, start = table
    fill(source, name, 1, 60000, "REPEAT('z', 1000)")
    document = core.folder / "task.json"
    document.write_text(json.dumps(task_document(source, include=name, start=start, name="out")),
                        encoding="utf-8")
    argv = [binary(), "--task", document, "--standalone", "--state", core.state]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            time.sleep(2)
            with open(f"/proc/{process.pid}/status", encoding="ascii") as handle:
                peak = int(re.search(r"VmHWM:\s+(\d+)", handle.read())[1]) * 1024
            assert peak < RSS_LIMIT, f"{peak / MIB:.0f} MiB"
            process.terminate()
            time.sleep(0.2)
            process.terminate()
            out, _ = process.communicate(timeout=20 * PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0
    got = ids(json.loads(line) for line in out.decode().split("\n")[:-1])
    assert got and got == list(range(1, len(got) + 1))
    rest = ids(core.run(document.read_text(encoding="utf-8"), timeout=120).ok().messages)
    assert rest[-1] == 60000 and rest == list(range(rest[0], 60001))
    assert rest[0] <= len(got) + 1, "nothing is lost"
