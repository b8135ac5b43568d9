"""Random changes on every server in every setting: replayed messages end as SELECT shows it.

tests/run tries combinations that together have every pair of settings, tests/run --full the
product of those that decide how a row is read and written. By hand, until something differs:

    MR_MATRIX=1000000 pytest -x test_matrix.py -k random

The seed is in the test's output; MR_SEED=… repeats it. Pairs have seeds of their own, always
the same, so that a run that fails fails again; everything else has new ones.
"""

import os
import random
import zlib

import pytest

from harness.matrix import run
from harness.matrix_axes import any_of, everything, pairs

PAIRS = pairs()
RANDOM = int(os.environ.get("MR_MATRIX") or 0)
SANITIZED = {PAIRS[0], PAIRS[-1]}


def seed_of(request_seed=None) -> int:
    """MR_SEED, or a new one; printed."""
    seed = int(os.environ.get("MR_SEED") or request_seed or random.SystemRandom().randrange(10**9))
    print(f"MR_SEED={seed}")
    return seed


@pytest.mark.parametrize("combination", [
    pytest.param(each, marks=[pytest.mark.sanitize] * (each in SANITIZED)) for each in PAIRS],
    ids=str)
def test_pairs(pool, core, new_database, combination):
    """Every two settings together."""
    seed = zlib.crc32(str(combination).encode())
    print(run(pool, core, new_database, combination, seed_of(seed)))


@pytest.mark.full
@pytest.mark.parametrize("combination", everything(), ids=str)
def test_everything(pool, core, new_database, combination):
    """Every setting with every other."""
    print(run(pool, core, new_database, combination, seed_of()))


if RANDOM:
    @pytest.mark.parametrize("number", range(RANDOM))
    def test_random(pool, core, new_database, number):
        """As many more as MR_MATRIX says, of any settings."""
        seed = seed_of()
        print(run(pool, core, new_database, any_of(random.Random(f"{seed} {number}")), seed))
