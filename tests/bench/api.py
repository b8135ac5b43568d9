#!/usr/bin/env python3
"""What an answer of mr-server's API costs with many tasks in the tree.

    tests/bench/api.py [--tasks 5000] [--requests 1000] [--json FILE]

Builds (unless MR_CORE names a build), starts a ZooKeeper and an mr-server, creates the tasks
through the API without preflight, and then measures over one connection that is kept:
    zookeeper  reading one node straight from ZooKeeper: the floor of the same run
    zk write   writing one: the floor of what changes something
    get        GET /tasks/{name}
    list       GET /tasks?limit=100, at different places of the list
    search     GET /tasks?q=…, which looks at all of them
    create     POST /tasks?preflight=skip, of the last thousand
and prints p50, p99 and the ratio of the medians to ZooKeeper's. With another client beside
it that lists without a pause, get is measured again. Exit status 1 when a p99 of get, list
or create is above 20 ms (--limit).
"""

import argparse
import http.client
import json
import random
import struct
import sys
import threading
import time

from bench import installation, rebuild, spread
from harness.tree import GET, SET, _bytes, _text

LIMITED = ("get", "list", "create")


def document(number: int) -> dict:
    """A task as an operator would write it."""
    return {"version": 1, "name": f"task_{number:05d}",
            "source": {"host": "db1", "user": "repl", "password": "secret"},
            "tables": {"include": [f"shop_{number}.item", f"shop_{number}.order_*"]},
            "pipe": {"type": "kafka", "brokers": "k1:9092,k2:9092"}}


class Client:
    """One connection to the API."""

    def __init__(self, api):
        self._connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
        self._headers = {"Authorization": f"Bearer {api.token}",
                         "Content-Type": "application/json"}

    def timed(self, method: str, path: str, body=None) -> float:
        """Seconds of a request that must succeed."""
        text = None if body is None else json.dumps(body)
        began = time.monotonic()
        self._connection.request(method, "/api/v1" + path, text, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        seconds = time.monotonic() - began
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {content[:500]!r}")
        return seconds


def floor(cluster, requests: int) -> tuple[list[float], list[float]]:
    """Reading a task's document from ZooKeeper and writing a node, over one session."""
    reads, writes = [], []
    path = _text(cluster.chroot + cluster.path("task_00001"))
    scratch = _text(cluster.chroot + "/bench")
    cluster.tree.create("/bench")
    # pylint: disable-next=protected-access
    with cluster.tree._session() as call:
        for _ in range(requests):
            began = time.monotonic()
            call(GET, path + b"\0", "read")
            reads.append(time.monotonic() - began)
        for _ in range(requests):
            began = time.monotonic()
            call(SET, scratch + _bytes(b"x" * 1000) + struct.pack(">i", -1), "write")
            writes.append(time.monotonic() - began)
    return reads, writes


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--limit", type=float, default=20.0, help="of a p99, milliseconds")
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    options = parser.parse_args()
    binary = rebuild()
    random.seed(7)
    figures = {}
    with installation(session_timeout="10s") as (_, cluster):
        server = cluster.server(server={"log_level": "info"})
        client = Client(cluster.api)
        began = time.monotonic()
        created = [client.timed("POST", "/tasks?preflight=skip", document(number))
                   for number in range(options.tasks)]
        print(f"{options.tasks} tasks created in {time.monotonic() - began:.1f} s; {binary}",
              flush=True)
        for name, taken in zip(("zookeeper", "zk write"), floor(cluster, options.requests)):
            figures[name] = spread(taken)
        names = [f"task_{random.randrange(options.tasks):05d}" for _ in range(options.requests)]
        figures["get"] = spread([client.timed("GET", f"/tasks/{name}") for name in names])
        figures["list"] = spread([client.timed("GET", f"/tasks?limit=100&after={name}")
                                  for name in names])
        figures["search"] = spread([client.timed("GET", f"/tasks?q={name[5:]}")
                                    for name in names[:200]])
        figures["create"] = spread(created[-1000:])
        figures["get beside lists"] = spread(_beside(cluster, client, names))
        rss = server.memory("VmHWM")
    bad = []
    for name, row in figures.items():
        ratio = row["p50_ms"] / figures["zookeeper"]["p50_ms"]
        print(f"{name:18} p50 {row['p50_ms']:8.3f} ms  p99 {row['p99_ms']:8.3f} ms  "
              f"max {row['max_ms']:8.3f} ms  x{ratio:.1f} of a read from ZooKeeper")
        if name in LIMITED and row["p99_ms"] > options.limit:
            bad.append(f"p99 of {name} is above {options.limit} ms")
    print(f"mr-server: {rss / 2**20:.1f} MB at most")
    if options.json:
        with open(options.json, "w", encoding="ascii") as handle:
            json.dump({"tasks": options.tasks, "figures": figures, "peak_rss": rss}, handle)
    print("\n".join(bad))
    return 1 if bad else 0


def _beside(cluster, client, names) -> list[float]:
    """get while another client lists all the time."""
    done = threading.Event()

    def lists():
        other = Client(cluster.api)
        while not done.is_set():
            other.timed("GET", "/tasks?limit=1000")
    thread = threading.Thread(target=lists, daemon=True)
    thread.start()
    try:
        return [client.timed("GET", f"/tasks/{name}") for name in names]
    finally:
        done.set()
        thread.join(10)


if __name__ == "__main__":
    sys.exit(main())
