#!/usr/bin/env python3
"""From COMMIT at the source to a read_committed consumer, one transaction at a time.

    tests/bench/latency.py [--commits 400] [--pause-ms 20] [--server mariadb-10.11]

A task with nothing else to do; a row, a pause, a row. Clocked in one process, from the
answer to the COMMIT until the consumer has the message. Prints p50, p99 and the longest in
milliseconds for at_least_once and exactly_once. Nothing is asserted.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import confluent_kafka

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))
from sandbox import Sandbox  # noqa: E402

WARM = 20  # not counted


def measure(server, kafka, folder, delivery, options) -> list[float]:
    """Milliseconds of each commit, sorted."""
    name = f"latency_{delivery}"
    server.sql(f"CREATE DATABASE IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.t;"
               "CREATE TABLE bench.t (id INT PRIMARY KEY, v VARCHAR(100))")
    file, position = server.position()
    document = {"version": 1, "name": name,
                "source": {"host": server.host, "port": server.port, "user": "repl",
                           "password": "repl-password", "start": {"file": file, "pos": position}},
                "tables": {"include": ["bench.t"]},
                "pipe": {"type": "kafka", "brokers": kafka.brokers, "delivery": delivery}}
    (folder / "task.json").write_text(json.dumps(document))
    binary = os.environ.get("MR_CORE") or ROOT / "build/release/core/mr-core"
    seen, arrived = {}, threading.Event()
    began = {}
    with open(folder / f"log-{delivery}", "wb") as log, subprocess.Popen(
            [str(binary), "--task", "task.json", "--standalone", "--state", f"state-{delivery}"],
            stderr=log, cwd=folder) as core:
        try:
            connection = server.connect(autocommit=True)
            cursor = connection.cursor()
            cursor.execute("INSERT INTO bench.t VALUES (0, 'first')")
            consumer = confluent_kafka.Consumer({
                "bootstrap.servers": kafka.brokers, "group.id": name, "fetch.wait.max.ms": 100,
                "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": 200,
                "isolation.level": "read_committed"})
            time.sleep(3)
            consumer.subscribe([f"{name}.bench.t"])

            def consume():
                while not arrived.is_set() or len(seen) < len(began):
                    message = consumer.poll(0.5)
                    if message is not None and message.error() is None:
                        number = json.loads(message.key())["id"]
                        if number > 0:
                            seen.setdefault(number, time.monotonic())
                    if core.poll() is not None:
                        return
            thread = threading.Thread(target=consume, daemon=True)
            thread.start()
            time.sleep(5)
            for number in range(1, options.commits + WARM + 1):
                cursor.execute(f"INSERT INTO bench.t VALUES ({number}, 'a row')")
                began[number] = time.monotonic()
                time.sleep(options.pause_ms / 1000)
            arrived.set()
            thread.join(30)
            consumer.close()
        finally:
            core.terminate()
            core.wait(20)
    missing = [number for number in began if number not in seen]
    if missing:
        sys.exit(f"{len(missing)} rows did not arrive:\n" +
                 (folder / f"log-{delivery}").read_text()[-2000:])
    return sorted(1000 * (seen[number] - began[number]) for number in began if number > WARM)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, default=400)
    parser.add_argument("--pause-ms", type=int, default=20)
    parser.add_argument("--server", default="mariadb-10.11")
    options = parser.parse_args()
    family, _, series = options.server.partition("-")
    with Sandbox() as box, tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        server = getattr(box, family)(series)
        server.create_repl_user()
        kafka = box.kafka()
        for delivery in ("at_least_once", "exactly_once"):
            ms = measure(server, kafka, folder, delivery, options)
            print(f"{delivery:14} p50 {ms[len(ms) // 2]:6.1f} ms  "
                  f"p99 {ms[len(ms) * 99 // 100]:6.1f} ms  longest {ms[-1]:6.1f} ms",
                  flush=True)


if __name__ == "__main__":
    main()
