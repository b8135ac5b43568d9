"""Task documents for tests, as an operator would write them."""

import itertools
import os

_NUMBERS = itertools.count(1)


def unique(prefix: str) -> str:
    """A name that no other test of this run has."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return f"{prefix}_{worker}_{next(_NUMBERS)}"


def here(server) -> dict:
    """`start` from the end of a server's binlog as it is now, by file and position."""
    file, position = server.position()
    return {"file": file, "pos": position}


def here_gtid(server) -> dict:
    """`start` from what a server has executed by now, by GTID."""
    return {"gtid": server.gtid()}


def task_document(source, *, include, pipe=None, start="latest", user="repl",
                  password="repl-password", **sections) -> dict:
    """A document that copies tables `include` of a server.

    `pipe` is a dict, a Bus or sandbox Kafka (its brokers with default settings), or
    a type's name; None is stdout. Other sections are merged in as they are, and
    `source_extra` into source.
    """
    if pipe is None:
        pipe = "stdout"
    if hasattr(pipe, "brokers"):
        pipe = {"type": "kafka", "brokers": pipe.brokers}
    elif isinstance(pipe, str):
        pipe = {"type": pipe}
    document = {
        "version": 1,
        "name": sections.pop("name", None) or unique("task"),
        "source": {"host": source.host, "port": source.port, "user": user, "password": password,
                   "start": start, **sections.pop("source_extra", {})},
        "tables": {"include": [include] if isinstance(include, str) else list(include)},
        "pipe": {"delivery": "at_least_once", **pipe},
    }
    for key, value in sections.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            document[key].update(value)
        else:
            document[key] = value
    return document
