"""The Sandbox: one state folder, the servers in it, and their end.

One process at a time holds a state folder (a lock file says who). Whatever
ends that process, its servers end with it: in order when it leaves the `with`
block, exits, or gets SIGTERM, SIGINT or SIGHUP (stop_on_signals), and by the
kernel's hand when it is killed.

Thread safety: servers may be started from any thread; close() from one.
"""

import atexit
import fcntl
import os
import pathlib
import shutil
import signal
import threading

from . import paths
from .certificates import Authority
from .errors import SandboxError
from .kafka import Kafka, Kafkas, new_id
from .mariadb import MariaDB
from .mysql import MySQL
from .ports import Ports
from .zookeeper import ZooKeeper, ZooKeeperServer


# In a state folder whose data outlives its owner, until it is used again.
KEPT = "kept"


class Sandbox:
    """Real servers under one folder. Every server is started when it is asked for."""

    def __init__(self, state_dir=None, *, keep=False, say=print):
        """`state_dir` defaults to a folder of the cache named after this process.
        Unless `keep`, what is in it is removed at close()."""
        self.state_dir = pathlib.Path(
            state_dir or paths.default_state_dir(f"p{os.getpid()}")).absolute()
        self.keep = keep
        self._say = say
        self._servers = []
        self._guard = threading.RLock()
        self._closed = False
        self._count = 0
        with paths.locked("run"):
            _sweep()
            self.state_dir.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock()
        if keep:
            (self.state_dir / KEPT).touch()
        self._ports = Ports()
        self.authority = Authority(self.state_dir / "tls")
        atexit.register(self.close)

    def _take_lock(self):
        # pylint: disable-next=consider-using-with
        handle = open(self.state_dir / "owner", "a+", encoding="ascii")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            handle.close()
            raise SandboxError(f"{self.state_dir} is in use by process {holder}: stop it, "
                               "or choose another state folder") from None
        # Whatever a former owner left is dead: its servers died with it.
        for entry in self.state_dir.iterdir():
            if entry.name != "owner":
                _remove(entry)
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        return handle

    # Servers.

    def mariadb(self, series="10.11", *, options=None, tls=None, start=True, name=None) -> MariaDB:
        """A MariaDB server: 10.11 or 11.8."""
        return self._database(MariaDB, "mariadb", series, options, tls, start, name)

    def mysql(self, series="9.7", *, options=None, tls=None, start=True, name=None) -> MySQL:
        """A MySQL server: 9.7, 8.0 or 5.7."""
        return self._database(MySQL, "mysql", series, options, tls, start, name)

    def _database(self, kind, flavor, series, options, tls, start, name):
        with self._guard:
            number = self._next()
            name = name or f"{flavor}-{series}-{number}"
            # Replicas choose their own ids; a server's must only differ from its siblings'.
            server = kind(name, series, self.state_dir / name, self._ports.take(), 1000 + number,
                          options=options, tls=tls, authority=self.authority, say=self._say)
            self._servers.append(server)
        if start:
            server.start()
        return server

    def kafka(self, *, options=None, start=True, name=None) -> Kafka:
        """A Kafka broker."""
        with self._guard:
            name = name or f"kafka-{self._next()}"
            server = Kafka(name, self.state_dir / name, self._ports.take(), self._ports.take(),
                           options=options, say=self._say)
            self._servers.append(server)
        if start:
            server.start()
        return server

    def kafkas(self, n=3, *, options=None, start=True, name=None) -> Kafkas:
        """A cluster of n brokers."""
        with self._guard:
            name = name or f"kafkas-{self._next()}"
            cluster_id = new_id()
            cluster = Kafkas([
                Kafka(f"{name}-{node}", self.state_dir / f"{name}-{node}", self._ports.take(),
                      self._ports.take(), options=options, say=self._say, node=node,
                      cluster_id=cluster_id, heap="448m") for node in range(1, n + 1)])
            self._servers.append(cluster)
        if start:
            cluster.start()
        return cluster

    def zookeeper(self, n=1, *, options=None, start=True, name=None) -> ZooKeeper:
        """A ZooKeeper ensemble of n servers."""
        with self._guard:
            name = name or f"zookeeper-{self._next()}"
            ports = {number: tuple(self._ports.take() for _ in range(3))
                     for number in range(1, n + 1)}
            ensemble = ZooKeeper([
                ZooKeeperServer(f"{name}-{number}", self.state_dir / f"{name}-{number}", number,
                                ports, options=options, say=self._say) for number in ports])
            self._servers.append(ensemble)
        if start:
            ensemble.start()
        return ensemble

    def free_port(self) -> int:
        """A loopback port that stays this sandbox's until it closes."""
        return self._ports.take()

    def discard(self, server) -> None:
        """End one server at once and remove its data, keeping its log."""
        server.kill()
        for member in getattr(server, "members", [server]):
            for entry in member.folder.iterdir() if member.folder.exists() else []:
                if not entry.name.startswith("log"):
                    _remove(entry)
        with self._guard:
            if server in self._servers:
                self._servers.remove(server)

    @property
    def servers(self) -> list:
        """What runs or ran here, in the order of its making."""
        return list(self._servers)

    def _next(self) -> int:
        self._count += 1
        return self._count

    # The end.

    def close(self) -> None:
        """Stop every server, the youngest first; remove the folder unless it is kept."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        for server in reversed(self._servers):
            try:
                # Data that is thrown away needs no shutdown; a kept folder gets one.
                if self.keep:
                    server.stop()
                else:
                    server.kill()
            except SandboxError as error:
                self._say(f"sandbox: {error}")
        self._ports.release_all()
        if not self.keep:
            shutil.rmtree(self.state_dir, ignore_errors=True)
        self._lock.close()
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _sweep() -> None:
    """Remove what killed owners left in the cache's folder of sandboxes."""
    folder = paths.cache_dir() / "run"
    for entry in folder.iterdir() if folder.exists() else []:
        if not (entry / KEPT).exists() and owner(entry) is None:
            _remove(entry)


def owner(state_dir: pathlib.Path) -> int | None:
    """The process that holds a state folder, None if nobody does."""
    try:
        with open(state_dir / "owner", encoding="ascii") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                return int(handle.read() or 0) or None
    except (OSError, ValueError):
        return None


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this program as an exit does, so that servers are stopped."""
    def leave(number, _frame):
        # Once is enough: a second signal must not break off the clean-up.
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
