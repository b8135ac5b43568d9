"""Servers out of Java archives, by the ordinary Maven client.

maven.lock names every file exactly: its coordinates and its SHA-256. Maven is
asked for those and nothing else (each with its own dependencies excluded, so
it resolves nothing by itself), through whatever mirrors the user's own Maven
settings name. A file that does not have the sum in the lock is not used.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess

from . import paths
from .errors import SandboxError

LOCK_FILE = pathlib.Path(__file__).with_name("maven.lock")
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"


def read_lock() -> dict[str, dict[str, str]]:
    """{section: {"group:artifact:version": sha256}} of maven.lock."""
    sections, current = {}, None
    for number, line in enumerate(LOCK_FILE.read_text(encoding="ascii").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], {})
            continue
        words = line.split()
        if current is None or len(words) != 2 or len(words[1]) != 64:
            raise SandboxError(f"{LOCK_FILE}:{number}: expected 'group:artifact:version SHA-256'")
        current[words[0]] = words[1]
    return sections


def fetch(section: str, say=print) -> pathlib.Path:
    """The folder with a section's archives, downloaded on first use."""
    wanted = read_lock()[section]
    sum_of_sums = hashlib.sha256("".join(sorted(wanted.values())).encode()).hexdigest()[:12]
    target = paths.cache_dir() / "maven" / f"{section}-{sum_of_sums}"
    with paths.locked(f"maven-{section}"):
        if not target.exists():
            say(f"downloading {section} ({len(wanted)} archives) with Maven")
            work = target.with_name(f".{target.name}.partial")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            _copy(work, wanted)
            for coordinates, expected in wanted.items():
                _verify(work / "jars" / _file_name(coordinates), expected)
            os.rename(work / "jars", target)
            shutil.rmtree(work)
    return target


def _file_name(coordinates: str) -> str:
    group, artifact, version = coordinates.split(":")
    return f"{group}.{artifact}-{version}.jar"


def _verify(path: pathlib.Path, expected: str) -> None:
    if not path.exists():
        raise SandboxError(f"Maven did not deliver {path.name}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise SandboxError(f"{path.name} has SHA-256 {found}, and {LOCK_FILE.name} says "
                           f"{expected}: it is not used")


def _copy(work: pathlib.Path, wanted) -> None:
    if shutil.which("mvn") is None:
        raise SandboxError("Maven is missing: apt-get install maven openjdk-17-jre-headless")
    entries = []
    for coordinates in wanted:
        group, artifact, version = coordinates.split(":")
        entries.append(
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version><exclusions><exclusion><groupId>*</groupId>"
            "<artifactId>*</artifactId></exclusion></exclusions></dependency>")
    pom = work / "pom.xml"
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>sandbox</groupId><artifactId>sandbox</artifactId><version>1</version>"
        "<packaging>pom</packaging><dependencies>\n" + "\n".join(entries) +
        "\n</dependencies></project>\n", encoding="ascii")
    done = subprocess.run(
        ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(pom), PLUGIN,
         f"-DoutputDirectory={work}/jars", "-Dmdep.prependGroupId=true"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=1800, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-10:])
        raise SandboxError(f"Maven failed:\n{tail}\nIs the machine connected?")
