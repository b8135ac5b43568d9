"""All that a run needs: a source, an ensemble of ZooKeeper, a broker, the daemons, the links.

    source ── mysql link ──┐
    broker ── kafka link ──┼── c1, c2      each core has links of its own to each member
    zk1..3 ── zk links ────┘               of ZooKeeper; mr-server goes there directly
"""

import bisect
import re
import time

from harness.bus import Bus
from harness.cluster import Cluster
from harness.core import Core
from harness.tasks import here, task_document
from harness.tree import TreeError
from harness.waiting import wait_until

import writers
from checker import Checker, unclean_starts
from clocks import Clock
from links import Link
from tail import Tail, parsed

GROUP_BYTES = 65536
LIFE = re.compile(r"^(\S+)Z INFO  \S+: (starting, epoch|stopped behind)", re.M)


class World:
    """Servers of its own, a task that runs on two cores, writers, a consumer."""

    def __init__(self, box, folder, options):
        self.options, self.folder = options, folder
        self.tables = options.tables
        self.database = "faults"
        self._closers = []
        self.prober = None
        self.sessions = []
        self.writer = None    # makes what a fault wants at its time
        self.clocks = {}      # of the cores
        self.arrived = {}     # probe id -> when it was seen first
        self.pulse = []       # those times, in their order
        family, _, series = options.source.partition("-")
        self.source = getattr(box, family)(series, options={
            "sync_binlog": 1, "innodb_flush_log_at_trx_commit": 1,
            "binlog_row_metadata": "FULL", "max_binlog_size": 16 * 2**20})
        self.source.create_repl_user()
        self.zookeeper = box.zookeeper(3)
        self._make_kafka(box)
        self.mysql_link = self._link(self.source)
        self.cluster = Cluster(folder, self.zookeeper.servers, box.free_port)
        self.cluster.server("s1")
        self.zk_links = {name: [self._link(member) for member in self.zookeeper.members]
                         for name in ("c1", "c2")}
        for name, links in self.zk_links.items():
            servers = ",".join(link.address for link in links)
            self.clocks[name] = Clock(folder / f"clock-{name}")
            self.cluster.core(name, core={"log_level": "info"},
                              env={**self.clocks[name].env(), **options.env},
                              zookeeper={"servers": servers + self.cluster.chroot})
        writers.make(self.source, self.database, self.tables)
        self.start = here(self.source)
        self.document = task_document(
            self.mysql_link, include=f"{self.database}.*", start=self.start, name="faults",
            pipe={"type": "kafka", "brokers": self.kafka_link.address,
                  "delivery": options.delivery, "tombstones": False},
            memory={"group_bytes": GROUP_BYTES})
        self.document["tables"]["exclude"] = [f"{self.database}.audit", f"{self.database}.counter"]
        bus = Bus(self.broker.brokers)
        self.topics = {f"faults.{self.database}.{name}": 3 if name == writers.HOT else 1
                       for name in [*writers.tables(self.tables), writers.PROBE]}
        for name, partitions in self.topics.items():
            bus.create_topic(name, partitions)
        self.task = self.cluster.create(self.document, start=True)
        self.cluster.wait_state(self.task, "STANDBY")
        self.ledger = writers.Ledger(folder / "ledger")
        self.live = Checker(options.delivery)
        self.tail = Tail(self.broker.brokers, self.topics, self._arrival).start()

    def _make_kafka(self, box):
        # The broker tells clients its own address: the link needs a listener that tells the link's.
        inner = box.free_port()
        self.broker = box.kafka(start=False)

        class Inner:
            """The listener behind the link."""
            host, port = "127.0.0.1", inner
        self.kafka_link = self._link(Inner)
        told = self.broker.settings()
        self.broker.options.update({
            "listeners": f"{told['listeners']},LINK://127.0.0.1:{inner}",
            "advertised.listeners": f"{told['advertised.listeners']},"
                                    f"LINK://{self.kafka_link.address}",
            "listener.security.protocol.map": f"{told['listener.security.protocol.map']},"
                                              "LINK:PLAINTEXT"})
        self.broker.start()

    def _link(self, server) -> Link:
        link = Link(server)
        self._closers.append(link.close)
        return link

    def _arrival(self, change):
        self.live.feed(change)
        if change.table == writers.PROBE and change.id not in self.arrived:
            now = time.monotonic()
            self.arrived[change.id] = now
            self.pulse.append(now)

    # Writers.

    def write(self, seed: int) -> None:
        """Begin to write."""
        xa = self.options.xa
        self.prober = writers.Prober(self)
        self.sessions = [self.prober, *(
            writers.Session(self, number, seed * 100 + number, self.options.pause, xa)
            for number in range(1, self.options.sessions + 1))]
        for each in self.sessions:
            each.start()
        self.writer = writers.Session(self, self.options.sessions + 1, seed * 100, 0, False)

    def stop_writing(self) -> None:
        """End every session, each after its transaction."""
        for each in self.sessions:
            each.stop()
        for each in self.sessions:
            each.join(120)
            assert not each.is_alive(), "a writer hangs"

    def recovered(self, since: float, timeout: float) -> float:
        """When the first row that was begun after `since` arrived."""
        def found():
            if self.tail.failure:
                raise self.tail.failure
            # Rows are begun in the order of their ids; newest first, until one is too old.
            best = None
            for key in reversed(list(self.prober.begun)):
                if self.prober.begun[key] < since:
                    break
                best = self.arrived.get(key, best)
            return best
        return wait_until(found, timeout, "rows arrive again; " + self.state(), 0.02)

    def silence(self, begun: float, until: float) -> float:
        """The longest time without a new row, from the last before `begun` on."""
        first = max(0, bisect.bisect_left(self.pulse, begun) - 1)
        times = [each for each in self.pulse[first:] if each <= until]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)

    def state(self) -> str:
        """What the cores say, for a failure's text."""
        try:
            return str([(each["hostname"], each["state"], each.get("error"))
                        for each in self.cluster.instances(self.task)])
        except (AssertionError, OSError) as error:
            return str(error)

    def blamed(self) -> list:
        """What the status counts against an event of the binlog: nothing, in any of these faults
        (rule 12). A ZooKeeper that is away tells nothing either."""
        try:
            status = self.cluster.tree.json(self.cluster.path(self.task, "status"))
        except (TreeError, OSError):
            return []
        return status.get("failures", []) if status else []

    # The end.

    def starts(self) -> tuple[int, list[int]]:
        """How often captures began, by the cores' logs; and when they did without the one before
        having ended cleanly, in ms. Behind a clean end nothing may come twice."""
        return unclean_starts((when, core.name, what)
                              for core in self.cluster.daemons if core.kind == "mr-core"
                              for when, what in LIFE.findall(core.log))

    def verdict(self):
        """(the checker that has read every topic from its beginning, what the ledger says)."""
        truth = writers.truth(self.source, self.database)
        told = self.ledger.settle(self.source, self.database)
        wanted = {key: len(changes) for key, changes in truth.items()}

        def all_there():
            seen = self.live.highest()
            return all(seen.get(key, 0) >= count for key, count in wanted.items())
        try:
            wait_until(all_there, self.options.settle, "every change arrives", 0.2)
        except AssertionError:
            pass  # the checker says what is missing
        self.tail.stop()
        checker = Checker(self.options.delivery, self.starts()[1])
        Tail(self.broker.brokers, self.topics, checker.feed).read_all(300)
        checker.finish(truth)
        return checker, told, truth

    def binlog_agrees(self, truth: dict) -> int:
        """The server's binlog, read by a core without a bus: what the audit says, once each and
        in its order. The number of changes."""
        reader = Core(self.folder / "oracle")
        path = self.folder / "binlog.out"
        document = task_document(self.source, include=f"{self.database}.*", start=self.start,
                                 pipe={"type": "file", "path": str(path), "tombstones": False})
        document["tables"] = self.document["tables"]
        reader.run(document, timeout=600).ok()
        oracle = Checker("exactly_once")
        with open(path, "rb") as lines:
            for number, line in enumerate(lines):
                change = parsed("binlog", 0, number, line)
                oracle.feed(change)
        found = oracle.finish(truth)
        assert not found, f"binlog and tables differ: {found[0].text}"
        path.unlink()
        return oracle.messages

    def close(self) -> None:
        """End what is ours; the servers are the sandbox's."""
        for each in self.sessions:
            each.stop()
        try:
            self.cluster.close()
        finally:
            for close in self._closers:
                close()
