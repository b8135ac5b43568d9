"""deploy/quickstart --once on this machine: the first of the README's two commands."""

import json
import os
import re
import subprocess

import pytest

from harness.core import REPOSITORY

# Warm: built, and with the downloads in the cache. The stages before the servers are left out.
WARM_SECONDS = 30.0


def run(*words, timeout=170):
    """deploy/quickstart to its end."""
    return subprocess.run([REPOSITORY / "deploy/quickstart", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False,
                          env={key: value for key, value in os.environ.items()
                               if not key.startswith("MR_") or key == "MR_SANDBOX_CACHE"})


def seconds_of(line: str) -> float:
    """The time at the beginning of a line of progress."""
    return float(re.match(r"\[ *([0-9.]+) s\]", line)[1])


@pytest.mark.alone
def test_once_shows_all_of_it():
    """Events out of Kafka, a crash, the standby, the alert and its end; status 0."""
    done = run("--once")
    out = done.stdout
    assert done.returncode == 0, out[-6000:] + done.stderr[-3000:]
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [event["op"] for event in events][:3] == ["c", "u", "d"]
    assert events[-1]["after"]["name"] == "red pencil"
    for line in (r"\$ mrctl task create \S+copy_item\.json",
                 r"\$ mrctl task start copy_item --wait",
                 r"kill -9 core-[12], which runs copy_item",
                 r"webhook: FIRING machine_gone core-[12]",
                 r"webhook: FIRING no_standby copy_item",
                 r"webhook: RESOLVED machine_gone core-[12]",
                 r"webhook: RESOLVED no_standby copy_item",
                 r"\$ mrctl task delete copy_item --yes --wait",
                 "everything stopped cleanly"):
        assert re.search(line, out), f"no {line!r} in:\n{out}"
    killed = next(line for line in out.splitlines() if "the standby delivered it" in line)
    # The session's timeout, half a second of tick, one second, and the event's way.
    assert float(re.search(r"\] ([0-9.]+) s after the kill", killed)[1]) < 6
    progress = [line for line in out.splitlines() if line.startswith("[")]
    servers = next(line for line in progress if "starting MariaDB" in line)
    assert seconds_of(progress[-1]) - seconds_of(servers) < WARM_SECONDS
    assert "quickstart@" not in out  # no password
