"""Holds what a consumer read against what the source committed. Pure: histories in, violations out.

Each change of a row has an identity (table, id, seq): seq counts the changes of that key from 1
without a gap, whatever they are, and `tok` names the transaction that made it. So a key's whole
history is the numbers 1 to n, and every fault of delivery is visible in the numbers alone:

    lost       a number never arrives; or arrives only after a higher one did (a gap: for a time
               a consumer had the later state without the earlier)
    twice      a number comes again
    reordered  a number lower than the one before it comes
    phantom    a number or transaction that the source never committed, or another's value

exactly_once allows none. at_least_once allows a number to come again, and with it a step back,
where a capture began between the two messages and the one before it had not ended cleanly;
elsewhere it is a violation too.
"""

import bisect
import collections
import dataclasses
from datetime import datetime

SLACK_MS = 2000  # between a core's log and the time it gives a message
SHOWN = 8        # messages of a key that a counterexample shows
LIMIT = 50       # violations that are kept; all are counted


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of a row as a consumer got it."""

    topic: str
    partition: int
    offset: int
    table: str
    id: int
    op: str          # c, u, d
    seq: int
    tok: str
    ts_ms: int       # when the core made the message
    gtid: str | None = None

    @property
    def key(self) -> tuple:
        """What the order is promised for."""
        return self.table, self.id

    def __str__(self):
        return (f"{self.topic}[{self.partition}]@{self.offset} {self.op} seq {self.seq} "
                f"tok {self.tok} at {self.ts_ms} gtid {self.gtid}")


@dataclasses.dataclass(frozen=True)
class Violation:
    """One broken promise, with what there is to find its cause."""

    kind: str
    key: tuple
    ts_ms: int
    text: str


def unclean_starts(told) -> tuple[int, list[int]]:
    """How often captures began; and when they did, in ms, though the one before had not ended.

    `told`: (time, core, "starting, epoch" or "stopped behind"), of each core in its order. Two
    lines of a core may have the same millisecond: their order is not the alphabet's.
    """
    count, runner, unclean = 0, None, []
    for when, name, what in sorted(told, key=lambda each: each[0]):
        if what == "stopped behind":
            runner = None if runner == name else runner
            continue
        if runner is not None:
            unclean.append(int(datetime.fromisoformat(when + "+00:00").timestamp() * 1000))
        count, runner = count + 1, name
    return count, unclean


class _Key:
    """What was seen of one key."""

    __slots__ = ("highest", "last", "seen", "recent", "missing")

    def __init__(self):
        self.highest = 0
        self.last = None
        self.seen = []       # [seq - 1] = (op, tok) of its first arrival; None while missing
        self.recent = collections.deque(maxlen=SHOWN)
        self.missing = set()


class Checker:
    """Takes the changes of all topics, each partition in its order; then the truth."""

    def __init__(self, delivery: str, starts_ms=()):
        """`starts_ms`: when captures began behind one that had no clean end."""
        assert delivery in ("at_least_once", "exactly_once"), delivery
        self.delivery = delivery
        self._starts = sorted(starts_ms)
        self._keys = {}
        self._places = {}    # key -> its partition
        self.violations = []
        self.kinds = collections.Counter()
        self.messages = 0
        self.duplicates = 0
        self.rewinds = 0

    def feed(self, change: Change) -> None:
        """The next change of its partition."""
        self.messages += 1
        key = self._keys.setdefault(change.key, _Key())
        place = self._places.setdefault(change.key, (change.topic, change.partition))
        if place != (change.topic, change.partition):
            self._violate("moved", change, key, f"its key was in {place} before")
        before, key.last = key.last, change
        key.recent.append(change)
        if change.seq > key.highest:
            self._new(change, key)
        elif change.seq in key.missing:
            key.missing.discard(change.seq)
            key.seen[change.seq - 1] = (change.op, change.tok)
            self._violate("reordered", change, key, f"comes after seq {key.highest}")
        elif change.seq < 1:
            self._violate("phantom", change, key, "there is no such number")
        else:
            self._again(change, key, before)

    def _new(self, change, key):
        for seq in range(key.highest + 1, change.seq):
            key.missing.add(seq)
            key.seen.append(None)
        if change.seq != key.highest + 1:
            self._violate("gap", change, key, f"seq {key.highest + 1} has not come before it")
        key.seen.append((change.op, change.tok))
        key.highest = change.seq

    def _again(self, change, key, before):
        self.duplicates += 1
        if key.seen[change.seq - 1] != (change.op, change.tok):
            self._violate("phantom", change, key, f"differs from its first arrival "
                                                  f"{key.seen[change.seq - 1]}")
        if change.seq <= before.seq:
            self.rewinds += 1
        if self.delivery == "exactly_once":
            self._violate("twice", change, key, "it has come before")
        elif change.seq <= before.seq and not self._started(before.ts_ms, change.ts_ms):
            self._violate("reordered" if change.seq < before.seq else "twice", change, key,
                          f"follows seq {before.seq}, and no capture began between them")

    def _started(self, one_ms: int, other_ms: int) -> bool:
        low, high = min(one_ms, other_ms) - SLACK_MS, max(one_ms, other_ms) + SLACK_MS
        at = bisect.bisect_left(self._starts, low)
        return at < len(self._starts) and self._starts[at] <= high

    def highest(self) -> dict:
        """{key: the highest number seen}."""
        return {name: key.highest for name, key in list(self._keys.items())}

    def finish(self, truth: dict) -> list[Violation]:
        """`truth`: {(table, id): [(op, tok) of seq 1, of seq 2, …]}. All violations, the first
        in time first."""
        for name, key in self._keys.items():
            told = truth.get(name, [])
            for seq, got in enumerate(key.seen, 1):
                want = told[seq - 1] if seq <= len(told) else None
                if got is not None and got != want:
                    self._violate("phantom", key.last, key,
                                  f"seq {seq} is {got}; the source committed {want}")
        for name, told in truth.items():
            key = self._keys.get(name)
            absent = [seq for seq in range(1, len(told) + 1)
                      if key is None or seq > key.highest or seq in key.missing]
            if absent:
                self._violate_key("lost", name, key, key.last.ts_ms if key else 0,
                                  f"{len(absent)} of {len(told)} changes never came: the first is "
                                  f"seq {absent[0]} {told[absent[0] - 1]}")
                self.kinds["lost"] += len(absent) - 1
        self.violations.sort(key=lambda each: each.ts_ms)
        return self.violations

    def _violate(self, kind, change, key, text):
        self._violate_key(kind, change.key, key, change.ts_ms, f"{change}\n  {text}")

    def _violate_key(self, kind, name, key, ts_ms, text):
        self.kinds[kind] += 1
        if len(self.violations) < LIMIT:
            recent = "".join(f"\n    {each}" for each in key.recent) if key else " none"
            self.violations.append(Violation(
                kind, name, ts_ms, f"{kind}: {name[0]} id {name[1]}: {text}\n"
                                   f"  last messages of the key:{recent}"))
