#!/usr/bin/env python3
"""mr-core into Kafka against librdkafka's own producer, as ratios within one run.

    tests/bench/kafka.py [--rows 500000] [--runs 5] [--server mysql-9.7] [--json FILE]
                         [--delivery exactly_once,at_least_once] [--partitions 3]
                         [--tls disabled]

Fills the table of capture.py in transactions of 1,000 rows. mr-core writes its messages to a
file once; then, in turn and after one pair that is not counted, with each delivery
    core     mr-core, from that binlog into a topic: read, decode, encode, deliver
    plain    kafka_baseline, the same messages from memory into another topic, with the same
             settings and partitions, and a commit behind as many rows as mr-core's had
The clock of the first runs from the first row change met to the last acknowledgement or
commit, that of the second from the first message to the same. Prints medians of rows/s,
MB/s, CPU a row (its own, the broker's and the source's) and memory, and the ratio of each
pair's rows/s. What arrived is compared: partitions, order of keys, sizes. Nothing else is
asserted. The connection to the source is plain, as the broker's is; `--tls preferred` for the
default. On a machine with other work: `nice -n -5`, which the servers inherit.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

import confluent_kafka
from confluent_kafka import admin

from capture import ROOT, create_tables, fill_items
from sandbox import Sandbox, stop_on_signals

BUILD = pathlib.Path(os.environ.get("MR_CORE") or ROOT / "build/release/core/mr-core")
BASELINE = BUILD.parents[1] / "tests/bench/kafka_baseline"
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Seconds that a process has used so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Bench:
    """One source, one broker, and the runs between them."""

    def __init__(self, source, kafka, folder, options):
        self.source, self.kafka, self.folder, self.options = source, kafka, folder, options
        self.admin = admin.AdminClient({"bootstrap.servers": kafka.brokers,
                                         "log_level": 0})
        self.runs = 0
        create_tables(source)
        self.start = source.position()
        fill_items(source, options.rows)
        self.until = source.position()
        self.dump = folder / "messages"
        self.core({"type": "file", "path": str(self.dump)}, "bench_000", "--with-keys")

    def core(self, pipe: dict, name: str, *more) -> dict:
        """One run of mr-core; its own summary."""
        document = {"version": 1, "name": name, "tables": {"include": ["bench.item"]},
                    "source": {"host": self.source.host, "port": self.source.port,
                               "user": "repl", "password": "repl-password",
                               "tls": {"mode": self.options.tls},
                               "start": {"file": self.start[0], "pos": self.start[1]}},
                    "pipe": pipe}
        (self.folder / "task.json").write_text(json.dumps(document))
        self.call(str(BUILD), "--task", "task.json", "--standalone", "--until",
                  f"{self.until[0]}:{self.until[1]}", "--summary", "summary.json", *more)
        return json.loads((self.folder / "summary.json").read_text())

    def call(self, *argv) -> str:
        """A command's output; its end is ours when it fails."""
        with open(self.folder / "log", "wb") as log:
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=log, cwd=self.folder,
                                  timeout=600, check=False)
        if done.returncode:
            sys.exit(f"{argv[0]} failed:\n{(self.folder / 'log').read_text()[-2000:]}")
        return done.stdout.decode()

    def topics(self, *names) -> None:
        """Makes topics, so that no run has to wait for it."""
        made = self.admin.create_topics([
            admin.NewTopic(name, self.options.partitions, 1) for name in names])
        for future in made.values():
            future.result(30)

    def charged(self, run) -> dict:
        """What a run said, with what the broker and the source used for it."""
        pids = {"broker": self.kafka.pid, "source": self.source.pid}
        before = {name: cpu_of(pid) for name, pid in pids.items()}
        said = run()
        return {**said, **{name: cpu_of(pid) - before[name] for name, pid in pids.items()}}

    def pair(self, delivery: str, compare: bool) -> tuple[dict, dict]:
        """mr-core, then the plain producer; their topics are removed."""
        self.runs += 1
        name = f"bench_{self.runs:03}"
        ours, plain = f"{name}.bench.item", f"{name}.plain.item"
        self.topics(ours, plain)
        core = self.charged(lambda: self.core(
            {"type": "kafka", "brokers": self.kafka.brokers, "delivery": delivery}, name))
        assert core["rows"] == self.options.rows, "rows went missing"
        core["commits"] = self.commits(name) if delivery == "exactly_once" else 0
        every = -(-self.options.rows // core["commits"]) if core["commits"] else 0
        mode = "transactional" if core["commits"] else "idempotent"
        other = self.charged(lambda: json.loads(self.call(
            str(BASELINE), self.kafka.brokers, plain, str(self.dump), mode, str(every))))
        if compare:
            a, b = self.arrived(ours), self.arrived(plain)
            assert a == b, f"the two did not do the same: {a} and {b}"
        for future in self.admin.delete_topics([ours, plain]).values():
            future.result(30)
        return core, other

    def messages(self, topic: str):
        """All committed messages of a topic."""
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.kafka.brokers, "group.id": "bench",
            "isolation.level": "read_committed", "enable.partition.eof": True,
            "enable.auto.commit": False, "check.crcs": False})
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0)
                         for number in partitions])
        left = len(partitions)
        while left:
            for message in consumer.consume(10000, 10):
                if message.error() is None:
                    yield message
                elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    left -= 1
        consumer.close()

    def commits(self, task: str) -> int:
        """How many transactions of rows a task made, as its position topic has them."""
        known = self.admin.list_topics(timeout=10).topics
        topic, = (name for name in known
                  if name.startswith("__mr_positions.") and name.endswith(f".{task}"))
        return sum(message.key() == b"open" for message in self.messages(topic))

    def arrived(self, topic: str) -> dict:
        """For each partition: messages, bytes, and the keys in their order."""
        found = {}
        for message in self.messages(topic):
            n, size, keys = found.get(message.partition(), (0, 0, 0))
            found[message.partition()] = (n + 1, size + len(message.value()),
                                          zlib.crc32(message.key(), keys))
        return found


def line(name: str, runs: list[dict]) -> str:
    """The medians of some runs."""
    mid = lambda value: statistics.median(value(run) for run in runs)  # noqa: E731
    text = (f"  {name:6} {mid(lambda r: r['rows'] / r['seconds']) / 1e3:6.0f}k rows/s "
            f"{mid(lambda r: r['bytes'] / r['seconds']) / 1e6:6.1f} MB/s   us CPU a row: own "
            f"{mid(lambda r: r['cpu_seconds'] / r['rows']) * 1e6:5.2f}")
    for other in ("broker", "source"):
        text += f" {other} {mid(lambda r, o=other: r[o] / r['rows']) * 1e6:5.2f}"
    text += f"   peak {max(run['peak_rss_bytes'] for run in runs) / 2**20:5.1f} MB"
    if runs[0]["commits"]:
        text += f"   {mid(lambda r: r['rows'] / r['commits']):.0f} rows a commit"
    return text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--server", default="mysql-9.7")
    parser.add_argument("--delivery", default="exactly_once,at_least_once")
    parser.add_argument("--partitions", type=int, default=3)
    parser.add_argument("--tls", default="disabled")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    family, _, series = options.server.partition("-")
    deliveries = options.delivery.split(",")
    stop_on_signals()
    with Sandbox() as box, tempfile.TemporaryDirectory() as scratch:
        source = getattr(box, family)(series, options={"binlog_row_metadata": "FULL",
                                                       "max_binlog_size": "1G"})
        source.create_repl_user()
        kafka = box.kafka()
        bench = Bench(source, kafka, pathlib.Path(scratch), options)
        print(f"{options.server}, {options.rows:,} rows, {bench.dump.stat().st_size / 2**20:.0f} "
              f"MB, {options.partitions} partitions, load {os.getloadavg()[0]:.1f}", flush=True)
        figures = {delivery: [] for delivery in deliveries}
        for number in range(options.runs + 1):
            for delivery in deliveries:
                pair = bench.pair(delivery, number == 0)
                if number:
                    figures[delivery].append(pair)
                time.sleep(1)
        for delivery, pairs in figures.items():
            ratios = [b["seconds"] / a["seconds"] for a, b in pairs]
            print(f"{delivery}: ratio {statistics.median(ratios):.2f} of plain (" +
                  " ".join(f"{ratio:.2f}" for ratio in ratios) +
                  f"), load {os.getloadavg()[0]:.1f}")
            print(line("core", [a for a, _ in pairs]))
            print(line("plain", [b for _, b in pairs]), flush=True)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
