"""What is rebuilt."""

import random

import pytest
from hand import SEEDS, did, history_of, stampede_free, with_fresh_ids

from labkit import checks


def test_a_stampede_is_found():
    stampede = [did("rebuild", client=f"c{n}", inner=True) for n in range(40)]
    verdict = checks.rebuilds_per_expiry(history_of(did("expire"), *stampede))
    assert str(verdict) == (
        "VIOLATED  rebuilds per expiry: 1 of 1 period\n"
        "  store:7 was rebuilt 40 times after expiry 1, and 1 allowed"
    )
    assert verdict.counts == {"rebuilds": 40, "most": 40}


def test_a_cold_cache_can_be_stampeded_too():
    verdict = checks.rebuilds_per_expiry(history_of(did("rebuild"), did("rebuild")))
    assert verdict.examples == (
        "store:7 was rebuilt twice before its first expiry, and 1 allowed",
    )


def test_a_rebuild_belongs_to_the_period_in_which_it_was_called():
    slow = did("rebuild", t_call=1.0, t_ret=9.0)
    expire = did("expire", t_call=2.0, t_ret=3.0)
    quick = did("rebuild", t_call=4.0, t_ret=5.0)
    assert checks.rebuilds_per_expiry(history_of(slow, expire, quick)).holds


def test_every_period_is_counted_and_the_worst_is_named():
    ops = [did("rebuild"), did("expire"), did("rebuild"), did("rebuild"), did("expire")]
    verdict = checks.rebuilds_per_expiry(history_of(*ops, did("rebuild")))
    assert (verdict.checked, verdict.violations) == (3, 1)
    assert verdict.counts == {"rebuilds": 4, "most": 2}
    forbidden = checks.rebuilds_per_expiry(history_of(did("rebuild")), allowed=0)
    assert "store:7 was rebuilt once before its first expiry" in forbidden.examples[0]


def test_an_expiry_that_nobody_noticed_is_nothing_to_check():
    verdict = checks.rebuilds_per_expiry(history_of(did("expire")))
    assert verdict.unknown
    assert verdict.counts == {"rebuilds": 0, "most": 0}


def test_a_failed_rebuild_still_asked_the_source_and_a_failed_expiry_ends_nothing():
    failed = did("rebuild", outcome="fail")
    assert checks.rebuilds_per_expiry(history_of(failed, did("rebuild"))).violated
    ops = [did("rebuild"), did("expire", outcome="fail"), did("rebuild")]
    assert checks.rebuilds_per_expiry(history_of(*ops)).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_one_rebuild_too_many_or_one_expiry_missing_is_found(seed):
    rng = random.Random(seed)
    assert checks.rebuilds_per_expiry(stampede_free(rng)).holds
    ops = list(stampede_free(rng))
    extra = rng.choice([op for op in ops if op.op == "rebuild"])
    moment = {"t_call": extra.t_call, "t_ret": extra.t_ret}
    again = did("rebuild", extra.key, "c9", **moment)
    history = history_of(*with_fresh_ids(ops), again)
    assert checks.rebuilds_per_expiry(history).violations == 1
    assert checks.rebuilds_per_expiry(history, allowed=2).holds
    missing = rng.choice([op for op in ops if op.op == "expire"])
    rest = [op for op in ops if op is not missing]
    assert checks.rebuilds_per_expiry(history_of(*with_fresh_ids(rest))).violations == 1


def test_a_rebuild_that_overlaps_an_expiry_may_belong_to_the_period_before():
    slow = {"t_call": 1.0, "t_ret": 5.0}
    during = {"t_call": 2.0, "t_ret": 2.5}
    after = {"t_call": 6.0, "t_ret": 6.5}
    ops = [did("expire", **slow), did("rebuild", **during), did("rebuild", **after)]
    assert checks.rebuilds_per_expiry(history_of(*ops)).holds
    first = did("rebuild", t_call=0.0, t_ret=0.5)
    verdict = checks.rebuilds_per_expiry(history_of(first, *with_fresh_ids(ops)))
    assert (verdict.state, verdict.violations) == ("violated", 1), "on neither side"


def test_an_expiry_in_doubt_may_have_come_when_it_is_needed_and_once():
    doubt = did("expire", outcome="unknown")
    two = history_of(did("rebuild"), doubt, did("rebuild"))
    assert checks.rebuilds_per_expiry(two).holds
    three = history_of(*with_fresh_ids([*two]), did("rebuild", t_call=7, t_ret=8))
    assert checks.rebuilds_per_expiry(three).violations == 1
