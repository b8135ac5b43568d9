"""What the machine itself must have: Debian packages, disk and memory.

Only build tools, clients and a Java runtime are ever installed here. Servers
are not: installing one on a host with systemd would start it as a service.
"""

import os
import shutil
import subprocess

from .errors import SandboxError

# What each kind of server needs beyond its own download.
MAVEN_PACKAGES = ("maven", "openjdk-17-jre-headless")
JAVA_PACKAGES = ("openjdk-17-jre-headless",)
CLIENT_PACKAGES = ("mariadb-client", "openssl")

# What building mysql-replicator and running its tests needs.
BUILD_PACKAGES = (
    "build-essential", "cmake", "ninja-build", "pkg-config", "clang", "libclang-rt-14-dev",
    "libmariadb-dev", "librdkafka-dev", "libjansson-dev", "libzookeeper-mt-dev",
    "libmicrohttpd-dev", "libcurl4-openssl-dev", "libssl-dev", "libzstd-dev", "zlib1g-dev",
    "libdeflate-dev", "libinih-dev", "libsystemd-dev", "libcmocka-dev", "uthash-dev",
    "libdouble-conversion-dev",
)
TEST_PACKAGES = ("python3", "python3-venv", "kcat")
# systemd-analyze, systemd-sysusers and systemd-tmpfiles are run on files; no service is.
UNIT_TEST_PACKAGES = ("systemd", "strace")


def missing_packages(packages) -> list[str]:
    """Those of `packages` that dpkg does not have installed and configured."""
    if shutil.which("dpkg-query") is None:
        raise SandboxError("this is not a Debian system (no dpkg-query): "
                           "install these by hand: " + " ".join(packages))
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *packages],
        capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in listing.splitlines() if line.split()[1:2] == ["ii"]}
    return [package for package in packages if package not in installed]


def ensure_packages(packages, say=print) -> None:
    """Install what is missing of `packages`; through sudo when not root."""
    missing = missing_packages(dict.fromkeys(packages))
    if not missing:
        return
    say("installing: " + " ".join(missing))
    prefix = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise SandboxError("these Debian packages are missing, and there is no sudo: as root, "
                               "run apt-get install " + " ".join(missing))
        prefix = ["sudo"]
    env_words = ["env", "DEBIAN_FRONTEND=noninteractive"]
    for words, limit in ((["apt-get", "update", "-qq"], 600),
                         (["apt-get", "install", "-y", "-qq", "--no-install-recommends",
                           *missing], 1800)):
        done = subprocess.run([*prefix, *env_words, *words], stdin=None if prefix else
                              subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=limit, check=False)
        if done.returncode != 0:
            tail = "\n".join(done.stdout.splitlines()[-15:])
            raise SandboxError(f"{' '.join(words[:2])} failed:\n{tail}\n"
                               "Is the machine connected, and are Debian's sources complete?")
    still = missing_packages(missing)
    if still:
        raise SandboxError("apt-get did not install: " + " ".join(still))


def preflight(folder, disk_mb: int, memory_mb: int) -> None:
    """Refuse to begin what would run out of disk or memory half-way."""
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < disk_mb:
        raise SandboxError(f"{folder} has {free_mb} MB free and {disk_mb} MB are needed: "
                           "make room, or name another folder in MR_SANDBOX_CACHE")
    available_mb = available_memory_mb()
    if available_mb < memory_mb:
        raise SandboxError(f"{available_mb} MB of memory are available and {memory_mb} MB are "
                           "needed: stop something, or use a larger machine")


def available_memory_mb() -> int:
    """MemAvailable, lowered to a cgroup's own limit where one is set."""
    available = 0
    with open("/proc/meminfo", encoding="ascii") as handle:
        for line in handle:
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) // 1024
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as handle:
            limit = handle.read().strip()
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as handle:
            used = int(handle.read())
        if limit != "max":
            available = min(available, (int(limit) - used) // 2**20)
    except (OSError, ValueError):
        pass  # no cgroup v2 limit to respect
    return available
