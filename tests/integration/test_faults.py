"""The fault suite's short run: every kind of fault on real servers, with fixed seeds.

tests/fault has the suite and tests/fault/run longer runs; docs/reliability.md says what for.
test_fault_checker shows that the checker finds what it must.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from nemesis import KINDS  # noqa: E402
from suite import Options, run  # noqa: E402

from harness.waiting import PATIENCE  # noqa: E402


@pytest.mark.alone  # with five servers of its own it would starve a test beside it
@pytest.mark.faults
@pytest.mark.timeout(900 * PATIENCE)
@pytest.mark.parametrize("delivery, seed, source", [
    ("exactly_once", 11, "mysql-9.7"),
    pytest.param("exactly_once", 12, "mariadb-10.11", marks=pytest.mark.full),
    pytest.param("at_least_once", 11, "mysql-9.7", marks=pytest.mark.full)])
def test_each_kind_of_fault_once(sandbox, tmp_path, delivery, seed, source):
    """Every kind, in the order of the seed: nothing lost, order per key, the bus comes back."""
    options = Options(seed, minutes=8 * PATIENCE, faults=len(KINDS), delivery=delivery,
                      source=source, recovery=60 * PATIENCE, settle=120 * PATIENCE)
    outcome = run(sandbox, tmp_path, options)
    print(outcome.text())
    assert outcome.ok, outcome.text()
    assert {fault.kind for fault in outcome.faults} == set(KINDS), "8 minutes were not enough"
