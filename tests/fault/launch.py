"""What a run needs before its first line: the tests' Python, and the build that MR_CORE names
(else build/release, built anew where something changed)."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACES = [str(ROOT / each) for each in ("tests/fault", "tests/integration", "deploy")]
sys.path[:0] = PLACES
# pylint: disable=wrong-import-position
from sandbox import build, host, steps, testrun  # noqa: E402


def main() -> None:
    """Become suite.py, with all that."""
    progress = steps.Progress()
    if "--help" not in sys.argv and "-h" not in sys.argv and "MR_CORE" not in os.environ:
        host.ensure_packages(testrun.PACKAGES, progress.say)
        build.build("release", progress)
        os.environ["MR_CORE"] = str(build.core())
    python = str(testrun.virtual_environment(progress))
    os.environ.update(PYTHONPATH=":".join(PLACES), PYTHONDONTWRITEBYTECODE="1")
    os.execv(python, [python, "-u", "-c", "import sys, suite; sys.exit(suite.main())",
                      *sys.argv[1:]])


if __name__ == "__main__":
    main()
