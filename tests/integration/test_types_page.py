"""docs/types.md says what mr-core writes: its tables are made from what it has just written.

    MR_WRITE_PAGE=1 pytest test_types_page.py

writes them anew, after a change that is meant.
"""

import os

from harness.core import REPOSITORY
from harness.types_page import Forms, filled

PAGE = REPOSITORY / "docs/types.md"


def test_types_page(pool, core, new_database):
    """Every form on the page, in every dialect, in both modes."""
    forms = Forms(pool, core, new_database)
    there = PAGE.read_text(encoding="utf-8")
    wanted = filled(there, forms)
    if os.environ.get("MR_WRITE_PAGE"):
        PAGE.write_text(wanted, encoding="utf-8")
        return
    differ = [f"- {old}\n+ {new}" for old, new in zip(there.split("\n"), wanted.split("\n"))
              if old != new]
    assert there == wanted, "docs/types.md is out of date:\n" + "\n".join(differ[:10])
