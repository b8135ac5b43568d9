"""Building mysql-replicator in its checkout: build/release, build/asan, build/fuzz."""

import fcntl
import pathlib
import time

from . import process, steps
from .errors import SandboxError

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / "build"

# One compiler for what is delivered and its sanitizer twin; libFuzzer is clang's.
# Named, because an environment's CC is not what the results are about.
GCC = ("-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++")
CLANG = ("-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++")
STRICT = "-DMR_WERROR=ON"
FLAVORS = {
    "release": (*GCC, STRICT),
    "asan": (*GCC, STRICT, "-DMR_SANITIZE=address,undefined"),
    # fuzzer-no-link makes every library report its coverage, not just the targets.
    "fuzz": (*CLANG, STRICT, "-DMR_SANITIZE=address,undefined,fuzzer-no-link", "-DMR_FUZZ=ON"),
}

PROGRAMS = {"mr-core": "core", "mr-server": "server", "mr-monitor": "monitor",
            "mrctl": "server/cli"}


def folder(flavor: str) -> pathlib.Path:
    """Where a flavour is built."""
    return BUILD / flavor


def core(flavor: str = "release") -> pathlib.Path:
    """A flavour's mr-core."""
    return program("mr-core", flavor)


def program(name: str, flavor: str = "release") -> pathlib.Path:
    """mr-core, mr-server, mr-monitor or mrctl of a flavour."""
    return folder(flavor) / PROGRAMS[name] / name


def build(flavor: str, progress: steps.Progress) -> None:
    """Configure if need be, and build what changed. One process at a time in a folder."""
    target = folder(flavor)
    target.mkdir(parents=True, exist_ok=True)
    log = BUILD / f"{flavor}.log"
    with open(BUILD / f".{flavor}.lock", "w", encoding="ascii") as lock:
        _wait_for(lock, flavor)
        log.unlink(missing_ok=True)
        # Cheap when nothing changed, and it notices options that this file changed.
        _step(["cmake", "-S", CHECKOUT, "-B", target, "-G", "Ninja", *FLAVORS[flavor]], log,
              progress)
        _step(["cmake", "--build", target], log, progress)


def _wait_for(lock, flavor: str) -> None:
    deadline = time.monotonic() + 1200
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SandboxError(f"another process has been building build/{flavor} "
                                   "for 20 minutes") from None
            time.sleep(0.2)


def _step(argv, log, progress) -> None:
    status = steps.run(argv, log, progress=progress, cwd=CHECKOUT)
    if status != 0:
        lines = process.tail(log, 200).splitlines()
        # Ninja goes on for a while after the first failure: begin there.
        first = next((number for number, line in enumerate(lines)
                      if line.startswith("FAILED:") or "CMake Error" in line), len(lines) - 40)
        shown = "\n".join(lines[max(0, first):][:60])
        raise SandboxError(f"{' '.join(map(str, argv[:3]))} failed; from {log}:\n{shown}")
