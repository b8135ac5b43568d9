#!/usr/bin/env python3
"""How soon cold tasks lie evenly on their cores: after a start, a crash, a return, a drain.

    tests/bench/cold.py [--tasks 200] [--cores 3] [--interval 10s] [--session 10s]
                        [--delivery at_least_once] [--apart 0,1] [--moves 10] [--json FILE]

Builds (unless MR_CORE names a build), starts MariaDB, Kafka, ZooKeeper and an mr-server, makes
the tasks, each of a table of its own that nothing changes, and then, for each distance between
the starts of the cores: starts them; kills one (-9); starts it again and waits until some tasks
came back; drains it, undrains it. Prints seconds: until somebody has each task, evenly, and
until each is RUNNING.
"""

import argparse
import json
import sys
import time

from bench import installation, rebuild
from harness.spread import Spread
from harness.tasks import task_document


def started(cluster, spread, options, apart: float, row: dict) -> list[str]:
    """All cores, so many seconds apart; the figures count from the last one's start."""
    cores = {"groups": "g1", "tasks": "", "scan_interval": options.interval, "log_level": "info"}
    names = [f"c{number + 1}" for number in range(options.cores)]
    for name in names:
        if name != names[0]:
            time.sleep(apart)
        began = time.monotonic()
        if any(each.name == name for each in cluster.daemons):
            cluster.daemon(name).start(wait=False)
        else:
            cluster.core(name, core=cores, start=False).start(wait=False)
    row["start_even_s"] = spread.until(lambda now: now.even(*names), 300, "even").at - began
    row["start_running_s"] = spread.until(
        lambda now: now.even(*names) and now.running(), 600, "all RUNNING").at - began
    row["start_moves"] = sum(spread.moves(began).values())
    return names


def measure(cluster, spread, options, apart: float) -> dict:
    """One round, from no core to none."""
    row = {"tasks": options.tasks, "cores": options.cores, "apart_s": apart}
    names = started(cluster, spread, options, apart, row)
    victim, others = names[0], names[1:]
    theirs = spread.now().of(victim)

    began = time.monotonic()
    cluster.daemon(victim).kill()
    row["kill_held_s"] = spread.until(
        lambda now: now.held() and not now.of(victim), 120, "taken over").at - began
    row["kill_running_s"] = spread.until(
        lambda now: now.running() and not now.of(victim), 300, "RUNNING").at - began

    began = time.monotonic()
    cluster.daemon(victim).start()
    seen = spread.until(lambda now: len(now.of(victim)) >= options.moves, 600, "tasks come back")
    row["return_first_s"] = next(each for each in spread.since(began) if each.of(victim)).at - began
    row["return_each_s"] = (seen.at - began - row["return_first_s"]) / max(1, options.moves - 1)
    row["return_home"] = len(seen.of(victim) & theirs)
    row["return_down"] = max(each.down() for each in spread.since(began))

    began = time.monotonic()
    cluster.api.post(f"/machines/{victim}/drain").ok()
    row["drain_held_s"] = spread.until(
        lambda now: now.held() and now.even(*others), 120, "drained").at - began
    cluster.api.delete(f"/machines/{victim}/drain").ok()
    for name in names:
        cluster.daemon(name).signal(15)
    for name in names:
        cluster.daemon(name).wait(120)
    return {key: round(value, 2) if isinstance(value, float) else value
            for key, value in row.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--cores", type=int, default=3)
    parser.add_argument("--interval", default="10s", help="core.scan_interval")
    parser.add_argument("--session", default="10s", help="zookeeper.session_timeout")
    parser.add_argument("--delivery", default="at_least_once")
    parser.add_argument("--apart", default="0,1", help="seconds between the starts of cores")
    parser.add_argument("--moves", type=int, default=10, help="tasks that come back are awaited")
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    options = parser.parse_args()
    print(f"measuring {rebuild()}", flush=True)
    rows = []
    with installation(session_timeout=options.session) as (box, cluster):
        database, kafka = box.mariadb("10.11", options={"max_connections": "2000"}), box.kafka()
        database.create_repl_user()
        database.sql("CREATE DATABASE bench")
        cluster.server(server={"log_level": "info"})
        names = [f"cold_{number:03d}" for number in range(options.tasks)]
        for number, name in enumerate(names):
            database.sql(f"CREATE TABLE bench.t{number} (id INT PRIMARY KEY)")
            cluster.api.post("/tasks?preflight=skip&start=true", task_document(
                database, include=f"bench.t{number}", name=name, group="g1",
                pipe={"type": "kafka", "brokers": kafka.brokers,
                      "delivery": options.delivery})).ok()
        with Spread(cluster, names) as spread:
            for apart in map(float, options.apart.split(",")):
                rows.append(measure(cluster, spread, options, apart))
                print(json.dumps(rows[-1]), flush=True)
    if options.json:
        with open(options.json, "w", encoding="ascii") as handle:
            json.dump(rows, handle)
    return 0


if __name__ == "__main__":
    sys.exit(main())
