"""The fault suite's checker finds what it is for: losses, duplicates, reordering and phantoms
that were planted in histories made by hand, and nothing in those that are as promised."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from checker import SLACK_MS, Change, Checker, unclean_starts  # noqa: E402
from tail import parsed  # noqa: E402

TRUTH = {("t", 1): [("c", "a-1"), ("u", "a-2"), ("u", "b-1"), ("d", "b-2"), ("c", "a-3")],
         ("t", 2): [("c", "a-1"), ("u", "a-9")]}
BOTH = ("at_least_once", "exactly_once")
START = 1_000_000  # when a capture began
LONG = 10 * SLACK_MS


def change(seq, key=1, at=0, **other):
    """The change that the source made, as a message."""
    told = TRUTH.get(("t", key), [])
    op, tok = told[seq - 1] if 1 <= seq <= len(told) else ("u", "?")
    return Change(**{"topic": "x.t", "partition": 0, "offset": 0, "table": "t", "id": key,
                     "op": op, "seq": seq, "tok": tok, "ts_ms": at, **other})


def kinds(delivery, changes, truth=None, starts=()):
    """What the checker finds."""
    checker = Checker(delivery, starts)
    for each in changes:
        checker.feed(each)
    checker.finish(TRUTH if truth is None else truth)
    return dict(checker.kinds)


def whole(at=0):
    """All of it, as committed."""
    return [change(seq, at=at) for seq in range(1, 6)] + [change(seq, 2, at) for seq in (1, 2)]


@pytest.mark.parametrize("delivery", BOTH)
def test_a_history_as_promised_has_no_violation(delivery):
    assert kinds(delivery, whole()) == {}


@pytest.mark.parametrize("delivery", BOTH)
def test_a_lost_change_is_found_wherever_it_is(delivery):
    changes = whole()
    assert kinds(delivery, changes[:-1]) == {"lost": 1}, "the last of a key"
    assert kinds(delivery, changes[:2] + changes[3:]) == {"gap": 1, "lost": 1}, "in the middle"
    assert kinds(delivery, changes[1:]) == {"gap": 1, "lost": 1}, "the first"
    assert kinds(delivery, changes[:5]) == {"lost": 2}, "a whole key"
    assert kinds(delivery, []) == {"lost": 7}, "everything"


def test_a_change_that_comes_twice_is_found():
    changes = whole()
    assert kinds("exactly_once", changes + [changes[4]]) == {"twice": 1}
    assert kinds("exactly_once", changes[:5] + changes[3:], starts=[0]) == {"twice": 2}, \
        "a failover is no excuse"
    assert kinds("at_least_once", changes[:5] + [changes[4]] + changes[5:]) == {"twice": 1}, \
        "nor is at_least_once, without one"


def test_at_least_once_may_go_back_where_a_capture_began_and_only_there():
    early = [change(seq, at=START - LONG) for seq in (1, 2, 3)]
    late = [change(seq, at=START + LONG) for seq in (2, 3, 4, 5)]
    other = [change(seq, 2) for seq in (1, 2)]
    assert kinds("at_least_once", early + late + other, starts=[START]) == {}
    assert kinds("at_least_once", early + late + other) == {"reordered": 1}
    assert kinds("at_least_once", early + late + other, starts=[START - 3 * LONG]) == \
        {"reordered": 1}


def test_a_zombie_that_writes_between_its_successors_rows_is_allowed_at_least_once_only():
    old = [change(seq, at=START - LONG) for seq in (1, 2, 3, 4)]
    new = [change(seq, at=START + LONG) for seq in (3, 4, 5)]
    mixed = old[:3] + new[:2] + old[3:] + new[2:] + [change(seq, 2) for seq in (1, 2)]
    assert kinds("at_least_once", mixed, starts=[START]) == {}
    assert kinds("exactly_once", mixed, starts=[START]) == {"twice": 2}


@pytest.mark.parametrize("delivery", BOTH)
def test_two_changes_in_the_wrong_order_are_found(delivery):
    changes = whole()
    changes[1], changes[2] = changes[2], changes[1]
    assert kinds(delivery, changes, starts=[0]) == {"gap": 1, "reordered": 1}


@pytest.mark.parametrize("delivery", BOTH)
@pytest.mark.parametrize("planted", [
    change(6), change(3, 2), change(1, 99), change(0), change(-1)], ids=str)
def test_a_change_that_was_never_committed_is_found(delivery, planted):
    assert kinds(delivery, whole() + [planted]).get("phantom")


@pytest.mark.parametrize("delivery", BOTH)
def test_a_change_that_was_altered_is_found(delivery):
    changes = whole()
    changes[2] = change(3, tok="z-1")
    assert kinds(delivery, changes) == {"phantom": 1}
    changes[2] = change(3, op="d")
    assert kinds(delivery, changes) == {"phantom": 1}


@pytest.mark.parametrize("delivery", BOTH)
def test_a_repetition_that_differs_from_the_first_is_found(delivery):
    again = change(5, at=START, tok="z-9")
    assert kinds(delivery, whole()[:5] + [again] + whole()[5:], starts=[START]).get("phantom")


@pytest.mark.parametrize("delivery", BOTH)
def test_a_key_in_two_partitions_is_found(delivery):
    changes = whole()
    changes[4] = change(5, partition=1)
    assert kinds(delivery, changes) == {"moved": 1}


def test_a_counterexample_names_what_one_needs_to_look():
    checker = Checker("exactly_once")
    checker.feed(change(1, offset=17, gtid="u:5"))
    checker.feed(change(1, offset=18, gtid="u:5"))
    text = checker.finish({("t", 1): TRUTH["t", 1][:1]})[0].text
    for word in ("twice", "t id 1", "x.t[0]@17", "x.t[0]@18", "u:5", "a-1"):
        assert word in text, text


def test_violations_are_counted_all_and_kept_some():
    checker = Checker("exactly_once")
    checker.feed(change(1))
    for _ in range(500):
        checker.feed(change(1))
    assert checker.kinds["twice"] == 500
    assert len(checker.violations) <= 50


def test_a_message_is_the_change_that_its_images_tell():
    def message(op, before, after):
        row = [None if seq is None else {"id": 7, "seq": seq, "tok": f"s-{seq}"}
               for seq in (before, after)]
        return parsed("x", 2, 5, json.dumps({
            "before": row[0], "after": row[1], "op": op, "ts_ms": 9,
            "source": {"table": "t", "gtid": "u:1"}}).encode())
    for op, before, after, seq, tok in (("c", None, 1, 1, "s-1"), ("u", 3, 4, 4, "s-4"),
                                        ("d", 4, None, 5, "")):
        assert message(op, before, after) == Change("x", 2, 5, "t", 7, op, seq, tok, 9, "u:1")
    assert parsed("x", 0, 0, None) is None


def test_starts_that_had_no_clean_end():
    """A restart within one millisecond is clean; a takeover from one that hangs is not."""
    day = "2026-11-23T16:08:"
    told = [(f"{day}01.000", "c2", "starting, epoch"),
            (f"{day}08.591", "c2", "stopped behind"), (f"{day}08.591", "c2", "starting, epoch"),
            (f"{day}29.000", "c2", "stopped behind"), (f"{day}25.200", "c1", "starting, epoch")]
    count, unclean = unclean_starts(told)
    assert count == 3
    assert [each % 60000 for each in unclean] == [25200]
