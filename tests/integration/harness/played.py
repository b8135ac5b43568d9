"""Tasks and machines as a test plays them: the documents that mr-core would write.

For mr-monitor and common/view, which only read: any state can be had at once.
"""

import itertools
import json
import time

from .cluster import ROOT

_NUMBERS = itertools.count(1)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def position(pos: int, file: str = "binlog.000001") -> dict:
    """A place in a binlog."""
    return {"file": file, "pos": pos, "gtid": ""}


def instance(hostname: str, state: str = "RUNNING", **members) -> dict:
    """An instance document."""
    return {"state": state, "hostname": hostname, "pid": 1, "version": "0.1.0",
            "since_ms": now_ms(), "run": "run-job-0000000001", "position": position(1000),
            "source_head": position(1000), "lag_ms": 0, "rows": 1, "rows_per_s": 0.0, "bytes": 1,
            "transactions": 1, "in_flight": 0, "last_event_ms": 0, "last_heartbeat_ms": 0,
            "binlog_hours_left": None, "pipe_errors": 0, "dead_letters": 0, "rss_bytes": 1,
            "memory_limit": 0, "snapshot": None, "error": None, **members}


def machine(hostname: str, **members) -> dict:
    """A machine document."""
    return {"program": "mr-core", "hostname": hostname, "pid": 1, "version": "0.1.0",
            "format_min": 1, "format_max": 1, "started_ms": now_ms(), "heartbeat_ms": now_ms(),
            "listen": "", "cpus": 1, "load": 0.1, "cpu_percent": None, "rss_bytes": 1,
            "memory_limit": 0, "draining": False, "stopping": False, "max_tasks": 10,
            "held": 3, "running": 1, "groups": [], "tasks": [], **members}


def document(name: str, **members) -> dict:
    """A task document."""
    return {"version": 1, "name": name, "source": {"host": "db1", "user": "repl"},
            "pipe": {"type": "none"}, **members}


class Stage:
    """The tree of a cluster, as cores and servers would fill it."""

    def __init__(self, cluster):
        self.tree = cluster.tree
        for folder in ("", "/tasks", "/task-groups", "/names", "/machines"):
            if self.tree.get(ROOT + folder) is None:
                self.tree.create(ROOT + folder)

    def task(self, name: str, desired: str = "running", *states, group: str = "", revision: int = 1,
             **members) -> "Task":
        """A task with an instance for each state (RUNNING and STANDBY if none is given)."""
        base = f"{ROOT}/task-groups/{group}" if group else f"{ROOT}/tasks"
        if group and self.tree.get(base) is None:
            self.tree.create(base)
        path = f"{base}/{name}"
        self.tree.create(path, document(name, **members))
        self.tree.create(f"{path}/control", {"desired": desired, "revision": revision})
        self.tree.create(f"{path}/instances")
        self.tree.create(f"{ROOT}/names/{name}", path)
        task = Task(self.tree, name, path)
        for each in states or ("RUNNING", "STANDBY"):
            task.join(each)
        return task

    def machine(self, hostname: str, **members) -> "Machine":
        """An mr-core that is there."""
        return Machine(self.tree, hostname, members)

    def alert(self, key: str) -> dict | None:
        """An alert document."""
        return self.tree.json(f"{ROOT}/alerts/{key}")

    def alerts(self) -> dict[str, str]:
        """State by key."""
        keys = self.tree.children(f"{ROOT}/alerts")
        found = ((key, self.alert(key)) for key in keys)
        return {key: each["state"] for key, each in found if each}


class Task:
    """One task."""

    def __init__(self, tree, name, path):
        self.tree, self.name, self.path = tree, name, path
        self.nodes: list[str] = []

    def join(self, state: str = "STANDBY", **members) -> str:
        """Another instance, at the end of the line; its node."""
        number = next(_NUMBERS)
        host = f"c{len(self.nodes) + 1}"
        node = f"{host}-{number:010d}"
        self.tree.create(f"{self.path}/instances/{node}", instance(host, state, **members))
        self.nodes.append(node)
        return node

    def say(self, state: str = "RUNNING", index: int = 0, **members) -> None:
        """An instance rewrites its document."""
        node = self.nodes[index]
        self.tree.set(f"{self.path}/instances/{node}",
                      instance(node.rpartition("-")[0], state, **members))

    def leave(self, index: int = 0) -> None:
        """An instance goes."""
        self.tree.delete(f"{self.path}/instances/{self.nodes.pop(index)}")

    def control(self, text: str | dict) -> None:
        """Rewrite what the task shall do."""
        self.tree.set(f"{self.path}/control", text)

    def rewrite(self, revision: int, **members) -> None:
        """A new document, as mr-server writes it."""
        self.tree.set(self.path, document(self.name, **members))
        self.control({"desired": "running", "revision": revision})

    def delete(self) -> None:
        """The task goes with all it has."""
        self.tree.delete(self.path)
        self.tree.delete(f"{ROOT}/names/{self.name}")


class Machine:
    """One mr-core process's announcement."""

    def __init__(self, tree, hostname, members):
        self.tree, self.hostname = tree, hostname
        self.path = f"{ROOT}/machines/{hostname}-{next(_NUMBERS):010d}"
        tree.create(self.path, machine(hostname, **members))

    def say(self, **members) -> None:
        """Rewrite it."""
        self.tree.set(self.path, machine(self.hostname, **members))

    def go(self) -> None:
        """The node goes."""
        self.tree.delete(self.path)


def fill(tree, count: int, prefix: str = "t") -> None:
    """Many tasks over one connection: running, one instance each."""
    with tree._session() as call:  # pylint: disable=protected-access
        for number in range(count):
            name = f"{prefix}{number:05d}"
            path = f"{ROOT}/tasks/{name}"
            for each, data in ((path, json.dumps(document(name))),
                               (f"{path}/control", '{"desired":"running","revision":1}'),
                               (f"{path}/instances", ""),
                               (f"{path}/instances/c1-{number:010d}", json.dumps(instance("c1"))),
                               (f"{ROOT}/names/{name}", path)):
                tree.create_with(call, each, data)
