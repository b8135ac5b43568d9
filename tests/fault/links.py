"""Links that can be cut: a TCP proxy in front of each server, as the cores reach it."""

import threading

from harness.proxy import Proxy


class Link(Proxy):
    """Passes bytes on, until cut() breaks it or hole() swallows what clients send."""

    def __init__(self, server):
        super().__init__(server, tls=True)
        self._open = threading.Event()
        self._open.set()

    @property
    def address(self) -> str:
        """host:port of this end."""
        return f"{self.host}:{self.port}"

    def note_client(self, data: bytes) -> None:
        """Called with what a client sent, before it is passed on. Keeps nothing."""
        self._open.wait()

    def cut(self) -> None:
        """Break what there is and refuse what comes."""
        self.refuse = True
        self.drop()

    def hole(self) -> None:
        """Connections stay, and nothing that a client sends arrives any more."""
        self._open.clear()

    def mend(self) -> None:
        """As before. Connections out of a hole are broken: their time is over."""
        self.refuse = False
        if not self._open.is_set():
            self.drop()
            self._open.set()
        self._sockets = [each for each in self._sockets if each.fileno() != -1]

    def close(self) -> None:
        """Stop."""
        self._open.set()
        super().close()
