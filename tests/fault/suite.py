"""A run of the suite: servers, writers, faults until enough, the verdict, the figures."""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import tempfile
import threading
import time

from nemesis import KINDS, SCENARIOS, SET_BACK, Nemesis
from world import World

DISK_LIMIT = 20 * 2**30  # a run ends before its folders are larger


@dataclasses.dataclass
class Options:
    """What a run is."""

    seed: int
    minutes: float = 5.0
    faults: int = 0            # enough; 0: as many as the minutes give
    delivery: str = "exactly_once"
    source: str = "mysql-9.7"
    sessions: int = 4
    tables: int = 8
    pause: float = 0.05        # of a session between two transactions, on average
    xa: bool = True
    kinds: tuple = ()
    recovery: float = 60.0     # seconds within which a fault must be over
    settle: float = 120.0      # and everything have arrived at the end
    env: dict = dataclasses.field(default_factory=dict)  # of the cores, on top
    enough: threading.Event = dataclasses.field(default_factory=threading.Event)  # no more faults


@dataclasses.dataclass
class Outcome:
    """What a run showed."""

    options: Options
    seconds: float
    faults: list
    checker: object
    ledger: dict
    changes: int
    starts: int
    dirty: list
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.failure and not self.checker.kinds

    def text(self) -> str:
        """The figures, as a page has them; and the first counterexample."""
        rows = [f"seed {self.options.seed}, {self.options.source}, {self.options.delivery}: "
                f"{len(self.faults)} faults in {self.seconds / 60:.1f} minutes", "",
                "| fault | times | back after its end: p50 | p99 | max | silence: p50 | p99 | max |",
                "|---|---|---|---|---|---|---|---|"]
        by_kind = collections.defaultdict(list)
        for fault in self.faults:
            if fault.recovered:
                by_kind[fault.kind].append(fault)
        kinds = sorted(by_kind.items())
        for kind, faults in [*kinds, ("all", sum((found for _, found in kinds), []))]:
            if faults:
                rows.append(f"| {kind} | {len(faults)} | {_spread(f.since_end for f in faults)} | "
                            f"{_spread(f.silence for f in faults)} |")
        checker = self.checker
        rows += ["", "| figure | |", "|---|---|",
                 f"| row changes committed | {self.changes} |",
                 f"| messages read | {checker.messages} |",
                 f"| lost | {checker.kinds['lost']} |",
                 f"| came again | {checker.duplicates} |",
                 f"| of these a step back of their key | {checker.rewinds} |",
                 f"| captures begun | {self.starts} |",
                 f"| of these after no clean end | {len(self.dirty)} |"]
        rows += [f"| transactions {name} | {count} |" for name, count in sorted(self.ledger.items())]
        for name, count in sorted(checker.kinds.items()):
            rows.append(f"| VIOLATIONS: {name} | {count} |")
        if checker.violations:
            first = checker.violations[0]
            rows += ["", "the first counterexample", first.text, "faults:",
                     *(f"  {fault}" for fault in self.faults)]
        if self.failure:
            rows += ["", f"FAILED: {self.failure}"]
        return "\n".join(rows)


def run(box, folder: pathlib.Path, options: Options, say=print) -> Outcome:
    """One run. Everything random comes from the seed."""
    say(f"seed {options.seed}: MR_SEED={options.seed}")
    world = World(box, folder, options)
    began = time.monotonic()
    failure = ""
    nemesis = Nemesis(world, random.Random(options.seed).random(), options.kinds)
    try:
        world.write(options.seed)
        world.recovered(time.monotonic(), 30)
        while time.monotonic() - began < options.minutes * 60 and not options.enough.is_set() and \
                (not options.faults or len(nemesis.faults) < options.faults):
            try:
                say(str(nemesis.next(options.recovery)))
            except AssertionError as error:
                last = nemesis.faults[-1]
                failure = f"#{last.number} {last.kind} ({last.what}): {error}"
                say(failure)
                break
            if world.blamed():
                failure = f"{nemesis.faults[-1].kind} counts as a row's failure: {world.blamed()}"
                say(failure)
                break
            if _size(folder) + _size(box.state_dir) > DISK_LIMIT:
                say("no more: the run's folders are large enough")
                break
            if options.delivery == "exactly_once" and world.live.kinds:
                # What at_least_once allows is known at the end only.
                say(f"no more: {world.live.violations[0].text}")
                break
        world.stop_writing()
        seconds = time.monotonic() - began
        checker, ledger, truth = world.verdict()
        if not failure:
            try:
                world.binlog_agrees(truth)
            except AssertionError as error:
                failure = str(error)
        return Outcome(options, seconds, nemesis.faults, checker, ledger,
                       sum(map(len, truth.values())), *world.starts(), failure)
    finally:
        world.close()


def _spread(values) -> str:
    """Seconds: median, 99th percentile, greatest."""
    values = sorted(values)
    return " | ".join(f"{each:.1f} s" for each in (
        statistics.median(values), values[round(0.99 * (len(values) - 1))], values[-1]))


def _size(folder: pathlib.Path) -> int:
    """Bytes of all files there, as far as they stay while one looks."""
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            found += path.stat().st_size if path.is_file() else 0
    return found


def main() -> int:
    """The command line; the exit status."""
    # pylint: disable-next=import-outside-toplevel
    from sandbox import Sandbox, stop_on_signals
    parser = argparse.ArgumentParser(prog="tests/fault/run", description="Makes faults "
                                     "and holds what arrives against what was committed.")
    parser.add_argument("--minutes", type=float, default=5,
                        help="of faults; the verdict comes on top (5); SIGUSR1 ends them earlier")
    parser.add_argument("--faults", type=int, default=0, help="end after so many")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("MR_SEED") or 0),
                        help="of the faults and the writers; else MR_SEED, else a new one")
    parser.add_argument("--delivery", default="exactly_once",
                        choices=("exactly_once", "at_least_once"))
    parser.add_argument("--source", default="mysql-9.7",
                        help="mysql-9.7, mysql-8.0, mariadb-10.11 …")
    parser.add_argument("--kind", action="append", choices=[*KINDS, *SCENARIOS], dest="kinds",
                        metavar="KIND",
                        help="only this fault; may be given again. " + "; ".join(
                            [*KINDS, *SCENARIOS]))
    parser.add_argument("--no-xa", action="store_false", dest="xa", help="no XA transactions")
    parser.add_argument("--json", help="write the faults there, too")
    words = parser.parse_args()
    if words.delivery == "exactly_once" and SET_BACK in (words.kinds or ()):
        parser.error("the checker of exactly_once takes no position that is set back")
    stop_on_signals()
    options = Options(words.seed or random.SystemRandom().randrange(1, 10**9), words.minutes,
                      words.faults, words.delivery, words.source, xa=words.xa,
                      kinds=tuple(words.kinds or ()))
    signal.signal(signal.SIGUSR1, lambda *_: options.enough.set())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mr-fault-"))
    with Sandbox() as box:
        outcome = run(box, folder, options)
    print(outcome.text())
    if words.json:
        pathlib.Path(words.json).write_text(json.dumps(
            [dataclasses.asdict(fault) for fault in outcome.faults]), encoding="ascii")
    if outcome.ok:
        shutil.rmtree(folder)
    else:
        print(f"the logs are in {folder}")
    return 0 if outcome.ok else 1
