"""What `cmake --install` of the build under test puts into an empty folder."""

import pathlib
import re
import subprocess

from .core import binary

STUB_TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user")


class Installed:
    """An installation under `root` (DESTDIR)."""

    def __init__(self, root: pathlib.Path):
        self.build = binary().parent.parent
        self.root = root
        done = subprocess.run(["cmake", "--install", str(self.build)], capture_output=True,
                              text=True, timeout=120, check=False,
                              env={"DESTDIR": str(root), "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0, done.stdout + done.stderr
        self.prefix = self._cached("CMAKE_INSTALL_PREFIX")
        self.files = sorted("/" + str(path.relative_to(root)) for path in root.rglob("*")
                            if path.is_file())

    def _cached(self, name: str) -> str:
        text = (self.build / "CMakeCache.txt").read_text(encoding="utf-8")
        return re.search(rf"^{name}:\w+=(.*)$", text, re.MULTILINE)[1]

    def path(self, place: str) -> pathlib.Path:
        """A file below the prefix, or an absolute one, where it lies now."""
        name = place if place.startswith("/") else f"{self.prefix}/{place}"
        return self.root / name.lstrip("/")

    def unit_paths(self) -> list[pathlib.Path]:
        """The three units."""
        return sorted(self.path("lib/systemd/system").glob("*.service"))

    def add_stubs(self) -> None:
        """What `systemd-analyze --root` wants to find around the units: targets, /bin/kill."""
        folder = self.path("lib/systemd/system")
        for name in STUB_TARGETS:
            (folder / f"{name}.target").write_text(f"[Unit]\nDescription={name}\n")
        kill = self.root / "bin/kill"
        kill.parent.mkdir(exist_ok=True)
        kill.write_text("#!/bin/sh\n")
        kill.chmod(0o755)

    def analyze(self, *words: str) -> subprocess.CompletedProcess:
        """systemd-analyze on this root."""
        return subprocess.run(["systemd-analyze", "--no-pager", f"--root={self.root}", *words],
                              capture_output=True, text=True, timeout=60, check=False)

    def exposure(self, unit: str) -> float:
        """What `systemd-analyze security` gives a unit: 0 (best) to 10."""
        done = self.analyze("--offline=true", "security", unit)
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        assert found, done.stdout + done.stderr
        return float(found[1])


def settings(path: pathlib.Path) -> dict[str, list[str]]:
    """A unit's settings: {key: values in their order}."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def syscall_groups() -> dict[str, set[str]]:
    """systemd's groups of system calls, without the groups in them unfolded."""
    listing = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"],
                             capture_output=True, text=True, timeout=60, check=True).stdout
    groups, current = {}, None
    for line in listing.splitlines():
        if line.startswith("@"):
            current = groups.setdefault(line.strip(), set())
        elif current is not None and line.startswith("    ") and not line.strip().startswith("#"):
            current.add(line.strip())
    return groups


def allowed_syscalls(path: pathlib.Path) -> set[str]:
    """What a unit's SystemCallFilter lines let through: a list first, then what is taken away."""
    groups = syscall_groups()

    def unfold(word: str) -> set[str]:
        if not word.startswith("@"):
            return {word}
        return set().union(*(unfold(each) for each in groups[word]))
    allowed: set[str] = set(unfold("@default"))
    for line in settings(path)["SystemCallFilter"]:
        words = line.removeprefix("~").split()
        chosen = set().union(*map(unfold, words))
        allowed = allowed - chosen if line.startswith("~") else allowed | chosen
    return allowed
