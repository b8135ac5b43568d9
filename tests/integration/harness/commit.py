"""A task's part of ZooKeeper's tree as tests of lastCommit make it, and control documents."""

import itertools
import json
import time

from .tree import Tree

_NUMBERS = itertools.count(1)
TASK = "/mysql_replicator/tasks/t"
COMMIT = TASK + "/lastCommit"


def control(reset=0, position=None, revision=1) -> str:
    """A control document without blanks."""
    return json.dumps({"desired": "running", "revision": revision, "restart": 0, "reset": reset,
                       "position": position}, separators=(",", ":"))


def new_tree(zookeeper) -> Tree:
    """A tree of its own, with a task that has never run; `root` is its chroot."""
    root = f"/test-{time.time_ns()}-{next(_NUMBERS)}"
    tree = Tree(zookeeper.servers, root)
    for path in ("", "/mysql_replicator", "/mysql_replicator/tasks", TASK, TASK + "/instances",
                 COMMIT):
        tree.create(path)
    return tree


def edit(tree, **members) -> None:
    """Somebody changes the document with other tools."""
    tree.set(COMMIT, {**tree.json(COMMIT), **members})
