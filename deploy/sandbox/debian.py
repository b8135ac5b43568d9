"""Servers out of Debian packages, unpacked beside the system.

A server's package and all it depends on, down to libc, is downloaded by apt
with a state of its own (an empty status file, so nothing of the host counts)
and unpacked into one folder of the cache. Programs in there are run through
that folder's own dynamic loader and library path: no chroot, so no root, and
no library of the host, so a MariaDB of Debian sid runs on Debian 12.

What is downloaded is vouched for by apt's signatures. Debian's archive keeps
no old versions to pin (sid changes daily, and a stable release keeps its
newest point release), so the major version is checked instead and the version
found is recorded and printed.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

from . import paths
from .errors import SandboxError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Unpacked packages only ever serve to run one program: what no program reads
# at run time stays out (it is half of the size).
UNPACK_EXCLUDES = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/perl",
                   "./usr/share/info", "./usr/lib/x86_64-linux-gnu/perl",
                   "./usr/lib/x86_64-linux-gnu/perl-base", "./usr/share/lintian")


class Root:
    """One unpacked tree: programs in it, and what they were."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.versions = json.loads((path / ".complete").read_text())
        self._loader = self._find("ld-linux-x86-64.so.2")

    def _library_folders(self):
        # Bookworm packages still put some libraries under /lib, and nothing has
        # merged it with /usr/lib here.
        return [self.path / folder for folder in
                ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/mysql/private")]

    def _find(self, name) -> pathlib.Path:
        for folder in self._library_folders():
            if (folder / name).exists():
                return folder / name
        raise SandboxError(f"{name} is missing under {self.path}: remove that folder, "
                           "and it is downloaded again")

    def argv(self, program, *more_library_folders) -> list[str]:
        """The words that run `program` with this tree's loader and libraries."""
        folders = [*more_library_folders, *self._library_folders()]
        return [str(self._loader), "--argv0", str(program),
                "--library-path", ":".join(map(str, folders)), str(program)]


def fetch(name: str, suite: str, packages: list[str], version_prefix: str, say=print,
          excludes=()) -> Root:
    """The tree of `packages` of a Debian suite, downloaded on first use.

    The first package's upstream version must begin with `version_prefix`. `excludes` are
    patterns of files that are of no use here, as "./usr/share".
    """
    target = paths.cache_dir() / "debian" / name
    with paths.locked(f"debian-{name}"):
        if not (target / ".complete").exists():
            say(f"downloading {name} from Debian {suite}")
            _download(target, suite, packages, version_prefix, excludes)
            say(f"unpacked {packages[0]} {_upstream(Root(target).versions[packages[0]])}")
    return Root(target)


def _upstream(version: str) -> str:
    """Debian's version without epoch and revision: 1:10.11.14-0+deb12u2 -> 10.11.14."""
    return re.sub(r"^\d+:", "", version).rsplit("-", 1)[0]


def _download(target, suite, packages, version_prefix, excludes):
    if shutil.which("apt-get") is None:
        raise SandboxError("this is not a Debian system: there is no apt-get")
    work = target.with_name(f".{target.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    root = work / "root"
    for folder in (root, work / "lists/partial", work / "cache/archives/partial"):
        folder.mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(_sources(suite))
    options = []
    for option in (f"Dir::Etc::sourcelist={work}/sources.list", "Dir::Etc::sourceparts=-",
                   f"Dir::State={work}", f"Dir::State::Lists={work}/lists",
                   f"Dir::State::status={work}/status", f"Dir::Cache={work}/cache",
                   "APT::Architecture=amd64", "APT::Install-Recommends=false",
                   "Acquire::Languages=none", "Acquire::Retries=3",
                   # Without this apt downloads as _apt, who may be unable to enter our folder.
                   "APT::Sandbox::User=root"):
        options += ["-o", option]
    _apt(["apt-get", *options, "update", "-qq"])
    _apt(["apt-get", *options, "install", "-qq", "-y", "--download-only", *packages])
    versions = {}
    archives = sorted((work / "cache/archives").glob("*.deb"))
    for archive in archives:
        fields = subprocess.run(["dpkg-deb", "-f", archive, "Package", "Version"], check=True,
                                capture_output=True, text=True).stdout
        found = dict(line.split(": ", 1) for line in fields.splitlines())
        versions[found["Package"]] = found["Version"]
    main = _upstream(versions.get(packages[0], "0-0"))
    if not main.startswith(version_prefix):
        raise SandboxError(f"Debian {suite} now has {packages[0]} {main}, and {version_prefix}x "
                           "is what the project knows: deploy/sandbox must be taught the new one")
    for archive in archives:
        _unpack(archive, root, excludes)
    # Absolute links would lead out of the tree, to the host's files.
    shutil.rmtree(root / "etc/alternatives", ignore_errors=True)
    (root / ".complete").write_text(json.dumps(versions, indent=1, sort_keys=True))
    os.rename(root, target)
    shutil.rmtree(work, ignore_errors=True)


def _apt(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=1800, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-10:])
        raise SandboxError(f"apt-get failed:\n{tail}\nIs the machine connected?")


def _unpack(archive, root, more_excludes):
    excludes = [f"--exclude={pattern}" for pattern in (*UNPACK_EXCLUDES, *more_excludes)]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive],
                          stdout=subprocess.PIPE) as source:
        untar = subprocess.run(["tar", "-x", "--no-same-owner", "-C", root, *excludes],
                               stdin=source.stdout, check=False, timeout=600)
    if untar.returncode != 0 or source.returncode != 0:
        raise SandboxError(f"cannot unpack {archive}: is the disk full?")


def _sources(suite: str) -> str:
    """A sources.list for `suite` from the mirrors this host already uses."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=False).stdout
    main, security = None, None
    for line in listing.splitlines():
        release, _, uri = line.partition(" ")
        uri = uri.strip()
        if re.fullmatch(r"(bookworm|trixie|forky|sid|(old)?stable|testing|unstable)", release):
            main = main or uri
        elif re.fullmatch(r"(bookworm|trixie|forky|(old)?stable|testing)-security", release):
            security = security or uri
    main = os.environ.get("MR_DEBIAN_MIRROR") or main
    if not main:
        raise SandboxError("no Debian mirror found in apt's sources: name one in MR_DEBIAN_MIRROR")
    lines = [f"deb [signed-by={KEYRING}] {main} {suite} main"]
    if suite != "sid" and security:
        lines.append(f"deb [signed-by={KEYRING}] {security} {suite}-security main")
    return "\n".join(lines) + "\n"
