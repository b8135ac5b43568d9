#!/usr/bin/env python3
"""How long a read_committed consumer waits when the standby takes over.

    tests/bench/takeover.py [--times 10] [--server mysql-9.7] [--tables 1]

Two mr-cores, one task, a row every few milliseconds into tables in turn. Again and again the
running core hands over, ends by SIGTERM, or is killed; the longest silence of the consumer
around each is what is told, in milliseconds, less the median pause between two rows. A kill
includes the session's timeout (2 s here) until ZooKeeper knows of it. Nothing is asserted.
"""

import argparse
import json
import statistics
import sys
import threading
import time

import confluent_kafka
from bench import installation, rebuild

from harness.tasks import here, task_document
from harness.waiting import wait_until


class Rows:
    """Writes rows and notes when each arrived."""

    def __init__(self, server, brokers, task, tables):
        self.arrivals = []
        self._end = threading.Event()
        self._server, self._tables = server, tables
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": brokers, "group.id": task, "fetch.wait.max.ms": 100,
            "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": 500,
            "isolation.level": "read_committed"})
        self._consumer.subscribe([f"{task}.bench.t{k}" for k in range(tables)])
        self._threads = [threading.Thread(target=each, daemon=True)
                         for each in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    def _write(self):
        cursor = self._server.connect(autocommit=True).cursor()
        number = 0
        while not self._end.is_set():
            number += 1
            cursor.execute(f"INSERT INTO bench.t{number % self._tables} VALUES ({number}, 'row')")
            time.sleep(0.005)

    def _read(self):
        while not self._end.is_set():
            message = self._consumer.poll(0.5)
            if message is not None and message.error() is None:
                json.loads(message.value())
                self.arrivals.append(time.monotonic())
        self._consumer.close()

    def stop(self):
        """End both."""
        self._end.set()
        for thread in self._threads:
            thread.join(10)

    def silence(self, since: float) -> float:
        """Seconds of the longest pause that ended after `since`, less the usual one."""
        times = [at for at in list(self.arrivals) if at > since - 1]
        gaps = [(after - before, after) for before, after in zip(times, times[1:])]
        usual = statistics.median(gap for gap, _ in gaps)
        return max(gap for gap, after in gaps if after > since) - usual


def rounds(cluster, name, rows, kind, times) -> list[float]:
    """The silences of so many takeovers of one kind."""
    found = []
    for _ in range(times):
        runner = cluster.wait_state(name, "RUNNING")
        wait_until(lambda: len(cluster.instances(name)) == 2, 30, "there is a standby")
        time.sleep(2.5)
        before = time.monotonic()
        core = cluster.daemon(runner["hostname"])
        if kind == "handover":
            cluster.mrctl("task", "handover", name, "--wait").ok()
        elif kind == "SIGTERM":
            core.end()
        else:
            core.kill()
        cluster.wait_state(name, "RUNNING", not_on=runner["hostname"], timeout=60)
        count = len(rows.arrivals)
        wait_until(lambda least=count + 50: len(rows.arrivals) > least, 60, "rows arrive")
        found.append(rows.silence(before))
        if not core.alive:
            core.start()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--tables", type=int, default=1)
    parser.add_argument("--server", default="mysql-9.7")
    parser.add_argument("--delivery", default="exactly_once")
    options = parser.parse_args()
    rebuild()
    with installation() as (box, cluster):
        family, _, series = options.server.partition("-")
        server, kafka = getattr(box, family)(series), box.kafka()
        server.create_repl_user()
        server.sql("CREATE DATABASE bench;" + "".join(
            f"CREATE TABLE bench.t{k} (id INT PRIMARY KEY, v VARCHAR(100));"
            for k in range(options.tables)))
        cluster.server()
        for host in ("c1", "c2"):
            cluster.core(host)
        name = cluster.create(task_document(
            server, include="bench.*", start=here(server),
            pipe={"type": "kafka", "brokers": kafka.brokers, "delivery": options.delivery}))
        cluster.mrctl("task", "start", name, "--wait").ok()
        rows = Rows(server, kafka.brokers, name, options.tables)
        try:
            wait_until(lambda: len(rows.arrivals) > 200, 60, "rows arrive")
            for kind in ("handover", "SIGTERM", "kill -9"):
                ms = sorted(1000 * each for each in rounds(cluster, name, rows, kind,
                                                           options.times))
                print(f"{kind:10} p50 {statistics.median(ms):7.0f} ms  longest {ms[-1]:7.0f} ms  "
                      f"of {len(ms)}", flush=True)
        finally:
            rows.stop()


if __name__ == "__main__":
    sys.exit(main())
