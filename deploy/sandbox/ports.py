"""Free loopback ports, held by one sandbox among several.

Ports come from below the kernel's ephemeral range (32768 and up), so that no
outgoing connection can take the port of a server that is being restarted, and
each is guarded by a lock file so that two sandboxes never choose the same one.
"""

import fcntl
import random
import socket

from . import paths
from .errors import SandboxError

FIRST, LAST = 20000, 32000
HOST = "127.0.0.1"


class Ports:
    """The ports of one sandbox; released when it closes (or its process dies)."""

    def __init__(self):
        self._held = {}

    def take(self) -> int:
        """A port that nothing listens on and no other sandbox holds."""
        folder = paths.cache_dir() / "locks"
        folder.mkdir(exist_ok=True)
        for _ in range(500):
            port = random.randrange(FIRST, LAST)
            if port in self._held:
                continue
            # pylint: disable-next=consider-using-with
            handle = open(folder / f"port-{port}", "w", encoding="ascii")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind((HOST, port))
            except OSError:
                handle.close()
                continue
            self._held[port] = handle
            return port
        raise SandboxError(f"no free port found between {FIRST} and {LAST} on {HOST}")

    def release_all(self) -> None:
        """Let go of every port."""
        for handle in self._held.values():
            handle.close()
        self._held.clear()
