"""Kafka 4: broker and controller in one process (KRaft), on two loopback ports each; one, or
several of one cluster.

The log folder is formatted once, kept in the cache as a template, and copied
with ids of its own for each broker: formatting costs a second of JVM.
"""

import base64
import pathlib
import re
import shutil
import subprocess
import uuid

from . import java, maven, paths, process
from .errors import SandboxError

SECTION = "kafka-4.1"

# One broker replicates nothing; a test group should not wait three seconds for
# members that will not come.
BASE = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A broker that was killed may not register again before its session ends (9 s).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.segment.bytes": "268435456",
    # Segments are preallocated for their index files only; keep those small.
    "log.index.size.max.bytes": "1048576",
    "auto.create.topics.enable": "false",
}


# What several brokers replicate, so that one of three may be away.
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}


class Kafka:
    """One broker that is a controller too; the only one, unless `peers` has its cluster."""

    def __init__(self, name, folder, port, controller_port, *, options=None, heap="640m",
                 say=print, node=1, cluster_id=None):
        self.name = name
        self.node = node
        self.peers = [self]
        self._cluster_id = cluster_id or new_id()
        self.folder = pathlib.Path(folder)
        self.host = "127.0.0.1"
        self.port = port
        self.controller_port = controller_port
        self.log_path = self.folder / "log"
        self.config_path = self.folder / "server.properties"
        self.options = dict(options or {})
        self.heap = heap
        self._say = say
        self._jars = None
        self._process = None

    @property
    def brokers(self) -> str:
        """The bootstrap address."""
        return f"{self.host}:{self.port}"

    address = brokers

    def version(self) -> str:
        """The version, from the archive's name."""
        self.fetch()
        return re.search(r"kafka_2\.13-(.+)\.jar", next(
            path.name for path in self._jars.glob("*kafka_2.13-*.jar"))).group(1)

    def fetch(self) -> None:
        """Download the archives on first use."""
        if self._jars is None:
            self._jars = maven.fetch(SECTION, self._say)

    def start(self, timeout: float = 90.0):
        """Start (again) on the same ports, and wait until it serves. Returns self."""
        self.launch()
        self.wait_serving(timeout)
        return self

    def launch(self) -> None:
        """Start (again) without waiting: the first of several serves when most are there."""
        if self.alive:
            raise SandboxError(f"{self.name} runs already")
        self.fetch()
        self._make_folder()
        self._write_config()
        self._process = process.Process(
            self.name, java.argv(self._jars, "kafka.Kafka", self.heap, self.folder / "tmp",
                                 self.config_path),
            self.log_path, account=paths.server_account())

    def wait_serving(self, timeout: float = 90.0) -> None:
        """Wait until it serves: the port opens before the broker is unfenced, so its own word."""
        self._process.wait_for_log("Kafka Server started", timeout)

    def stop(self, timeout: float = 30.0) -> None:
        """SIGTERM and wait. Data stays, start() begins again with it."""
        if self._process:
            self._process.stop(timeout)

    def kill(self) -> None:
        """SIGKILL. Data stays."""
        if self._process:
            self._process.kill()

    def restart(self, options=None) -> None:
        """Stop and start, with other options laid over the former ones."""
        self.stop()
        self.options.update(options or {})
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
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
        """The broker's process id."""
        return self._process.pid

    def log_tail(self, lines: int = 20) -> str:
        """The end of the broker's log."""
        return process.tail(self.log_path, lines)

    def settings(self) -> dict:
        """All settings the broker starts with."""
        merged = {
            **BASE,
            **(REPLICATED if len(self.peers) > 1 else {}),
            "node.id": str(self.node),
            "listeners": f"PLAINTEXT://{self.brokers},"
                         f"CONTROLLER://{self.host}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.brokers}",
            # Voters by setting, so that the formatted folder (a template) has no address in it.
            "controller.quorum.voters": ",".join(
                f"{peer.node}@{peer.host}:{peer.controller_port}" for peer in self.peers),
            "log.dirs": self.folder / "data",
        }
        merged.update(self.options)
        return merged

    def _write_config(self) -> None:
        lines = [f"{key}={value}" for key, value in self.settings().items() if value is not None]
        self.config_path.write_text("\n".join(lines) + "\n", encoding="ascii")

    def _make_folder(self) -> None:
        data = self.folder / "data"
        if data.exists():
            return
        for path in (self.folder, self.folder / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
            paths.give_to_servers(path)
        subprocess.run(["cp", "-a", "--reflink=auto", self._template(), data],
                       check=True, timeout=120)
        properties = data / "meta.properties"
        text = properties.read_text(encoding="ascii")
        for key, value in (("cluster.id", self._cluster_id), ("directory.id", new_id()),
                           ("node.id", self.node)):
            text = re.sub(rf"(?m)^{re.escape(key)}=.*$", f"{key}={value}", text)
        properties.write_text(text, encoding="ascii")

    def _template(self) -> pathlib.Path:
        target = paths.cache_dir() / "templates" / f"{self._jars.name}"
        with paths.locked(f"template-{target.name}"):
            if target.exists():
                return target
            work = target.with_name(f".{target.name}.partial")
            shutil.rmtree(work, ignore_errors=True)
            data = work / "data"
            data.mkdir(parents=True)
            for path in (work, data):
                paths.give_to_servers(path)
            config = work / "server.properties"
            config.write_text("\n".join(
                f"{key}={value}" for key, value in
                {**self.settings(), "log.dirs": data}.items()) + "\n", encoding="ascii")
            process.run_quietly(
                java.argv(self._jars, "kafka.tools.StorageTool", "256m", work, "format",
                          "-t", new_id(), "-c", config),
                target.with_name(f"{target.name}.log"), account=paths.server_account(),
                what="formatting Kafka's log folder")
            data.rename(target)
            shutil.rmtree(work)
        return target


class Kafkas:
    """Several brokers of one cluster."""

    def __init__(self, members):
        self.members = members
        for member in members:
            member.peers = members

    @property
    def brokers(self) -> str:
        """The bootstrap addresses."""
        return ",".join(member.brokers for member in self.members)

    def start(self, timeout: float = 120.0):
        """Start those that are down, together: one alone waits for most of them."""
        down = [member for member in self.members if not member.alive]
        for member in down:
            member.launch()
        for member in down:
            member.wait_serving(timeout)
        return self

    def stop(self) -> None:
        """Stop all, one after the other."""
        for member in self.members:
            member.stop()

    def kill(self) -> None:
        """Kill all."""
        for member in self.members:
            member.kill()

    @property
    def alive(self) -> bool:
        """Whether any runs."""
        return any(member.alive for member in self.members)

    def log_tail(self, lines: int = 20) -> str:
        """The ends of all logs."""
        return "\n".join(member.log_tail(lines) for member in self.members)

    def member(self, node: int) -> Kafka:
        """The broker of that id."""
        return next(member for member in self.members if member.node == node)


def new_id() -> str:
    """A new id as Kafka writes them: a UUID in URL-safe base64 that opens no option."""
    for _ in range(100):
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
    raise AssertionError("unreachable")
