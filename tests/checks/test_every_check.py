"""What all checks share."""

import random
from functools import partial

import pytest
from chance import CASES, judged

from labkit import checks
from labkit.history import History

EVERY_CHECK = {
    "read_your_writes": checks.read_your_writes,
    "monotonic_reads": checks.monotonic_reads,
    "lost_acknowledged_writes": partial(checks.lost_acknowledged_writes, survived=()),
    "lost_updates": checks.lost_updates,
    "counter": checks.counter,
    "recency": checks.recency,
    "versions_written": checks.versions_written,
    "monotonic_writes": checks.monotonic_writes,
    "writes_follow_reads": checks.writes_follow_reads,
    "consistent_prefix": checks.consistent_prefix,
    "phantoms": checks.phantoms,
    "delivery_gaps": checks.delivery_gaps,
    "partition_progress_in_time": partial(checks.partition_progress_in_time, seconds=1),
    "duplicates": checks.duplicates,
    "staleness_in_versions": partial(checks.staleness_bound, bound=1),
    "staleness_in_seconds": partial(checks.staleness_bound, bound=1, in_="seconds"),
    "seen_in_time": partial(checks.seen_in_time, within=1),
    "rebuilds_per_expiry": checks.rebuilds_per_expiry,
    "partition_progress": checks.partition_progress,
    "partition_skew": checks.partition_skew,
    "key_order": checks.key_order,
    "everybody_is_answered": checks.everybody_is_answered,
}


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_an_empty_history_is_unknown_and_never_a_pass(name):
    verdict = EVERY_CHECK[name](History())
    assert verdict.unknown
    assert not verdict.holds
    assert verdict.checked == 0
    assert verdict.reason.startswith(("nothing to check", "no partition"))
    assert str(verdict).startswith("UNKNOWN   ")


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_a_crash_inside_a_check_is_unknown_and_says_why(name):
    class Broken(History):
        def ops(self, *args, **kwargs):
            raise RuntimeError("the disk is gone")

    verdict = EVERY_CHECK[name](Broken())
    assert verdict.unknown
    assert verdict.reason == "the check crashed: RuntimeError: the disk is gone"


def test_a_call_that_does_not_fit_the_check_is_the_callers_error():
    with pytest.raises(TypeError):
        checks.staleness_bound(History())
    with pytest.raises(TypeError):
        checks.read_your_writes(History(), bound=1)


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_every_check_defines_its_terms_and_its_violation_and_its_cost(name):
    check = EVERY_CHECK[name]
    text = (check.func if isinstance(check, partial) else check).__doc__
    terms, violation, cost = (text.index(w) for w in ("*", "Violation:", "Cost: O(n"))
    assert terms < violation < cost


@pytest.mark.parametrize("name", CASES)
def test_a_saved_history_gives_the_same_verdict_word_for_word(name, tmp_path):
    for seed in range(40):
        history, params = CASES[name](random.Random(seed))
        verdict = judged(name, history, params)
        history.save(tmp_path / "history.jsonl")
        loaded = judged(name, History.load(tmp_path / "history.jsonl"), params)
        assert loaded == verdict == judged(name, history, params)
        assert str(loaded) == str(verdict)
        assert loaded.where == verdict.where


def test_every_check_is_tried_here():
    names = {getattr(c, "func", c).__name__ for c in EVERY_CHECK.values()}
    assert names | {"at_most", "at_least"} == {e.function for e in checks.table()}
