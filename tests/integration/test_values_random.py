"""Random changes of random tables, replayed from the messages, end as SELECT shows them.

The seed is in the test's output; MR_SEED=… repeats it.
"""

import os
import random

import pytest

from harness.tasks import here, task_document
from harness.values import Mode, parse_message
from harness.values_corpus import (image_faults, run_sql, session, set_metadata, shown,
                                   values_server)
from harness.values_random import Changes, Replay

TRANSACTIONS = 60


def random_mode(rng) -> Mode:
    """Any lossless mode."""
    return Mode(decimal=rng.choice(["precise", "string", "double"]),
                bigint=rng.choice(["long", "precise"]),
                time=rng.choice(["adaptive_time_microseconds", "adaptive", "connect", "isostring",
                                 "microseconds", "nanoseconds"]),
                binary=rng.choice(["bytes", "base64", "base64-url-safe", "hex"]))


def replay(result) -> Replay:
    """The messages of a run with keys; a delete's tombstone must follow it."""
    held = Replay()
    awaited = None
    for line in result.lines:
        key, _, value = line.split("\t", 2)
        if awaited is not None:
            assert (key, value) == (awaited, "null"), f"{line[:200]} in place of a tombstone"
            awaited = None
            continue
        message = parse_message(value)
        held.apply(key, message)
        if message["op"] == "d":
            awaited = key
    assert awaited is None, "the last delete has no tombstone"
    return held


@pytest.mark.sanitize
@pytest.mark.parametrize("metadata", ["FULL", "default"])
def test_random_changes(pool, source_name, metadata, core, new_database):
    """Images fit what was held before; what is held in the end is what the server has."""
    seed = int(os.environ.get("MR_SEED") or random.SystemRandom().randrange(10**9))
    print(f"MR_SEED={seed}")
    rng = random.Random(f"{seed} {source_name} {metadata}")
    server = values_server(pool, source_name)
    set_metadata(server, metadata)
    database = new_database(server)
    start = here(server)
    connection = session(server, database)
    changes = Changes(rng, server.flavor, metadata == "FULL")
    for table in changes.tables.values():
        run_sql(connection, table.create())
    for _ in range(TRANSACTIONS):
        for statement in changes.transaction():
            run_sql(connection, statement)
    mode = random_mode(rng)
    document = task_document(server, include=f"{database}.*", start=start,
                             pipe={"type": "stdout", "options": mode.options})
    held = replay(core.run(document, with_keys=True).ok())
    faults = held.faults
    for table in changes.tables.values():
        truths = shown(connection, table)
        images = list(held.rows.get(table.name, {}).values())
        if sorted(image["id"] for image in images) != sorted(truths):
            faults.append(f"{table.name}: ids {sorted(image['id'] for image in images)} held, "
                          f"{sorted(truths)} there")
        for image in images:
            faults += image_faults(table, image, truths.get(image["id"], ()), mode)
    connection.close()
    assert not faults, f"MR_SEED={seed}, mode {mode}, {len(faults)} differences:\n" + \
        "\n".join(faults[:20])
