"""What the benches of the daemons share: a build that is not stale, an installation, figures."""

import contextlib
import os
import pathlib
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy"), str(ROOT / "tests/integration")]
# pylint: disable=wrong-import-position
from sandbox import Sandbox, build, steps, stop_on_signals  # noqa: E402

from harness.cluster import Cluster  # noqa: E402


def rebuild() -> str:
    """What is measured: the build of MR_CORE, or build/release after building what changed."""
    if "MR_CORE" not in os.environ:
        build.build("release", steps.Progress())
        os.environ["MR_CORE"] = str(build.core())
    return os.environ["MR_CORE"]


@contextlib.contextmanager
def installation(**keywords):
    """(sandbox, cluster) on a ZooKeeper of its own, quiet about debugging."""
    stop_on_signals()
    with Sandbox() as box, tempfile.TemporaryDirectory() as scratch:
        cluster = Cluster(pathlib.Path(scratch), box.zookeeper().servers, box.free_port, **keywords)
        try:
            yield box, cluster
        finally:
            cluster.close()


def spread(seconds: list[float]) -> dict:
    """Milliseconds: median, 99th percentile, largest."""
    ordered = sorted(seconds)
    return {"p50_ms": round(statistics.median(ordered) * 1000, 3),
            "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3),
            "max_ms": round(ordered[-1] * 1000, 3), "n": len(ordered)}
