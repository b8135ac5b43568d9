"""promtool, out of Debian's prometheus package: what reads /metrics as Prometheus does.

Nothing is run as a server. The package is unpacked beside the system (debian.py); its web
pages, which are four fifths of it, stay out.
"""

import subprocess

from . import debian

EXCLUDES = ("./usr/share", "./usr/bin/prometheus", "./usr/bin/tsdb", "./usr/sbin", "./etc")


def promtool(say=print) -> list[str]:
    """The words that run promtool, downloaded on first use."""
    root = debian.fetch("promtool", "bookworm", ["prometheus"], "2.", say, EXCLUDES)
    return root.argv(root.path / "usr/bin/promtool")


def check_metrics(text: str) -> str:
    """What `promtool check metrics` has to say of a page, "" if nothing."""
    done = subprocess.run([*promtool(), "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).strip()
    return said or (f"promtool ended with status {done.returncode}" if done.returncode else "")
