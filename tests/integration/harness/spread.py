"""Who has which task of a group, as ZooKeeper says, looked at all the time.

    with Spread(cluster, names) as spread:
        spread.until(lambda now: now.even("c1", "c2"), 30, "two cores share them")
        spread.history   # every state that was seen, with its time

A look reads the instances of all tasks over one connection, so that 200 tasks take a
fraction of a second; states of one look are therefore not quite of one moment.
"""

import collections
import json
import threading
import time

from .cluster import ROOT
from .tree import CHILDREN, GET, _data_and_stat, _names, _text
from .waiting import PATIENCE


class Seen:
    """One look: {task: (host, state)}, host "" and state "ABSENT" where nobody has it."""

    def __init__(self, at: float, tasks: dict[str, tuple[str, str]], many: int):
        self.at = at          # time.monotonic() when it was complete
        self.tasks = tasks
        self.many = many      # tasks with more than one instance

    def counts(self) -> dict[str, int]:
        """Tasks by host; "" is nobody."""
        return dict(collections.Counter(host for host, _ in self.tasks.values()))

    def of(self, host: str) -> set[str]:
        """Tasks of a host."""
        return {task for task, (each, _) in self.tasks.items() if each == host}

    def running(self) -> bool:
        """Whether each is RUNNING."""
        return all(state == "RUNNING" for _, state in self.tasks.values())

    def down(self) -> int:
        """How many are not RUNNING."""
        return sum(state != "RUNNING" for _, state in self.tasks.values())

    def held(self) -> bool:
        """Whether somebody has each."""
        return all(host for host, _ in self.tasks.values())

    def even(self, *hosts: str) -> bool:
        """Whether these hosts, and no others, have all of them, and none two more than another."""
        counts = self.counts()
        return set(counts) <= set(hosts) and \
            max(counts.values()) - min(counts.get(host, 0) for host in hosts) <= 1

    def __str__(self):
        states = collections.Counter(state for _, state in self.tasks.values())
        return f"{self.counts()} {dict(states)}"


class Spread:
    """See the head of this file."""

    def __init__(self, cluster, tasks: list[str], group: str = "g1"):
        self._cluster, self._tasks = cluster, tasks
        self._base = f"{ROOT}/task-groups/{group}"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.history: list[Seen] = []
        self._error = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(30)

    def _run(self):
        try:
            with self._cluster.tree._session() as call:
                while not self._end.wait(0.05):
                    self.history.append(self._look(call))
        except Exception as error:  # pylint: disable=broad-except
            self._error = error

    def _look(self, call) -> Seen:
        tasks, many, chroot = {}, 0, self._cluster.tree.chroot
        for task in self._tasks:
            folder = f"{chroot}{self._base}/{task}/instances"
            nodes = sorted(_names(call(CHILDREN, _text(folder) + b"\0", task)),
                           key=lambda node: node[-10:])
            found = call(GET, _text(f"{folder}/{nodes[0]}") + b"\0", task) if nodes else None
            document = json.loads(_data_and_stat(found)[0]) if found else {}
            many += len(nodes) > 1
            tasks[task] = (document.get("hostname", ""), document.get("state", "ABSENT"))
        return Seen(time.monotonic(), tasks, many)

    def now(self) -> Seen:
        """A look that begins after this call."""
        began, seen = time.monotonic(), len(self.history)
        while len(self.history) < seen + 2:
            assert self._error is None, self._error
            assert time.monotonic() - began < 60 * PATIENCE, "no look at the tree"
            time.sleep(0.02)
        return self.history[-1]

    def until(self, condition, timeout: float, what: str) -> Seen:
        """The first look from now on that the condition holds for."""
        deadline = time.monotonic() + timeout * PATIENCE
        at = len(self.history)
        while True:
            assert self._error is None, self._error
            for seen in self.history[at:]:
                at += 1
                if condition(seen):
                    return seen
            assert time.monotonic() < deadline, \
                f"not within {timeout * PATIENCE:.0f} s: {what}; last seen {self.history[-1]}"
            time.sleep(0.02)

    def since(self, at: float) -> list[Seen]:
        """All looks since a time.monotonic()."""
        return [seen for seen in self.history if seen.at >= at]

    def moves(self, since: float) -> collections.Counter:
        """How often each task came to another host since then."""
        moved, last = collections.Counter(), {}
        for seen in self.since(since):
            for task, (host, _) in seen.tasks.items():
                if host and host != last.get(task, host):
                    moved[task] += 1
                if host:
                    last[task] = host
        return moved
