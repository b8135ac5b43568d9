"""The DDL tracker against real servers: after each statement its definitions must be those
that information_schema has. What it does not understand it must say, and rarely.

tests/unit/schema/ddl_tool runs the tracker; no mr-core takes part. By hand, endless:
MR_DDL_SEED=7 MR_DDL_COUNT=5000 pytest -k test_random_ddl.
"""

import os

import pytest

from harness.ddl_random import Generator
from harness.ddl_statements import statements
from harness.ddl_truth import Follower
from harness.tasks import unique

ALL = ("mariadb-10.11", "mariadb-11.8", "mysql-5.7", "mysql-8.0", "mysql-9.7")


@pytest.fixture
def follower(source):
    """A tracker beside the server, with two databases."""
    stem = unique("ddl")
    made = Follower(source, [f"{stem}_a", f"{stem}_b", f"{stem}_b2"])
    yield made
    made.close()


def run_list(follower, every):
    """Everything in the list; what differs."""
    problems = []
    for some in statements(*follower.databases[:2], every):
        for n, statement in enumerate(some):
            found = follower.run(statement)
            problems += [f"{statement}\n    {each}" for each in found or []]
            if n == 0 and found is not None:
                break
    return problems


@pytest.mark.sources("mariadb-11.8", "mysql-5.7", "mysql-9.7")
def test_listed_ddl(follower):
    """Each form of each statement, where the server knows it. (--full: on all five.)"""
    problems = run_list(follower, every=25)
    assert not problems, "\n".join(problems[:20])
    assert follower.known > 200
    # CREATE … SELECT and its like; nothing else.
    assert follower.unknown <= 16, "\n".join(follower.unknown_statements)


@pytest.mark.full
@pytest.mark.sources(*ALL)
def test_listed_ddl_in_all_places(follower):
    """Likewise, and each type and attribute in ALTER TABLE."""
    problems = run_list(follower, every=1)
    assert not problems, "\n".join(problems[:20])


def run_random(follower, seed, count):
    """Random statements; what differs."""
    follower.cursor.execute("SET sql_mode=''")
    follower.session()
    made = Generator(seed, follower.databases[:2])
    problems = []
    for _ in range(count):
        statement, became = made.next()
        found = follower.run(statement)
        if found is not None:
            became()
        problems += [f"{statement}\n    {each}" for each in found or []]
    print(f"seed {seed}: {follower.known} known, {follower.unknown} not, "
          f"{follower.failed} refused")
    return problems


@pytest.mark.sanitize
@pytest.mark.sources(*ALL)
def test_random_ddl(follower):
    """The seed is printed when it fails."""
    seed = int(os.environ.get("MR_DDL_SEED", "1"))
    count = int(os.environ.get("MR_DDL_COUNT", "80"))
    problems = run_random(follower, seed, count)
    assert not problems, f"seed {seed}\n" + "\n".join(problems[:20])
    assert follower.known > follower.unknown * 4
