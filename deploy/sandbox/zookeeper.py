"""ZooKeeper 3.8: one server, or an ensemble on loopback ports.

A tick of 500 ms, so that tests can have sessions of a second. The admin web
server is off, and snapshots are purged.
"""

import pathlib
import socket

from . import java, maven, paths, process
from .errors import SandboxError

SECTION = "zookeeper-3.8"

BASE = {
    "tickTime": "500",
    "initLimit": "20",
    "syncLimit": "10",
    "admin.enableServer": "false",
    "4lw.commands.whitelist": "*",
    "autopurge.snapRetainCount": "3",
    "autopurge.purgeInterval": "1",
    "standaloneEnabled": "true",
    "maxClientCnxns": "0",
    # Test data need not survive a power cut.
    "forceSync": "no",
    "preAllocSize": "1024",
}

LOGBACK = """<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5p [%t:%c{1}] %m%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"""


class ZooKeeperServer:
    """One server, alone or of an ensemble. Start, bother, stop."""

    def __init__(self, name, folder, my_id, ports, *, options=None, heap="192m", say=print):
        """`ports` is {id: (client, peer, election)} of all servers of the ensemble."""
        self.name = name
        self.folder = pathlib.Path(folder)
        self.host = "127.0.0.1"
        self.my_id = my_id
        self.port = ports[my_id][0]
        self.log_path = self.folder / "log"
        self.config_path = self.folder / "zoo.cfg"
        self.options = dict(options or {})
        self.heap = heap
        self._ports = ports
        self._say = say
        self._jars = None
        self._process = None

    @property
    def address(self) -> str:
        """host:port"""
        return f"{self.host}:{self.port}"

    def fetch(self) -> None:
        """Download the archives on first use."""
        if self._jars is None:
            self._jars = maven.fetch(SECTION, self._say)

    def launch(self):
        """Start without waiting (an ensemble serves once a majority is up). Returns self."""
        if self.alive:
            raise SandboxError(f"{self.name} runs already")
        self.fetch()
        for path in (self.folder, self.folder / "data", self.folder / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
            paths.give_to_servers(path)
        (self.folder / "data/myid").write_text(f"{self.my_id}\n", encoding="ascii")
        (self.folder / "logback.xml").write_text(LOGBACK, encoding="ascii")
        settings = {**BASE, "dataDir": self.folder / "data", "clientPort": self.port,
                    "clientPortAddress": self.host, **self.options}
        if len(self._ports) > 1:
            for number, (_, peer, election) in self._ports.items():
                settings[f"server.{number}"] = f"{self.host}:{peer}:{election}"
        self.config_path.write_text("\n".join(
            f"{key}={value}" for key, value in settings.items() if value is not None) + "\n",
            encoding="ascii")
        words = java.argv(self._jars,
                          "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.heap,
                          self.folder / "tmp", self.config_path)
        words.insert(1, f"-Dlogback.configurationFile={self.folder}/logback.xml")
        self._process = process.Process(self.name, words, self.log_path,
                                        account=paths.server_account())
        return self

    def start(self, timeout: float = 60.0):
        """Start and wait until it serves (of an ensemble: until a leader is known)."""
        self.launch()
        self.wait_serving(timeout)
        return self

    def wait_serving(self, timeout: float) -> None:
        """Wait until clients are served."""
        self._process.wait_until(lambda: "Mode:" in self.ask("srvr"), timeout, "serving clients")

    def ask(self, word: str) -> str:
        """The answer to a four-letter word, '' if there is none."""
        try:
            with socket.create_connection((self.host, self.port), timeout=2) as link:
                link.settimeout(5)
                link.sendall(word.encode("ascii"))
                answer = b""
                while len(answer) < 2**20 and (part := link.recv(65536)):
                    answer += part
            return answer.decode("utf-8", "replace")
        except OSError:
            return ""

    def version(self) -> str:
        """What the server says of itself."""
        return self.ask("srvr").partition("\n")[0].partition(": ")[2]

    def stop(self, timeout: float = 15.0) -> None:
        """SIGTERM and wait. Data stays."""
        if self._process:
            self._process.stop(timeout)

    def kill(self) -> None:
        """SIGKILL. Data stays."""
        if self._process:
            self._process.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        self._process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self._process.resume()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def log_tail(self, lines: int = 20) -> str:
        """The end of the server's log."""
        return process.tail(self.log_path, lines)


class ZooKeeper:
    """An ensemble of one or more; `servers` is the connect string."""

    def __init__(self, members):
        self.members = members

    @property
    def servers(self) -> str:
        """host:port,host:port… as clients take it."""
        return ",".join(member.address for member in self.members)

    address = servers

    def start(self, timeout: float = 60.0):
        """Start all, then wait for all. Returns self."""
        for member in self.members:
            member.launch()
        for member in self.members:
            member.wait_serving(timeout)
        return self

    def stop(self) -> None:
        """Stop all."""
        for member in self.members:
            member.stop()

    def kill(self) -> None:
        """SIGKILL to all."""
        for member in self.members:
            member.kill()

    @property
    def alive(self) -> bool:
        """Whether any member runs."""
        return any(member.alive for member in self.members)

    def version(self) -> str:
        """What the first member says of itself."""
        return self.members[0].version()

    def log_tail(self, lines: int = 20) -> str:
        """The end of each member's log."""
        return "\n".join(f"--- {member.name}\n{member.log_tail(lines)}"
                         for member in self.members)
