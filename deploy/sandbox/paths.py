"""Where the sandbox keeps things, and as whom servers run.

Run by an ordinary user, everything is under
${XDG_CACHE_HOME:-~/.cache}/mysql-replicator and servers run as that user.

Run by root, servers must not run as root (mysqld and mariadbd refuse, and a
test server has no need of it): they run as the system user mr-sandbox, which
cannot enter root's home. Everything is then under /var/cache/mysql-replicator.

MR_SANDBOX_CACHE names another folder in both cases; root's must be one that
every user can enter.
"""

import contextlib
import fcntl
import os
import pathlib
import pwd
import subprocess
import time

from .errors import SandboxError

SERVER_USER = "mr-sandbox"


def cache_dir() -> pathlib.Path:
    """The folder of downloads, templates and default state; made if missing."""
    named = os.environ.get("MR_SANDBOX_CACHE")
    if named:
        path = pathlib.Path(named)
    elif os.geteuid() == 0:
        path = pathlib.Path("/var/cache/mysql-replicator")
    else:
        home_cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        path = pathlib.Path(home_cache) / "mysql-replicator"
    path = path.absolute()
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        _require_reachable(path)
    return path


def _require_reachable(path: pathlib.Path) -> None:
    """Root's cache must be enterable by the unprivileged server user."""
    for folder in [path, *path.parents]:
        if not folder.stat().st_mode & 0o001:
            raise SandboxError(
                f"servers run as user {SERVER_USER}, who cannot enter {folder}: "
                "name another folder in MR_SANDBOX_CACHE, or chmod o+x it")


def default_state_dir(name: str) -> pathlib.Path:
    """The folder of one sandbox's running servers: their data, sockets and logs."""
    return cache_dir() / "run" / name


def server_account() -> tuple[int, int] | None:
    """(uid, gid) that servers run as, or None to run them as the caller.

    Root gets the system user mr-sandbox, created on first use.
    """
    if os.geteuid() != 0:
        return None
    for attempt in (1, 2):
        try:
            entry = pwd.getpwnam(SERVER_USER)
            return entry.pw_uid, entry.pw_gid
        except KeyError:
            if attempt == 2:
                raise SandboxError(f"could not create the system user {SERVER_USER}") from None
        # A failure may only mean that another copy was faster: look again.
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home",
             "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SERVER_USER],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    raise AssertionError("unreachable")


def give_to_servers(path: pathlib.Path) -> None:
    """Hand one file or folder (not what is under it) to the server user."""
    account = server_account()
    if account:
        os.chown(path, *account)


@contextlib.contextmanager
def locked(name: str, timeout: float = 900.0):
    """Hold the cache's lock `name`: one process at a time downloads or initialises a thing."""
    folder = cache_dir() / "locks"
    folder.mkdir(exist_ok=True)
    deadline = time.monotonic() + timeout
    with open(folder / name, "w", encoding="ascii") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"another process has held {handle.name} for {timeout:.0f} s: "
                        "is a download hanging?") from None
                time.sleep(0.2)
        yield
