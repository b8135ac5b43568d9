"""One run of the differential test: a combination of the axes, and a seed.

mr-core follows a database while sessions change it; its messages, replayed, must end as
SELECT shows it, and be so at every checkpoint in between.
"""

import contextlib
import random
import re

from .matrix_forms import DIALECTS, merged
from .matrix_replay import Replay
from .matrix_world import World
from .tasks import here, here_gtid, task_document
from .values_corpus import values_server
from .waiting import wait_until

STEPS = 400        # statements, and those that change definitions
CHECKS = 4


@contextlib.contextmanager
def settings(server, wanted: dict):
    """A server with these global settings; what was there comes back."""
    names = list(wanted)
    found = server.sql("SELECT " + ", ".join(f"@@GLOBAL.{name}" for name in names))[0]
    there = {name: {"0": "OFF", "1": "ON"}.get(value, value) if name in
             ("local_infile", "log_bin_compress") else value for name, value in zip(names, found)}
    changed = {name: value for name, value in wanted.items() if there[name] != value}

    def put(values):
        if values:
            server.sql(";".join(f"SET GLOBAL {name} = {value}" for name, value in values.items()))
    put(changed)
    try:
        yield
    finally:
        put({name: there[name] for name in changed})


class Follower:
    """mr-core on the database, killed and started again if the combination says so."""

    def __init__(self, core, document, dialect):
        self._core = core
        self._document = document
        self._dialect = dialect
        self._before = []
        self._running = core.start(document, with_keys=True)

    def kill(self) -> None:
        """kill -9, and start again from what it has saved."""
        result = self._running.kill()
        self._before = merged(self._dialect, self._before, result.lines)
        self._running = self._core.start(self._document, with_keys=True)

    def reach(self, mark: int) -> None:
        """Wait for a mark."""
        def there():
            return not self._running.alive or \
                any(self._is_mark(line, mark) for line in self._running.lines[-400:])
        wait_until(there, 30, f"mark {mark} in the messages")
        if not self._running.alive:
            result = self._running.result()
            raise AssertionError(f"mr-core ended with status {result.status}:\n"
                                 f"{result.stderr[-3000:]}")

    @staticmethod
    def _is_mark(line: str, mark: int) -> bool:
        key, _, value = line.split("\t", 2)
        return '"marks"' in value and re.search(rf'"id":"?{mark}"?}}', key + value) is not None

    def end(self) -> list[str]:
        """Stop it; all that it wrote."""
        result = self._running.terminate()
        return merged(self._dialect, self._before, result.ok().lines)


def run(pool, core, new_database, combination, seed) -> dict:
    """One run; what was counted. Raises AssertionError with what differs."""
    rng = random.Random(f"{seed} {combination}")
    server = values_server(pool, combination.server)
    dialect = DIALECTS[combination.dialect](rng, combination.exact)
    everything = core.folder / "history.sql"
    about = f"seed {seed}, {combination}, {dialect.options}, all statements in {everything}"
    with settings(server, combination.server_settings()):
        database = new_database(server)
        start = here_gtid(server) if combination.start == "gtid" else here(server)
        document = task_document(
            server, include=f"{database}.*", start=start, commit_interval_ms=10,
            pipe={"type": "stdout", "format": dialect.name, "options": dialect.options},
            **combination.task_settings())
        follower = Follower(core, document, dialect)
        world = World(rng, server, database, combination, core.folder)
        try:
            follower.reach(1)
            _act(rng, world, follower, combination)
            follower.reach(world.finish())
            lines = follower.end()
        except AssertionError as error:
            raise AssertionError(f"{about}: {error}") from error
        finally:
            world.write(everything)
            world.close()
    replay = Replay(dialect, world)
    replay.run(lines)
    counts = {**world.counts, "messages": len(lines), "changes": replay.changes,
              "compared": replay.compared, "unknown": replay.unknown}
    assert not replay.faults, \
        f"{about}, {counts}: {len(replay.faults)} faults:\n" + "\n".join(replay.faults)
    return counts


def _act(rng, world, follower, combination) -> None:
    kill_at = rng.randrange(STEPS // 4, 3 * STEPS // 4) if combination.stop == "killed" else -1
    for step in range(STEPS):
        world.step()
        if step % (STEPS // CHECKS) == STEPS // CHECKS - 1:
            world.check()
        if step == kill_at:
            follower.kill()
