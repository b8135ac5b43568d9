"""The fault suite reports a bus that has a bug: planted in cores that run, not in histories."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from suite import Options, run  # noqa: E402

from harness.core import binary  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402

pytestmark = [pytest.mark.alone, pytest.mark.faults, pytest.mark.full,
              pytest.mark.timeout(600 * PATIENCE)]


def outcome_of(sandbox, folder, kind, **env):
    """A short run with two faults of a kind."""
    options = Options(31, minutes=2 * PATIENCE, faults=2, kinds=(kind,), env=env,
                      recovery=60 * PATIENCE, settle=10)
    outcome = run(sandbox, folder, options)
    print(outcome.text())
    return outcome


@pytest.mark.parametrize("bug, found", [
    ("twice:100", {"twice"}), ("empty:100", {"gap", "lost"}), ("", set())])
def test_a_producer_with_a_bug_is_reported(sandbox, tmp_path, bug, found):
    """One row of the first hundreds is doubled or lost by each core; without, nothing is found."""
    shims = binary().parents[1] / "tests/tools"
    preload = f"{shims}/libmr_shift_clock.so {shims}/libmr_bad_producer.so"
    env = {"LD_PRELOAD": preload, "MR_BAD_PRODUCER": bug} if bug else {}
    outcome = outcome_of(sandbox, tmp_path, "core ended", **env)
    assert set(outcome.checker.kinds) <= found
    assert bool(outcome.checker.kinds) == bool(found) and outcome.ok == (not found)


def test_a_position_that_is_older_than_what_was_published_is_reported(sandbox, tmp_path):
    """Rows come again, as they would if a successor took up an old position."""
    outcome = outcome_of(sandbox, tmp_path, "position set back")
    assert outcome.checker.kinds["twice"] and not outcome.ok
