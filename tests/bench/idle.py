#!/usr/bin/env python3
"""What an mr-core with idle tasks takes: memory and CPU.

    tests/bench/idle.py [--tasks 1,200] [--seconds 20] [--json FILE]

Builds (unless MR_CORE names a build), starts MariaDB, Kafka, ZooKeeper, an mr-server and an
mr-core; creates and starts the tasks, each of a table of its own that nothing changes; waits
until all are RUNNING and five seconds more; then measures for so many seconds. Exit status
1 when one task takes over 20 MB, or 200 tasks over 200 MB or 30 % of a CPU.
"""

import argparse
import json
import sys
import time

from bench import installation, rebuild
from harness.tasks import task_document
from harness.waiting import wait_until

LIMITS = {1: (20, None), 200: (200, 30)}  # tasks: MB, per cent of a CPU


def measure(count: int, seconds: float) -> dict:
    """One installation with so many tasks."""
    with installation(session_timeout="10s") as (box, cluster):
        database, kafka = box.mariadb("10.11", options={"max_connections": "1000"}), box.kafka()
        database.create_repl_user()
        database.sql("CREATE DATABASE bench")
        core = cluster.core(core={"log_level": "info"})
        cluster.server(server={"log_level": "info"})
        empty = core.memory()
        for number in range(count):
            database.sql(f"CREATE TABLE bench.t{number} (id INT PRIMARY KEY)")
            name = f"idle_{number:03d}"
            cluster.api.post("/tasks?preflight=skip&start=true", task_document(
                database, include=f"bench.t{number}", pipe=kafka, name=name)).ok()
        running = lambda: cluster.api.get(  # noqa: E731
            "/tasks?state=RUNNING&limit=1").ok().json["total"] == count
        wait_until(running, 180, f"{count} tasks are RUNNING", 0.5)
        time.sleep(5)
        began, cpu = time.monotonic(), core.cpu_seconds()
        time.sleep(seconds)
        took = time.monotonic() - began
        return {"tasks": count, "rss_mb": round(core.memory() / 2**20, 1),
                "empty_mb": round(empty / 2**20, 1),
                "peak_mb": round(core.memory("VmHWM") / 2**20, 1),
                "cpu_percent": round(100 * (core.cpu_seconds() - cpu) / took, 1),
                "threads": _threads(core.pid)}


def _threads(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as handle:
        return next(int(line.split()[1]) for line in handle if line.startswith("Threads:"))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default="1,200", help="how many, comma separated")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    options = parser.parse_args()
    print(f"measuring {rebuild()}", flush=True)
    rows, bad = [], []
    for count in map(int, options.tasks.split(",")):
        row = measure(count, options.seconds)
        rows.append(row)
        print(f"{count:4} idle tasks: {row['rss_mb']:.1f} MB (without any {row['empty_mb']:.1f}, "
              f"at most {row['peak_mb']:.1f}), {row['cpu_percent']:.1f} % of a CPU, "
              f"{row['threads']} threads", flush=True)
        megabytes, percent = LIMITS.get(count, (None, None))
        if megabytes is not None and row["rss_mb"] > megabytes:
            bad.append(f"{count} tasks take more than {megabytes} MB")
        if percent is not None and row["cpu_percent"] > percent:
            bad.append(f"{count} tasks take more than {percent} % of a CPU")
    if options.json:
        with open(options.json, "w", encoding="ascii") as handle:
            json.dump(rows, handle)
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
