"""Every value that comes out of the pipe is the value that SELECT shows.

The tables and their edge values are harness/values_tables.py's, the forms of values
harness/values.py's (docs/types.md in Python).
"""

import pytest

from harness.values import Mode
from harness.values_corpus import check, corpus


@pytest.mark.sanitize
@pytest.mark.parametrize("metadata", ["FULL", "default"])
def test_every_value(pool, source_name, metadata, core):
    """Insert, update and delete of every type, names and signs from either place."""
    values = corpus(pool, source_name, metadata)
    check(values, values.run(core), Mode())
